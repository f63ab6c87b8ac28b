"""How far apart two samples are, and how far apart they would be without any change.

A distance between samples is never 0: with 100 rows the same population shows a Jensen-Shannon
distance of 0.1 and more. The threshold is therefore the larger of the smallest effect that matters
and the quantile of the distance under no change, drawn anew for these sample sizes and this column.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr

from mlops_cli.domain.metrics import Array, Matrix, Vector

#: Resamples under no change, and the most grid points they and the statistic itself use.
RESAMPLES = 2000
NULL_POINTS = 128
GRID_POINTS = 512


@dataclass(frozen=True)
class Limits:
    """What makes a distance an alarm."""

    alpha: float
    """False alarm rate of this one check."""
    min_effect: float
    """Smaller distances are no drift, however significant."""


@dataclass(frozen=True)
class Distance:
    """A distance with its threshold and the share of resamples under no change that reach it."""

    method: str
    statistic: float
    threshold: float
    p_value: float


def wasserstein(
    reference: Vector,
    current: Vector,
    reference_size: int,
    limits: Limits,
    generator: np.random.Generator,
) -> Distance:
    """Return the Wasserstein-1 distance of two samples of numbers, in reference standard deviations.

    The integral of |F - G| over the values, clipped to the 0.1 to 99.9 % range of the reference,
    counted on at most 512 grid points (Ramdas et al. 2017, eq. 6). 0: the same; 1: as far as a
    shift by one standard deviation. A constant reference has none: the share of values that
    differ from the constant is compared instead (`jensen_shannon`).

    Args:
        reference: finite values, `(n,)`, at least one.
        current: finite values, `(m,)`, at least one.
        reference_size: independent reference rows, which may be fewer than rows.
        limits: when the distance is an alarm.
        generator: source of the resamples.
    """
    low, high = _range(reference)
    reference, current = np.clip(reference, low, high), np.clip(current, low, high)
    deviation = float(reference.std())
    if low == high:
        counts = [np.array([(part == low).sum(), (part != low).sum()]) for part in (reference, current)]
        return jensen_shannon(counts[0], counts[1], reference_size, limits, generator)
    grid = _grid(reference, current)
    shares = _shares(reference, grid)
    statistic = _area(shares - _shares(current, grid), grid) / deviation

    def distance(first: Matrix, second: Matrix) -> Vector:
        return _area(first - second, grid[starts]) / deviation

    starts = np.arange(0, len(grid), -(-len(grid) // NULL_POINTS))
    coarse = np.add.reduceat(shares, starts)
    sizes = (reference_size, len(current))
    null = _under_no_change(distance, coarse, sizes, limits.alpha, generator)
    return _judged("wasserstein", float(statistic), null, limits)
