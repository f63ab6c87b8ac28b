"""Predictions of the log beside what was known at their time."""

from dataclasses import dataclass

import pandas as pd

from mlops_cli.backends import feature_store
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain import skew
from mlops_cli.domain.columns import typed
from mlops_cli.domain.keys import read_key
from mlops_cli.domain.point_in_time import Int64s
from mlops_cli.domain.records import LoggedPrediction
from mlops_cli.domain.skew import Flags, Skipped
from mlops_cli.errors import InputError


@dataclass(frozen=True)
class Compared:
    """Predictions beside what was known at their time; everything has shape (rows, ...)."""

    logged: list[LoggedPrediction]
    keys: pd.DataFrame
    served: pd.DataFrame
    had: pd.DataFrame
    known: pd.DataFrame
    differing: dict[str, Flags]
    groups: Int64s
    """Predictions for the same entity while nothing new was known of it."""


def comparable(
    model: ModelConfig, logged: list[LoggedPrediction], files: bool
) -> tuple[list[LoggedPrediction], pd.DataFrame, Skipped]:
    """Return the predictions that can be compared, with their keys, and count the others."""
    chosen, keys = [], []
    no_entity = from_files = not_readable = 0
    for row in logged:
        if row.entity is None:
            no_entity += 1
        elif row.feature_age_seconds is None and not files:
            from_files += 1
        elif (key := _key(model, row)) is None:
            not_readable += 1
        else:
            chosen.append(row)
            keys.append(key)
    frame = pd.DataFrame(keys, columns=list(model.keys), dtype=object)
    return chosen, frame, Skipped(no_entity, from_files, not_readable)


def _key(model: ModelConfig, row: LoggedPrediction) -> dict[str, str] | None:
    """Return the ids of a prediction, or None where it was logged under other definitions."""
    try:
        key = read_key(str(row.entity), model.keys)
    except InputError:
        return None
    return key if skew.of_these_types(row.features, model.features) else None


def compare(
    config: Config, model: ModelConfig, logged: list[LoggedPrediction], keys: pd.DataFrame
) -> Compared:
    """Return what was served beside what a training row of the same time would hold.

    Raises:
        InputError: A cell of a source is not of its feature's type.
    """
    served, had = skew.served_values([row.features for row in logged], model.features)
    times = pd.to_datetime([row.time for row in logged], utc=True)
    asked = keys.assign(**{model.labels.timestamp: times})
    found = feature_store.historical(config, model, asked).frame
    known = typed(found, model.features, "the sources")
    differing = {
        name: skew.different(served[name], known[name], spec) & had[name].to_numpy()
        for name, spec in model.features.items()
    }
    alike = pd.concat([keys, known[list(model.stored)]], axis=1)
    return Compared(logged, keys, served, had, known, differing, skew.numbered(alike))
