"""`features get`: what is known of an entity, now or at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from mlops_cli.backends import online_rows
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain.columns import typed
from mlops_cli.domain.encoding import json_value
from mlops_cli.domain.keys import read_key
from mlops_cli.domain.online import Row
from mlops_cli.errors import NotFoundError


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


def get(config: Config, name: str, entity: str, at: datetime | None = None) -> EntityFeatures:
    """Return the values that a prediction for an entity would use now, and their age.

    With `at`, return what was known at that time instead, from the sources: what a training set
    holds for a label of that time.
    """
    model = config.models[name]
    key = read_key(entity, model.keys)
    if at is None:
        row = online_rows.latest(config, model, key) or _asked(config, model, key)
        place, hint = "in the online store", "run `mlops features materialize` if it is new"
    else:
        row = _as_of(config, name, key, at)
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


def _asked(config: Config, model: ModelConfig, key: Mapping[str, str]) -> Row | None:
    """Ask Feast where the store could not be read without it, or holds nothing."""
    from mlops_cli.backends import feature_store  # noqa: PLC0415 - its import takes seconds

    (row,) = feature_store.online(config, model, [key])
    return row


def _as_of(config: Config, name: str, key: Mapping[str, str], at: datetime) -> Row | None:
    from mlops_cli.backends import feature_store, files  # noqa: PLC0415 - as above

    files.check_windows(name, config.models[name])
    return feature_store.as_of(config, config.models[name], key, at)
