"""Whether a model treats the groups of a protected attribute alike, and whether the data can tell.

The largest gap between group values is biased upwards: in two groups of 30 without any difference
the true positive rates still differ by 0.1 most of the time. A gap over the limit therefore counts
only if it is also significant.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mlops_cli.config.tasks import Task
from mlops_cli.domain.fairness_rates import Rate, class_rates, rates_of
from mlops_cli.domain.groups import UNKNOWN
from mlops_cli.domain.metrics import Array, Matrix, MetricDefinition, Vector, checked, ratio
from mlops_cli.domain.resampling import percentiles, weight_chunks
from mlops_cli.domain.results.judging import FairnessGap, GroupValue, Interval, Verdict
from mlops_cli.domain.split import Codes, entity_codes

RESAMPLES = 1000


def assess(  # noqa: PLR0913
    task: Task,
    truth: Array,
    prediction: Array,
    groups: Mapping[str, Array],
    entities: Array,
    *,
    metrics: tuple[str, ...],
    limit: float,
    min_group_rows: int,
    threshold: float,
    seed: int,
    own: Mapping[str, MetricDefinition] | None = None,
    positive: int | None = None,
) -> tuple[FairnessGap, ...]:
    """Compare the groups of every attribute by every metric.

    The verdict of an attribute and a metric is

    - FAIL if some pair of groups differs by more than `limit` *and* the bootstrap interval of that
      difference lies above 0 (whole entities resampled, 95 % over all pairs by Bonferroni);
    - PASS if the intervals of all pairs lie within `limit`;
    - INCONCLUSIVE otherwise: fewer than two groups have a value, or the data cannot tell.

    A group has no value if it has fewer than `min_group_rows` rows, or no row the metric is defined
    on (no positives, for the true positive rate). `unknown` is reported and not compared.

    Args:
        task: classification, multiclass or regression.
        truth: labels, `(n,)`.
        prediction: probabilities of 1, or numbers, `(n,)`; of each class `(n, classes)`.
        groups: for each attribute the group of each row, `(n,)`.
        entities: what each row is about, `(n,)`; the resampling unit.
        metrics: names from `config.tasks.FairnessMetric`, or of `own`.
        limit: largest tolerated gap, in the unit of the metric.
        min_group_rows: rows a group needs to be compared.
        threshold: probability from which the predicted class is 1.
        seed: the same seed gives the same intervals.
        own: metrics of the project's own, by name: the gap is that of their values in the groups.
        positive: of several classes the one that equal_opportunity is about.

    Returns:
        A gap for each attribute and metric. Its value is the largest minus the smallest group
        value; its interval is simultaneous over the pairs: the largest lower and the largest upper
        bound of any pair, at least 0. For equalized_odds the groups show the rate that differs
        more.

    Raises:
        InputError: lengths differ, a value is not finite, or a class label is none.
    """
    truth, prediction = checked(task, truth, prediction)
    codes, _ = entity_codes(entities)

    def compared(metric: str, attribute: str) -> _Comparison:
        if own and metric in own:
            return _Comparison.of_values(
                attribute, own[metric], groups[attribute], codes, (truth, prediction, threshold)
            )
        rates = (
            class_rates(metric, truth, prediction, positive)
            if task == "multiclass"
            else rates_of(metric, truth, prediction, threshold)
        )
        return _Comparison.of_rates(attribute, metric, groups[attribute], codes, rates)

    comparisons = [compared(metric, attribute) for metric in metrics for attribute in groups]
    parts: list[list[Matrix]] = [[] for _ in comparisons]
    for weights in weight_chunks(entities, RESAMPLES, seed):
        for part, comparison in zip(parts, comparisons, strict=True):
            part.append(comparison.values(weights))
    return tuple(
        comparison.gap(np.concatenate(part), limit, min_group_rows)
        for part, comparison in zip(parts, comparisons, strict=True)
    )


@dataclass(frozen=True)
class _Comparison:
    """One metric, one attribute: its values in each group."""

    attribute: str
    metric: str
    names: tuple[str, ...]
    rows: tuple[int, ...]
    units: Array
    """Entities that each rate of each group rests on, `(rates, groups)`."""
    values: Callable[[Matrix], Matrix]
    """The rates of each group in each resample, `(B, n)` to `(B, rates, groups)`; nan: undefined.
    """

    @classmethod
    def of_rates(
        cls, attribute: str, metric: str, groups: Array, codes: Codes, rates: list[Rate]
    ) -> "_Comparison":
        """Compare rates, whose sums over the groups are one matrix product."""
        names, member = _members(groups)
        # Numerator and denominator of each row, 0 outside its group: (n, rates * 2 * groups).
        terms = np.concatenate([side[:, np.newaxis] * member for r in rates for side in r], axis=1)
        units = [
            [len(np.unique(codes[inside & (denominator > 0)])) for inside in member.T]
            for _, denominator in rates
        ]

        def values(weights: Matrix) -> Matrix:
            sums = (weights @ terms).reshape(len(weights), -1, 2, len(names))
            return ratio(sums[:, :, 0], sums[:, :, 1])

        return cls(attribute, metric, names, _counts(member), np.array(units), values)

    @classmethod
    def of_values(
        cls,
        attribute: str,
        metric: MetricDefinition,
        groups: Array,
        codes: Codes,
        measured: tuple[Vector, Array, float],
    ) -> "_Comparison":
        """Compare a metric of truth, predictions and threshold, in the rows of each group."""
        names, member = _members(groups)
        units = [[len(np.unique(codes[inside])) for inside in member.T]]
        truth, prediction, threshold = measured

        def values(weights: Matrix) -> Matrix:
            found = [
                metric.function(truth[i], prediction[i], weights[:, i], threshold) for i in member.T
            ]
            return np.stack(found, axis=1)[:, np.newaxis]

        return cls(attribute, metric.name, names, _counts(member), np.array(units), values)

    def gap(self, resampled: Matrix, limit: float, min_group_rows: int) -> FairnessGap:
        """Compare the groups that have enough rows, by the rule of `assess`."""
        point = self.values(np.ones((1, sum(self.rows))))[0]
        point[:, np.array(self.rows) < min_group_rows] = np.nan
        pairs = self.pairs(point)
        found = [self.difference(point, resampled, pair, 0.05 / len(pairs)) for pair in pairs]
        widest = max(range(len(pairs)), key=lambda i: found[i].value, default=None)
        shown = point[0 if widest is None else pairs[widest][0]]
        return FairnessGap(
            attribute=self.attribute,
            metric=self.metric,
            value=None if widest is None else found[widest].value,
            low=_largest([interval.low for interval in found]),
            high=_largest([interval.high for interval in found]),
            limit=limit,
            verdict=_verdict(found, limit),
            groups=tuple(
                GroupValue(name, rows, None if np.isnan(value) else float(value))
                for name, rows, value in zip(self.names, self.rows, shown, strict=True)
            ),
        )

    def pairs(self, point: Matrix) -> list[tuple[int, int, int]]:
        """List rate, higher and lower group of all pairs that have a value."""
        known = np.array([name != UNKNOWN for name in self.names])
        return [
            (rate, *((i, j) if values[i] >= values[j] else (j, i)))
            for rate, values in enumerate(point)
            for i, j in combinations(np.flatnonzero(known & ~np.isnan(values)).tolist(), 2)
        ]

    def difference(
        self, point: Matrix, resampled: Matrix, pair: tuple[int, int, int], alpha: float
    ) -> Interval:
        """Return how much higher the higher group is, with its interval of level 1 - alpha."""
        rate, high, low = pair
        return percentiles(
            resampled[:, rate, high] - resampled[:, rate, low],
            float(point[rate, high] - point[rate, low]),
            alpha,
            min(self.units[rate, high], self.units[rate, low]),
        )


def _members(groups: Array) -> tuple[tuple[str, ...], Array]:
    """Return the names of the groups, `unknown` last, and who is in each, `(n, groups)`."""
    names = tuple(sorted(set(groups), key=lambda name: (name == UNKNOWN, name)))
    return names, np.stack([groups == name for name in names], axis=1)


def _counts(member: Array) -> tuple[int, ...]:
    return tuple(int(count) for count in member.sum(axis=0))


def _largest(bounds: list[float]) -> float | None:
    """Return the largest bound that is defined, at least 0: a gap is never negative."""
    defined = [bound for bound in bounds if not np.isnan(bound)]
    return max(0.0, *defined) if defined else None


def _verdict(pairs: list[Interval], limit: float) -> Verdict:
    if any(pair.value > limit and pair.low > 0 for pair in pairs):
        return Verdict.FAIL
    shown = bool(pairs) and all(pair.high <= limit for pair in pairs)
    return Verdict.PASS if shown else Verdict.INCONCLUSIVE
