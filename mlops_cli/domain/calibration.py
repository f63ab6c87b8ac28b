"""From a model's scores to probabilities that come true as often as they say.

A calibration is fitted on predictions for unseen rows and kept as plain numbers. It never turns the
ranking round. Trees trained with class weights, and trees stopped early, need one most. For two
classes scores are `(n,)`, for several `(n, classes)`.
"""

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit, logsumexp, softmax

from mlops_cli.config.section import Section

Vector = npt.NDArray[np.float64]

_EDGE = 1e-7
"""Scores are single precision: nearer to 0 or 1 they are taken for this, and log odds for 16."""


class Platt(Section):
    """A straight line through the log odds (Platt 1999): p = 1 / (1 + exp(-(a x + b)))."""

    method: Literal["platt"] = "platt"
    slope: float
    """Above 1 where the scores were too cautious, below where they were too sure."""
    intercept: float

    def apply(self, scores: Vector) -> Vector:
        """Return the probabilities for scores, `(n,)`.

        >>> Platt(slope=1, intercept=0).apply(np.array([0.25])).round(9)
        array([0.25])
        """
        return np.asarray(expit(self.slope * _log_odds(scores) + self.intercept))


class Isotonic(Section):
    """A rising curve through these points, straight between them, level outside."""

    method: Literal["isotonic"] = "isotonic"
    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def apply(self, scores: Vector) -> Vector:
        """Return the probabilities for scores, `(n,)`.

        >>> Isotonic(scores=(0.2, 0.4), probabilities=(0.1, 0.3)).apply(np.array([0.0, 0.3, 0.9]))
        array([0.1, 0.2, 0.3])
        """
        return np.interp(scores, self.scores, self.probabilities)


class Temperature(Section):
    """Every log probability times one number (Guo et al. 2017): p_k ~ s_k ** sharpness."""

    method: Literal["temperature"] = "temperature"
    sharpness: float
    """1 / T: above 1 where the scores were too cautious, below where they were too sure."""

    def apply(self, scores: Vector) -> Vector:
        """Return the probabilities for scores, `(n, classes)`; the likeliest class stays so.

        >>> Temperature(sharpness=2).apply(np.array([[0.25, 0.25, 0.5]])).round(3).tolist()
        [[0.167, 0.167, 0.667]]
        """
        return np.asarray(softmax(self.sharpness * _logs(scores), axis=1))


Calibration = Annotated[Platt | Isotonic | Temperature, Field(discriminator="method")]


def _logs(scores: Vector) -> Vector:
    return np.log(np.maximum(scores, _EDGE))


def _log_odds(scores: Vector) -> Vector:
    return np.asarray(logit(np.clip(scores, _EDGE, 1 - _EDGE)))


def _extremes(truth: Vector) -> tuple[float, float]:
    """Return the lowest and the highest probability that so many 0s and 1s can bear (Platt)."""
    ones = float(truth.sum())
    zeros = len(truth) - ones
    return 1 / (zeros + 2), (ones + 1) / (ones + 2)


def fit_platt(scores: Vector, truth: Vector) -> Platt:
    """Fit slope and intercept by Newton's method with step halving (Lin, Lin and Weng 2007).

    The labels are drawn in to what so many of them can bear, so that the fit is finite where the
    scores separate the classes.

    Args:
        scores: predictions for unseen rows, `(n,)`.
        truth: 0 and 1, `(n,)`.

    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0.05, 0.95, 20_000)
    >>> fitted = fit_platt(expit(2 * logit(p)), (rng.random(20_000) < p).astype(float))
    >>> round(fitted.slope, 1), round(fitted.intercept, 1)
    (0.5, 0.0)
    """
    odds, (low, high) = _log_odds(scores), _extremes(truth)
    target = np.where(truth == 1, high, low)
    level = float(logit(target.mean()))
    if np.ptp(odds) == 0:
        return Platt(slope=1.0, intercept=_rounded(level - float(odds[0])))

    def loss(line: Vector) -> float:
        margin = line[0] * odds + line[1]
        return float((np.logaddexp(0, margin) - target * margin).sum())

    line = np.array([0.0, level])
    for _ in range(100):
        expected = expit(line[0] * odds + line[1])
        slack, spread = expected - target, expected * (1 - expected)
        gradient = np.array([(slack * odds).sum(), slack.sum()])
        mixed = (spread * odds).sum()
        curvature = np.array([[(spread * odds**2).sum(), mixed], [mixed, spread.sum()]])
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), -gradient)
        falls = float((gradient * step).sum())
        here, size = loss(line), 1.0
        while size > 1e-9 and loss(line + size * step) > here + 1e-4 * size * falls:
            size /= 2
        if size <= 1e-9 or -falls < 1e-12:
            break
        line = line + size * step
    return Platt(slope=_rounded(line[0]), intercept=_rounded(line[1]))


def fit_temperature(scores: Vector, truth: Vector) -> Temperature:
    """Find the sharpness of the least log loss, which is convex in it, between 1/20 and 20.

    Args:
        scores: predictions for unseen rows, `(n, classes)`.
        truth: positions of the classes, `(n,)`.

    >>> rng = np.random.default_rng(0)
    >>> p = rng.dirichlet((1, 1, 1), 20_000)
    >>> truth = np.array([rng.choice(3, p=each) for each in p], dtype=float)
    >>> round(fit_temperature(softmax(2 * np.log(p), axis=1), truth).sharpness, 1)
    0.5
    """
    logs = _logs(scores)
    own = logs[np.arange(len(truth)), truth.astype(np.intp)]

    def loss(power: float) -> float:
        sharpness = np.exp(power)
        return float((logsumexp(sharpness * logs, axis=1) - sharpness * own).mean())

    limit = float(np.log(20))
    found = minimize_scalar(loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-6})
    return Temperature(sharpness=_rounded(float(np.exp(found.x)), digits=5))


def _rounded(value: float, digits: int = 9) -> float:
    """Leave out the digits in which two processors may differ."""
    return float(f"{value:.{digits}g}")


def fit_isotonic(scores: Vector, truth: Vector) -> Isotonic:
    """Fit the rising curve that is nearest to the labels, by pooling adjacent violators.

    Its ends are drawn in to what so many labels can bear: a probability of 0 or 1 would be refuted
    by one row.

    >>> fitted = fit_isotonic(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 1.0, 0.0, 1.0]))
    >>> fitted.scores, fitted.probabilities
    ((0.1, 0.2, 0.3, 0.4), (0.25, 0.5, 0.5, 0.75))
    """
    distinct, place = np.unique(scores, return_inverse=True)
    blocks = _pooled(np.bincount(place, weights=truth).tolist(), np.bincount(place).tolist())
    low, high = _extremes(truth)
    knots: dict[float, float] = {}
    for first, last, ones, rows in blocks:
        for at in (first, last):
            knots[float(distinct[at])] = min(max(ones / rows, low), high)
    return Isotonic(scores=tuple(knots), probabilities=tuple(knots.values()))


def _pooled(ones: list[float], rows: list[int]) -> list[tuple[int, int, float, int]]:
    """Join neighbours until the share of 1s rises: (first, last, ones, rows) of each block."""
    blocks: list[tuple[int, int, float, int]] = []
    for at, (one, row) in enumerate(zip(ones, rows, strict=True)):
        first, last, hits, count = at, at, one, row
        while blocks and blocks[-1][2] * count >= hits * blocks[-1][3]:
            first, _, before, size = blocks.pop()
            hits, count = hits + before, count + size
        blocks.append((first, last, hits, count))
    return blocks
