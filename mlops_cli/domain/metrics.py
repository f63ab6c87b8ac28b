"""How good predictions are: every metric the configuration may name, for many weightings at once.

Every function takes

- `truth (n,)`: 0 and 1, or numbers,
- `prediction (n,)`: the probability of 1, or a number,
- `weights (B, n)`: B weightings of the rows, none negative; `np.ones((1, n))` for none,
- `threshold`: the probability from which the predicted class is 1,

and returns `(B,)`, nan where the metric is undefined (AUC of one class, precision without a
predicted 1). Where scikit-learn defines a metric, the values are equal to its to 1e-9. Bootstrap
resamples are weightings, which makes 1,000 of them a few matrix products instead of a loop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_cli.config.tasks import TASK_METRICS, Metric, Task
from mlops_cli.domain.ranking import tied
from mlops_cli.errors import InputError

Array = npt.NDArray[Any]
Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
MetricFunction = Callable[[Vector, Vector, Matrix, float], Vector]


@dataclass(frozen=True)
class MetricDefinition:
    """A metric and the direction in which it is better."""

    name: Metric
    task: Task
    higher_is_better: bool
    function: MetricFunction

    @property
    def sign(self) -> int:
        """1 where higher is better, else -1."""
        return 1 if self.higher_is_better else -1


def evaluate(
    task: Task, truth: Array, prediction: Array, threshold: float = 0.5
) -> dict[str, float]:
    """Return every metric of the task on one set of predictions.

    Raises:
        InputError: no rows, lengths differ, a value is not finite, or a class label is not 0 or 1.

    >>> values = evaluate("regression", np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 4.0]))
    >>> {name: round(value, 3) for name, value in values.items()}
    {'rmse': 0.577, 'mae': 0.333, 'r2': 0.786, 'mape': 0.167}
    """
    truth, prediction = checked(task, truth, prediction)
    weights = np.ones((1, len(truth)))
    return {
        name: float(METRICS[name].function(truth, prediction, weights, threshold)[0])
        for name in TASK_METRICS[task]
    }


def checked(task: Task, truth: Array, prediction: Array) -> tuple[Vector, Vector]:
    """Return both as float64 that cannot be written to, or refuse what no metric is defined on.

    Raises:
        InputError: no rows, lengths differ, a value is not finite, or a class label is not 0 or 1.

    >>> checked("classification", np.array([0, 2]), np.array([0.1, 0.9]))
    Traceback (most recent call last):
    mlops_cli.errors.InputError: 1 labels are neither 0 nor 1
    """
    truth, prediction = np.array(truth, dtype=float), np.array(prediction, dtype=float)
    truth.flags.writeable = prediction.flags.writeable = False
    if truth.shape != prediction.shape or truth.ndim != 1:
        raise InputError(f"{truth.shape} labels do not match {prediction.shape} predictions")
    if not truth.size:
        raise InputError("there are no rows to measure on")
    for kind, values in (("labels", truth), ("predictions", prediction)):
        if bad := int((~np.isfinite(values)).sum()):
            raise InputError(f"{bad} {kind} are not finite numbers")
    if task == "classification" and (odd := int((~np.isin(truth, (0, 1))).sum())):
        raise InputError(f"{odd} labels are neither 0 nor 1")
    return truth, prediction


def ratio(numerator: Array, denominator: Array) -> Vector:
    """Divide; nan where the denominator is 0.

    >>> ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    result = np.full(np.shape(denominator), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def _mean(values: Vector, weights: Matrix) -> Vector:
    return ratio(weights @ values, weights.sum(axis=1))


def _roc_auc(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """P(a 1 ranks above a 0), ties counting half (Mann-Whitney): 0.5 is chance, 1 is best."""
    ones, zeros = tied(truth, prediction, weights)
    below = np.cumsum(zeros, axis=1)
    total = below[:, -1].copy()
    below -= zeros / 2
    return ratio((ones * below).sum(axis=1), ones.sum(axis=1) * total)


def _pr_auc(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """Return average precision, sum of (R_k - R_k-1) P_k from the highest prediction down.

    The share of 1s is chance, 1 is best.
    """
    ones, zeros = (part[:, ::-1] for part in tied(truth, prediction, weights))
    hits = np.cumsum(ones, axis=1)
    named = hits + np.cumsum(zeros, axis=1)
    precision = np.divide(hits, named, out=np.zeros_like(hits), where=named > 0)
    return ratio((ones * precision).sum(axis=1), hits[:, -1])


@dataclass(frozen=True)
class _Confusion:
    """Weighted counts of the four outcomes, each `(B,)`."""

    tp: Vector
    fp: Vector
    fn: Vector
    tn: Vector


def _confusion(truth: Vector, prediction: Vector, weights: Matrix, threshold: float) -> _Confusion:
    named = (prediction >= threshold).astype(float)
    outcomes = (truth * named, (1 - truth) * named, truth * (1 - named), (1 - truth) * (1 - named))
    return _Confusion(*(weights @ np.stack(outcomes, axis=1)).T)


def _accuracy(truth: Vector, prediction: Vector, weights: Matrix, threshold: float) -> Vector:
    """Share of rows whose class is right; 1 is best."""
    return _mean(((prediction >= threshold) == truth).astype(float), weights)


def _precision(truth: Vector, prediction: Vector, weights: Matrix, threshold: float) -> Vector:
    """TP / (TP + FP): share of the predicted 1s that are 1; 1 is best."""
    counts = _confusion(truth, prediction, weights, threshold)
    return ratio(counts.tp, counts.tp + counts.fp)


def _recall(truth: Vector, prediction: Vector, weights: Matrix, threshold: float) -> Vector:
    """TP / (TP + FN): share of the 1s that are predicted; 1 is best."""
    counts = _confusion(truth, prediction, weights, threshold)
    return ratio(counts.tp, counts.tp + counts.fn)


def _f1(truth: Vector, prediction: Vector, weights: Matrix, threshold: float) -> Vector:
    """2 TP / (2 TP + FP + FN): harmonic mean of precision and recall; 1 is best."""
    counts = _confusion(truth, prediction, weights, threshold)
    return ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


def _mcc(truth: Vector, prediction: Vector, weights: Matrix, threshold: float) -> Vector:
    """Matthews 1975: correlation of predicted and true class; 0 is chance, 1 is best."""
    c = _confusion(truth, prediction, weights, threshold)
    sides = (c.tp + c.fp) * (c.tp + c.fn) * (c.tn + c.fp) * (c.tn + c.fn)
    return ratio(c.tp * c.tn - c.fp * c.fn, np.sqrt(sides))


def _brier(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """Brier 1950: mean (p - y)^2; 0 is best, 0.25 is 'always 0.5'."""
    return _mean((prediction - truth) ** 2, weights)


def _log_loss(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """Mean -ln of the probability given to what happened; 0 is best, ln 2 is 'always 0.5'."""
    eps = np.finfo(np.float64).eps
    p = np.clip(prediction, eps, 1 - eps)
    return _mean(-(truth * np.log(p) + (1 - truth) * np.log1p(-p)), weights)


def _rmse(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """Root of the mean squared error, in units of the label; 0 is best."""
    return np.asarray(np.sqrt(_mean((truth - prediction) ** 2, weights)))


def _mae(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """Mean absolute error, in units of the label; 0 is best."""
    return _mean(np.abs(truth - prediction), weights)


def _r2(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """1 - SSE / SST: share of the variance explained; 1 is best, 0 is 'always the mean'.

    Undefined where the labels do not vary (SST below the rounding error of the sum of squares).
    """
    centred = truth - truth.mean()
    squares = weights @ centred**2
    total = squares - ratio((weights @ centred) ** 2, weights.sum(axis=1))
    total = np.where(total > 1e-12 * squares, total, 0.0)
    return 1 - ratio(weights @ (truth - prediction) ** 2, total)


def _mape(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """Mean |y - p| / |y|; 0 is best. Undefined where a label is 0."""
    zero = truth == 0
    error = np.abs(truth - prediction) / np.where(zero, 1.0, np.abs(truth))
    return np.where(weights[:, zero].sum(axis=1) > 0, np.nan, _mean(error, weights))


_HIGHER: dict[Metric, MetricFunction] = {
    "roc_auc": _roc_auc,
    "pr_auc": _pr_auc,
    "accuracy": _accuracy,
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
    "mcc": _mcc,
    "r2": _r2,
}
_LOWER: dict[Metric, MetricFunction] = {
    "brier": _brier,
    "log_loss": _log_loss,
    "rmse": _rmse,
    "mae": _mae,
    "mape": _mape,
}
#: Every metric by its name in the configuration.
METRICS: dict[str, MetricDefinition] = {
    name: MetricDefinition(name, task, name in _HIGHER, (_HIGHER | _LOWER)[name])
    for task, names in TASK_METRICS.items()
    for name in names
}
