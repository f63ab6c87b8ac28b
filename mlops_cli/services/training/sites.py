"""What other splits say of the final parameters: a site left out, and rows that were mixed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.backends import estimator, own_metrics
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain import resampling, split
from mlops_cli.domain.calibrating import pooled_metrics
from mlops_cli.domain.encoding import encode
from mlops_cli.domain.missing import with_fills
from mlops_cli.domain.results.judging import Interval
from mlops_cli.domain.results.training import SiteValue
from mlops_cli.services.training.dataset import TrainingSet
from mlops_cli.services.training.deciding import Decided

Mask = NDArray[np.bool_]

MOST_SITES = 20
"""Each costs a fit: beyond the largest ones they are not left out."""

MIN_ENTITIES = 20
"""As in the gates: fewer decide nothing."""

MIN_OF_A_CLASS = 5


def naive(
    config: Config,
    name: str,
    data: TrainingSet,
    params: Mapping[str, Any],
    repeats: int,
    decided: Decided,
) -> dict[str, float] | None:
    """Cross-validate the parameters as if each row were an entity: what a row split would claim.

    The difference to the honest cross-validation, over as many draws of folds, is the split alone.

    Args:
        config: The project.
        name: Of the model.
        data: Its training set.
        params: All that XGBoost is given, without the number of trees.
        repeats: How many draws of folds.
        decided: Calibration, fitted anew across the folds of rows, and threshold.

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
    weight, metrics = (
        estimator.positive_weight(model, params),
        own_metrics.metrics_of(config, name).values(),
    )
    scored = []
    drawn = [
        split.grouped_folds(single, labels, model.search.folds, seed, model.task)
        for seed in range(config.seed, config.seed + repeats)
    ]
    for folds in drawn:
        parts = estimator.Folds(rows, labels, folds, data.inputs, weight)
        found = parts.score(params, model.search.max_rounds, model.search.patience).out_of_fold
        after = decided.across(found, labels, drawn[0])
        scored.append(pooled_metrics(metrics, labels, found, after, decided.threshold))
    return {key: float(np.mean([each[key] for each in scored])) for key in scored[0]}


def left_out(
    config: Config,
    name: str,
    data: TrainingSet,
    params: Mapping[str, Any],
    rounds: int,
    decided: Decided,
) -> tuple[SiteValue, ...]:
    """Refit the parameters without each site in turn, the largest first, and measure there.

    Trained is on the training rows of the other sites, without any entity of the site; measured on
    all rows of the site. The parameters, the calibration and the threshold were found with the
    site's training rows among the others.
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
        answers = None if scores is None else decided.calibrated(scores)
        value = _interval(config, name, data, here, answers, decided.threshold)
        found.append(_measured(model, data, str(sites[at]), value, problem))
    return tuple(found)


def _problem(model: ModelConfig, data: TrainingSet, here: Mask, others: Mask) -> str:
    """Say why the site cannot be measured, or the rest not be learnt from; empty if neither."""
    who, truth = data.entities[here], data.labels[here]
    count = len(set(who))
    if count < MIN_ENTITIES:
        return f"too few: {count} of {MIN_ENTITIES} entities"
    if not others.any():
        return "no training row elsewhere"
    if model.task != "regression":
        classes = range(len(model.labels.classes) or 2)
        # An AUC takes two classes: of several, the second largest has to be large enough.
        fewer = sorted(len(set(who[truth == label])) for label in classes)[-2]
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


def _interval(
    config: Config,
    name: str,
    data: TrainingSet,
    here: Mask,
    scores: NDArray[np.float64] | None,
    threshold: float,
) -> Interval | None:
    if scores is None:
        return None
    model = config.models[name]
    truth, who = data.labels[here], data.entities[here]
    metric = {model.metric: own_metrics.metrics_of(config, name)[model.metric]}
    found = resampling.intervals(metric, truth, scores, who, threshold, config.seed)
    return found[model.metric]


def _measured(
    model: ModelConfig, data: TrainingSet, site: str, value: Interval | None, problem: str
) -> SiteValue:
    here = data.sites == site
    truth = data.labels[here]
    return SiteValue(
        site=site,
        rows=len(truth),
        entities=len(set(data.entities[here])),
        positives=int(truth.sum()) if model.task == "classification" else None,
        metric=model.metric,
        value=value.value if value else None,
        low=value.low if value else None,
        high=value.high if value else None,
        problem=problem,
    )
