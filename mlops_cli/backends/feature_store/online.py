"""The online store: the newest values of each entity."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from feast import FeatureStore, ValueType

from mlops_cli.backends.feature_store.connection import references, speaking
from mlops_cli.config import Config, ModelConfig

_WHOLE = re.compile("0|-?[1-9][0-9]{0,17}")


@dataclass(frozen=True)
class OnlineValue:
    """The latest value of one feature of one entity."""

    value: Any
    event_time: datetime | None
    """None where the store knows nothing of the entity in this view."""
    view: str


def online(
    config: Config, model: ModelConfig, keys: Sequence[Mapping[str, str]]
) -> list[dict[str, OnlineValue] | None]:
    """Return the latest values of each key, or None where the store knows nothing of it.

    Args:
        config: The project.
        model: Whose features.
        keys: An id for every column of `model.keys`.
    """
    with speaking(config) as store:
        ids = _ids(store, config, keys)
        asked = [each for each in ids if each is not None]
        if not asked:
            return [None] * len(keys)
        answer = store.get_online_features(features=references(model), entity_rows=asked).to_dict(
            include_event_timestamps=True
        )
    rows = iter([_online_row(answer, model, position) for position in range(len(asked))])
    return [None if each is None else next(rows) for each in ids]


def _ids(
    store: FeatureStore, config: Config, keys: Sequence[Mapping[str, str]]
) -> list[dict[str, str | int] | None]:
    """Return the keys as the store holds them; None for one that it cannot hold.

    Ours are text; a repository of the user's own may have numbers.
    """
    if config.feature_store.repo is None:
        return [dict(each) for each in keys]
    kinds = {each.join_key: each.value_type for each in store.list_entities(allow_cache=True)}
    whole = {key for key, kind in kinds.items() if kind in {ValueType.INT32, ValueType.INT64}}
    return [_stored(each, whole) for each in keys]


def _stored(key: Mapping[str, str], whole: set[str]) -> dict[str, str | int] | None:
    if not all(_WHOLE.fullmatch(key[name]) for name in whole & set(key)):
        return None
    return {name: int(value) if name in whole else value for name, value in key.items()}


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
    return row if known(model, row) else None


def known(model: ModelConfig, row: Mapping[str, OnlineValue]) -> bool:
    """Tell whether anything is known of the entity itself."""
    return any(each.event_time for each in row.values() if each.view in model.entity_views)
