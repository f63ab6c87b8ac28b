"""The threshold that a rule finds, and what a threshold comes to."""

from dataclasses import dataclass

import numpy as np

from mlops_cli.config.deciding import ThresholdConfig
from mlops_cli.domain.metrics import Vector
from mlops_cli.domain.results.training import OperatingPoint


@dataclass(frozen=True)
class _Thresholds:
    """Every threshold that names other rows, ascending, each `(k,)`."""

    low: Vector
    """It lies above this..."""
    high: Vector
    """...and not above this."""
    found: Vector
    """1s that are named."""
    alarms: Vector
    """0s that are named."""


def threshold(rule: ThresholdConfig, truth: Vector, scores: Vector) -> float:
    """Return the threshold that a rule finds best on these rows; of several the highest.

    - cost: the least `false_positive` FP + `false_negative` FN.
    - f_beta: the highest (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP).
    - sensitivity: the highest threshold that finds `at_least` this share of the 1s.

    It lies between two scores, with no more digits than it takes.

    Args:
        rule: with its limits.
        truth: 0 and 1, both, `(n,)`.
        scores: probabilities of 1 for rows that the model has not seen, `(n,)`.

    >>> truth, scores = np.array([0.0, 0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.6, 0.9])
    >>> threshold(ThresholdConfig(rule="sensitivity", at_least=0.9), truth, scores)
    0.25
    >>> threshold(ThresholdConfig(rule="cost", false_positive=3, false_negative=1), truth, scores)
    0.75
    """
    options = _thresholds(truth, scores)
    best = int(np.flatnonzero(_worth(rule, options, float(truth.sum())))[-1])
    return _shortest(max(float(options.low[best]), 0.0), float(options.high[best]))


def _thresholds(truth: Vector, scores: Vector) -> _Thresholds:
    distinct, place = np.unique(scores, return_inverse=True)
    ones = np.bincount(place, weights=truth)
    zeros = np.bincount(place) - ones
    ends = np.concatenate([[-1.0], distinct, [1.0]])
    usable = ends[:-1] < ends[1:]  # none lies above a score of 1
    named = [np.append(np.cumsum(part[::-1])[::-1], 0.0)[usable] for part in (ones, zeros)]
    return _Thresholds(ends[:-1][usable], ends[1:][usable], *named)


def _worth(rule: ThresholdConfig, options: _Thresholds, ones: float) -> Vector:
    """Mark the thresholds that the rule takes for best, `(k,)`."""
    found, alarms = options.found, options.alarms
    if rule.rule == "sensitivity":
        return np.asarray(found / ones >= (rule.at_least or 0))
    if rule.rule == "cost":
        cost = alarms * (rule.false_positive or 0) + (ones - found) * (rule.false_negative or 0)
        return np.asarray(cost == cost.min())
    square = float(rule.beta or 1) ** 2
    score = (1 + square) * found / (found + alarms + square * ones)
    return np.asarray(score == score.max())


def _shortest(low: float, high: float) -> float:
    """Return the middle, rounded as far as it stays above `low` and not above `high`.

    Two digits are kept.

    >>> _shortest(0.3, 0.42), _shortest(0.1234, 0.1239)
    (0.36, 0.1236)
    """
    for digits in range(2, 17):
        rounded = round((low + high) / 2, digits)
        if low < rounded <= high:
            return rounded
    return high


def operating_point(limit: float, rule: str, truth: Vector, scores: Vector) -> OperatingPoint:
    """Return what a threshold comes to on rows of both classes.

    Args:
        limit: the threshold.
        rule: how it was found, in words.
        truth: 0 and 1, `(n,)`.
        scores: probabilities of 1, `(n,)`.

    >>> truth, scores = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.7, 0.4, 0.9])
    >>> operating_point(0.5, "fixed", truth, scores).sensitivity
    0.5
    """
    named = scores >= limit
    ones, found = float(truth.sum()), float(truth[named].sum())
    alarms = float(named.sum()) - found
    zeros = len(truth) - ones
    return OperatingPoint(
        threshold=limit,
        rule=rule,
        sensitivity=found / ones,
        specificity=1 - alarms / zeros,
        precision=found / (found + alarms) if named.any() else None,
        selected=float(named.mean()),
        rows=len(truth),
        positives=int(ones),
    )
