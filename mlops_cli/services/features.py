"""Features: Feast's registry and the online store."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from mlops_cli.backends import feature_store, files, tables
from mlops_cli.config import Config, FeatureViewConfig, ModelConfig
from mlops_cli.domain.columns import json_value, typed
from mlops_cli.errors import NotFoundError


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


def apply(config: Config) -> list[str]:
    """Write the feature definitions to Feast's registry and return the view names."""
    with files.lock(config.state, "features"):
        names = feature_store.apply(config)
        tables.append(config, "features.applied", details={"views": names})
    return names


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


def get(config: Config, name: str, entity: str) -> EntityFeatures:
    """Return the values that a prediction for an entity would use now, and their age."""
    model = config.models[name]
    (row,) = feature_store.online(config, model, [entity])
    if row is None:
        raise NotFoundError(
            f"no {model.entity} {entity!r} in the online store",
            "run `mlops features materialize` if it is new",
        )
    now = datetime.now(UTC)
    found = {}
    for feature, online in row.items():
        ttl = model.feature_views[online.view].ttl
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
