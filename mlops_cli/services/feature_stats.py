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
from mlops_cli.domain.subjects import (
    Identity,
    ReadView,
    SourceTable,
    moments,
    newest_rows,
    subjects,
)
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
    unread: tuple[str, ...] = ()
    """Views of a Feast repository whose source is no file: nothing is known of them."""


def stats(
    config: Config,
    name: str,
    now: datetime,
    known: dict[str, ViewStats],
    repository: ReadView | None = None,
) -> ModelStats:
    """Describe every view of a model, and the features that are derived from them.

    Args:
        config: The project.
        name: The model.
        now: When the age of a row is taken.
        known: Views of other models, which are not described again; those of this one are added.
        repository: Reads the views that a Feast repository of the user's own defines.

    Raises:
        NotFoundError: There is no such table.
        InputError: A table cannot be read.
    """
    model = config.models[name]
    tables: dict[str, SourceTable] = {}
    unread = []
    for view in model.feature_views:
        if view in known and not model.derived:
            continue
        table = _table(model, view, repository)
        if table is None:
            unread.append(view)
            continue
        tables[view] = table
        if view not in known:
            known[view] = _view(model, view, table, now)
    derived = _derived(model, tables) if model.derived else ()
    views = tuple(known[view] for view in model.feature_views if view not in unread)
    return ModelStats(name, views, derived, tuple(unread))


def _table(model: ModelConfig, view: str, repository: ReadView | None) -> SourceTable | None:
    source = model.feature_views[view].source
    if source is None:
        return repository(model, view) if repository else None
    path = Path(source)
    return SourceTable(path, Identity.of_view(model, view), files.read_source(path))


def _view(model: ModelConfig, name: str, table: SourceTable, now: datetime) -> ViewStats:
    view, identity, frame = model.feature_views[name], table.identity, table.frame
    who = subjects(frame, identity.keys)
    rows = np.bincount(who[who >= 0])
    rows = rows[rows > 0]
    times = moments(frame, identity.stamps[0]).dropna()
    expired = None
    if view.ttl is not None and len(times):
        expired = float((now - times > view.ttl).mean())
    return ViewStats(
        view=name,
        source=str(table.path),
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


def _derived(model: ModelConfig, tables: Mapping[str, SourceTable]) -> tuple[FeatureSummary, ...]:
    """Describe the derived features, over the newest row of each entity."""
    try:
        joined = _joined(model, tables)
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


def _joined(model: ModelConfig, tables: Mapping[str, SourceTable]) -> pd.DataFrame:
    """Return one row for each entity with its newest values in every view.

    Where views have different keys, as patients and hospitals, the labels say which belong
    together.

    Raises:
        InputError: A table lacks a key, or there is none.
    """
    if not tables:
        raise InputError("no view can be read")
    newest = []
    for view, table in tables.items():
        identity, frame = table.identity, table.frame
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
