"""Predictions in ascending order, for the metrics that only ask which row ranks above which."""

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Ranks = npt.NDArray[np.intp]


def tied(truth: Vector, prediction: Vector, weights: Matrix) -> tuple[Matrix, Matrix]:
    """Sum the weights of the 1s and of the 0s for each distinct prediction, in ascending order.

    Args:
        truth: 0 and 1, `(n,)`.
        prediction: any numbers, `(n,)`.
        weights: B weightings of the rows, `(B, n)`.

    Returns:
        Two matrices `(B, distinct)`.

    >>> ones, zeros = tied(np.array([1.0, 0, 1]), np.array([0.7, 0.2, 0.2]), np.ones((1, 3)))
    >>> ones.tolist(), zeros.tolist()
    ([[1.0, 1.0]], [[1.0, 0.0]])
    """
    order, starts = _ranked(prediction)
    every = np.take(weights, order, axis=1)
    ones = every * truth[order]
    if len(starts) < len(order):
        every = np.add.reduceat(every, starts, axis=1)
        ones = np.add.reduceat(ones, starts, axis=1)
    every -= ones
    return ones, every


_KNOWN: list[tuple[Vector, Ranks, Ranks]] = []


def _ranked(prediction: Vector) -> tuple[Ranks, Ranks]:
    """Return the ascending order, and where in it each distinct value begins.

    Resamples come a few at a time, always with the same predictions: the order of the last two that
    nobody can write to, as `checked` returns them, is remembered.
    """
    for known, order, starts in _KNOWN:
        if known is prediction:
            return order, starts
    order = np.argsort(prediction, kind="stable")
    ranked = prediction[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    if not prediction.flags.writeable:
        _KNOWN[:] = [*_KNOWN[-1:], (prediction, order, starts)]
    return order, starts
