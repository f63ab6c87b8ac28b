"""`features import`: a table of the user's becomes rows of the feature views and the labels."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from mlops_cli.backends import files, queries, tables
from mlops_cli.config import Config, FeatureConfig, FeatureViewConfig, ModelConfig
from mlops_cli.domain.columns import entities, times, typed
from mlops_cli.domain.importing import translated
from mlops_cli.errors import InputError


@dataclass(frozen=True)
class Source:
    """Where the rows come from: a file or folder, or a query."""

    path: Path | None
    url: str = ""
    query: str = ""

    @property
    def name(self) -> str:
        """What people call it; a URL may hold a password."""
        return str(self.path) if self.path else "the query"


@dataclass(frozen=True)
class ImportedTable:
    """One table of the project after an import."""

    path: str
    rows: int
    new: int
    """Rows whose entity and time were not there before."""
    replaced: int
    """Rows whose entity and time were there, or twice in the import: the last one counts."""


def import_table(
    config: Config, name: str, source: Source, time: datetime | None = None, dry_run: bool = False
) -> list[ImportedTable]:
    """Add a table of the user's to the sources of one model: its views and its labels.

    A view gets the rows if the table has its columns, the labels if it has the label column; a
    table with some columns of a view and not the others is refused. Rows that are there already,
    by entity and time, are replaced, so that importing a file again changes nothing. Nothing is
    written before every part of the table has been read and checked.

    Args:
        config: The project.
        name: Whose sources to write.
        source: One row for each entity and time.
        time: Used where the table has no time column.
        dry_run: Read, check and count only.

    Raises:
        InputError: A column is missing, or a cell is not of its feature's type.
    """
    model = config.models[name]
    frame = _read(model, source)
    parts = _parts(model, frame, time, source.name)
    if not parts:
        typed(frame, model.stored, source.name)
    with files.lock(config.state, "features"), ExitStack() as ready:
        merged = [(Path(place), part, _merged(Path(place), part, model)) for place, part in parts]
        done = [_counted(path, part, *both) for path, part, both in merged]
        if dry_run:
            return done
        for path, _, (whole, _) in merged:
            ready.enter_context(files.written(path, whole, model.stored))
        told = source.path.name if source.path else "query"
        places = {place for place, _ in parts}
        views = [view for view, spec in model.feature_views.items() if spec.source in places]
        details = {"file": told, "rows": len(frame), "tables": len(merged), "views": views}
        tables.append(config, "features.imported", name, details=details)
    return done


def _read(model: ModelConfig, source: Source) -> pd.DataFrame:
    """Read the rows and put them into the columns and words of config.yaml."""
    if source.path:
        raw = files.read_tables(source.path, model.imports)
    else:
        raw = queries.read_query(source.url, source.query)
    stamps = {view.timestamp for view in model.feature_views.values()} | {model.labels.timestamp}
    frame = translated(raw, model.imports, model.entity, sorted(stamps), source.name)
    if model.entity not in frame.columns:
        raise InputError(
            f"{source.name}: no column {model.entity!r} with the entity of each row",
            f"columns found: {', '.join(map(str, frame.columns[:20]))}",
        )
    if frame.empty:
        raise InputError(f"{source.name} has no rows")
    return frame


def _parts(
    model: ModelConfig, frame: pd.DataFrame, time: datetime | None, name: str
) -> list[tuple[str, pd.DataFrame]]:
    """Return each source that the table has the columns of, with its part of the rows."""
    parts: list[tuple[str, pd.DataFrame]] = []
    for view in model.feature_views.values():
        if view.source and not set(view.features).isdisjoint(frame.columns):
            values = typed(frame, view.features, name)
            keys = _keys(frame, model, view.timestamp, time, name)
            parts.append(
                (view.source, pd.concat([keys, _written(frame, view, name), values], axis=1))
            )
    if model.labels.column in frame.columns:
        label = {model.labels.column: FeatureConfig(type="float")}
        keys = _keys(frame, model, model.labels.timestamp, time, name)
        values = typed(frame, label, name)
        parts.append((model.labels.source, pd.concat([keys, values], axis=1)))
    return parts


def _counted(path: Path, part: pd.DataFrame, whole: pd.DataFrame, before: int) -> ImportedTable:
    new = len(whole) - before
    return ImportedTable(str(path), len(whole), new, len(part) - new)


def _merged(path: Path, new: pd.DataFrame, model: ModelConfig) -> tuple[pd.DataFrame, int]:
    """Return the rows of a source with the new ones, and how many there were before.

    A new row replaces the one of the same key.
    """
    keys = [name for name in new.columns if name not in {*model.stored, model.labels.column}]
    if not path.exists():
        return new.drop_duplicates(keys, keep="last", ignore_index=True), 0
    known = files.read_table(path)
    if missing := [name for name in new.columns if name not in known.columns]:
        raise InputError(f"{path} has no column {missing[0]!r}", "move it away to start anew")
    values = {name: spec for name, spec in model.stored.items() if name in new.columns}
    old = pd.concat(
        [
            pd.DataFrame({model.entity: entities(known[model.entity], str(path))}),
            pd.DataFrame({key: times(known[key], str(path)) for key in keys[1:]}),
            typed(known, values, str(path)) if values else known[[model.labels.column]],
        ],
        axis=1,
    )
    both = pd.concat([old[list(new.columns)], new], ignore_index=True)
    return both.drop_duplicates(keys, keep="last", ignore_index=True), len(old)


def _keys(
    frame: pd.DataFrame, model: ModelConfig, stamp: str, time: datetime | None, file: str
) -> pd.DataFrame:
    """Return the entity, as text, and the time of each row."""
    ids = entities(frame[model.entity], file)
    if stamp in frame.columns:
        moments = times(frame[stamp], file)
    elif time is not None:
        moments = pd.Series(pd.Timestamp(time), index=frame.index)
    else:
        raise InputError(
            f"{file}: no column {stamp!r} with the time of each row",
            "name a time for all rows with --time 2026-01-31",
        )
    return pd.DataFrame({model.entity: ids, stamp: moments})


def _written(frame: pd.DataFrame, view: FeatureViewConfig, file: str) -> pd.DataFrame:
    """Return the time each row was written, where the view records it."""
    if view.created is None:
        return pd.DataFrame(index=frame.index)
    if view.created not in frame.columns:
        raise InputError(f"{file}: no column {view.created!r} with the time each row was written")
    return pd.DataFrame({view.created: times(frame[view.created], file)})
