"""Metrics that are not ours: a plain function of labels and scores, made one of many weightings."""

from collections.abc import Callable
from numbers import Real

import numpy as np

from mlops_cli.config.tasks import Task
from mlops_cli.domain.metrics.definition import Array, Matrix, MetricDefinition, Vector
from mlops_cli.errors import InputError, first_line

Function = Callable[[Array, Array], object]


def own_metric(
    name: str, task: Task, higher_is_better: bool, function: Function
) -> MetricDefinition:
    """Make a function of labels and scores a metric.

    It is called once for each weighting, with each row as often as its weight says, and not at all
    where a classification has rows of one class only: there it is undefined, as ours are.

    >>> def share(labels, scores): return (labels == (scores > 0.5)).mean()
    >>> metric = own_metric("share", "classification", True, share)
    >>> metric.function(np.array([1.0, 0]), np.array([0.9, 0.8]), np.array([[1, 1], [3, 1.0]]), 0.5)
    array([0.5 , 0.75])
    """

    def values(truth: Vector, prediction: Array, weights: Matrix, _threshold: float) -> Vector:
        counts = weights.astype(np.intp)
        rows = (np.repeat(np.arange(len(truth)), each) for each in counts)
        return np.array([value(truth[each], prediction[each]) for each in rows])

    def value(labels: Vector, scores: Array) -> float:
        alike = task != "regression" and bool((labels == labels[:1]).all())
        return float("nan") if alike or not len(labels) else _called(name, function, labels, scores)

    return MetricDefinition(name, task, higher_is_better, values)


def _called(name: str, function: Function, labels: Array, scores: Array) -> float:
    """Return what the function says.

    Raises:
        InputError: it raises an error, or returns no number.
    """
    try:
        found = function(labels, scores)
    except Exception as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise InputError(f"metrics.{name} raised {reason}", "it is yours to put right") from error
    if not isinstance(found, Real):
        raise InputError(
            f"metrics.{name} returned {type(found).__name__}, not a number",
            "it is called with labels and scores and returns one number",
        )
    return float(found)


def tried(metric: MetricDefinition, truth: Vector, prediction: Array) -> None:
    """Call a metric once, before anything rests on it.

    Raises:
        InputError: it raises an error, or returns no number or none that is finite.
    """
    found = float(metric.function(truth, prediction, np.ones((1, len(truth))), 0.5)[0])
    if not np.isfinite(found):
        raise InputError(
            f"metrics.{metric.name} returned {found:g} on {len(truth)} rows of random scores",
            "a metric must be a finite number wherever every class occurs",
        )
