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

#: Resamples under no change, the grid points they use, and the most the statistic itself uses.
RESAMPLES = 2000
NULL_POINTS = 64
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
    """Return the Wasserstein-1 distance of two samples, in standard deviations of the reference.

    The integral of |F - G| over the values, clipped to the 0.1 to 99.9 % range of the reference,
    counted on at most 512 grid points (Ramdas et al. 2017, eq. 6). 0: the same; 1: as far as a
    shift by one standard deviation inside that range. A constant reference has none: the share of
    values that differ from the constant is compared instead (`jensen_shannon`).

    Args:
        reference: finite values, `(n,)`, at least one.
        current: finite values, `(m,)`, at least one.
        reference_size: independent reference rows, which may be fewer than rows.
        limits: when the distance is an alarm.
        generator: source of the resamples.
    """
    low, high = np.quantile(reference, (0.001, 0.999))
    if low == high:
        both = (reference, current)
        same, other = ([np.sum((part == low) == flag) for part in both] for flag in (True, False))
        counts = np.array([same, other], dtype=float)
        return jensen_shannon(counts[:, 0], counts[:, 1], reference_size, limits, generator)
    reference, current = np.clip(reference, low, high), np.clip(current, low, high)
    deviation = reference.std()
    grid = _grid(reference, current)
    shares = _shares(reference, grid)
    statistic = _area(shares - _shares(current, grid), grid) / deviation
    starts = np.unique(np.linspace(0, len(grid) - 1, NULL_POINTS).astype(int))
    null = _under_no_change(
        lambda first, second: _area(first - second, grid[starts]) / deviation,
        np.add.reduceat(shares, starts),
        (reference_size, len(current)),
        limits.alpha,
        generator,
    )
    return _judged("wasserstein", float(statistic), null, limits)


def jensen_shannon(
    reference: Vector,
    current: Vector,
    reference_size: int,
    limits: Limits,
    generator: np.random.Generator,
) -> Distance:
    """Return the Jensen-Shannon distance of two samples of words.

    The root of the divergence to base 2 (Endres and Schindelin 2003), as in scipy. 0: the same
    shares; 1: no word in common. Under no change every word has the smoothed share
    (count + 1/2) / (n + k/2), so that a word the reference happens to lack is not impossible.

    Args:
        reference: how often each word occurs, `(k,)`.
        current: the same, `(k,)`.
        reference_size: independent reference rows, which may be fewer than rows.
        limits: when the distance is an alarm.
        generator: source of the resamples.
    """
    statistic = _root_divergence(reference / reference.sum(), current / current.sum())
    smoothed = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    sizes = (reference_size, int(current.sum()))
    null = _under_no_change(_root_divergence, smoothed, sizes, limits.alpha, generator)
    return _judged("jensen_shannon", float(statistic), null, limits)


def _root_divergence(first: Array, second: Array) -> Array:
    middle = (first + second) / 2
    nats = (rel_entr(first, middle) + rel_entr(second, middle)).sum(axis=-1) / 2
    return np.asarray(np.sqrt(np.maximum(nats, 0) / np.log(2)))


def _grid(reference: Vector, current: Vector) -> Vector:
    """Return at most `GRID_POINTS` ascending points that follow both the values and their range."""
    distinct = np.unique(np.concatenate([reference, current]))
    if len(distinct) <= GRID_POINTS:
        return distinct
    half = GRID_POINTS // 2
    even = np.linspace(distinct[0], distinct[-1], half)
    return np.unique(np.concatenate([even, np.quantile(reference, np.linspace(0, 1, half))]))


def _shares(values: Vector, grid: Vector) -> Vector:
    """Return the share of the values nearest to each grid point."""
    nearest = np.searchsorted((grid[1:] + grid[:-1]) / 2, values)
    return np.bincount(nearest, minlength=len(grid)) / len(values)


def _area(difference: Matrix, grid: Vector) -> Vector:
    """Integrate |F - G| over the grid; `difference` is that of the shares, `(..., points)`."""
    return np.asarray(np.abs(np.cumsum(difference, axis=-1)[..., :-1]) @ np.diff(grid))


def _under_no_change(
    distance: Callable[[Matrix, Matrix], Vector],
    shares: Vector,
    sizes: tuple[int, int],
    alpha: float,
    generator: np.random.Generator,
) -> tuple[Vector, float]:
    """Draw both samples from the same shares, again and again.

    Returns:
        The distances `(RESAMPLES,)` and their 1 - alpha quantile.
    """
    shares = shares / shares.sum()
    first, second = (generator.multinomial(size, shares, RESAMPLES) / size for size in sizes)
    null = distance(first, second)
    return null, upper_quantile(null, alpha)


def upper_quantile(sample: Vector, tail: float) -> float:
    """Return the value that a share `tail` of the distribution behind `sample` exceeds.

    Where the sample holds fewer than three such values, the tail above its 95 % quantile is taken
    as exponential, which errs to larger values for the light tails of distances.

    >>> upper_quantile(np.arange(1001.0), 0.05)
    950.0
    >>> 1000 < upper_quantile(np.arange(1001.0), 0.001) < 1100
    True
    """
    if tail * len(sample) >= 3:
        return float(np.quantile(sample, 1 - tail))
    start = np.quantile(sample, 0.95)
    excess = np.mean(sample[sample > start] - start) if (sample > start).any() else 0.0
    return float(start + excess * np.log(0.05 / tail))


def _judged(method: str, statistic: float, null: tuple[Vector, float], limits: Limits) -> Distance:
    resampled, quantile = null
    reached = int((resampled >= statistic).sum())
    p_value = (reached + 1) / (len(resampled) + 1)
    return Distance(method, statistic, max(limits.min_effect, quantile), p_value)
