"""Training/serving skew: was a prediction made from what a training row of its time would hold?

A healthy system shows no difference at all. So the share of predictions that were made from
another value is held against a small limit, by the lower end of its interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.columns import typed
from mlops_cli.domain.point_in_time import Int64s, last_known

Flags = NDArray[np.bool_]
Reason = Literal["missing", "older", "unknown", "other", "inputs", "definition"]
TOLERANCE = 1e-6
"""Relative difference of two floats that a round trip through float32 may leave."""
_TYPES: dict[str, set[type]] = {
    "int": {int},
    "float": {int, float},
    "bool": {bool},
    "category": {str},
}


@dataclass(frozen=True)
class Window:
    """The part of the inference log that was looked at."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Skipped:
    """Predictions of the window that were not compared."""

    no_entity: int
    """Rows of files that name no entity."""
    from_files: int
    """Rows of files that name an entity: their values came from the file."""
    not_readable: int
    """The key of another configuration, or values of other types than the features have now."""


@dataclass(frozen=True)
class Example:
    """One prediction that differs: where to look, and nothing about a person."""

    prediction_id: str
    time: datetime


@dataclass(frozen=True)
class FeatureSkew:
    """One feature: how often, how sure, why and by how much it was served otherwise."""

    feature: str
    view: str
    """The feature view, or `derived`."""
    rows: int
    """Predictions that were made with this feature."""
    differing: int
    share: float | None
    low: float | None
    high: float | None
    skewed: bool
    """The whole interval of the share is above the limit."""
    reasons: Mapping[Reason, int]
    mean_difference: float | None
    """Mean absolute difference of the numbers that differ."""
    example: Example | None


@dataclass(frozen=True)
class ViewLag:
    """How much older than the newest known values a view was served."""

    view: str
    rows: int
    """Predictions for which an earlier row of the source was served."""
    median_seconds: float
    max_seconds: float


def of_these_types(values: Mapping[str, Any], features: Mapping[str, FeatureConfig]) -> bool:
    """Return whether logged values are of the types that the features have now.

    >>> features = {"age": FeatureConfig(type="int"), "smoker": FeatureConfig(type="bool")}
    >>> of_these_types({"age": 41, "smoker": None}, features)
    True
    >>> of_these_types({"age": "old"}, features)
    False
    """
    return all(
        values.get(name) is None or type(values[name]) in _TYPES[spec.type]
        for name, spec in features.items()
    )


