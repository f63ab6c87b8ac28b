"""The model of a training set: searched, fitted and measured on who was held out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_cli.backends import estimator, search
from mlops_cli.config import Config
from mlops_cli.domain import fairness, metrics, resampling, split
from mlops_cli.domain.columns import encode
from mlops_cli.domain.groups import protected_groups
from mlops_cli.domain.results import FairnessGap, Interval
from mlops_cli.services.training.dataset import TrainingSet
from mlops_cli.services.training.deciding import Decided, decide

Say = Callable[[str], None]


@dataclass(frozen=True)
class Fitted:
    """The final model and how it was found."""

    booster: Any
    params: dict[str, Any]
    losses: tuple[float, ...]
    cross_validation: dict[str, float]
    scores: NDArray[np.float64]
    """Predictions for rows the model has not seen: out of fold where it was trained on them."""
    decided: Decided


@dataclass(frozen=True)
class Measured:
    """The final model on the held out rows."""

    metrics: dict[str, Interval]
    fairness: tuple[FairnessGap, ...]


def fit(config: Config, name: str, data: TrainingSet, say: Say) -> Fitted:
    """Search the parameters by grouped cross-validation and fit all training rows with the best."""
    model = config.models[name]
    matrix = encode(data.frame, data.inputs)
    rows, labels = matrix[~data.held], data.labels[~data.held]
    fixed = {**estimator.settings(model, labels), "seed": config.seed}

    def folds(seed: int) -> estimator.Folds:
        classes = model.task == "classification"
        numbers = split.grouped_folds(
            data.entities[~data.held], labels, model.search.folds, seed, stratify=classes
        )
        weight = float(fixed.get("scale_pos_weight", 1.0))
        return estimator.Folds(rows, labels, numbers, data.inputs, weight)

    def score(parts: estimator.Folds, params: Mapping[str, Any]) -> estimator.FoldScores:
        return parts.score({**fixed, **params}, model.search.max_rounds, model.search.patience)

    shared, losses = folds(config.seed), []

    def loss(params: Mapping[str, Any]) -> float:
        losses.append(score(shared, params).loss)
        say(f"{name}: trial {len(losses)}/{model.search.trials}, best {min(losses):.4f}")
        return losses[-1]

    best = search.minimise(loss, model.search.space, model.search.trials, config.seed)
    repeats = [score(folds(config.seed + n), best) for n in range(model.search.repeats)]
    rounds = int(np.median([each.rounds for each in repeats]))
    say(f"{name}: fitting {rounds} trees on {len(rows)} rows")
    booster = estimator.fit(rows, labels, data.inputs, {**fixed, **best}, rounds)
    unseen = [each.out_of_fold for each in repeats]
    decided = decide(model, data.entities[~data.held], labels, unseen, config.seed)
    scored = [
        metrics.evaluate(model.task, labels, each, decided.threshold)
        for each in decided.out_of_fold
    ]
    scores = estimator.predict(booster, matrix, data.inputs)
    scores[~data.held] = unseen[0]
    return Fitted(
        booster=booster,
        params={**best, "rounds": rounds, **_found(fixed), **decided.params},
        losses=tuple(losses),
        cross_validation={key: float(np.mean([s[key] for s in scored])) for key in scored[0]},
        scores=decided.calibrated(scores),
        decided=decided,
    )


def _found(fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was not searched and yet comes from the data."""
    return {key: value for key, value in fixed.items() if key == "scale_pos_weight"}


def measure(config: Config, name: str, data: TrainingSet, fitted: Fitted) -> Measured:
    """Evaluate the final model on the entities it has not seen."""
    model = config.models[name]
    truth, scores = data.labels[data.held], fitted.scores[data.held]
    entities, frame = data.entities[data.held], data.frame[data.held]
    return Measured(
        metrics=resampling.intervals(
            model.task, truth, scores, entities, fitted.decided.threshold, config.seed
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
        ),
    )


def figures(measured: Measured, fitted: Fitted) -> dict[str, float]:
    """Return all figures under the names they have in MLflow, finite ones only."""
    flat = {f"cv_{key}": value for key, value in fitted.cross_validation.items()}
    for key, interval in measured.metrics.items():
        flat |= {key: interval.value, f"{key}_low": interval.low, f"{key}_high": interval.high}
    for gap in measured.fairness:
        if gap.value is not None:
            flat[f"fairness_{gap.attribute}_{gap.metric}"] = gap.value
    return {key: value for key, value in flat.items() if np.isfinite(value)}
