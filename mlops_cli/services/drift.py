"""`drift check`: has the world moved away from what the champion was trained on?"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlops_cli.backends import estimator, files, registry, tables
from mlops_cli.config import Config, FeatureConfig, ModelConfig
from mlops_cli.config.tasks import Task
from mlops_cli.domain import drift
from mlops_cli.domain.columns import times, typed
from mlops_cli.domain.contract import Contract
from mlops_cli.domain.keys import read_key
from mlops_cli.domain.labels import class_positions
from mlops_cli.domain.metrics import Vector, multiclass
from mlops_cli.domain.records import Event, LoggedPrediction
from mlops_cli.domain.results.judging import DriftCheck
from mlops_cli.errors import InputError, NotFoundError

Render = Callable[..., str]


@dataclass(frozen=True)
class Window:
    """The current data: a time window of the inference log, or a file."""

    start: datetime | None
    end: datetime | None
    rows: int
    source: str


@dataclass(frozen=True)
class Reference:
    """The training data of the champion."""

    rows: int


@dataclass(frozen=True)
class DriftResult:
    """What a check of one model has found."""

    model: str
    version: int
    drifted: bool
    conclusive: bool
    """False where the window has fewer rows than `min_rows`; then nothing was compared."""
    min_rows: int
    checks: tuple[DriftCheck, ...]
    window: Window
    reference: Reference
    report: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that have drifted."""
        found = [check.column for check in self.checks if check.drifted and check.column]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class _Current:
    frame: pd.DataFrame
    labels: Vector
    window: Window


def check(
    config: Config, name: str, days: float, current: Path | None, render: Render | None
) -> DriftResult:
    """Compare recent predictions, or a file, with the champion's training data.

    Args:
        config: The project.
        name: The model.
        days: How much of the inference log to look at.
        current: A table to look at instead.
        render: Makes a page of the comparison; None for no page.

    Raises:
        NotFoundError: The model has no champion, or there is no such file.
        InputError: The file is empty or malformed.
    """
    model = config.models[name]
    version = registry.champion(config, name)
    stored = estimator.load(*registry.files_of(config, version))
    reference = stored.rows(estimator.REFERENCE_FILE)
    now = _from_file(model, stored, current) if current else _from_log(config, name, stored, days)
    conclusive = now.window.rows >= model.drift.min_rows
    checks = _compare(config, model, stored, reference, now) if conclusive else ()
    drifted = any(each.drifted for each in checks)
    report = None
    if render and conclusive:
        page = render(name, reference, now.frame, stored.contract.features, checks)
        report = _write(config, name, page)
    result = DriftResult(
        name, version.number, drifted, conclusive, model.drift.min_rows, checks, now.window,
        Reference(len(reference)), report,
    )  # fmt: skip
    details = {
        "drifted": drifted,
        "conclusive": conclusive,
        "columns": list(result.columns),
        "rows": now.window.rows,
        "source": now.window.source,
        "report": report,
    }
    tables.append(config, "drift.checked", name, version.number, details)
    return result


def _from_log(config: Config, name: str, stored: estimator.StoredModel, days: float) -> _Current:
    """Take the inference log of the last days, and the labels that have come in during them."""
    end = datetime.now(UTC)
    start = end - timedelta(days=days)
    features = stored.contract.features
    rows = _one_an_entity(tables.window(config, name, start, end), stored.contract)
    window = Window(start, end, len(rows), "inference log")
    records = pd.DataFrame([dict(row.features) for row in rows], columns=list(features))
    labels = _arrived(config.models[name], start, end)
    return _Current(typed(records, features, "inference log"), labels, window)


def _one_an_entity(rows: list[LoggedPrediction], contract: Contract) -> list[LoggedPrediction]:
    """Keep the newest row of each entity: the same patient every day is one patient.

    Rows of an earlier version that lack a feature of this one say nothing about it.
    """
    whole = [row for row in rows if set(contract.features) <= set(row.features)]
    return list({_entity(row, contract): row for row in whole}.values())