def served_values(
    rows: Sequence[Mapping[str, Any]], features: Mapping[str, FeatureConfig]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what was served, typed, and whether the model had each feature at all.

    Derived features are taken as they were logged, not computed again.
    """
    stored = {name: spec.model_copy(update={"expression": None}) for name, spec in features.items()}
    cells = pd.DataFrame([dict(row) for row in rows], columns=list(features), dtype=object)
    had = {name: [name in row for row in rows] for name in features}
    return typed(cells, stored, "inference log"), pd.DataFrame(had, dtype=bool)


def different(served: pd.Series, known: pd.Series, spec: FeatureConfig) -> Flags:
    """Return which rows were served another value; missing equals missing, shape (rows,).

    Floats may differ by a millionth of the larger one, everything else must be equal.

    >>> served, known = pd.Series([0.1, np.nan, 2.0]), pd.Series([np.float32(0.1), np.nan, np.nan])
    >>> different(served, known.astype(float), FeatureConfig(type="float"))
    array([False, False,  True])
    """
    absent = np.asarray(served.isna()), np.asarray(known.isna())
    if spec.type == "float":
        one, two = served.to_numpy(float), known.to_numpy(float)
        with np.errstate(over="ignore"):
            unequal = np.abs(one - two) > TOLERANCE * np.maximum(np.abs(one), np.abs(two))
    else:
        unequal = np.asarray(served.to_numpy() != known.to_numpy(), dtype=bool)
    return np.asarray(np.where(absent[0] | absent[1], absent[0] != absent[1], unequal))


def same_row(
    history: pd.DataFrame,
    codes: Int64s,
    events: Int64s,
    created: Int64s | None,
    served: pd.DataFrame,
    served_codes: Int64s,
    times: Int64s,
) -> Int64s:
    """Return the newest row that was known and holds all that was served, -1 where there is none.

    An entity with its values stands for the entity in the point-in-time join. Floats are compared
    as float32 has them.

    Args:
        history: The rows of a view's source, typed, shape (n, features).
        codes: Entity of each of them, shape (n,).
        events: Event time of each, in microseconds.
        created: Time each was written, in microseconds; None if not recorded.
        served: What was served of the view, typed, shape (m, features).
        served_codes: Entity of each prediction, numbered as `codes`; negative: unknown.
        times: Time of each prediction in microseconds.

    >>> rows = pd.DataFrame({"bp": [120.0, 130.0, 140.0]})
    >>> same_row(rows, np.array([0, 0, 0]), np.array([1, 2, 3]), None,
    ...          pd.DataFrame({"bp": [120.0, 125.0]}), np.array([0, 0]), np.array([3, 3]))
    array([ 0, -1])
    """
    both = pd.concat([history, served], ignore_index=True)
    numbers = both.select_dtypes(float).columns
    both[numbers] = both[numbers].astype(np.float32)
    both.insert(0, "mlops_entity", np.concatenate([codes, served_codes]))
    groups = np.where(both["mlops_entity"] < 0, -1, numbered(both))
    size = len(history)
    return last_known(groups[:size], events, created, groups[size:], times).rows


def numbered(rows: pd.DataFrame) -> Int64s:
    """Number equal rows alike, shape (rows,); missing cells are equal.

    >>> numbered(pd.DataFrame({"id": ["a", "b", "a"], "bp": [np.nan, 1.0, np.nan]}))
    array([0, 1, 0])
    """
    groups = rows.groupby(list(rows.columns), dropna=False, sort=False)
    return np.asarray(groups.ngroup(), dtype=np.int64)


def reasons(
    served: pd.Series, known: pd.Series, differing: Flags, older: Flags, blank: Flags
) -> dict[Reason, int]:
    """Count why a stored feature differs.

    Args:
        served: What was served.
        known: What was known.
        differing: The rows that differ.
        older: The rows whose view was served as an earlier row of the source has it.
        blank: The rows whose view was served without any value.
    """
    empty, unknown = np.asarray(served.isna()), np.asarray(known.isna())
    late = older | (empty & blank)
    kinds: dict[Reason, Flags] = {
        "missing": differing & late & empty,
        "older": differing & late & ~empty,
        "unknown": differing & ~late & unknown,
        "other": differing & ~late & ~unknown,
    }
    return {reason: int(rows.sum()) for reason, rows in kinds.items() if rows.any()}


def derived_reasons(differing: Flags, inputs: Sequence[Flags]) -> dict[Reason, int]:
    """Count why a derived feature differs: its inputs did, or it was computed in another way.

    >>> derived_reasons(np.array([True, True, False]), [np.array([True, False, True])])
    {'inputs': 1, 'definition': 1}
    """
    caused = differing & np.any(inputs, axis=0) if inputs else np.zeros_like(differing)
    counts: dict[Reason, int] = {
        "inputs": int(caused.sum()), "definition": int((differing & ~caused).sum()),
    }  # fmt: skip
    return {reason: count for reason, count in counts.items() if count}


def mean_difference(served: pd.Series, known: pd.Series, differing: Flags) -> float | None:
    """Return the mean absolute difference of the rows that differ and have both numbers.

    >>> mean_difference(pd.Series([1.0, 5.0]), pd.Series([2.0, np.nan]), np.array([True, True]))
    1.0
    """
    if served.dtype == object:
        return None
    gaps = np.abs(served.to_numpy(float) - known.to_numpy(float))[differing]
    gaps = gaps[np.isfinite(gaps)]
    return float(gaps.mean()) if len(gaps) else None
