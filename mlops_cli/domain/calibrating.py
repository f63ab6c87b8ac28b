"""Whether a calibration helps on rows it has not seen, and which."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_cli.config.deciding import Calibrating
from mlops_cli.domain import metrics
from mlops_cli.domain.calibration import (
    Calibration,
    Platt,
    fit_isotonic,
    fit_platt,
    fit_temperature,
)
from mlops_cli.domain.metrics import Array, MetricDefinition, Vector, multiclass
from mlops_cli.domain.results.training import CalibrationChoice, CalibrationTrial
from mlops_cli.domain.split import entity_codes

MANY_ROWS = 1000
"""With fewer, the steps of an isotonic curve cost more in ranking than they bring."""

RANKING = {"roc_auc", "pr_auc"}
"""Metrics that go by the order of the scores alone."""

Folds = npt.NDArray[np.int64]
_FITS: dict[str, Callable[[Vector, Vector], Calibration]] = {
    "platt": fit_platt,
    "isotonic": fit_isotonic,
    "temperature": fit_temperature,
}


@dataclass(frozen=True)
class Calibrated:
    """The calibration of a model, and the evidence for it."""

    calibration: Calibration | None
    choice: CalibrationChoice


def choose(
    asked: Calibrating,
    scores: Vector,
    truth: Vector,
    entities: Array,
    folds: Folds,
    distorted: bool = False,
) -> Calibrated:
    """Fit the calibration asked for; for `auto` the simplest that no other is shown to beat.

    `auto` goes from none over Platt to isotonic (over `MANY_ROWS` rows), for several classes from
    none to temperature, and takes the next where its log loss on unseen rows is lower by more than
    the standard error of the difference, entities counting as one observation. Scores that are
    known to be distorted it never leaves as they are.

    Args:
        asked: the method, or auto.
        scores: predictions for unseen rows, `(n,)` or `(n, classes)`.
        truth: 0 and 1, or positions of classes, `(n,)`.
        entities: what each row is about, `(n,)`.
        folds: the fold of each row, `(n,)`; whole entities.
        distorted: whether the model was trained to give other scores than probabilities.
    """
    methods = ["platt", *(["isotonic"] if len(truth) > MANY_ROWS else [])]
    if scores.ndim == 2:
        methods = ["temperature"]
    if asked != "auto":
        methods = [each for each in _FITS if each == asked]
    plain = _losses(scores, truth)
    best, losses, trials = "none", plain, []
    for method in methods:
        tried = _losses(across(method, scores, truth, folds), truth)
        gain, error = _difference(plain, tried, entities)
        trials.append(CalibrationTrial(method, float(tried.mean()), gain, error))
        better, doubt = _difference(losses, tried, entities)
        if asked == method or better > doubt or (distorted and method == "platt"):
            best, losses = method, tried
    fitted = None if best == "none" else _FITS[best](scores, truth)
    if isinstance(fitted, Platt) and fitted.slope <= 0:  # it would turn the ranking round
        best, fitted = "none", None
    return Calibrated(fitted, CalibrationChoice(asked, best, float(plain.mean()), tuple(trials)))


def across(method: str, scores: Vector, truth: Vector, folds: Folds) -> Vector:
    """Return scores calibrated by what was fitted on the other folds; none changes nothing.

    >>> across("none", np.array([0.2, 0.8]), np.array([0.0, 1.0]), np.array([0, 1])).tolist()
    [0.2, 0.8]
    """
    if method == "none":
        return scores
    calibrated = np.empty(scores.shape)
    for number in np.unique(folds):
        held = folds == number
        calibrated[held] = _FITS[method](scores[~held], truth[~held]).apply(scores[held])
    return calibrated


def _losses(scores: Vector, truth: Vector) -> Vector:
    """Return the log loss of each row, `(n,)`."""
    if scores.ndim == 2:
        return multiclass.row_losses(truth, scores)
    given = np.where(truth == 1, scores, 1 - scores)
    return np.asarray(-np.log(np.maximum(given, np.finfo(np.float64).eps)))


def _difference(before: Vector, after: Vector, entities: Array) -> tuple[float, float]:
    """Return how much lower the mean is, and its standard error over whole entities.

    >>> _difference(np.array([3.0, 3, 1]), np.array([2.0, 2, 0]), np.array(["a", "a", "b"]))
    (1.0, 0.0)
    """
    codes, distinct = entity_codes(entities)
    gains, count = before - after, len(distinct)
    mean = float(gains.mean())
    sums = np.bincount(codes, weights=gains - mean)
    spread = float((sums**2).sum()) * count / max(count - 1, 1)
    return mean, float(np.sqrt(spread)) / len(gains)


def pooled_metrics(
    wanted: Collection[MetricDefinition],
    labels: Vector,
    scores: Vector,
    calibrated: Vector,
    threshold: float,
) -> dict[str, float]:
    """Return metrics of out of fold predictions that were calibrated fold by fold.

    Each fold has a calibration of its own, which keeps the order within the fold and disturbs it
    across them. What goes by the order alone is therefore taken from the scores as they were. With
    several classes a temperature moves the order of the rows itself, and nothing is.

    Args:
        wanted: The metrics, all of one task.
        labels: The truth, shape (rows,).
        scores: Out of fold, as the trees gave them.
        calibrated: The same, calibrated.
        threshold: From which probability the predicted class is 1.
    """
    found = metrics.evaluate(wanted, labels, calibrated, threshold)
    by_order = [each for each in wanted if each.name in RANKING] if scores.ndim == 1 else []
    return found | metrics.evaluate(by_order, labels, scores, threshold)
