"""Features: sample data, imports, checks, Feast's registry, the online store."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from mlops_cli.backends import feature_store, files, tables
from mlops_cli.config import Config, FeatureConfig, FeatureViewConfig, ModelConfig
from mlops_cli.domain import hospital
from mlops_cli.domain.columns import entities, json_value, times, typed
from mlops_cli.errors import InputError, NotFoundError

NEW_PATIENTS = "new_patients.csv"
DRIFTED_PATIENTS = "drifted_patients.csv"


@dataclass(frozen=True)
class Written:
    """A table that was written."""

    path: str
    rows: int


@dataclass(frozen=True)
class ViewState:
    """One feature view: what config.yaml says and whether Feast knows it."""

    name: str
    models: tuple[str, ...]
    features: int
    ttl: timedelta | None
    registered: bool
    source: str | None


@dataclass(frozen=True)
class OnlineFeature:
    """The value that a prediction made now would use."""

    value: Any
    event_time: datetime | None
    age_seconds: float | None
    stale: bool
    """Older than the view's ttl, so that the model treats it as missing."""
    view: str


@dataclass(frozen=True)
class EntityFeatures:
    """The latest values of one entity."""

    entity: str
    features: dict[str, OnlineFeature]


def generate(
    config: Config, patients: int, months: int, drift: bool, end: datetime | None = None
) -> list[Written]:
    """Write the sample hospital's tables to the sources that config.yaml names."""
    end = end or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    made = hospital.generate(patients, months, config.seed, end, drift)
    written = []
    for name, sample in made.items():
        model = config.models.get(name)
        if model is None or set(sample.views) != set(model.feature_views):
            continue
        if not all(view.source for view in model.feature_views.values()):
            continue
        for view_name, frame in sample.views.items():
            source = model.feature_views[view_name].source
            written.append(_write(Path(str(source)), frame, model.features))
        labels = Path(model.labels.source)
        written.append(_write(labels, sample.labels, {}))
        for file, unseen in (
            (NEW_PATIENTS, sample.new_patients),
            (DRIFTED_PATIENTS, sample.drifted_patients),
        ):
            if unseen is not None:
                files.write_frame(labels.parent / file, unseen)
                written.append(Written(str(labels.parent / file), len(unseen)))
    if not written:
        raise InputError(
            "config.yaml has none of the sample hospital's models",
            "`mlops init DIR` writes the sample project; import your own tables into this one",
        )
    tables.append(config, "features.generated", details={"files": len(written), "drift": drift})
    return written


def _write(path: Path, frame: pd.DataFrame, features: dict[str, FeatureConfig]) -> Written:
    files.write_table(path, frame, features)
    return Written(str(path), len(frame))


def import_table(
    config: Config, name: str, file: Path, time: datetime | None = None
) -> list[Written]:
    """Write a file of the user's into the sources of one model: its views and its labels.

    A view is written if the file has its columns, the labels if it has the label column; a file
    with some columns of a view and not the others is refused.
    Nothing is written before every part of the file has been read and checked.

    Args:
        config: The project.
        name: Whose sources to write.
        file: A CSV, Parquet or JSONL table with one row for each entity and time.
        time: Used where the file has no time column.

    Raises:
        InputError: A column is missing, or a cell is not of its feature's type.
    """
    model = config.models[name]
    frame = files.read_table(file)
    if model.entity not in frame.columns:
        raise InputError(
            f"{file}: no column {model.entity!r} with the entity of each row",
            f"columns found: {', '.join(map(str, frame.columns[:20]))}",
        )
    if frame.empty:
        raise InputError(f"{file} has no rows")
    parts: list[tuple[str, pd.DataFrame]] = []
    for view in model.feature_views.values():
        if view.source and not set(view.features).isdisjoint(frame.columns):
            values = typed(frame, view.features, str(file))
            keys = _keys(frame, model, view.timestamp, time, file)
            parts.append(
                (view.source, pd.concat([keys, _written(frame, view, file), values], axis=1))
            )
    if model.labels.column in frame.columns:
        label = {model.labels.column: FeatureConfig(type="float")}
        keys = _keys(frame, model, model.labels.timestamp, time, file)
        values = typed(frame, label, str(file))
        parts.append((model.labels.source, pd.concat([keys, values], axis=1)))
    if not parts:
        typed(frame, model.features, str(file))
    written = [_write(Path(source), part, model.features) for source, part in parts]
    details = {"file": file.name, "rows": len(frame), "tables": len(written)}
    tables.append(config, "features.imported", name, details=details)
    return written


