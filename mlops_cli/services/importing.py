"""`features import`: a table of the user's becomes rows of the feature views and the labels."""

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pandas as pd

from mlops_cli.backends import files, tables
from mlops_cli.config import Config, FeatureConfig, FeatureViewConfig, ModelConfig
from mlops_cli.domain.columns import entities, times, typed
from mlops_cli.domain.results import Written
from mlops_cli.errors import InputError


def import_table(
    config: Config, name: str, file: Path, time: datetime | None = None
) -> list[Written]:
    """Add a file of the user's to the sources of one model: its views and its labels.

    A view gets the rows if the file has its columns, the labels if it has the label column; a file
    with some columns of a view and not the others is refused. Rows that are there already, by
    entity and time, are replaced, so that importing a file again changes nothing. Nothing is
    written before every part of the file has been read and checked.

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
        typed(frame, model.stored, str(file))
    with files.lock(config.state, "features"), ExitStack() as ready:
        merged = [(Path(source), _merged(Path(source), part, model)) for source, part in parts]
        for path, whole in merged:
            ready.enter_context(files.written(path, whole, model.stored))
        details = {"file": file.name, "rows": len(frame), "tables": len(merged)}
        tables.append(config, "features.imported", name, details=details)
    return [Written(str(path), len(whole)) for path, whole in merged]


def _merged(path: Path, new: pd.DataFrame, model: ModelConfig) -> pd.DataFrame:
    """Return the rows of a source with the new ones, which replace those of the same key."""
    if not path.exists():
        return new
    keys = [name for name in new.columns if name not in {*model.stored, model.labels.column}]
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
    return both.drop_duplicates(keys, keep="last", ignore_index=True)


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
