"""Which trial is taken, and how much of its loss is the luck of the best of many."""

from collections.abc import Mapping, Sequence

import numpy as np

from mlops_cli.domain.metrics import Vector
from mlops_cli.domain.search.racing import difference
from mlops_cli.domain.search.trials import Trial

RESAMPLES = 1000
_STRONGER = ("min_child_weight", "reg_lambda", "gamma", "reg_alpha")


def lowest(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the lowest loss among those that had every fold; the first of equals.

    >>> first = Trial(1, {}, 0.5, np.zeros(1), 9, 5, False, 0.0)
    >>> stopped = Trial(2, {}, 0.4, np.zeros(1), 9, 2, True, 0.0)
    >>> lowest([first, stopped]).number
    1
    """
    return min((each for each in trials if not each.stopped), key=lambda each: each.loss)


def simplest(trials: Sequence[Trial], counts: Vector) -> Trial:
    """Return the simplest trial within one standard error of the lowest loss.

    The standard error is that of the paired difference (after Breiman et al. 1984, section 3.4.3,
    who take that of the loss itself: far wider, as it holds what all trials share). Simplest is,
    in this order: fewest leaves a tree may have; largest min_child_weight; largest reg_lambda,
    gamma and reg_alpha; lowest loss.

    Args:
        trials: all trials.
        counts: rows of each block, `(G,)`.

    >>> ones, noise = np.ones(100), np.tile([0.0, 0.2], 50)
    >>> deep = Trial(1, {"max_depth": 6}, 0.50, 0.5 * ones, 9, 5, False, 0.0)
    >>> near = Trial(2, {"max_depth": 3}, 0.505, 0.405 * ones + noise, 9, 5, False, 0.0)
    >>> poor = Trial(3, {"max_depth": 2}, 0.60, 0.6 * ones, 9, 5, False, 0.0)
    >>> simplest([deep, near, poor], ones).number
    2
    """
    best = lowest(trials)

    def close(trial: Trial) -> bool:
        mean, error = difference(trial.sums, best.sums, counts)
        return mean <= error

    return min((each for each in trials if not each.stopped and close(each)), key=_complexity)


def _complexity(trial: Trial) -> tuple[float, ...]:
    return (
        leaves(trial.params),
        *(-trial.params.get(name, 0.0) for name in _STRONGER),
        trial.loss,
    )


def leaves(params: Mapping[str, float | int]) -> float:
    """Return the most leaves a tree of these parameters can have.

    >>> leaves({"max_depth": 3}), leaves({"max_depth": 0, "max_leaves": 20}), leaves({})
    (8.0, 20.0, 64.0)
    """
    depth, most = params.get("max_depth", 6), params.get("max_leaves", 0)
    return float(min(2.0**depth if depth else np.inf, most or np.inf))


def optimism(trials: Sequence[Trial], counts: Vector, seed: int) -> float | None:
    """Return how much higher the loss of the winner will be on new entities than it was found.

    The lowest of many losses is low by luck, too. Blocks of entities are drawn with replacement;
    the winner on those drawn is judged on the others, and the mean of that is held against the
    lowest loss (bootstrap bias corrected cross-validation, Tsamardinos et al. 2018; the estimate of
    Tibshirani and Tibshirani 2009, from the folds alone, comes out higher). What is taken within
    one standard error of the winner is less of a winner, and less optimistic. That each fold stops
    at its own best number of trees is luck, too, and not in it.

    Args:
        trials: all trials; those that were stopped could not win and are left out.
        counts: rows of each block, `(G,)`.
        seed: the same seed gives the same resamples.

    Returns:
        The optimism in units of the loss, at least 0; None where there is nothing to choose from.

    >>> drawn = np.random.default_rng(0).normal(1, 1, (2, 100))
    >>> pair = [Trial(n, {}, each.mean(), each, 9, 5, False, 0.0) for n, each in enumerate(drawn)]
    >>> 0 < optimism(pair, np.ones(100), seed=7) < 0.2
    True
    """
    whole = [each for each in trials if not each.stopped]
    blocks = len(counts)
    if len(whole) < 2 or blocks < 2:
        return None
    sums = np.stack([each.sums for each in whole], axis=1)
    drawn = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), RESAMPLES)
    left = (drawn == 0).astype(float)
    inside = drawn @ sums
    outside = left @ sums / np.maximum(left @ counts, 1)[:, np.newaxis]
    winners = inside.argmin(axis=1)
    judged = outside[np.arange(RESAMPLES), winners]
    found = judged[left.any(axis=1)].mean() - lowest(whole).loss
    return max(0.0, float(found))
