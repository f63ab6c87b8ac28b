"""Where a model is worse than elsewhere: groups that were named, and the worst that are found.

A slice is compared with all other rows by the mean loss. Rows of one entity resemble each other,
so the noise is that of entities (Liang and Zeger 1986), and as many slices are looked at, the
p-values are adjusted for all of them (Benjamini and Hochberg 1995) and the intervals of those that
are reported for having been chosen (Benjamini and Yekutieli 2005).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from mlops_cli.config.tasks import Task
from mlops_cli.domain.conditions import MIN_ROWS, Condition
from mlops_cli.domain.metrics import Array, Vector, multiclass
from mlops_cli.domain.resampling import CELLS
from mlops_cli.domain.results.evaluation import Slice
from mlops_cli.domain.results.judging import Interval
from mlops_cli.domain.split import entity_codes

MIN_ENTITIES = 10
"""Fewer say more about themselves than about the model, and their noise cannot be told."""
ALPHA = 0.05
MOST = 5
PAIRED_FEATURES = 25


@dataclass(frozen=True)
class _Measured:
    """A slice with what its verdict rests on."""

    slice: Slice
    error: float
    """Standard error of the excess."""
    freedom: int


def losses(task: Task, truth: Array, prediction: Array) -> Vector:
    """Return the loss of each row: log loss, or squared error of a regression.

    >>> losses("regression", np.array([1.0, 2.0]), np.array([1.0, 4.0])).tolist()
    [0.0, 4.0]
    """
    if task == "regression":
        return np.asarray((truth - prediction) ** 2, dtype=np.float64)
    if task == "multiclass":
        return multiclass.row_losses(truth, np.clip(prediction, 1e-6, 1))
    p = np.clip(prediction, 1e-6, 1 - 1e-6)
    return np.asarray(-(truth * np.log(p) + (1 - truth) * np.log1p(-p)), dtype=np.float64)


def measured(
    groups: Sequence[Condition], loss: Array, truth: Array, prediction: Array, entities: Array
) -> tuple[Slice, ...]:
    """Measure groups that somebody has named, those of at least 10 entities.

    >>> rows = np.arange(100) < 50
    >>> (a,) = measured([Condition("x", "x = 1", rows)], rows * 1.0, rows, rows, np.arange(100))
    >>> a.rows, a.excess.value
    (50, 1.0)
    """
    codes, _ = entity_codes(entities)
    every = [
        _measure((each,), loss, truth, prediction, codes)
        for each in groups
        if 0 < each.rows.sum() < len(loss)
    ]
    return tuple(
        _with_interval(each, ALPHA).slice for each in every if each.slice.entities >= MIN_ENTITIES
    )


def worst(
    features: Sequence[Condition], loss: Array, truth: Array, prediction: Array, entities: Array
) -> tuple[tuple[Slice, ...], int]:
    """Return the slices that are worse beyond noise, worst first, and how many were looked at.

    Looked at are all conditions, and all pairs of conditions on two of the first 25 features,
    each with at least 30 rows. Of those that share a condition only the worst is returned, and none
    of fewer than 10 entities.

    Args:
        features: the conditions, those of the most important features first.
        loss: of each row, `(n,)`.
        truth: labels, `(n,)`.
        prediction: predictions, `(n,)`.
        entities: what each row is about, `(n,)`; the unit of noise.
    """
    codes, _ = entity_codes(entities)
    candidates, total = _candidates(features, loss)
    every = [_measure(parts, loss, truth, prediction, codes) for parts in candidates]
    every = [each for each in every if each.slice.entities >= MIN_ENTITIES]
    every.sort(key=lambda each: (each.slice.p_value, each.slice.name))
    ranks = np.arange(1, len(every) + 1)
    raised = np.array([each.slice.p_value for each in every]) * total / ranks
    adjusted = np.minimum.accumulate(raised[::-1])[::-1] if every else raised
    rejected = int((adjusted <= ALPHA).sum())
    level = ALPHA * rejected / max(total, 1)
    found = [
        _with_interval(each, level, float(p))
        for each, p in zip(every[:rejected], adjusted, strict=False)
    ]
    found.sort(key=lambda each: (-each.slice.excess.low, each.slice.name))
    return tuple(each.slice for each in _distinct(found)[:MOST]), total


def _candidates(
    features: Sequence[Condition], loss: Array
) -> tuple[list[tuple[Condition, ...]], int]:
    """Return the slices that seem worse, and how many there are in all.

    Matrix products count all pairs at once. Only those that would stand out if every row were an
    entity of its own can stand out with entities, whose noise is larger.
    """
    names = list(dict.fromkeys(each.feature for each in features))[:PAIRED_FEATURES]
    paired = [each for each in features if each.feature in names]
    alone = [each for each in features if each.feature not in names]
    if not paired:
        return [], 0
    rows, seeming = _seeming(paired, loss)
    found: list[tuple[Condition, ...]] = [
        (each,) for each, yes in zip(paired, seeming.diagonal(), strict=True) if yes
    ]
    found += [(each,) for each in alone if _seeming([each], loss)[1].all()]
    codes = np.array([names.index(each.feature) for each in paired])
    pairs = (codes[:, np.newaxis] < codes) & (rows >= MIN_ROWS)
    pairs &= rows <= len(loss) - MIN_ROWS
    found += [(paired[i], paired[j]) for i, j in np.argwhere(pairs & seeming).tolist()]
    return found, len(features) + int(pairs.sum())


def _seeming(
    conditions: Sequence[Condition], loss: Array
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return for each pair its rows, and whether its loss is 1.64 standard errors of rows higher.

    Both of shape (conditions, conditions), each condition alone on the diagonal.
    """
    counts = np.zeros((3, len(conditions), len(conditions)))
    size = max(1, CELLS // len(conditions))
    for start in range(0, len(loss), size):
        block = slice(start, start + size)
        inside = np.array([each.rows[block] for each in conditions], dtype=np.float64)
        for power in range(3):
            counts[power] += (inside * loss[block] ** power) @ inside.T
    total = np.array([(loss**power).sum() for power in range(3)]).reshape(3, 1, 1)
    error = np.zeros(counts.shape[1:])
    means = []
    for part in (counts, total - counts):
        rows = np.maximum(part[0], 1)
        means.append(part[1] / rows)
        error += np.maximum(part[2] / rows - means[-1] ** 2, 0) / rows
    return counts[0], means[0] - means[1] > 1.64 * np.sqrt(error)


def _measure(
    parts: tuple[Condition, ...], loss: Array, truth: Array, prediction: Array, codes: Array
) -> _Measured:
    rows = np.logical_and.reduce([each.rows for each in parts])
    within, without = loss[rows].mean(), loss[~rows].mean()
    influence = np.where(
        rows, (loss - within) / rows.sum(), (without - loss) / max(1, int((~rows).sum()))
    )
    entities = len(np.unique(codes[rows]))
    error = float(np.sqrt((np.bincount(codes, weights=influence) ** 2).sum()))
    error *= np.sqrt(entities / max(1, entities - 1))
    excess, freedom = float(within - without), max(1, entities - 1)
    p_value = float(2 * stdtr(freedom, -abs(excess) / error)) if error else float(not excess)
    found = Slice(
        parts=tuple(each.name for each in parts),
        rows=int(rows.sum()),
        entities=entities,
        excess=Interval(excess, excess, excess),
        p_value=p_value,
        observed=float(truth[rows].mean()),
        predicted=float(prediction[rows].mean()),
    )
    return _Measured(found, error, freedom)


def _with_interval(found: _Measured, level: float, p_value: float | None = None) -> _Measured:
    half = float(stdtrit(found.freedom, 1 - level / 2)) * found.error
    value = found.slice.excess.value
    fields = vars(found.slice) | {
        "excess": Interval(value, float(value - half), float(value + half))
    }
    if p_value is not None:
        fields["p_value"] = p_value
    return _Measured(Slice(**fields), found.error, found.freedom)


def _distinct(found: Sequence[_Measured]) -> list[_Measured]:
    """Leave out what says the same again: slices that share a condition with a worse one."""
    kept: list[_Measured] = []
    for each in found:
        if not any(set(one.slice.parts) & set(each.slice.parts) for one in kept):
            kept.append(each)
    return kept
