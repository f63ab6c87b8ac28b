"""What a model is worth: beside simple ones, in parts of the data, and with less of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_cli.backends import estimator, linear
from mlops_cli.config import Config, FeatureConfig, ModelConfig
from mlops_cli.domain import curves, resampling, slices
from mlops_cli.domain.conditions import Condition, conditions
from mlops_cli.domain.encoding import encode
from mlops_cli.domain.groups import protected_groups
from mlops_cli.domain.labels import said
from mlops_cli.domain.metrics import multiclass
from mlops_cli.domain.results.evaluation import Baseline, CurvePoint, LearningCurve, Slice
from mlops_cli.domain.results.judging import Verdict
from mlops_cli.services.training.dataset import TrainingSet
from mlops_cli.services.training.fitting import Fitted
from mlops_cli.services.training.held import Held
from mlops_cli.services.training.searching import Say

Vector = NDArray[np.float64]

BASELINES = {
    "classification": ("majority", "logistic"),
    "multiclass": ("majority", "logistic"),
    "regression": ("mean", "linear"),
}
#: For what is shown beside; what decides has 1,000.
_RESAMPLES = 200
_FEWEST_ROWS = 10


@dataclass(frozen=True)
class Evaluated:
    """The final model beside what it is compared with, all on the held out rows."""

    baselines: tuple[Baseline, ...]
    found: tuple[Slice, ...]
    """Slices that are worse than the rest beyond noise."""
    looked_at: int
    """How many slices were looked at for them."""
    groups: tuple[Slice, ...]
    """The groups of protected attributes and of the features under `slices`."""
    curve: LearningCurve | None
    """None where it was not asked for."""
    confusion: dict[str, dict[str, int]]
    """Rows by true and by predicted class, where there are several."""


def evaluate(
    config: Config, name: str, data: TrainingSet, fitted: Fitted, say: Say, *, curve: bool
) -> Evaluated:
    """Hold the final model against two baselines, look for weak spots, and draw its curve if asked.

    Nothing here changes the model: it is as it is when nobody looks.
    """
    held = Held.of(config, name, data, fitted)
    say(f"{name}: comparing with {' and '.join(BASELINES[held.model.task])}")
    found, looked_at = _weak_spots(held, data, fitted)
    return Evaluated(
        baselines=_baselines(held, data),
        found=found,
        looked_at=looked_at,
        groups=_groups(held, data),
        curve=_learning_curve(held, data, fitted, say, name) if curve else None,
        confusion=_confusion(held),
    )


def _confusion(held: Held) -> dict[str, dict[str, int]]:
    words = held.model.labels.classes
    counts = held.confusion.astype(int).tolist() if words else []
    return {
        true: dict(zip(words, row, strict=True)) for true, row in zip(words, counts, strict=True)
    }


def _baselines(held: Held, data: TrainingSet) -> tuple[Baseline, ...]:
    """Fit what is simpler on the same rows: no features at all, and a linear model."""
    matrix, labels = encode(data.frame, data.inputs), data.labels[~data.held]
    classes = len(held.model.labels.classes)
    shares = multiclass.one_hot(labels, classes) if classes else labels
    predictions = (
        np.repeat(shares.mean(axis=0)[np.newaxis], len(held.truth), axis=0),
        linear.fitted_scores(
            held.model, data.inputs, matrix[~data.held], labels, matrix[data.held]
        ),
    )
    return tuple(
        _baseline(held, name, scores)
        for name, scores in zip(BASELINES[held.model.task], predictions, strict=True)
    )


def _baseline(held: Held, name: str, scores: Vector) -> Baseline:
    model, difference = held.model, held.better(held.scores, scores)
    metrics = resampling.intervals(
        held.metrics, held.truth, scores, held.entities, held.threshold, held.seed, _RESAMPLES
    )
    return Baseline(name, metrics, model.metric, difference, beaten=difference.low > 0)


def _weak_spots(held: Held, data: TrainingSet, fitted: Fitted) -> tuple[tuple[Slice, ...], int]:
    """Look at all features: those the model does not read first, then by what it makes of them."""
    gains = estimator.importance(fitted.booster, list(data.inputs))
    order = sorted(data.features, key=lambda name: -gains.get(name, np.inf))
    features = {name: data.features[name] for name in order}
    known = conditions(held.frame, features)
    loss = slices.losses(held.model.task, held.truth, held.scores)
    found, total = slices.worst(known, loss, *held.told, held.entities)
    return _with_metric(held, known, found), total


def _groups(held: Held, data: TrainingSet) -> tuple[Slice, ...]:
    groups = [
        Condition(name, f"{name} {'' if protected.bins else '= '}{group}", members == group)
        for name, protected in held.model.protected.items()
        for members in [protected_groups(held.model, held.frame)[name]]
        for group in sorted(set(members))
    ]
    named: dict[str, FeatureConfig] = {
        name: data.features[name] for name in held.model.slices if name not in held.model.protected
    }
    fewest = held.model.fairness.min_group_rows
    groups = [each for each in groups if each.rows.sum() >= fewest]
    groups += conditions(held.frame, named, fewest)
    loss = slices.losses(held.model.task, held.truth, held.scores)
    found = slices.measured(groups, loss, *held.told, held.entities)
    return _with_metric(held, groups, found)


def _with_metric(held: Held, known: list[Condition], found: tuple[Slice, ...]) -> tuple[Slice, ...]:
    """Add the metric that decides to each slice."""
    rows = {each.name: each.rows for each in known}
    return tuple(
        Slice(
            **{**vars(each), "metric": held.metric(held.scores, _rows_of(each, rows), _RESAMPLES)}
        )
        for each in found
    )


def _rows_of(found: Slice, rows: dict[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    return np.asarray(np.logical_and.reduce([rows[part] for part in found.parts]))


def _learning_curve(
    held: Held, data: TrainingSet, fitted: Fitted, say: Say, name: str
) -> LearningCurve:
    """Fit the final parameters on parts of the training entities, a smaller within a larger one."""
    entities, labels = data.entities[~data.held], data.labels[~data.held]
    points, left_out, scores = [], [], []
    for share, part in zip(curves.SHARES, curves.nested(entities, held.seed), strict=True):
        if problem := _too_few(held.model, labels[part]):
            left_out.append(f"{share:.0%}: {problem}")
            continue
        say(f"{name}: learning curve, {share:.0%} of the entities")
        scores.append(held.scores if part.all() else _refitted(held, data, fitted, part))
        count = len(set(entities[part]))
        points.append(CurvePoint(share, count, int(part.sum()), held.metric(scores[-1])))
    if len(points) < 2:
        verdict, message, gain = Verdict.INCONCLUSIVE, "too few entities for a curve", None
    else:
        gain = held.better(scores[-1], scores[-2])
        value = points[-1].metric.value
        verdict, message = curves.more_would_help(held.model.metric, gain, value)
    return LearningCurve(held.model.metric, tuple(points), tuple(left_out), gain, verdict, message)


def _too_few(model: ModelConfig, labels: Vector) -> str:
    if len(labels) < _FEWEST_ROWS:
        return f"{len(labels)} rows"
    one = model.task != "regression" and len(np.unique(labels)) < 2
    return f"every label is {said(model, labels[0])}" if one else ""


def _refitted(held: Held, data: TrainingSet, fitted: Fitted, part: NDArray[np.bool_]) -> Vector:
    """Fit the final parameters on some training rows and predict the held out ones."""
    matrix = encode(data.frame, data.inputs)
    rows, labels = matrix[~data.held][part], data.labels[~data.held][part]
    booster = estimator.fit(rows, labels, data.inputs, fitted.told, fitted.rounds)
    return fitted.decided.calibrated(estimator.predict(booster, matrix[data.held], data.inputs))
