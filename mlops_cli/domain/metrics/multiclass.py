"""Metrics of several classes: `truth` is the position of a class, `prediction` `(n, classes)`.

What averages over classes takes those that occur in the weighted rows, each counting the same.
"""

import numpy as np

from mlops_cli.domain.metrics import binary
from mlops_cli.domain.metrics.definition import Array, Matrix, Vector, mean, ratio


def one_hot(codes: Array, classes: int) -> Matrix:
    """Return 1 where a row is of a class, else 0, `(n, classes)`.

    >>> one_hot(np.array([1.0, 0.0]), 3).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    return np.asarray(codes[:, np.newaxis] == np.arange(classes), dtype=np.float64)


def named(prediction: Matrix) -> Vector:
    """Return the position of the likeliest class of each row, of equals the first, `(n,)`.

    >>> named(np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])).tolist()
    [1.0, 0.0]
    """
    return np.asarray(prediction.argmax(axis=1), dtype=np.float64)


def roc_auc(truth: Vector, prediction: Matrix, weights: Matrix, threshold: float) -> Vector:
    """Mean over the classes of the AUC of each against the rest: 0.5 is chance, 1 is best.

    Macro-averaged one-vs-rest (Fawcett 2006, section 9.2, with equal weights).
    """
    found = np.stack(
        [
            binary.roc_auc((truth == each).astype(float), column, weights, threshold)
            for each, column in enumerate(prediction.T)
        ]
    )
    return _over_classes(found)


def accuracy(truth: Vector, prediction: Matrix, weights: Matrix, _threshold: float) -> Vector:
    """Share of rows whose likeliest class is right; 1 is best."""
    return mean((named(prediction) == truth).astype(float), weights)


def _f1(truth: Vector, prediction: Matrix, weights: Matrix) -> tuple[Matrix, Matrix]:
    """Return F1 of each class, nan where it neither occurs nor is named, and its weight."""
    classes = prediction.shape[1]
    true, said = one_hot(truth, classes), one_hot(named(prediction), classes)
    rows = weights @ true
    return ratio(2 * (weights @ (true * said)), rows + weights @ said).T, rows.T


def f1_macro(truth: Vector, prediction: Matrix, weights: Matrix, _threshold: float) -> Vector:
    """Mean over the classes of 2 TP / (2 TP + FP + FN); 1 is best."""
    return _over_classes(_f1(truth, prediction, weights)[0])


def f1_weighted(truth: Vector, prediction: Matrix, weights: Matrix, _threshold: float) -> Vector:
    """As f1_macro, each class counting by its rows; 1 is best."""
    found, rows = _f1(truth, prediction, weights)
    return ratio((np.nan_to_num(found) * rows).sum(axis=0), rows.sum(axis=0))


def mcc(truth: Vector, prediction: Matrix, weights: Matrix, _threshold: float) -> Vector:
    """Gorodkin 2004: correlation of predicted and true class; 0 is chance, 1 is best."""
    classes, said = prediction.shape[1], named(prediction)
    right, rows = weights @ (said == truth).astype(float), weights.sum(axis=1)
    true, told = weights @ one_hot(truth, classes), weights @ one_hot(said, classes)
    spread = [rows**2 - (part**2).sum(axis=1) for part in (true, told)]
    return ratio(right * rows - (true * told).sum(axis=1), np.sqrt(spread[0] * spread[1]))


def brier(truth: Vector, prediction: Matrix, weights: Matrix, _threshold: float) -> Vector:
    """Brier 1950: mean over the rows of sum (p_k - y_k)^2; 0 is best, 2 is worst."""
    error = (prediction - one_hot(truth, prediction.shape[1])) ** 2
    return mean(error.sum(axis=1), weights)


def row_losses(truth: Vector, prediction: Matrix) -> Vector:
    """Return -ln of the probability given to what happened, row by row, `(n,)`.

    >>> row_losses(np.array([1.0]), np.array([[0.2, 0.5, 0.3]])).round(3).tolist()
    [0.693]
    """
    given = prediction[np.arange(len(truth)), truth.astype(np.intp)]
    return np.asarray(-np.log(np.maximum(given, np.finfo(np.float64).eps)))


def log_loss(truth: Vector, prediction: Matrix, weights: Matrix, _threshold: float) -> Vector:
    """Mean -ln of the probability given to what happened; 0 is best, ln K is 'always 1/K'."""
    return mean(row_losses(truth, prediction), weights)


def _over_classes(found: Matrix) -> Vector:
    """Return the mean over the classes, `(classes, B)` to `(B,)`, leaving out the undefined."""
    known = np.isfinite(found)
    return ratio(np.where(known, found, 0.0).sum(axis=0), known.sum(axis=0))
