"""What other splits say of the final parameters: a site left out, and rows that were mixed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.backends import estimator
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain import metrics, resampling, split
from mlops_cli.domain.encoding import encode
from mlops_cli.domain.missing import with_fills
from mlops_cli.domain.results import SiteValue
from mlops_cli.services.training.dataset import TrainingSet

Mask = NDArray[np.bool_]

MOST_SITES = 20
"""Each costs a fit: beyond the largest ones they are not left out."""

MIN_ENTITIES = 20
"""As in the gates: fewer decide nothing."""

MIN_OF_A_CLASS = 5


def naive(
    config: Config, name: str, data: TrainingSet, params: Mapping[str, Any], repeats: int
) -> dict[str, float] | None:
    """Cross-validate the parameters as if each row were an entity: what a row split would claim.

    The difference to the honest cross-validation, over as many draws of folds, is the split alone.

    Args:
        config: The project.
        name: Of the model.
        data: Its training set.
        params: All that XGBoost is given, without the number of trees.
        repeats: How many draws of folds.

    Returns:
        Every metric out of fold, mean over the repetitions, or None where each entity has one row
        and the claim is honest.
    """
    model = config.models[name]
    entities, labels = data.entities[~data.held], data.labels[~data.held]
    if len(set(entities)) == len(entities):
        return None
    rows = encode(data.frame[~data.held], data.inputs)
    single = np.arange(len(rows)).astype(str)
    scored = []
    for seed in range(config.seed, config.seed + repeats):
        classes = model.task == "classification"
        folds = split.grouped_folds(single, labels, model.search.folds, seed, stratify=classes)
        parts = estimator.Folds(rows, labels, folds, data.inputs)
        found = parts.score(params, model.search.max_rounds, model.search.patience).out_of_fold
        scored.append(metrics.evaluate(model.task, labels, found, model.threshold))
    return {key: float(np.mean([each[key] for each in scored])) for key in scored[0]}


def left_out(
    config: Config, name: str, data: TrainingSet, params: Mapping[str, Any], rounds: int
) -> tuple[SiteValue, ...]:
    """Refit the parameters without each site in turn, the largest first, and measure there.

    Trained is on the training rows of the other sites, without any entity of the site; measured on
    all rows of the site. The parameters were chosen with the site's training rows among the others.
    """
    if data.sites is None:
        return ()
    model, found = config.models[name], []
    sites, sizes = np.unique(data.sites.astype(str), return_counts=True)
    for position, at in enumerate(np.lexsort((sites, -sizes))):
        here = data.sites == sites[at]
        others = ~data.held & ~pd.Index(data.entities).isin(data.entities[here])
        problem = _problem(model, data, here, others)
        if position >= MOST_SITES:
            problem = f"not among the {MOST_SITES} largest sites"
        scores = None if problem else _scores(model, data, here, others, params, rounds)
        found.append(_measured(config, name, data, str(sites[at]), scores, problem))
    return tuple(found)


def _problem(model: ModelConfig, data: TrainingSet, here: Mask, others: Mask) -> str:
    """Say why the site cannot be measured, or the rest not be learnt from; empty if neither."""
    who, truth = data.entities[here], data.labels[here]
    count = len(set(who))
    if count < MIN_ENTITIES:
        return f"too few: {count} of {MIN_ENTITIES} entities"
    if not others.any():
        return "no training row elsewhere"
    if model.task == "classification":
        fewer = min(len(set(who[truth == label])) for label in (0, 1))
        if fewer < MIN_OF_A_CLASS:
            return f"too few: {fewer} of {MIN_OF_A_CLASS} entities of a class"
        if len(set(data.labels[others])) < 2:
            return "one class only elsewhere"
    return ""


def _scores(
    model: ModelConfig,
    data: TrainingSet,
    here: Mask,
    others: Mask,
    params: Mapping[str, Any],
    rounds: int,
) -> NDArray[np.float64]:
    """Fit the other sites, gaps filled from them alone, and predict the rows of this one."""
    split.assert_disjoint(data.entities[here], data.entities[others])
    filled = with_fills(model.features, data.frame[others])
    inputs = {name: spec for name, spec in filled.items() if spec.input}
    matrix = encode(data.frame, inputs)
    booster = estimator.fit(matrix[others], data.labels[others], inputs, params, rounds)
    return estimator.predict(booster, matrix[here], inputs)


def _measured(
    config: Config,
    name: str,
    data: TrainingSet,
    site: str,
    scores: NDArray[np.float64] | None,
    problem: str,
) -> SiteValue:
    model, here = config.models[name], data.sites == site
    truth, entities = data.labels[here], data.entities[here]
    value = low = high = None
    if scores is not None:
        found = resampling.intervals(
            model.task, truth, scores, entities, model.threshold, config.seed, names=[model.metric]
        )[model.metric]
        value, low, high = found.value, found.low, found.high
    return SiteValue(
        site=site,
        rows=len(truth),
        entities=len(set(entities)),
        positives=int(truth.sum()) if model.task == "classification" else None,
        metric=model.metric,
        value=value,
        low=low,
        high=high,
        problem=problem,
    )
