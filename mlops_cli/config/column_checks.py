"""What does not fit together in the columns of a model: features, keys, sites, groups."""

from typing import TYPE_CHECKING

from mlops_cli.config.expression import Kind, kind_of, parse
from mlops_cli.config.features import FeatureConfig
from mlops_cli.config.section import MisfitError
from mlops_cli.errors import nearest

if TYPE_CHECKING:
    from mlops_cli.config.model import ModelConfig


def features_are_distinct(model: "ModelConfig") -> None:
    """Refuse two columns of one name, and a model without an input."""
    names = [name for view in model.feature_views.values() for name in view.features]
    if twice := set(names) & set(model.derived):
        raise ValueError(f"feature {min(twice)!r} is in a view and derived")
    names += model.derived
    reserved = {*model.keys, model.labels.column, model.labels.timestamp}
    reserved |= {view.timestamp for view in model.feature_views.values()}
    reserved |= {view.created for view in model.feature_views.values() if view.created}
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"feature {name!r} is defined in two feature views")
        if name in reserved:
            raise ValueError(f"feature {name!r} is also the entity, label or time column")
    if model.labels.column in {*model.keys, model.labels.timestamp}:
        raise ValueError(f"the label {model.labels.column!r} is also the entity or time column")
    if not any(spec.input for spec in model.features.values()):
        raise ValueError("no feature has input: true")


def derived_can_be_computed(model: "ModelConfig") -> None:
    """Refuse an expression that its features cannot compute, or of another type."""
    kinds: dict[str, Kind] = {name: _kind(spec) for name, spec in model.stored.items()}
    for name, spec in model.derived.items():
        place = ("derived", name)
        if spec.expression is None:
            raise MisfitError(f"derived feature {name!r} needs an expression", *place)
        if spec.window is not None:
            wrong = f"derived feature {name!r}: a window belongs into a view"
            raise MisfitError(wrong, *place, "window")
        try:
            given = kind_of(parse(spec.expression), kinds)
        except ValueError as error:
            wrong = f"derived feature {name!r}: {error}"
            raise MisfitError(wrong, *place, "expression") from error
        if given != _kind(spec):
            wrong = f"derived feature {name!r} is {spec.type}, not {given}"
            raise MisfitError(wrong, *place, "type")
        kinds[name] = given


def imports_name_our_columns(model: "ModelConfig") -> None:
    """Refuse a mapping to a column, or to a word, that there is not."""
    stamps = {model.labels.timestamp, model.labels.column}
    for view in model.feature_views.values():
        stamps |= {view.timestamp, *filter(None, [view.created])}
    known = {*model.keys, *model.stored, *stamps}
    for part in ("columns", "sentinels", "words"):
        for name in getattr(model.imports, part):
            if name not in known:
                hint = nearest(name, known)
                raise ValueError(f"imports.{part}: {name!r} is no column of ours; {hint}")
    words_of = {name: spec.categories for name, spec in model.stored.items()}
    words_of[model.labels.column] = model.labels.classes
    for name, words in model.imports.words.items():
        allowed = words_of.get(name, ())
        if odd := [word for word in words.values() if allowed and word not in allowed]:
            raise ValueError(f"imports.words.{name}: {odd[0]!r} is no category of it")


def sites_are_known(model: "ModelConfig") -> None:
    """Refuse a site that is no word or number of a row."""
    for place, name in (("sites", model.sites), ("holdout.groups", model.holdout.groups)):
        spec = model.features.get(name or "")
        if name is None or name in model.keys[1:]:
            continue
        if name == model.entity:
            raise ValueError(f"{place} is the entity, which is kept whole anyway: name a site")
        if spec is None:
            raise ValueError(
                f"{place}: {name!r} is neither a feature nor a key; "
                "add it as a category with input: false"
            )
        if spec.type == "float":
            raise ValueError(f"{place}: {name!r} is a float; a site is a category or a number")


def slices_are_features(model: "ModelConfig") -> None:
    """Refuse a slice by something that is no feature."""
    for name in model.slices:
        if name not in model.features:
            known = ", ".join(model.features)
            raise ValueError(f"slice {name!r} is not a feature; the features are {known}")


def protected_have_groups(model: "ModelConfig") -> None:
    """Refuse a protected attribute that makes no groups."""
    for name, protected in model.protected.items():
        spec = model.features.get(name)
        if spec is None:
            raise ValueError(
                f"protected attribute {name!r} is not a feature; add it with input: false"
            )
        if (spec.type in {"int", "float"}) != bool(protected.bins):
            raise ValueError(
                f"protected attribute {name!r}: bins are for numbers, and numbers need them"
            )


def _kind(spec: FeatureConfig) -> Kind:
    return "text" if spec.type == "category" else "number"


CHECKS = (
    features_are_distinct,
    derived_can_be_computed,
    imports_name_our_columns,
    sites_are_known,
    slices_are_features,
    protected_have_groups,
)
"""In the order in which a person would want to hear of them."""
