"""Metrics of a regression: `truth` and `prediction` are numbers."""

import numpy as np

from mlops_cli.domain.metrics.definition import Matrix, Vector, mean, ratio


def rmse(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """Root of the mean squared error, in units of the label; 0 is best."""
    return np.asarray(np.sqrt(mean((truth - prediction) ** 2, weights)))


def mae(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """Mean absolute error, in units of the label; 0 is best."""
    return mean(np.abs(truth - prediction), weights)


def r2(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """1 - SSE / SST: share of the variance explained; 1 is best, 0 is 'always the mean'.

    Undefined where the labels do not vary (SST below the rounding error of the sum of squares).
    """
    centred = truth - truth.mean()
    squares = weights @ centred**2
    total = squares - ratio((weights @ centred) ** 2, weights.sum(axis=1))
    total = np.where(total > 1e-12 * squares, total, 0.0)
    return 1 - ratio(weights @ (truth - prediction) ** 2, total)


def mape(truth: Vector, prediction: Vector, weights: Matrix, _threshold: float) -> Vector:
    """Mean |y - p| / |y|; 0 is best. Undefined where a label is 0."""
    zero = truth == 0
    error = np.abs(truth - prediction) / np.where(zero, 1.0, np.abs(truth))
    return np.where(weights[:, zero].sum(axis=1) > 0, np.nan, mean(error, weights))
