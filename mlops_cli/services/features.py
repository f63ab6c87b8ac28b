"""Features: Feast's registry and the online store."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from mlops_cli.backends import feature_store, files, tables
from mlops_cli.backends.feature_store import Change
from mlops_cli.config import Config, FeatureViewConfig, ModelConfig
from mlops_cli.domain.columns import typed
from mlops_cli.domain.encoding import json_value
from mlops_cli.domain.keys import read_key
from mlops_cli.errors import InputError, NotFoundError


@dataclass(frozen=True)
class ViewState:
    """One feature view: what config.yaml says and whether Feast knows it."""

    name: str
    models: tuple[str, ...]
    features: int
    ttl: timedelta | None
    registered: bool
    source: str | None


@dataclass(frozen=True)
class OnlineFeature:
    """The value that a prediction made now would use."""

    value: Any
    event_time: datetime | None
    age_seconds: float | None
    stale: bool
    """Older than the view's ttl, so that the model treats it as missing."""
    view: str


@dataclass(frozen=True)
class EntityFeatures:
    """The latest values of one entity."""

    entity: str
    features: dict[str, OnlineFeature]


@dataclass(frozen=True)
class Applied:
    """What `apply` has done, or would do."""

    views: list[str]
    plan: list[Change]
    dry_run: bool


def apply(config: Config, dry_run: bool, yes: bool) -> Applied:
    """Make Feast's registry as config.yaml defines it.

    Args:
        config: The project.
        dry_run: Find out what would change, only.
        yes: Also where a view, a feature or its type that is there now will be gone.

    Raises:
        InputError: Something would be gone, without `yes`.
    """
    with files.lock(config.state, "features"):
        plan = feature_store.plan(config)
        if dry_run:
            return Applied(feature_store.views(config), plan, dry_run)
        if (lost := [each for each in plan if each.destructive]) and not yes:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            details = f" ({'; '.join(lost[0].details)})" if lost[0].details else ""
            raise InputError(
                f"this would {lost[0].action} {lost[0].kind} {lost[0].name!r}{details}{more}",
                "`--dry-run` shows the whole plan, `--yes` does it",
            )
        names = feature_store.apply(config)
        tables.append(config, "features.applied", details={"views": names})
    return Applied(names, plan, dry_run)


def listing(config: Config) -> list[ViewState]:
    """Return every feature view of config.yaml and whether Feast's registry has it."""
    registered = set(feature_store.views(config))
    views: dict[str, FeatureViewConfig] = {}
    users: dict[str, list[str]] = {}
    for model_name, model in config.models.items():
        for name, view in model.feature_views.items():
            views[name] = view
            users.setdefault(name, []).append(model_name)
    return [
        ViewState(
            name=name,
            models=tuple(users[name]),
            features=len(view.features),
            ttl=view.ttl,
            registered=name in registered,
            source=view.source,
        )
        for name, view in views.items()
    ]


def get(config: Config, name: str, entity: str, at: datetime | None = None) -> EntityFeatures:
    """Return the values that a prediction for an entity would use now, and their age.

    With `at`, return what was known at that time instead, from the sources: what a training set
    holds for a label of that time.
    """
    model = config.models[name]
    key = read_key(entity, model.keys)
    if at is None:
        (row,) = feature_store.online(config, model, [key])
        place, hint = "in the online store", "run `mlops features materialize` if it is new"
    else:
        files.check_windows(name, model)
        row = feature_store.as_of(config, model, key, at)
        place, hint = f"known at {at:%Y-%m-%d %H:%M:%S}", "the sources have no earlier row of it"
    if row is None:
        raise NotFoundError(f"no {' and '.join(key)} {entity!r} {place}", hint)
    now = at or datetime.now(UTC)
    found = {}
    for feature, online in row.items():
        ttl = online.ttl
        age = None if online.event_time is None else now - online.event_time
        found[feature] = OnlineFeature(
            value=json_value(online.value, model.features[feature]),
            event_time=online.event_time,
            age_seconds=None if age is None else age.total_seconds(),
            stale=bool(age is not None and ttl and age > ttl),
            view=online.view,
        )
    return EntityFeatures(entity, found | _derived(model, found))


def _derived(model: ModelConfig, known: dict[str, OnlineFeature]) -> dict[str, OnlineFeature]:
    """Compute the derived features as a prediction would: from what is not stale."""
    usable = {name: None if each.stale else each.value for name, each in known.items()}
    frame = typed(pd.DataFrame([usable], dtype=object), model.features, "online")
    return {
        name: OnlineFeature(json_value(frame[name].iloc[0], spec), None, None, False, "derived")
        for name, spec in model.derived.items()
    }
