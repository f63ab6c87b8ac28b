"""The model of a training set: searched, fitted and measured on who was held out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_cli.backends import estimator, own_metrics
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain import fairness, resampling, split
from mlops_cli.domain.calibrating import pooled_metrics
from mlops_cli.domain.encoding import encode
from mlops_cli.domain.groups import protected_groups
from mlops_cli.domain.results.judging import FairnessGap, Interval
from mlops_cli.domain.results.training import SiteValue
from mlops_cli.services.training import sites
from mlops_cli.services.training.dataset import TrainingSet
from mlops_cli.services.training.deciding import Decided, decide
from mlops_cli.services.training.searching import Found, Problem, Say, find


@dataclass(frozen=True)
class Fitted:
    """The final model and how it was found."""

    booster: Any
    params: dict[str, Any]
    """What was searched or found, as it is recorded."""
    told: dict[str, Any]
    """All that XGBoost was given, but for the number of trees."""
    rounds: int
    search: Found
    cross_validation: dict[str, float]
    scores: NDArray[np.float64]
    """Predictions for rows the model has not seen, `(n,)` or `(n, classes)`: out of fold where it
    was trained on them."""
    decided: Decided


@dataclass(frozen=True)
class Measured:
    """The final model on the held out rows."""

    metrics: dict[str, Interval]
    fairness: tuple[FairnessGap, ...]
    naive: dict[str, float] | None
    """As `sites.naive`: the claim of folds of single rows."""
    sites: tuple[SiteValue, ...]


def fit(config: Config, name: str, data: TrainingSet, say: Say, kept: Path | None = None) -> Fitted:
    """Search the parameters by grouped cross-validation and fit all training rows with the best.

    Args:
        config: the whole configuration.
        name: the model.
        data: the training set.
        say: is told how far we are.
        kept: folder of the finished trials of a search that may be killed; None keeps none.
    """
    model = config.models[name]
    matrix = encode(data.frame, data.inputs)
    rows, labels = matrix[~data.held], data.labels[~data.held]
    fixed = {**estimator.settings(model, labels), "seed": config.seed}
    weight = estimator.positive_weight(model, fixed)

    metrics = own_metrics.metrics_of(config, name)
    own_metrics.try_out(metrics, model, labels, config.seed)

    def folds(seed: int) -> NDArray[np.int64]:
        return split.grouped_folds(
            data.entities[~data.held], labels, model.search.folds, seed, model.task
        )

    def binned(numbers: NDArray[np.int64]) -> estimator.Folds:
        return estimator.Folds(rows, labels, numbers, data.inputs, weight)

    def score(parts: estimator.Folds, params: Mapping[str, Any]) -> estimator.FoldScores:
        return parts.score({**fixed, **params}, model.search.max_rounds, model.search.patience)

    numbers = folds(config.seed)
    shared = binned(numbers)
    problem = Problem(shared, numbers, data.entities[~data.held], labels, fixed, weight)
    found = find(config, name, problem, say, kept)
    best = dict(found.chosen.params)
    repeats = [
        score(binned(folds(config.seed + n)) if n else shared, best)
        for n in range(_repeats(model, data))
    ]
    rounds = int(np.median([each.rounds for each in repeats]))
    say(f"{name}: fitting {rounds} trees on {len(rows)} rows")
    booster = estimator.fit(rows, labels, data.inputs, {**fixed, **best}, rounds)
    unseen = [each.out_of_fold for each in repeats]
    decided = decide(model, data.entities[~data.held], labels, unseen, config.seed)
    scored = [
        pooled_metrics(metrics.values(), labels, before, after, decided.threshold)
        for before, after in zip(unseen, decided.out_of_fold, strict=True)
    ]
    scores = estimator.predict(booster, matrix, data.inputs)
    scores[~data.held] = unseen[0]
    return Fitted(
        booster=booster,
        params={**_found(model, fixed), **best, "rounds": rounds, **decided.params},
        told={**fixed, **best},
        rounds=rounds,
        search=found,
        cross_validation={key: float(np.mean([s[key] for s in scored])) for key in scored[0]},
        scores=decided.calibrated(scores),
        decided=decided,
    )


def _found(model: ModelConfig, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was not searched and yet comes from the data."""
    weight = () if model.class_weight == "none" else ("scale_pos_weight",)
    return {key: fixed[key] for key in (*weight, "max_bin") if key in fixed}


def _repeats(model: ModelConfig, data: TrainingSet) -> int:
    """Return how many draws of folds the final cross-validation averages."""
    return model.search.repeats or split.repetitions(len(set(data.entities[~data.held])))


def measure(config: Config, name: str, data: TrainingSet, fitted: Fitted) -> Measured:
    """Evaluate the final model on the entities it has not seen."""
    model = config.models[name]
    told, truth, scores = fitted.told, data.labels[data.held], fitted.scores[data.held]
    entities, frame = data.entities[data.held], data.frame[data.held]
    metrics = own_metrics.metrics_of(config, name)
    return Measured(
        metrics=resampling.intervals(
            metrics, truth, scores, entities, fitted.decided.threshold, config.seed
        ),
        fairness=fairness.assess(
            model.task,
            truth,
            scores,
            protected_groups(model, frame),
            entities,
            metrics=model.fairness_metrics,
            limit=model.fairness.limit,
            min_group_rows=model.fairness.min_group_rows,
            threshold=fitted.decided.threshold,
            seed=config.seed,
            own={each: metrics[each] for each in model.metrics},
            positive=model.positive,
        ),
        naive=sites.naive(config, name, data, told, _repeats(model, data), fitted.decided),
        sites=sites.left_out(config, name, data, told, fitted.rounds, fitted.decided),
    )


def figures(measured: Measured, fitted: Fitted) -> dict[str, float]:
    """Return all figures under the names they have in MLflow, finite ones only."""
    flat = {f"cv_{key}": value for key, value in fitted.cross_validation.items()}
    flat |= {f"naive_{key}": value for key, value in (measured.naive or {}).items()}
    for key, interval in measured.metrics.items():
        flat |= {key: interval.value, f"{key}_low": interval.low, f"{key}_high": interval.high}
    for gap in measured.fairness:
        if gap.value is not None:
            flat[f"fairness_{gap.attribute}_{gap.metric}"] = gap.value
    return {key: value for key, value in flat.items() if np.isfinite(value)}
