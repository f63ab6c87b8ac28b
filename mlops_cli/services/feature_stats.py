"""`features stats`: what the source tables hold, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd

from mlops_cli.backends import files
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain.columns import typed, words
from mlops_cli.domain.lineage import needed
from mlops_cli.domain.quoting import ids_of
from mlops_cli.domain.subjects import Identity, moments, newest_rows, subjects
from mlops_cli.domain.summary import FeatureSummary, summaries, summary
from mlops_cli.errors import InputError


@dataclass(frozen=True)
class ViewStats:
    """The table of one feature view."""

    view: str
    source: str
    keys: tuple[str, ...]
    rows: int
    entities: int
    """Different keys."""
    rows_per_entity: float | None
    """The median."""
    first: datetime | None
    last: datetime | None
    """Event times."""
    ttl: timedelta | None
    expired: float | None
    """Share of the rows that are older than `ttl` now; None without a `ttl`."""
    features: tuple[FeatureSummary, ...]


@dataclass(frozen=True)
class ModelStats:
    """The tables of one model."""

    model: str
    views: tuple[ViewStats, ...]
    derived: tuple[FeatureSummary, ...]
    """Computed from the newest row of each entity in every view, however old it is."""


def stats(config: Config, name: str, now: datetime, known: dict[str, ViewStats]) -> ModelStats:
    """Describe every view of a model, and the features that are derived from them.

    Args:
        config: The project.
        name: The model.
        now: When the age of a row is taken.
        known: Views of other models, which are not described again; those of this one are added.

    Raises:
        NotFoundError: There is no such table.
        InputError: A table cannot be read.
    """
    model = config.models[name]
    frames: dict[str, pd.DataFrame] = {}
    views = [(key, view.source) for key, view in model.feature_views.items() if view.source]
    for view, source in views:
        if view not in known or model.derived:
            frames[view] = files.read_source(Path(source))
        if view not in known:
            known[view] = _view(model, view, frames[view], now)
    derived = _derived(model, frames) if model.derived else ()
    return ModelStats(name, tuple(known[view] for view, _ in views), derived)


def _view(model: ModelConfig, name: str, frame: pd.DataFrame, now: datetime) -> ViewStats:
    view, identity = model.feature_views[name], Identity.of_view(model, name)
    who = subjects(frame, identity.keys)
    rows = np.bincount(who[who >= 0])
    rows = rows[rows > 0]
    times = moments(frame, view.timestamp).dropna()
    expired = None
    if view.ttl is not None and len(times):
        expired = float((now - times > view.ttl).mean())
    return ViewStats(
        view=name,
        source=str(view.source),
        keys=identity.keys,
        rows=len(frame),
        entities=len(rows),
        rows_per_entity=float(np.median(rows)) if len(rows) else None,
        first=times.min().to_pydatetime() if len(times) else None,
        last=times.max().to_pydatetime() if len(times) else None,
        ttl=view.ttl,
        expired=expired,
        features=summaries(frame, view.features, identity),
    )


def _derived(model: ModelConfig, frames: Mapping[str, pd.DataFrame]) -> tuple[FeatureSummary, ...]:
    """Describe the derived features, over the newest row of each entity."""
    try:
        joined = _joined(model, frames)
    except InputError as error:
        problem = error.message
        return tuple(
            FeatureSummary(name, spec.type, 0, problem) for name, spec in model.derived.items()
        )
    unit = Identity.of_labels(model).unit
    who, ids = subjects(joined, unit), ids_of(joined, model.keys)
    found = []
    for name, spec in model.derived.items():
        try:
            values = typed(joined, needed(name, model.features), "")[name]
        except InputError:
            told = "cannot be computed"
            found.append(FeatureSummary(name, spec.type, len(joined), told))
        else:
            found.append(summary(name, values, spec, who, ids))
    return tuple(found)


def _joined(model: ModelConfig, frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row for each entity with its newest values in every view.

    Where views have different keys, as patients and hospitals, the labels say which belong
    together.

    Raises:
        InputError: A table lacks a key.
    """
    newest = []
    for view, frame in frames.items():
        identity = Identity.of_view(model, view)
        present = [name for name in model.feature_views[view].features if name in frame]
        rows = newest_rows(frame, identity.keys, identity.stamps)
        newest.append((list(identity.keys), _keyed(rows, identity.keys, view).join(rows[present])))
    if len({tuple(keys) for keys, _ in newest}) > 1:
        labels = files.read_source(Path(model.labels.source))
        everybody = _keyed(labels, model.keys, "labels")
    else:
        everybody = pd.concat([rows[keys] for keys, rows in newest], ignore_index=True)
    return reduce(
        lambda left, right: left.merge(right[1], on=right[0], how="left"),
        newest,
        everybody.dropna().drop_duplicates(),
    )


def _keyed(frame: pd.DataFrame, keys: tuple[str, ...], table: str) -> pd.DataFrame:
    """Return the ids of a table as text."""
    if lacking := [key for key in keys if key not in frame]:
        raise InputError(f"{table} has no column {lacking[0]}")
    return pd.DataFrame({key: words(frame[key]) for key in keys}, index=frame.index)