def _entity(row: LoggedPrediction, contract: Contract) -> str:
    """Return whose row it is; a row of a file without ids stands for itself."""
    if row.entity is None:
        return row.prediction_id
    return read_key(row.entity, contract.keys)[contract.entity]


def _arrived(model: ModelConfig, start: datetime, end: datetime) -> Vector:
    """Return the labels that became known in the window: their delay after the prediction."""
    source = Path(model.labels.source)
    if not source.exists():
        return np.empty(0)
    frame = files.read_source(source)
    column, stamp = model.labels.column, model.labels.timestamp
    if model.task == "multiclass":
        labels = class_positions(frame[column], model)
    else:
        labels = typed(frame, {column: FeatureConfig(type="float")}, str(source))[column]
    known = times(frame[stamp], str(source)) + model.labels.delay
    return _known(labels[(known >= start) & (known < end)])


def _from_file(model: ModelConfig, stored: estimator.StoredModel, path: Path) -> _Current:
    frame = files.read_table(path)
    if frame.empty:
        raise InputError(f"{path} has no rows", "a drift check needs rows to compare")
    contract = stored.contract
    present = {name: spec for name, spec in contract.features.items() if name in frame}
    labels = pd.Series(dtype=float)
    if contract.label in frame:
        column = frame[contract.label]
        several = bool(contract.classes)
        labels = class_positions(column, model) if several else pd.to_numeric(column, "coerce")
    window = Window(None, None, len(frame), path.name)
    return _Current(typed(frame, present, str(path)), _known(labels), window)


def _known(labels: "pd.Series[Any]") -> Vector:
    values = np.asarray(labels, dtype=np.float64)
    return values[~np.isnan(values)]


def _compare(
    config: Config,
    model: ModelConfig,
    stored: estimator.StoredModel,
    reference: pd.DataFrame,
    now: _Current,
) -> tuple[DriftCheck, ...]:
    """Check every column, then what the model makes of them, then the labels."""
    contract, size, seed = stored.contract, stored.contract.reference_entities, config.seed
    features, several = contract.features, bool(contract.classes)
    # One family of tests: the columns, the prediction and the target share alpha equally.
    each = model.drift.alpha / (len(features) + 2)
    columns = model.drift.model_copy(update={"alpha": each * len(features)})
    limits = model.drift.model_copy(update={"alpha": each})
    classes = contract.classes or ("0", "1")
    checks = list(drift.check_columns(reference, now.frame, features, columns, size, seed))
    if set(contract.inputs) <= set(now.frame.columns):
        before, after = reference["mlops_prediction"].to_numpy(float), stored.predict(now.frame)
        after = multiclass.named(after) if several else after
        # A probability is compared as the number it is.
        kind: Task = "multiclass" if several else "regression"
        checks.append(
            drift.check_values("prediction", before, after, kind, limits, size, seed, classes)
        )
    if len(now.labels) >= limits.min_rows:
        before, task = reference["mlops_label"].to_numpy(float), contract.task
        checks.append(
            drift.check_values("target", before, now.labels, task, limits, size, seed, classes)
        )
    return tuple(checks)


def _write(config: Config, name: str, page: str) -> str:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    path = Path(config.state) / "reports" / "drift" / name / f"{stamp}.html"
    files.write_text(path, page)
    return str(path)


def history(config: Config, name: str | None) -> list[Event]:
    """Return the earlier checks, oldest first."""
    return tables.events(config, name, ["drift.checked"])


def report(config: Config, name: str) -> Path:
    """Return the newest report of a model.

    Raises:
        NotFoundError: No check of the model has written one.
    """
    for event in reversed(history(config, name)):
        place = event.details.get("report")
        if place and Path(place).is_file():
            return Path(place)
    raise NotFoundError(
        f"{name} has no drift report", f"`mlops drift check {name} --report` writes one"
    )


def with_champion(config: Config) -> list[str]:
    """Return the names of the models that have a champion."""
    return [name for name in config.models if registry.CHAMPION in registry.aliases(config, name)]
