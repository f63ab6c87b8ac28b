"""What luck could have done: intervals from resampling whole entities.

Rows of one entity resemble each other, so resampling single rows makes intervals too narrow. Here
entities are drawn with replacement and bring all their rows (cluster bootstrap, Davison and Hinkley
1997, section 3.8). A resample is a row of weights, so that a metric is computed for many at once.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from scipy.special import ndtr, stdtrit

from mlops_cli.config.tasks import Task
from mlops_cli.domain.metrics import Array, Matrix, MetricDefinition, Vector, checked
from mlops_cli.domain.results.judging import Interval
from mlops_cli.domain.split import Codes, entity_codes, rarest_first

#: Weights held at once: 12 MiB a matrix, of which a metric needs about six.
CELLS = 1_600_000


def cluster_weights(entities: Array, count: int, seed: int, strata: Array | None = None) -> Matrix:
    """Return how often each row is in each of `count` cluster bootstrap resamples, `(count, n)`.

    As many entities are drawn as there are, with replacement; within each stratum if `strata` is
    given, so that every resample keeps the strata in proportion.

    Args:
        entities: ids, `(n,)`.
        count: number of resamples.
        seed: the same seed gives the same resamples.
        strata: the number of the stratum of the row's entity, or whether it is in the second,
            `(n,)`; it must be the same for all rows of an entity (the highest decides).

    >>> weights = cluster_weights(np.array(["a", "a", "b"]), 100, seed=0)
    >>> bool((weights[:, 0] == weights[:, 1]).all()), set((weights[:, 0] + weights[:, 2]).tolist())
    (True, {2.0})
    """
    return np.concatenate(list(weight_chunks(entities, count, seed, strata)))


def weight_chunks(
    entities: Array, count: int, seed: int, strata: Array | None = None
) -> Iterator[Matrix]:
    """Yield `cluster_weights` in parts `(b, n)` small enough for memory, the parts in order."""
    codes, distinct = entity_codes(entities)
    stratum = np.zeros(len(distinct), dtype=np.intp)
    if strata is not None:
        np.maximum.at(stratum, codes, np.asarray(strata, dtype=np.intp))
    members = [np.flatnonzero(stratum == each) for each in np.unique(stratum)]
    generator = np.random.default_rng(seed)
    size, single = max(1, CELLS // max(1, len(codes))), len(codes) == len(distinct)
    for start in range(0, count, size):
        draws = min(size, count - start)
        drawn = _draw(generator, members, draws, len(distinct))
        yield (
            drawn if single else np.take(drawn, codes, axis=1)
        )  # numbered in order: each row is its entity


def _draw(generator: np.random.Generator, members: list[Codes], draws: int, total: int) -> Matrix:
    """Count how often each entity is drawn, `(draws, total)`, within each part of `members`."""
    counts = np.empty((draws, total))
    for part in members:
        size = len(part)
        picks = generator.integers(0, size, (draws, size))
        picks += np.arange(draws)[:, np.newaxis] * size
        tally = np.bincount(picks.ravel(), minlength=draws * size)
        counts[:, part] = tally.reshape(draws, size)
    return counts


def _strata(task: Task, truth: Vector, entities: Array) -> tuple[Array | None, int]:
    """Return the stratum of each row's entity, and how many entities decide.

    Two classes: whether the entity ever has label 1; the smaller of the two kinds of entities
    decides, as an AUC of 5 patients and 500 healthy people rests on the 5. Several: the rarest
    class that it ever has; of the entities that ever have a class, the fewest decide, but not
    fewer than two, or a class of one would take the interval from all the others. For a regression
    there are no strata and all entities decide.
    """
    codes, distinct = entity_codes(entities)
    if task == "regression":
        return None, len(distinct)
    if task == "multiclass":
        stratum, having = rarest_first(truth, codes)
        return stratum, max(2, int(having.min()))
    positive = np.bincount(codes, weights=truth) > 0
    smaller = min(int(positive.sum()), int((~positive).sum()))
    return positive[codes], smaller or len(distinct)


def percentiles(
    resampled: Vector, value: float, alpha: float = 0.05, units: float = np.inf
) -> Interval:
    """Return the percentile interval of level 1 - alpha around `value`.

    With few units the plain interval is too narrow, as it takes a normal for a t distribution; it
    is widened as Hesterberg 2015 (section 3.2) proposes: alpha/2 becomes
    Phi(-sqrt(u / (u - 1)) t(1 - alpha/2, u - 1)).

    Resamples in which the metric is undefined are left out; if the value itself is undefined, or
    most resamples are, or there are no two units, so is the interval.

    Args:
        resampled: the value in each resample, `(B,)`.
        value: the value on the full sample.
        alpha: share of the intervals that may miss the true value.
        units: how many independent observations the value rests on.

    >>> percentiles(np.arange(101.0), 50.0)
    Interval(value=50.0, low=2.5, high=97.5)
    >>> percentiles(np.arange(101.0), 50.0, units=10).low < 1
    True
    >>> percentiles(np.array([1.0, np.nan, np.nan]), 1.0)
    Interval(value=1.0, low=nan, high=nan)
    """
    defined = resampled[~np.isnan(resampled)]
    if np.isnan(value) or 2 * len(defined) < len(resampled) or units < 2:
        return Interval(value, float("nan"), float("nan"))
    tail = alpha / 2
    if np.isfinite(units):
        tail = float(ndtr(-np.sqrt(units / (units - 1)) * stdtrit(units - 1, 1 - tail)))
    low, high = np.quantile(defined, (tail, 1 - tail))
    return Interval(value, float(low), float(high))


def intervals(
    metrics: Mapping[str, MetricDefinition],
    truth: Array,
    prediction: Array,
    entities: Array,
    threshold: float,
    seed: int,
    count: int = 1000,
) -> dict[str, Interval]:
    """Return the metrics on the full sample, each with its 95 % percentile interval.

    Args:
        metrics: at least one, all of one task, by name.
        truth: labels, `(n,)`.
        prediction: probabilities of 1, or numbers, `(n,)`; of each class `(n, classes)`.
        entities: what each row is about, `(n,)`; the resampling unit.
        threshold: probability from which the predicted class is 1.
        seed: the same seed gives the same intervals.
        count: number of resamples.

    Raises:
        InputError: no rows, lengths differ, a value is not finite, or a class label is none.

    >>> from mlops_cli.domain.metrics import METRICS
    >>> truth, score = np.tile([0.0, 1.0], 50), np.tile([0.2, 0.1, 0.4, 0.6], 25)
    >>> ids = np.arange(100).astype(str)
    >>> auc = intervals(METRICS["classification"], truth, score, ids, 0.5, seed=0)["roc_auc"]
    >>> round(auc.value, 2), 0.3 < auc.low < 0.5 < auc.high < 0.7
    (0.5, True)
    """
    wanted = list(metrics.values())
    task = wanted[0].task
    truth, prediction = checked(task, truth, prediction)

    def every_metric(weights: Matrix) -> Matrix:
        return np.stack([each.function(truth, prediction, weights, threshold) for each in wanted])

    strata, units = _strata(task, truth, entities)
    values = every_metric(np.ones((1, len(truth))))[:, 0]
    resampled = _over_chunks(every_metric, entities, count, seed, strata)
    return {
        name: percentiles(resampled[row], float(values[row]), units=units)
        for row, name in enumerate(metrics)
    }


def _over_chunks(
    statistic: Callable[[Matrix], Matrix],
    entities: Array,
    count: int,
    seed: int,
    strata: Array | None,
) -> Matrix:
    """Compute `(k, count)` statistics of the resamples, holding few weights at a time."""
    parts = [statistic(weights) for weights in weight_chunks(entities, count, seed, strata)]
    return np.concatenate(parts, axis=-1)


def paired_difference(
    metric: MetricDefinition,
    truth: Array,
    first: Array,
    second: Array,
    entities: Array,
    threshold: float | tuple[float, float],
    seed: int,
    count: int = 2000,
) -> Interval:
    """Return how much better `first` is than `second` on the same rows, with its 95 % interval.

    Both are measured on each resample, which cancels what they share: which rows were drawn. The
    sign is such that positive means `first` is better, also where lower values are better.

    Args:
        metric: what they are compared in.
        truth: labels, `(n,)`.
        first: predictions of one model, `(n,)` or `(n, classes)`.
        second: predictions of the other, likewise.
        entities: what each row is about, `(n,)`; the resampling unit.
        threshold: probability from which the predicted class is 1; two where each has its own.
        seed: the same seed gives the same interval.
        count: number of resamples.

    Raises:
        InputError: no rows, lengths differ, a value is not finite, or a class label is none.

    >>> from mlops_cli.domain.metrics import METRICS
    >>> truth, ids = np.arange(50.0), np.arange(50).astype(str)
    >>> mae = METRICS["regression"]["mae"]
    >>> paired_difference(mae, truth, truth + 1, truth + 3, ids, 0.5, seed=0)
    Interval(value=2.0, low=2.0, high=2.0)
    """
    own, other = threshold if isinstance(threshold, tuple) else (threshold, threshold)
    truth, first = checked(metric.task, truth, first)
    truth, second = checked(metric.task, truth, second)

    def difference(weights: Matrix) -> Vector:
        better = metric.function(truth, first, weights, own)
        worse = metric.function(truth, second, weights, other)
        return metric.sign * (better - worse)

    strata, units = _strata(metric.task, truth, entities)
    value = float(difference(np.ones((1, len(truth))))[0])
    resampled = _over_chunks(difference, entities, count, seed, strata)
    return percentiles(resampled, value, units=units)
