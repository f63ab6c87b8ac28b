"""Where features come from and where they go: what derived ones are made of, what uses them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from mlops_cli.config import FeatureConfig
from mlops_cli.config.expression import names
from mlops_cli.config.features import WindowConfig
from mlops_cli.config.values import format_duration


@dataclass(frozen=True)
class Origin:
    """A feature of a view that a derived one is computed from, maybe through others."""

    feature: str
    view: str
    source: str | None


@dataclass(frozen=True)
class Use:
    """One version that was trained with a feature."""

    model: str
    version: int
    alias: str
    input: bool
    """False: kept beside the model for fairness and drift."""
    as_configured: bool
    """Whether its definition then is that of config.yaml now."""


@dataclass(frozen=True)
class FeatureLineage:
    """Where one feature comes from and where it goes."""

    feature: str
    view: str | None
    """The feature view, or `derived`; None where config.yaml no longer has the feature."""
    models: tuple[str, ...]
    """The models of config.yaml that have it."""
    type: str
    expression: str | None
    window: str | None
    """What `features import` computes it by, in words."""
    computed_from: tuple[str, ...]
    """What its expression or window names."""
    origins: tuple[Origin, ...]
    """The features of views that it is made of in the end; itself, for one of a view."""
    goes_into: tuple[str, ...]
    """The derived features that are made of it, as MODEL.FEATURE."""
    protected_in: tuple[str, ...]
    """The models of which it is a protected attribute."""
    used_by: tuple[Use, ...]


@dataclass(frozen=True)
class LastImport:
    """The newest import that had rows for a view."""

    time: str
    actor: str
    model: str | None
    file: str
    rows: int


@dataclass(frozen=True)
class LastMaterialized:
    """When a view was last brought online, and values of when."""

    time: str
    until: str


@dataclass(frozen=True)
class ViewLineage:
    """One feature view and what has come into it."""

    view: str
    keys: tuple[str, ...]
    source: str | None
    timestamp: str
    created: str | None
    ttl: timedelta | None
    models: tuple[str, ...]
    imported: LastImport | None
    materialized: LastMaterialized | None


def ingredients(features: Mapping[str, FeatureConfig]) -> dict[str, tuple[str, ...]]:
    """Return for each computed feature all that it is computed from, the nearest first.

    Args:
        features: In the order of the configuration: an expression names earlier ones only.

    >>> number = FeatureConfig(type="float")
    >>> ingredients({"weight": number, "height": number,
    ...     "bmi": FeatureConfig(type="float", expression="weight / height**2"),
    ...     "heavy": FeatureConfig(type="bool", expression="bmi > 30")})
    {'bmi': ('weight', 'height'), 'heavy': ('bmi', 'weight', 'height')}
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, spec in features.items():
        if direct := computed_from(spec):
            through = [each for used in direct for each in found.get(used, ())]
            found[name] = tuple(dict.fromkeys([*direct, *through]))
    return found


def needed(name: str, features: Mapping[str, FeatureConfig]) -> dict[str, FeatureConfig]:
    """Return a derived feature and all that computing it reads, in the order of the features.

    A window is read as it is stored, without what it was computed from.

    >>> features = {"a": FeatureConfig(type="int"), "b": FeatureConfig(type="int"),
    ...             "c": FeatureConfig(type="int", expression="a + 1"),
    ...             "d": FeatureConfig(type="int", expression="abs(c)")}
    >>> list(needed("d", features))
    ['a', 'c', 'd']
    """
    expressions = {each: spec for each, spec in features.items() if spec.expression is not None}
    used = {name, *ingredients(expressions).get(name, ())}
    return {each: spec for each, spec in features.items() if each in used}


def computed_from(spec: FeatureConfig) -> tuple[str, ...]:
    """Return the features that an expression or a window names; none for what a file brings."""
    if spec.window is not None:
        return (spec.window.of,)
    return names(spec.expression) if spec.expression is not None else ()


def in_words(window: WindowConfig | None) -> str | None:
    """Say what a window computes.

    >>> in_words(WindowConfig(of="bmi", compute="mean", over="90d"))
    'mean of bmi over 90d'
    """
    if window is None:
        return None
    span = f" over {format_duration(window.over)}" if window.over else ""
    return f"{window.compute} of {window.of}{span}"


def same_meaning(then: FeatureConfig, now: FeatureConfig) -> bool:
    """Return whether a model reads the same from both definitions; words for people aside.

    Args:
        then: What a version was trained with.
        now: What config.yaml says; without a `fill` of its own the training set decides.

    >>> spec = FeatureConfig(type="int", unit="years")
    >>> same_meaning(spec, FeatureConfig(type="int", range=(0, 120)))
    True
    >>> same_meaning(spec, FeatureConfig(type="float"))
    False
    """
    parts = ("type", "categories", "expression", "window", "input", "missing")
    same = all(getattr(then, part) == getattr(now, part) for part in parts)
    return same and now.fill in {None, then.fill}
