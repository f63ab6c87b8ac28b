"""Drift of the features, column by column: distribution, missing values, new words, range."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

from mlops_cli.config.features import FeatureConfig
from mlops_cli.config.limits import DriftConfig
from mlops_cli.domain.drift.distances import Limits
from mlops_cli.domain.drift.values import compare_numbers, compare_words
from mlops_cli.domain.groups import spelled
from mlops_cli.domain.metrics import Array
from mlops_cli.domain.results.judging import DriftCheck
from mlops_cli.errors import InputError

#: So many words outside the list, where training had none, are an alarm without a test.
MAX_UNSEEN = 5


def check_columns(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    features: Mapping[str, FeatureConfig],
    limits: DriftConfig,
    reference_size: int,
    seed: int,
) -> tuple[DriftCheck, ...]:
    """Compare every feature with the reference; without drift, at most alpha of the calls alarm.

    Each of the K columns may raise a false alarm with probability alpha/K, half of it by its
    distance and half by its other tests together (Bonferroni).

    - Numbers: Wasserstein distance in standard deviations; truth values and words: Jensen-Shannon
      distance. An alarm above max(min_effect, the quantile of the distance under no change).
    - `missing_share`, `out_of_range`: Fisher's exact test (one-sided), and a rise of at least
      missing_jump or range_jump. Infinite values and words for numbers are missing.
    - `unseen_category`: words outside the list, significantly more often than in the reference, or
      five of them where the reference has none.
    - Kind quality, each an alarm: `missing_column`, `empty_column` (no value now, and that is no
      chance) and `constant_column` (one value now, several before, and that is no chance).

    Args:
        reference: the training rows, with a column for each feature.
        current: the rows to judge.
        features: specifications by column.
        limits: when a change is an alarm.
        reference_size: independent reference rows (entities); rows of one entity add little.
        seed: the same seed gives the same thresholds.

    Raises:
        InputError: a table has no rows, or the reference lacks a feature.
    """
    if not len(reference) or not len(current):
        raise InputError("there are no reference rows or no current rows to compare")
    if lacking := [name for name in features if name not in reference]:
        raise InputError(f"the reference lacks the features {', '.join(lacking)}")
    half = limits.alpha / max(1, len(features)) / 2
    checks: list[DriftCheck] = []
    for place, (name, spec) in enumerate(features.items()):
        if name not in current:
            checks.append(_quality(name, "missing_column", "the column is missing"))
            continue
        before, now = (_values(table[name], spec) for table in (reference, current))
        generator = np.random.default_rng((seed, place))
        checks += _Column(name, spec, before, now, limits, half, reference_size).checks(generator)
    return tuple(checks)


def _values(series: "pd.Series[Any]", spec: FeatureConfig) -> Array:
    """Return floats with NaN for what is missing, or words with None."""
    if spec.type == "category":
        codes, distinct = pd.factorize(series.astype(object))
        return np.array([*map(spelled, distinct), None], dtype=object)[codes]
    values = pd.to_numeric(series, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _quality(column: str, method: str, problem: str, p_value: float | None = None) -> DriftCheck:
    message = f"{column}: {problem}"
    return DriftCheck(
        "quality", method, 1.0, 0.0, True, column=column, p_value=p_value, message=message
    )


@dataclass(frozen=True)
class _Column:
    """One feature, before and now."""

    name: str
    spec: FeatureConfig
    before: Array
    now: Array
    limits: DriftConfig
    half: float
    """False alarm rate of the distance, and of all other tests together."""
    reference_size: int

    @property
    def alpha(self) -> float:
        """False alarm rate of each test that is not the distance: a column has two or three."""
        return self.half / 3

    def checks(self, generator: np.random.Generator) -> Iterator[DriftCheck]:
        """Yield what there is to say about the column."""
        missing, present = pd.isna(self.before), self.before[pd.notna(self.before)]
        now = self.now[pd.notna(self.now)]
        by_chance = float(missing.mean() ** len(self.now))
        if not len(now) and by_chance < self.alpha:
            yield _quality(self.name, "empty_column", "every value is missing", by_chance)
            return
        yield self.rise("missing_share", missing, pd.isna(self.now), self.limits.missing_jump)
        if not len(now) or not len(present):
            return
        yield from self.constant(present, now)
        yield self.distance(present, now, generator)
        if self.spec.type == "category":
            yield self.unseen(present, now)
        if self.spec.range is not None:
            low, high = self.spec.range
            outside = [(part < low) | (part > high) for part in (present, now)]
            yield self.rise("out_of_range", outside[0], outside[1], self.limits.range_jump)

    def size_of(self, part: Array) -> int:
        """Return the independent rows behind a part of the reference, at least 1."""
        return max(1, round(self.reference_size * len(part) / len(self.before)))

    def constant(self, before: Array, now: Array) -> Iterator[DriftCheck]:
        """Yield a check if one value is left, and n draws from the reference would not agree."""
        if len(set(now.tolist())) > 1 or len(set(before.tolist())) == 1:
            return
        shares = np.unique(before, return_counts=True)[1] / len(before)
        by_chance = float((shares ** len(now)).sum())
        if by_chance < self.alpha:
            problem = f"all {len(now):,} values are the same"
            yield _quality(self.name, "constant_column", problem, by_chance)

    def distance(self, before: Array, now: Array, generator: np.random.Generator) -> DriftCheck:
        """Compare the distributions."""
        limits = Limits(self.half, self.limits.min_effect)
        size = self.size_of(before)
        if self.spec.type in {"int", "float"}:
            return compare_numbers("data", self.name, (before, now), size, limits, generator)
        words: tuple[str, ...] = self.spec.categories
        sides = [before, now]
        if self.spec.type == "bool":
            words = ("0", "1")
            sides = [np.select([part == 0, part == 1], words, "") for part in sides]
        return compare_words("data", self.name, sides, words, size, limits, generator)

    def unseen(self, before: Array, now: Array) -> DriftCheck:
        """Count the words that are not in the list."""
        listed = set(self.spec.categories)
        sides = [np.array([word not in listed for word in part]) for part in (before, now)]
        check = self.rise("unseen_category", sides[0], sides[1], 0.0)
        new = int(sides[1].sum()) >= MAX_UNSEEN and not sides[0].any()
        return replace(check, drifted=check.drifted or new)

    def rise(self, method: str, before: Array, now: Array, jump: float) -> DriftCheck:
        """Test whether a share rose: significantly, and by at least `jump`."""
        share, size = float(now.mean()), self.size_of(before)
        limit = float(before.mean()) + jump
        rise, p_value = share - float(before.mean()), _fisher(before, now, size)
        words = {
            "missing_share": "missing values",
            "unseen_category": "words not in the list",
            "out_of_range": "values out of range",
        }
        return DriftCheck(
            kind="data",
            method=method,
            statistic=share,
            threshold=limit,
            drifted=p_value < self.alpha and 0 < rise >= jump,
            column=self.name,
            p_value=p_value,
            effect=rise,
            message=f"{self.name}: {words[method]} {before.mean():.1%} -> {share:.1%}"
            f" (limit {limit:.1%})",
        )


def _fisher(before: Array, now: Array, reference_size: int) -> float:
    """Return Fisher's exact one-sided p-value that the share of `now` is no higher."""
    reference_hits, hits = round(float(before.mean()) * reference_size), int(now.sum())
    total, every = reference_size + len(now), reference_hits + hits
    return float(hypergeom.sf(hits - 1, total, every, len(now)))