def _keys(
    frame: pd.DataFrame, model: ModelConfig, stamp: str, time: datetime | None, file: Path
) -> pd.DataFrame:
    """Return the entity, as text, and the time of each row."""
    ids = entities(frame[model.entity], str(file))
    if stamp in frame.columns:
        moments = times(frame[stamp], str(file))
    elif time is not None:
        moments = pd.Series(pd.Timestamp(time), index=frame.index)
    else:
        raise InputError(
            f"{file}: no column {stamp!r} with the time of each row",
            "name a time for all rows with --time 2026-01-31",
        )
    return pd.DataFrame({model.entity: ids, stamp: moments})


def _written(frame: pd.DataFrame, view: FeatureViewConfig, file: Path) -> pd.DataFrame:
    """Return the time each row was written, where the view records it."""
    if view.created is None:
        return pd.DataFrame(index=frame.index)
    if view.created not in frame.columns:
        raise InputError(f"{file}: no column {view.created!r} with the time each row was written")
    return pd.DataFrame({view.created: times(frame[view.created], str(file))})


def apply(config: Config) -> list[str]:
    """Write the feature definitions to Feast's registry and return the view names."""
    with files.lock(config.state, "features"):
        names = feature_store.apply(config)
        tables.append(config, "features.applied", details={"views": names})
    return names


def materialize(config: Config) -> dict[str, datetime]:
    """Bring the newest value of every entity online; running it again changes nothing.

    Raises:
        InputError: A cell is not of its feature's type: Feast would serve 52.5 in an int as 52.
    """
    with files.lock(config.state, "features"):
        _check_types(config)
        until = feature_store.materialize(config, datetime.now(UTC))
        stamps = {name: end.isoformat() for name, end in until.items()}
        tables.append(config, "features.materialized", details={"views": stamps})
    return until


def _check_types(config: Config) -> None:
    """Read every source that is a file of ours as its features' types."""
    views = {name: v for model in config.models.values() for name, v in model.feature_views.items()}
    for view in views.values():
        if view.source and "://" not in view.source and not Path(view.source).is_dir():
            typed(files.read_table(Path(view.source)), view.features, view.source)


def listing(config: Config) -> list[ViewState]:
    """Return every feature view of config.yaml and whether Feast's registry has it."""
    registered = set(feature_store.views(config))
    views: dict[str, FeatureViewConfig] = {}
    users: dict[str, list[str]] = {}
    for model_name, model in config.models.items():
        for name, view in model.feature_views.items():
            views[name] = view
            users.setdefault(name, []).append(model_name)
    return [
        ViewState(
            name=name,
            models=tuple(users[name]),
            features=len(view.features),
            ttl=view.ttl,
            registered=name in registered,
            source=view.source,
        )
        for name, view in views.items()
    ]


def get(config: Config, name: str, entity: str) -> EntityFeatures:
    """Return the values that a prediction for an entity would use now, and their age."""
    model = config.models[name]
    (row,) = feature_store.online(config, model, [entity])
    if row is None:
        raise NotFoundError(
            f"no {model.entity} {entity!r} in the online store",
            "run `mlops features materialize` if it is new",
        )
    now = datetime.now(UTC)
    found = {}
    for feature, online in row.items():
        ttl = model.feature_views[online.view].ttl
        age = None if online.event_time is None else now - online.event_time
        found[feature] = OnlineFeature(
            value=json_value(online.value, model.features[feature]),
            event_time=online.event_time,
            age_seconds=None if age is None else age.total_seconds(),
            stale=bool(age is not None and ttl and age > ttl),
            view=online.view,
        )
    return EntityFeatures(entity, found)
