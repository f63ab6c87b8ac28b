"""scikit-learn: the linear model that a boosted one has to beat."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from mlops_cli.config import FeatureConfig, ModelConfig

Matrix = NDArray[np.float32]
Vector = NDArray[np.float64]


def fitted_scores(
    model: ModelConfig,
    features: Mapping[str, FeatureConfig],
    rows: Matrix,
    labels: Vector,
    others: Matrix,
) -> Vector:
    """Fit a ridge or an L2-penalised logistic regression and return its predictions for others.

    Of several classes the logistic regression is multinomial.

    Nothing is tuned: C = 1, alpha = 1. Missing numbers become the median of the training rows, with
    a column that says so; categories get a column for each word; numbers are standardised. One
    thread, so that the same rows give the same figures on every machine.

    Args:
        model: says whether it is a classification, and what bounds its output.
        features: the inputs, in the order of the columns.
        rows: encoded training rows, shape (rows, inputs), as `domain.encoding.encode` returns them.
        labels: of the training rows.
        others: encoded rows to predict.

    Returns:
        Probabilities of 1, or values, shape (others,); of several classes (others, classes).
    """
    left, right = _design(features, rows, others)
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if model.task != "regression":
            logistic = LogisticRegression(max_iter=1000).fit(left, labels)
            found = np.asarray(logistic.predict_proba(right), dtype=np.float64)
            return found[:, 1] if model.task == "classification" else _whole(found, logistic, model)
        # The direct solvers depend on nothing but the rows; the iterative ones draw at random.
        solver = "sparse_cg" if sparse.issparse(left) else "cholesky"
        predicted = Ridge(solver=solver).fit(left, labels).predict(right)
    lowest = 0.0 if model.output == "count" else -np.inf
    bounds = model.output_range or (lowest, np.inf)
    return np.clip(np.asarray(predicted, dtype=np.float64), *bounds)


def _whole(found: Vector, logistic: LogisticRegression, model: ModelConfig) -> Vector:
    """Give classes that no training row has their column, of zeros."""
    whole = np.zeros((len(found), len(model.labels.classes)))
    whole[:, logistic.classes_.astype(np.intp)] = found
    return whole


def _design(features: Mapping[str, FeatureConfig], rows: Matrix, others: Matrix) -> tuple[Any, Any]:
    """Return the columns of both tables as a linear model reads them, dense or sparse alike."""
    numbers: list[tuple[NDArray[np.float64], ...]] = []
    words: list[tuple[Any, ...]] = []
    for position, spec in enumerate(features.values()):
        pair = tuple(np.asarray(each[:, position], np.float64) for each in (rows, others))
        gaps = tuple(np.isnan(each) for each in pair)
        if spec.type == "category":
            words.append(tuple(_one_hot(each, len(spec.categories)) for each in pair))
        else:
            middle = float(np.median(pair[0][~gaps[0]])) if not gaps[0].all() else 0.0
            filled = (np.where(gap, middle, each) for gap, each in zip(gaps, pair, strict=True))
            numbers.append(_standardised(*filled))
        if gaps[0].any():
            numbers.append(_standardised(*(gap.astype(np.float64) for gap in gaps)))
    sides = [np.column_stack(each) for each in zip(*numbers, strict=True)]
    if not words:
        return sides[0], sides[1]
    hot = [sparse.hstack(each) for each in zip(*words, strict=True)]
    both = [sparse.hstack([a, b]) for a, b in zip(sides, hot, strict=True)] if sides else hot
    if both[0].shape[1] <= 200:
        return both[0].toarray(), both[1].toarray()
    return both[0].tocsr(), both[1].tocsr()


def _one_hot(codes: NDArray[np.float64], count: int) -> Any:
    known = np.flatnonzero(~np.isnan(codes))
    cells = (np.ones(len(known)), (known, codes[known].astype(np.intp)))
    return sparse.coo_array(cells, shape=(len(codes), count))


def _standardised(
    rows: NDArray[np.float64], others: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift and scale both to mean 0 and deviation 1 of the first; a constant says nothing."""
    middle, scale = rows.mean(), rows.std()
    if scale <= 1e-9 * abs(middle):  # the deviation of equal numbers is not always 0
        return np.zeros_like(rows), np.zeros_like(others)
    return (rows - middle) / scale, (others - middle) / scale
