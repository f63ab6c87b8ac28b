"""`train`: from labels to a stored model with its evidence, top to bottom."""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.backends import (
    environment,
    estimator,
    feature_store,
    files,
    plots,
    registry,
    search,
    tables,
)
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain import fairness, metrics, resampling, split
from mlops_cli.domain.columns import encode, typed
from mlops_cli.domain.contract import Contract, policy_digest
from mlops_cli.domain.digest import table_digest
from mlops_cli.domain.groups import protected_groups
from mlops_cli.domain.labels import checked_labels
from mlops_cli.domain.results import FairnessGap, Interval, Rows, TrainResult, ViewCoverage
from mlops_cli.errors import InputError

REFERENCE_ROWS = 20_000
Say = Callable[[str], None]
Register = Callable[[Config, str, str], int]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class TrainingSet:
    """Features as they were known at each label's time, and who is held out."""

    entities: NDArray[np.object_]
    frame: pd.DataFrame
    labels: Vector
    held: NDArray[np.bool_]
    digest: str
    views: tuple[ViewCoverage, ...]
    files: dict[str, dict[str, str]]
    """The sha256 of each file behind the labels and each view, before it was read."""


@dataclass(frozen=True)
class Fitted:
    """The final model and how it was found."""

    booster: Any
    params: dict[str, Any]
    losses: tuple[float, ...]
    cross_validation: dict[str, float]
    scores: Vector
    """Predictions for rows the model has not seen: out of fold where it was trained on them."""


@dataclass(frozen=True)
class Measured:
    """The final model on the held out rows."""

    metrics: dict[str, Interval]
    fairness: tuple[FairnessGap, ...]


def train(config: Config, name: str, say: Say, register: Register | None) -> TrainResult:
    """Train, evaluate and store one model, and make its run a version if `register` is given.

    Raises:
        NotFoundError: The labels or a feature source do not exist.
        InputError: The labels cannot be learnt from.
    """
    started = time.monotonic()
    model = config.models[name]
    say(f"{name}: joining features to labels")
    data = _training_set(config, model)
    tags = {
        "mlops.model": name,
        "mlops.dataset_digest": data.digest,
        "mlops.policy_digest": policy_digest(model),
        **environment.commit(config.root),
        **environment.packages(),
    }
    with registry.run(config, name, tags) as run_id:
        fitted = _fit(config, name, data, say)
        measured = _measure(config, model, data, fitted)
        digests = _store(config, name, run_id, data, fitted, measured)
    version = register(config, name, run_id) if register else None
    return TrainResult(
        model=name,
        run_id=run_id,
        version=version,
        alias=registry.CHALLENGER if register else None,
        task=model.task,
        metrics=measured.metrics,
        cross_validation=fitted.cross_validation,
        rows=Rows(int((~data.held).sum()), int(data.held.sum())),
        views=data.views,
        dataset_digest=data.digest,
        model_digest=digests["model"],
        fairness=measured.fairness,
        params=fitted.params,
        evals=model.search.trials,
        seconds=round(time.monotonic() - started, 1),
    )


def _training_set(config: Config, model: ModelConfig) -> TrainingSet:
    """Join the features to the labels and hold out whole entities, the same ones every time."""
    source = model.labels.source
    places = {name: view.source for name, view in model.feature_views.items()}
    hashes = {name: files.digests(place) for name, place in {"labels": source, **places}.items()}
    labels = checked_labels(files.read_source(Path(source)), model, source)
    held = _held(model, labels, source)
    known = feature_store.historical(config, model, labels)
    frame = typed(known.frame, model.features, "the feature store")
    return TrainingSet(
        entities=labels[model.entity].to_numpy(dtype=object),
        frame=frame,
        labels=labels[model.labels.column].to_numpy(dtype=np.float64),
        held=held,
        digest=table_digest(pd.concat([labels, known.frame], axis=1)),
        views=known.coverage,
        files=hashes,
    )


def _held(model: ModelConfig, labels: pd.DataFrame, source: str) -> NDArray[np.bool_]:
    """Tell which rows are held out, and refuse where one side is left with nothing to learn."""
    entities = labels[model.entity].to_numpy(dtype=object)
    held = split.in_holdout(entities, model.holdout.fraction, model.holdout.salt)
    split.assert_disjoint(entities[held], entities[~held])
    if held.all() or not held.any():
        raise InputError(
            f"{source}: {len(set(entities[held]))} of {len(set(entities))} entities are held out",
            "both sides need some: bring labels of more entities, or set holdout.fraction",
        )
    left = labels.loc[~held, model.labels.column]
    if model.task == "classification" and left.nunique() < 2:
        raise InputError(
            f"{source}: every {model.labels.column} outside the holdout is {left.iloc[0]:g}",
            "there is nothing to tell apart: bring labels of more entities",
        )
    return held


