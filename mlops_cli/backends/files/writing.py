"""Tables out: Parquet with page checksums, CSV, JSONL."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_cli.backends.files.atomic import replacing
from mlops_cli.backends.files.formats import FORMATS
from mlops_cli.backends.files.stored_windows import metadata
from mlops_cli.config import FeatureConfig
from mlops_cli.config.features import WindowConfig
from mlops_cli.errors import InputError

_ARROW = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "category": pa.string()}


def write_table(
    path: Path, frame: pd.DataFrame, features: Mapping[str, FeatureConfig] | None = None
) -> None:
    """Write a table whole or not at all; feature columns get their configured types."""
    with written(path, frame, features):
        pass


@contextmanager
def written(
    path: Path,
    frame: pd.DataFrame,
    features: Mapping[str, FeatureConfig] | None = None,
    private: bool = False,
) -> Iterator[None]:
    """Write a table in the format of its suffix; it takes its place when the block ends well."""
    check_format(path)
    with replacing(path, private) as temporary:
        write_as(path.suffix, temporary, frame, features or {})
        yield


def write_as(
    suffix: str, place: Path, frame: pd.DataFrame, features: Mapping[str, FeatureConfig],
    windows: Mapping[str, WindowConfig] | None = None,
) -> None:  # fmt: skip
    """Write a table to a place that nobody reads yet, in the format of a suffix.

    Parquet also says how the windows that it holds were computed.
    """
    if suffix.lower() == ".csv":
        frame.to_csv(place, index=False)
    elif suffix.lower() == ".jsonl":
        _write_jsonl(place, frame)
    else:
        _write_parquet(place, frame, features, windows or {})


def check_format(path: Path) -> None:
    """Refuse a file whose suffix names no format that can be written."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: unknown kind of file", f"use {', '.join(FORMATS)}")


def _write_parquet(
    path: Path, frame: pd.DataFrame, features: Mapping[str, FeatureConfig],
    windows: Mapping[str, WindowConfig],
) -> None:  # fmt: skip
    """Write pages with checksums, so that a flipped bit is found when it is read."""
    columns = {}
    for name in frame.columns:
        spec = features.get(name)
        kind = _ARROW[spec.type] if spec else None
        if pd.api.types.is_datetime64_any_dtype(frame[name]):
            kind = pa.timestamp("us", tz="UTC")
        values = frame[name]
        if spec and spec.type == "bool":
            values = values.astype("boolean")
        columns[str(name)] = pa.array(values, type=kind, from_pandas=True)
    table = pa.table(columns)
    if windows:
        table = table.replace_schema_metadata(metadata(windows))
    # Hardly a measurement occurs twice: a dictionary of them only takes time.
    repeated = [name for name in table.column_names if table[name].type != pa.float64()]
    pq.write_table(table, path, use_dictionary=repeated, write_page_checksum=True)


def _write_jsonl(path: Path, frame: pd.DataFrame) -> None:
    """Write one object a row; pandas itself would cut numbers after ten decimals."""
    cells = frame.replace([np.inf, -np.inf], np.nan).astype(object)
    rows = cells.where(cells.notna(), None).to_dict("records")
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, default=_plain) + "\n")


def _plain(cell: object) -> object:
    """Return a cell that JSON has no word for: a list as a list, a time as text."""
    if isinstance(cell, np.ndarray):
        return cell.tolist()
    return cell.isoformat() if isinstance(cell, datetime | date) else str(cell)
