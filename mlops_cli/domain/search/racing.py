"""A trial that cannot win any more gets no further folds."""

import numpy as np

from mlops_cli.domain.metrics import Vector
from mlops_cli.domain.search.losses import Blocks

STANDARD_ERRORS = 2.0
"""How far behind a trial must be.

In 3,000 races of 30 random trials on three tables nobody who would have won was stopped; at 1.5 it
was one winner in ten on one of them (benchmarks/racing.py).
"""
FEWEST = 30
"""Blocks under which no standard error is trusted and no trial is stopped."""


def difference(sums: Vector, best: Vector, counts: Vector) -> tuple[float, float]:
    """Return how much higher a mean loss is than that of the best, and the standard error.

    The mean is a ratio of sums over blocks of whole entities (Cochran 1977, section 6.4).

    Args:
        sums: losses of the trial summed by block, `(G,)`.
        best: those of the other, `(G,)`.
        counts: rows of each block, `(G,)`.

    >>> difference(np.array([2.0, 4.0]), np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    (1.0, 0.0)
    """
    apart, blocks = sums - best, len(sums)
    mean = float(apart.sum() / counts.sum())
    spread = float(((apart - mean * counts) ** 2).sum())
    return mean, float(np.sqrt(spread * blocks / max(1, blocks - 1)) / counts.sum())


def behind(sums: Vector, best: Vector, blocks: Blocks) -> bool:
    """Tell whether a trial is out: over two standard errors behind the best on the folds so far.

    With fewer than 30 blocks nobody is: the folds are small then, and quickly fitted.

    Args:
        sums: losses of the trial by block, of its first folds.
        best: losses of the best trial so far by block, of all folds.
        blocks: the blocks of the training set.

    >>> many = Blocks(np.arange(40), np.ones(40), (40,))
    >>> behind(np.tile([0.5, 0.7], 20), np.tile([0.5, 0.6], 20), many)
    True
    >>> behind(np.tile([0.5, 0.7], 20), np.tile([0.7, 0.5], 20), many)
    False
    """
    seen = len(sums)
    if seen < FEWEST:
        return False
    mean, error = difference(sums, best[:seen], blocks.counts[:seen])
    return mean > STANDARD_ERRORS * error


def expected(sums: Vector, best: Vector, blocks: Blocks) -> float:
    """Return the mean loss a stopped trial would have: that of the best, and what it is behind.

    >>> pair = Blocks(np.arange(4), np.ones(4), (2, 4))
    >>> expected(np.array([3.0, 3.0]), np.array([1.0, 1.0, 2.0, 2.0]), pair)
    3.5
    """
    seen = len(sums)
    mean, _ = difference(sums, best[:seen], blocks.counts[:seen])
    return float(best.sum() / blocks.counts.sum() + mean)
