"""A share of rows with its interval, where the rows are not all independent."""

import math

import numpy as np

from mlops_cli.domain.point_in_time import Int64s
from mlops_cli.domain.results.judging import Interval

_Z = 1.959963984540054


def effective_rows(groups: Int64s) -> float:
    """Return how many independent rows as much is known from: (sum n)^2 / sum n^2 (Kish 1965).

    Args:
        groups: A number for each row; rows with the same number count as one observation.

    >>> effective_rows(np.array([0, 1, 2])), effective_rows(np.array([0, 0, 0]))
    (3.0, 1.0)
    """
    _, sizes = np.unique(groups, return_counts=True)
    return float(sizes.sum()) ** 2 / float((sizes.astype(float) ** 2).sum()) if len(sizes) else 0.0


def wilson(share: float, rows: float) -> Interval:
    """Return a share with its 95 % score interval (Wilson 1927; Brown, Cai, DasGupta 2001).

    Args:
        share: Between 0 and 1.
        rows: Independent rows it was counted in, more than 0; need not be whole.

    >>> found = wilson(0.0, 100)
    >>> found.low, round(found.high, 3)
    (0.0, 0.037)
    """
    square = _Z * _Z / rows
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    # Rounding must not lift the end of an interval off 0 or 1.
    low = 0.0 if share == 0 else max(0.0, middle - half)
    high = 1.0 if share == 1 else min(1.0, middle + half)
    return Interval(share, low, high)


def detectable(rows: float, limit: float) -> float:
    """Return the smallest share whose interval would be above the limit: one row at least.

    The interval is a score test turned round, so this is the edge of that test.

    >>> round(detectable(100, 0.01), 4), detectable(100, 0.0), detectable(0, 0.01)
    (0.0295, 0.01, 1.0)
    """
    if rows <= 0:
        return 1.0
    return min(1.0, max(1 / rows, limit + _Z * math.sqrt(limit * (1 - limit) / rows)))