def _fit(config: Config, name: str, data: TrainingSet, say: Say) -> Fitted:
    """Search the parameters by grouped cross-validation and fit all training rows with the best."""
    model = config.models[name]
    matrix = encode(data.frame, model.inputs)
    rows, labels = matrix[~data.held], data.labels[~data.held]
    fixed = {**estimator.objective(model), "seed": config.seed}

    def folds(seed: int) -> estimator.Folds:
        classes = model.task == "classification"
        numbers = split.grouped_folds(
            data.entities[~data.held], labels, model.search.folds, seed, stratify=classes
        )
        return estimator.Folds(rows, labels, numbers, model.inputs)

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
    booster = estimator.fit(rows, labels, model.inputs, {**fixed, **best}, rounds)
    scored = [
        metrics.evaluate(model.task, labels, each.out_of_fold, model.threshold) for each in repeats
    ]
    scores = estimator.predict(booster, matrix, model.inputs)
    scores[~data.held] = repeats[0].out_of_fold
    return Fitted(
        booster=booster,
        params={**best, "rounds": rounds},
        losses=tuple(losses),
        cross_validation={key: float(np.mean([s[key] for s in scored])) for key in scored[0]},
        scores=scores,
    )


def _measure(config: Config, model: ModelConfig, data: TrainingSet, fitted: Fitted) -> Measured:
    """Evaluate the final model on the entities it has not seen."""
    truth, scores = data.labels[data.held], fitted.scores[data.held]
    entities, frame = data.entities[data.held], data.frame[data.held]
    return Measured(
        metrics=resampling.intervals(
            model.task, truth, scores, entities, model.threshold, config.seed
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
            threshold=model.threshold,
            seed=config.seed,
        ),
    )


def _store(
    config: Config, name: str, run_id: str, data: TrainingSet, fitted: Fitted, measured: Measured
) -> dict[str, str]:
    """Write the model with its evidence to the run and return the digests of the model."""
    model = config.models[name]
    with tempfile.TemporaryDirectory() as scratch:
        folder, evidence = Path(scratch) / "model", Path(scratch) / "evidence"
        registry.write_model(folder, fitted.booster, list(model.inputs), environment.pins())
        _write_rows(folder, model, data, fitted.scores, config.seed)
        entities = len(set(data.entities[~data.held]))
        digests = estimator.seal(folder, Contract.of(name, model, entities, data.digest))
        importance = estimator.importance(fitted.booster, list(model.inputs))
        truth, scores = data.labels[data.held], fitted.scores[data.held]
        plots.write(evidence, model.task, truth, scores, importance)
        trials = json.dumps({"losses": fitted.losses, "importance": importance}, indent=1)
        files.write_text(evidence / "search.json", trials)
        files.write_text(evidence / "dataset.json", json.dumps(_record(data), indent=1))
        registry.log_dataset(config, run_id, name, data.digest, model.labels.source)
        registry.log_files(config, run_id, evidence, "evidence")
        source = registry.store_model(config, run_id, name, folder)
    tags = {"mlops.source": source, **{f"mlops.{key}_digest": d for key, d in digests.items()}}
    registry.log(config, run_id, fitted.params, _flat(measured, fitted), tags)
    tables.append(config, "model.trained", name, None, {"run_id": run_id, **digests})
    return digests


def _record(data: TrainingSet) -> dict[str, Any]:
    """Return what the training set was made of: its tables, as they were, and what they covered."""
    return {
        "digest": data.digest,
        "rows": len(data.labels),
        "files": data.files,
        "views": [vars(view) for view in data.views],
    }


def _write_rows(
    folder: Path, model: ModelConfig, data: TrainingSet, scores: Vector, seed: int
) -> None:
    """Keep what later decisions need: training rows for drift checks, held out rows for the gates.

    Predictions are those for unseen rows: a model is surer of what it was trained on, and new
    predictions would seem to have drifted from that.
    Entities are kept as numbers: enough to resample by, nothing to recognise anybody by.
    """
    frame = data.frame.assign(
        mlops_label=data.labels,
        mlops_prediction=scores,
        mlops_entity=np.unique(data.entities.astype(str), return_inverse=True)[1],
    )
    reference = frame[~data.held].drop(columns="mlops_entity")
    if len(reference) > REFERENCE_ROWS:
        reference = reference.sample(REFERENCE_ROWS, random_state=seed)
    files.write_table(folder / estimator.REFERENCE_FILE, reference, model.features)
    files.write_table(folder / estimator.HOLDOUT_FILE, frame[data.held], model.features)


def _flat(measured: Measured, fitted: Fitted) -> dict[str, float]:
    """Return all figures under the names they have in MLflow."""
    flat = {f"cv_{key}": value for key, value in fitted.cross_validation.items()}
    for key, interval in measured.metrics.items():
        flat |= {key: interval.value, f"{key}_low": interval.low, f"{key}_high": interval.high}
    for gap in measured.fairness:
        if gap.value is not None:
            flat[f"fairness_{gap.attribute}_{gap.metric}"] = gap.value
    return flat
