"""Metrics of a classification: `truth` is 0 or 1, `prediction` the probability of 1."""

from dataclasses import dataclass

import numpy as np

from mlops_cli.domain.metrics.definition import Matrix, Vector, mean, ratio
from mlops_cli.domain.ranking import tied


def roc_auc(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """P(a 1 ranks above a 0), ties counting half (Mann-Whitney): 0.5 is chance, 1 is best."""
    ones, zeros = tied(truth, prediction, weights)
    below = np.cumsum(zeros, axis=1)
    total = below[:, -1].copy()
    below -= zeros / 2
    return ratio((ones * below).sum(axis=1), ones.sum(axis=1) * total)


def pr_auc(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
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


def accuracy(truth: Vector, prediction: Vector, weights: Matrix, threshold: float) -> Vector:
    """Share of rows whose class is right; 1 is best."""
    return mean(((prediction >= threshold) == truth).astype(float), weights)


def precision(truth: Vector, prediction: Vector, weights: Matrix, threshold: float) -> Vector:
    """TP / (TP + FP): share of the predicted 1s that are 1; 1 is best."""
    counts = _confusion(truth, prediction, weights, threshold)
    return ratio(counts.tp, counts.tp + counts.fp)


def recall(truth: Vector, prediction: Vector, weights: Matrix, threshold: float) -> Vector:
    """TP / (TP + FN): share of the 1s that are predicted; 1 is best."""
    counts = _confusion(truth, prediction, weights, threshold)
    return ratio(counts.tp, counts.tp + counts.fn)


def f1(truth: Vector, prediction: Vector, weights: Matrix, threshold: float) -> Vector:
    """2 TP / (2 TP + FP + FN): harmonic mean of precision and recall; 1 is best."""
    counts = _confusion(truth, prediction, weights, threshold)
    return ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


def mcc(truth: Vector, prediction: Vector, weights: Matrix, threshold: float) -> Vector:
    """Matthews 1975: correlation of predicted and true class; 0 is chance, 1 is best."""
    c = _confusion(truth, prediction, weights, threshold)
    sides = (c.tp + c.fp) * (c.tp + c.fn) * (c.tn + c.fp) * (c.tn + c.fn)
    return ratio(c.tp * c.tn - c.fp * c.fn, np.sqrt(sides))


def brier(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """Brier 1950: mean (p - y)^2; 0 is best, 0.25 is 'always 0.5'."""
    return mean((prediction - truth) ** 2, weights)


def log_loss(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """Mean -ln of the probability given to what happened; 0 is best, ln 2 is 'always 0.5'."""
    eps = np.finfo(np.float64).eps
    p = np.clip(prediction, eps, 1 - eps)
    return mean(-(truth * np.log(p) + (1 - truth) * np.log1p(-p)), weights)
