"""The online store: the newest values of each entity."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from feast import FeatureStore, ValueType

from mlops_cli.backends.feature_store.connection import references, speaking
from mlops_cli.config import Config, ModelConfig


@dataclass(frozen=True)
class OnlineValue:
    """The latest value of one feature of one entity."""

    value: Any
    event_time: datetime | None
    """None where the store knows nothing of the entity in this view."""
    view: str


def online(
    config: Config, model: ModelConfig, entities: Sequence[str]
) -> list[dict[str, OnlineValue] | None]:
    """Return the latest values of each entity, or None where the store has no such entity."""
    with speaking(config) as store:
        ids = _ids(store, config, model.entity, entities)
        asked = [each for each in ids if each is not None]
        answer = store.get_online_features(
            features=references(model), entity_rows=[{model.entity: each} for each in asked]
        ).to_dict(include_event_timestamps=True)
    rows = iter([_online_row(answer, model, position) for position in range(len(asked))])
    return [None if each is None else next(rows) for each in ids]


def _ids(
    store: FeatureStore, config: Config, key: str, entities: Sequence[str]
) -> list[str | int | None]:
    """Return the ids as the store holds them; None for one that it cannot hold.

    Ours are text; a repository of the user's own may have numbers.
    """
    if config.feature_store.repo is None:
        return list(entities)
    kinds = {each.join_key: each.value_type for each in store.list_entities(allow_cache=True)}
    if kinds.get(key) not in {ValueType.INT32, ValueType.INT64}:
        return list(entities)
    return [int(each) if re.fullmatch("0|-?[1-9][0-9]{0,17}", each) else None for each in entities]


def _online_row(
    answer: dict[str, list[Any]], model: ModelConfig, position: int
) -> dict[str, OnlineValue] | None:
    """Read one entity's values; an event time of 0 is how every store says 'unknown'."""
    row = {}
    for view_name, view in model.feature_views.items():
        for name in view.features:
            seconds = answer[f"{name}__ts"][position]
            event = datetime.fromtimestamp(seconds, UTC) if seconds else None
            row[name] = OnlineValue(answer[name][position], event, view_name)
    return row if any(value.event_time for value in row.values()) else None
