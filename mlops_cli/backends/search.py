"""Hyperopt: the tree-structured Parzen estimator over a space of parameters."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hyperopt import STATUS_OK, Trials, fmin, hp, space_eval, tpe

from mlops_cli.config.training import DimensionConfig, Parameter

Params = dict[str, float | int]


def minimise(
    loss: Callable[[Params], float],
    space: Mapping[Parameter, DimensionConfig],
    trials: int,
    seed: int,
    enough: Callable[[], bool] = lambda: False,
) -> Params:
    """Return the parameters with the lowest loss found; same seed and losses, same trials.

    A trial depends on the seed and the losses before it alone, so that a search of 50 trials begins
    with those of a search of 20. Whole-number dimensions come as int, so that XGBoost takes them.

    Args:
        loss: what a point costs.
        space: what is searched.
        trials: most points to try.
        seed: of everything random.
        enough: asked after each point whether to end.
    """
    logging.getLogger("hyperopt").setLevel(logging.WARNING)
    kinds: dict[str, str] = {name: each.scale for name, each in space.items()}

    def objective(point: Mapping[str, Any]) -> dict[str, Any]:
        return {"loss": loss(_cast(point, kinds)), "status": STATUS_OK}

    dimensions = {name: _dimension(name, dimension) for name, dimension in space.items()}
    best = fmin(
        objective,
        dimensions,
        algo=tpe.suggest,
        max_evals=trials,
        trials=Trials(),
        rstate=np.random.default_rng(seed),
        early_stop_fn=lambda _trials, *_: (enough(), []),
        show_progressbar=False,
        verbose=False,
    )
    return _cast(space_eval(dimensions, best), kinds)


def _dimension(name: str, dimension: DimensionConfig) -> Any:
    if dimension.low == dimension.high:
        return hp.choice(name, [dimension.low])
    if dimension.scale == "log":
        return hp.loguniform(name, np.log(dimension.low), np.log(dimension.high))
    if dimension.scale == "int":
        return hp.uniformint(name, int(dimension.low), int(dimension.high))
    return hp.uniform(name, dimension.low, dimension.high)


def _cast(point: Mapping[str, Any], kinds: Mapping[str, str]) -> Params:
    return {
        name: int(value) if kinds[name] == "int" else float(value) for name, value in point.items()
    }
