"""A column in a few numbers: how full it is, where its values lie, which words it holds.

A number is told as it is only where five entities have it. Any other may be one person's, and is
rounded: to three digits where five entities have a smaller one and five a larger one, and else to
two, as the smallest, the largest and the quantiles of few people mostly are. Where fewer than five
entities have a number at all, none is told.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.columns import readable
from mlops_cli.domain.metrics import Vector
from mlops_cli.domain.quoting import SHARED_BY, entities_of_each, ids_of, is_word, rough
from mlops_cli.domain.subjects import Codes, Identity, count, subjects

PARTS = 10


@dataclass(frozen=True)
class Histogram:
    """How many values lie in each of some equal parts of a range."""

    low: float
    high: float
    """The range, rounded as any number here; values beyond it, at most 1 % at either end, are in
    the first and last part."""
    counts: tuple[int, ...]


@dataclass(frozen=True)
class WordCount:
    """How often a word occurs."""

    word: str
    rows: int
    share: float
    """Of the rows that have a word."""


@dataclass(frozen=True)
class FeatureSummary:
    """What one column holds."""

    feature: str
    type: str
    rows: int
    problem: str | None = None
    """Why nothing else is known: there is no such column, or it is not of its type."""
    missing: float | None = None
    """Share of the rows without a value."""
    distinct: int | None = None
    min: float | None = None
    p5: float | None = None
    median: float | None = None
    p95: float | None = None
    max: float | None = None
    """Numbers only, rounded where they could be one person's; None where fewer than five entities
    have one."""
    histogram: Histogram | None = None
    """Numbers only."""
    words: tuple[WordCount, ...] = ()
    """Those of the configuration, in its order, then others that five entities or more have, the
    most frequent first. A truth value has `false` and `true`."""
    other_rows: int = 0
    """Rows with other words, which are not shown: one could be a name."""


def summaries(
    frame: pd.DataFrame, features: Mapping[str, FeatureConfig], identity: Identity
) -> tuple[FeatureSummary, ...]:
    """Describe the features of a table as it was read, each column on its own."""
    values, problems = readable(frame, features)
    who, ids = subjects(frame, identity.unit), ids_of(frame, identity.keys)
    return tuple(
        FeatureSummary(name, spec.type, len(frame), problems[name])
        if name in problems
        else summary(name, values[name], spec, who, ids)
        for name, spec in features.items()
    )


def summary(
    name: str,
    values: pd.Series,
    spec: FeatureConfig,
    who: Codes,
    ids: Set[str | None] = frozenset(),
) -> FeatureSummary:
    """Describe one typed column: float64 with NaN, or words with None.

    Args:
        name: The feature.
        values: The column, shape (n,).
        spec: Its type and its words.
        who: The entity of each row, shape (n,); negative: nobody's.
        ids: The ids of the table, which are never shown.

    >>> ages = pd.Series([41.0, 52.0, 52.0, 63.0, 107.0, None])
    >>> found = summary("age", ages, FeatureConfig(type="int"), np.arange(6))
    >>> found.distinct, found.min, found.median, found.max
    (4, 41.0, 52.0, 110.0)
    """
    if spec.type == "category":
        found = _words(values, spec.categories, who, ids)
    else:
        numbers = values.to_numpy(dtype=float)
        known = np.isfinite(numbers)
        if spec.type == "bool":
            found = _flags(numbers[known])
        else:
            found = _numbers(numbers[known], spec.type == "int", who[known])
    missing = float(values.isna().mean()) if len(values) else None
    return FeatureSummary(name, spec.type, len(values), missing=missing, **found)


def _numbers(numbers: Vector, whole: bool, who: Codes) -> dict[str, Any]:
    line = np.sort(numbers)
    distinct = int(len(line) > 0) + int(np.count_nonzero(np.diff(line)))
    if count(who) < SHARED_BY:
        return {"distinct": distinct}
    tell = _teller(numbers, who)
    names = ("min", "p5", "median", "p95", "max")
    quantiles = np.quantile(line, (0, 0.05, 0.5, 0.95, 1)).tolist()
    return {
        "distinct": distinct,
        **{name: tell(value) for name, value in zip(names, quantiles, strict=True)},
        "histogram": histogram(line, whole, tell),
    }


def _teller(numbers: Vector, who: Codes) -> Callable[[float], float]:
    """Return what may be told of a number, by the rule of this module.

    Args:
        numbers: The column without its gaps, shape (n,).
        who: The entity of each, at least five of them, shape (n,); negative: nobody's.
    """
    known = who >= 0
    smallest, largest = (np.full(who.max() + 1, end) for end in (np.inf, -np.inf))
    np.minimum.at(smallest, who[known], numbers[known])
    np.maximum.at(largest, who[known], numbers[known])
    fifth_smallest = np.partition(smallest, SHARED_BY - 1)[SHARED_BY - 1]
    fifth_largest = np.partition(largest, -SHARED_BY)[-SHARED_BY]

    def tell(value: float) -> float:
        if count(who[numbers == value]) >= SHARED_BY:
            return value
        inside = fifth_smallest < value < fifth_largest
        return float(f"{value:.3g}" if inside else rough(value))

    return tell


def histogram(line: Vector, whole: bool, tell: Callable[[float], float] = float) -> Histogram:
    """Count ascending numbers in equal parts of their 1 to 99 % range, all others at its ends.

    A few whole numbers get a part each.

    Args:
        line: The numbers, shape (n,).
        whole: Whether they are whole numbers.
        tell: What may be told of the ends.

    >>> histogram(np.array([0.0, 0.0, 1.0, 3.0]), whole=True)
    Histogram(low=-0.5, high=3.5, counts=(2, 1, 0, 1))
    """
    low, high = (float(each) for each in np.quantile(line, (0.01, 0.99), method="nearest"))
    parts, margin = PARTS, 0.0
    if whole and high - low < PARTS:
        parts, margin = round(high - low) + 1, 0.5
    inner = np.searchsorted(line, np.linspace(low - margin, high + margin, parts + 1)[1:-1])
    counts = np.diff([0, *inner, len(line)])
    return Histogram(tell(low) - margin, tell(high) + margin, tuple(counts.tolist()))


def _flags(flags: Vector) -> dict[str, Any]:
    true = int(np.count_nonzero(flags))
    return _counted(("false", "true"), (len(flags) - true, true), len(flags))


def _words(
    values: pd.Series, listed: Sequence[str], who: Codes, ids: Set[str | None]
) -> dict[str, Any]:
    codes, distinct = pd.factorize(values)
    present = codes[codes >= 0]
    rows = dict(zip(distinct, np.bincount(present, minlength=len(distinct)).tolist(), strict=True))
    others = np.isin(codes, np.flatnonzero(~np.isin(distinct, listed)))
    shared = entities_of_each(codes[others], who[others], len(distinct)) >= SHARED_BY
    shown = [word for word in distinct[shared] if is_word(word, ids)]
    names = [*listed, *sorted(shown, key=lambda word: -rows[word])]
    return {
        **_counted(names, [rows.get(name, 0) for name in names], len(present)),
        "distinct": len(distinct),
        "other_rows": len(present) - sum(rows.get(name, 0) for name in names),
    }


def _counted(names: Sequence[str], rows: Sequence[int], total: int) -> dict[str, Any]:
    counts = (
        WordCount(name, count, count / total if total else 0.0)
        for name, count in zip(names, rows, strict=True)
    )
    return {"words": tuple(counts), "distinct": sum(each > 0 for each in rows)}
