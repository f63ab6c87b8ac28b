"""`predict`: the champion's answer for an entity or a file, logged before it is given."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from mlops_cli.backends import estimator, feature_store, files, registry, tables
from mlops_cli.backends.registry import Version
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain import answers
from mlops_cli.domain.columns import typed, word
from mlops_cli.domain.contract import Contract
from mlops_cli.domain.encoding import json_value
from mlops_cli.domain.keys import key_text, read_key
from mlops_cli.domain.missing import refused
from mlops_cli.domain.online import OnlineValue
from mlops_cli.domain.records import LoggedPrediction
from mlops_cli.domain.results.prediction import Contribution, Prediction
from mlops_cli.errors import InputError, NotFoundError, StaleError

Row = dict[str, Any]
ANSWERS = {"prediction_id", "prediction", "probability", "band"}
"""The columns that scoring a file adds to it."""


@dataclass(frozen=True)
class BatchResult:
    """What scoring a file has made."""

    model: str
    version: int
    rows: int
    output: str


@dataclass(frozen=True)
class _Online:
    """The latest features of one entity, expired values already missing."""

    entity: str | None
    values: Row
    age: float | None
    expired: tuple[str, ...]
    unknown: tuple[str, ...]


def predict(
    config: Config, name: str, entities: Sequence[str], explain: bool, strict: bool
) -> list[Prediction]:
    """Predict for entities from their latest features, and log each prediction.

    Raises:
        NotFoundError: There is no champion, or the online store does not know an entity.
        InputError: A value is missing that the model does not answer without.
        StaleError: With `strict`, a feature is older than its view's ttl.
    """
    model = config.models[name]
    version = registry.champion(config, name)
    stored = estimator.load(*registry.files_of(config, version))
    now = datetime.now(UTC)
    rows = [_read(model, row, now) for row in _known(config, model, entities)]
    if strict:
        _refuse_expired(rows)
    frame = typed(pd.DataFrame([row.values for row in rows]), stored.contract.features, "online")
    _refuse_gaps(frame, stored.contract, [str(row.entity) for row in rows])
    scores = stored.predict(frame)
    records: list[Row] = [dict(row) for row in frame.to_dict("records")]  # type: ignore[arg-type]
    predictions = [
        _prediction(version, stored.contract, replace(row, values=values), score, now)
        for row, values, score in zip(rows, records, scores, strict=True)
    ]
    tables.log_predictions(config, [_logged(each, now) for each in predictions])
    return _explained(stored, frame, predictions) if explain else predictions


def predict_file(config: Config, name: str, source: Path, output: Path) -> BatchResult:
    """Predict for each row of a table, log the predictions, and write them to another table.

    The output has the rows of the input in their order, with `prediction_id`, `prediction`, and
    for a classification `probability` and `band`; for several classes `probability_CLASS` of each.
    It is written whole or not at all.

    Raises:
        InputError: A feature column is missing, a cell is not of its feature's type, a value is
            missing that the model does not answer without, or the output is of an unknown kind.
    """
    files.check_format(output)
    frame = files.read_table(source)
    version = registry.champion(config, name)
    stored = estimator.load(*registry.files_of(config, version))
    each_class = [f"probability_{word}" for word in stored.contract.classes]
    if taken := {*ANSWERS, *each_class} & set(frame.columns):
        raise InputError(f"{source} has a column {min(taken)!r} already", "give it another name")
    features = typed(frame, stored.contract.features, str(source))
    _refuse_gaps(features, stored.contract, [f"{source}, row {n + 1}" for n in range(len(frame))])
    scores = stored.predict(features)
    now = datetime.now(UTC)
    entities = _entities(frame, stored.contract)
    records: list[Row] = [dict(row) for row in features.to_dict("records")]  # type: ignore[arg-type]
    predictions = [
        _prediction(version, stored.contract, _Online(who, row, None, (), ()), score, now)
        for who, row, score in zip(entities, records, scores, strict=True)
    ]
    columns: dict[str, list[Any]] = {
        "prediction_id": [each.prediction_id for each in predictions],
        "prediction": [each.prediction for each in predictions],
    }
    if stored.contract.task == "classification":
        columns["prediction"] = [int(each.prediction) for each in predictions]
    if stored.contract.task != "regression":
        columns["probability"] = [each.probability for each in predictions]
    if stored.contract.bands:
        columns["band"] = [each.band for each in predictions]
    columns |= {column: scores[:, place].tolist() for place, column in enumerate(each_class)}
    # Logged when the output is on disk under another name: it appears only once all is on record.
    with files.written(output, frame.assign(**columns)):
        tables.log_predictions(config, [_logged(each, now) for each in predictions])
    details = {"rows": len(frame), "input": source.name, "output": output.name}
    tables.append(config, "batch.scored", name, version.number, details)
    return BatchResult(name, version.number, len(frame), str(output))


def _entities(frame: pd.DataFrame, contract: Contract) -> list[str | None]:
    """Return the key of each row of a file, None where it has none."""
    if not set(contract.keys) <= set(frame.columns):
        return [None] * len(frame)
    ids = zip(*(frame[key].map(word) for key in contract.keys), strict=True)
    return [
        None if None in row else key_text(dict(zip(contract.keys, row, strict=True))) for row in ids
    ]


def _known(
    config: Config, model: ModelConfig, entities: Sequence[str]
) -> list[tuple[str, dict[str, OnlineValue]]]:
    """Return what the online store knows of each entity; all must be known."""
    keys = [read_key(text, model.keys) for text in entities]
    found = feature_store.online(config, model, keys)
    named = [key_text(key) for key in keys]
    if unknown := [who for who, row in zip(named, found, strict=True) if row is None]:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise NotFoundError(
            f"no {' and '.join(model.keys)} {unknown[0]!r}{more} in the online store",
            "run `mlops features materialize` if it is new",
        )
    return [(who, row) for who, row in zip(named, found, strict=True) if row is not None]


def _read(model: ModelConfig, known: tuple[str, dict[str, OnlineValue]], now: datetime) -> _Online:
    """Take the values a training row of this moment would have: expired ones are missing."""
    entity, row = known
    values: Row = {}
    expired, unknown, ages = [], [], []
    for name, online in row.items():
        age = None if online.event_time is None else now - online.event_time
        if age is not None and online.ttl and age > online.ttl:
            expired.append(name)
        values[name] = None if name in expired else online.value
        if age is not None:
            ages.append(age.total_seconds())
        else:
            unknown.append(name)
    return _Online(entity, values, max(ages), tuple(expired), tuple(unknown))


def _refuse_expired(rows: Sequence[_Online]) -> None:
    for row in rows:
        if row.expired:
            more = f" and {len(row.expired) - 1} more" if len(row.expired) > 1 else ""
            raise StaleError(
                f"{row.entity}: {row.expired[0]!r}{more} older than the ttl of the view",
                "run `mlops features materialize`, or leave out --strict to treat it as missing",
            )


def _refuse_gaps(frame: pd.DataFrame, contract: Contract, names: Sequence[str]) -> None:
    for feature, gaps in refused(frame, contract.features).items():
        more = f" and {gaps.sum() - 1} more" if gaps.sum() > 1 else ""
        raise InputError(
            f"{names[int(gaps.argmax())]}{more}: {feature!r} is missing or expired, and "
            f"{contract.model} does not answer without it",
            f"its policy is `missing: refuse`; `mlops features get {contract.model} ID` shows it",
        )


def _prediction(
    version: Version, contract: Contract, row: _Online, score: Any, now: datetime
) -> Prediction:
    return Prediction(
        prediction_id=str(uuid.uuid4()),
        model=version.model,
        version=version.number,
        entity=row.entity,
        **answers.said(contract, score),
        model_age=(now - version.created).total_seconds(),
        features={
            name: json_value(row.values[name], spec) for name, spec in contract.features.items()
        },
        feature_age_seconds=row.age,
        expired=row.expired,
        unknown=row.unknown,
        calibration=contract.calibration.method if contract.calibration else None,
    )


def _logged(answer: Prediction, now: datetime) -> LoggedPrediction:
    return LoggedPrediction(
        prediction_id=answer.prediction_id,
        time=now,
        model=answer.model,
        version=answer.version,
        entity=answer.entity,
        prediction=answers.logged(answer),
        probability=answer.probability,
        features=answer.features,
        feature_age_seconds=answer.feature_age_seconds,
        probabilities=answer.probabilities,
    )


def _explained(
    stored: estimator.StoredModel, frame: pd.DataFrame, predictions: Sequence[Prediction]
) -> list[Prediction]:
    """Add to each prediction what every feature contributed."""
    values, bases = stored.contributions(frame)
    explained = []
    for answer, row, base in zip(predictions, values, bases, strict=True):
        parts = [
            Contribution(name, answer.features[name], float(value))
            for name, value in zip(stored.contract.inputs, row, strict=True)
        ]
        parts.sort(key=lambda part: -abs(part.contribution))
        explained.append(
            replace(answer, contributions=tuple(parts), base_value=float(base), scale=stored.scale)
        )
    return explained
