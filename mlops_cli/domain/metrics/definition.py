"""What a metric is: a function of predictions for many weightings of the rows at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_cli.config.tasks import Task
from mlops_cli.errors import InputError

Array = npt.NDArray[Any]
Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
MetricFunction = Callable[[Vector, Array, Matrix, float], Vector]


@dataclass(frozen=True)
class MetricDefinition:
    """A metric and the direction in which it is better."""

    name: str
    task: Task
    higher_is_better: bool
    function: MetricFunction

    @property
    def sign(self) -> int:
        """1 where higher is better, else -1."""
        return 1 if self.higher_is_better else -1


def checked(task: Task, truth: Array, prediction: Array) -> tuple[Vector, Array]:
    """Return both as float64 that cannot be written to, or refuse what no metric is defined on.

    Raises:
        InputError: no rows, lengths differ, a value is not finite, or a class label is none.

    >>> checked("classification", np.array([0, 2]), np.array([0.1, 0.9]))
    Traceback (most recent call last):
    mlops_cli.errors.InputError: 1 labels are neither 0 nor 1
    """
    truth, prediction = np.array(truth, dtype=float), np.array(prediction, dtype=float)
    truth.flags.writeable = prediction.flags.writeable = False
    sides = 2 if task == "multiclass" else 1
    if truth.ndim != 1 or prediction.ndim != sides or len(truth) != len(prediction):
        raise InputError(f"{truth.shape} labels do not match {prediction.shape} predictions")
    if not truth.size:
        raise InputError("there are no rows to measure on")
    for kind, values in (("labels", truth), ("predictions", prediction)):
        if bad := int((~np.isfinite(values)).sum()):
            raise InputError(f"{bad} {kind} are not finite numbers")
    classes = prediction.shape[1] if sides == 2 else 2
    if task != "regression" and (odd := int((~np.isin(truth, range(classes))).sum())):
        allowed = f"none of {classes} classes" if sides == 2 else "neither 0 nor 1"
        raise InputError(f"{odd} labels are {allowed}")
    return truth, prediction


def ratio(numerator: Array, denominator: Array) -> Vector:
    """Divide; nan where the denominator is 0.

    >>> ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    result = np.full(np.shape(denominator), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def mean(values: Vector, weights: Matrix) -> Vector:
    """Return the weighted mean of the rows, `(B,)`."""
    return ratio(weights @ values, weights.sum(axis=1))
