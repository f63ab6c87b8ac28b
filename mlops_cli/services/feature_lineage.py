"""`features lineage`: from a feature back to its source and on to the versions that use it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from mlops_cli.backends import estimator, registry, tables
from mlops_cli.backends.registry import CHALLENGER, CHAMPION
from mlops_cli.config import Config, FeatureConfig, FeatureViewConfig, ModelConfig
from mlops_cli.domain.lineage import (
    FeatureLineage,
    LastImport,
    LastMaterialized,
    Origin,
    Use,
    ViewLineage,
    computed_from,
    in_words,
    ingredients,
    same_meaning,
)
from mlops_cli.domain.records import Event
from mlops_cli.errors import MlopsError, NotFoundError

DERIVED = "derived"


@dataclass(frozen=True)
class Lineage:
    """Features, their views, and what could not be read."""

    name: str | None
    features: tuple[FeatureLineage, ...]
    views: tuple[ViewLineage, ...]
    unreadable: tuple[str, ...]
    """Versions whose stored files cannot be read; what they use is not known."""


_Key = tuple[str | None, str, str]
"""View, model and feature. A view's feature is the same in all models: its model is empty."""


@dataclass
class _Known:
    """What derived features are made of, and what champions and challengers were trained with."""

    made_of: Mapping[str, Mapping[str, Sequence[str]]]
    """By model and derived feature."""
    uses: dict[_Key, list[Use]] = field(default_factory=dict)
    gone: dict[_Key, FeatureConfig] = field(default_factory=dict)
    """Definitions that config.yaml no longer has."""
    unreadable: list[str] = field(default_factory=list)


def trace(config: Config, name: str | None = None) -> Lineage:
    """Return the lineage of a feature, of all features of a view or model, or of everything.

    Raises:
        NotFoundError: Nothing has that name.
    """
    known = _read(config)
    keys = [
        _key(model_name, model, feature)
        for model_name, model in config.models.items()
        for feature in model.features
    ]
    found = [_feature(config, key, known) for key in dict.fromkeys([*keys, *known.gone])]
    chosen = [each for each in found if name is None or name in _names_of(each)]
    if not chosen:
        words = {word for each in found for word in _names_of(each)}
        raise NotFoundError.among("feature, view or model", str(name), words, config.path.name)
    views = {origin.view for each in chosen for origin in each.origins}
    return Lineage(name, tuple(chosen), _views(config, views), tuple(known.unreadable))


def _names_of(found: FeatureLineage) -> set[str]:
    """Return the names under which a feature is asked for: also the views it is made of."""
    places = {origin.view for origin in found.origins}
    return {found.feature, *places, *found.models, *(use.model for use in found.used_by)}


def _key(model_name: str, model: ModelConfig, feature: str) -> _Key:
    if feature in model.derived:
        return DERIVED, model_name, feature
    for view, spec in model.feature_views.items():
        if feature in spec.features:
            return view, "", feature
    return None, model_name, feature


def _read(config: Config) -> _Known:
    """Read the contracts of every champion and challenger."""
    found = _Known({name: ingredients(model.features) for name, model in config.models.items()})
    for name, model in config.models.items():
        held = registry.aliases(config, name)
        for alias in (CHAMPION, CHALLENGER):
            if alias in held:
                _add(found, config, name, model, registry.version(config, name, held[alias]), alias)
    return found


def _add(
    found: _Known, config: Config, name: str, model: ModelConfig,
    version: registry.Version, alias: str,
) -> None:  # fmt: skip
    try:
        contract = estimator.load(*registry.files_of(config, version)).contract
    except (MlopsError, OSError, ValueError) as error:
        reason = error.message if isinstance(error, MlopsError) else type(error).__name__
        found.unreadable.append(f"{name} version {version.number} ({alias}): {reason}")
        return
    for feature, spec in contract.features.items():
        key = _key(name, model, feature)
        if key[0] is None:
            found.gone.setdefault(key, spec)
        now = model.features.get(feature)
        same = now is not None and same_meaning(spec, now)
        use = Use(name, version.number, alias, spec.input, same)
        found.uses.setdefault(key, []).append(use)


def _feature(config: Config, key: _Key, known: _Known) -> FeatureLineage:
    view, own, feature = key
    users = [
        name
        for name, model in config.models.items()
        if key == _key(name, model, feature) and feature in model.features
    ]
    spec = config.models[users[0]].features[feature] if users else known.gone[key]
    first = users[0] if users else own
    return FeatureLineage(
        feature=feature,
        view=view,
        models=tuple(users),
        type=spec.type,
        expression=spec.expression,
        window=in_words(spec.window),
        computed_from=computed_from(spec),
        origins=_origins(config.models[first], known.made_of[first].get(feature, (feature,))),
        goes_into=tuple(
            f"{name}.{derived}"
            for name in users
            for derived, used in known.made_of[name].items()
            if feature in used
        ),
        protected_in=tuple(name for name in users if feature in config.models[name].protected),
        used_by=tuple(known.uses.get(key, ())),
    )


def _origins(model: ModelConfig, made_of: Sequence[str]) -> tuple[Origin, ...]:
    return tuple(
        Origin(each, view, spec.source)
        for view, spec in model.feature_views.items()
        for each in spec.features
        if each in made_of
    )


def _views(config: Config, wanted: Collection[str]) -> tuple[ViewLineage, ...]:
    """Return the views in the order of config.yaml, with the last that has come into each."""
    events = tables.events(config, actions=["features.imported", "features.materialized"])
    specs: dict[str, FeatureViewConfig] = {}
    users: dict[str, list[str]] = {}
    keys: dict[str, Sequence[str]] = {}
    for name, model in config.models.items():
        for view, spec in model.feature_views.items():
            specs[view], keys[view] = spec, model.view_keys(view)
            users.setdefault(view, []).append(name)
    return tuple(
        ViewLineage(
            view=view,
            keys=tuple(keys[view]),
            source=spec.source,
            timestamp=spec.timestamp,
            created=spec.created,
            ttl=spec.ttl,
            models=tuple(users[view]),
            imported=_imported(events, view, users[view]),
            materialized=_materialized(events, view),
        )
        for view, spec in specs.items()
        if view in wanted
    )


def _imported(events: Sequence[Event], view: str, models: Sequence[str]) -> LastImport | None:
    for event in reversed(events):
        told = event.details
        if event.action != "features.imported" or event.model not in models:
            continue
        if view in told.get("views", ()):
            return LastImport(event.time, event.actor, event.model, told["file"], told["rows"])
    return None


def _materialized(events: Sequence[Event], view: str) -> LastMaterialized | None:
    for event in reversed(events):
        if event.action == "features.materialized" and view in event.details["views"]:
            return LastMaterialized(event.time, event.details["views"][view])
    return None
