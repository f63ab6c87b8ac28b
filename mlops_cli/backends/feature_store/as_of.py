"""What was known of one entity at a time, from the sources themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from feast import FeatureStore, FeatureView

from mlops_cli.backends.feature_store.connection import speaking
from mlops_cli.backends.feature_store.definitions import view_of
from mlops_cli.backends.feature_store.keys import entity_codes
from mlops_cli.backends.feature_store.sources import microseconds, read
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain.online import OnlineValue, known
from mlops_cli.domain.point_in_time import last_known, since_epoch


@dataclass(frozen=True)
class _Row:
    """The values of one view; without an event time nothing was known."""

    event_time: datetime | None
    values: dict[str, Any]


def as_of(
    config: Config, model: ModelConfig, key: Mapping[str, str], at: datetime
) -> dict[str, OnlineValue] | None:
    """Return the last values known at a time, however old, or None where there were none.

    Raises:
        InputError: A view's source is no file of ours to read.
    """
    values: dict[str, OnlineValue] = {}
    with speaking(config) as store:
        for name, view in model.feature_views.items():
            held = view_of(store, config, name)
            row = _row(store, held, list(view.features), key, at)
            values |= {
                feature: OnlineValue(row.values.get(feature), row.event_time, name, held.ttl)
                for feature in view.features
            }
    return values if known(model, values) else None


def _row(
    store: FeatureStore,
    view: FeatureView,
    features: list[str],
    key: Mapping[str, str],
    at: datetime,
) -> _Row:
    """Return one view's row that was known at the time."""
    source = view.batch_source
    keys = [column.name for column in view.entity_columns]
    stamps = [source.timestamp_field, *filter(None, [source.created_timestamp_column])]
    table = read(store.config, source, [*keys, *features], stamps)
    codes, asked = entity_codes(
        [table[name] for name in keys], [pa.array([key[name]]) for name in keys]
    )
    events, timed = microseconds(table[stamps[0]])
    created = microseconds(table[stamps[1]])[0] if stamps[1:] else None
    moment = np.array([since_epoch(at)])
    (row,) = last_known(np.where(timed, codes, -1), events, created, asked, moment).rows.tolist()
    if row < 0:
        return _Row(None, {})
    event = table[stamps[0]][row].as_py()
    return _Row(event, {feature: table[feature][row].as_py() for feature in features})
