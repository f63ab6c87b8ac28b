"""Files: atomic writes, verified reads, locks. Parquet is written with page checksums."""

import codecs
import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from mlops_cli.config import FeatureConfig
from mlops_cli.config.imports import ImportConfig
from mlops_cli.errors import (
    ConfigError,
    InputError,
    NotFoundError,
    UnavailableError,
    first_line,
)

_ARROW = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "category": pa.string()}
FORMATS = (".parquet", ".csv", ".jsonl")


@contextmanager
def lock(folder: str, name: str, seconds: float = 30) -> Iterator[None]:
    """Hold a lock that other processes respect; it goes with the process, however it ends.

    Raises:
        UnavailableError: Another process holds the lock for longer than `seconds`.
    """
    path = Path(folder) / "locks" / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(path)
        held.acquire(timeout=seconds)
    except Timeout as error:
        raise UnavailableError(
            f"another mlops process holds the lock '{name}'", "try again when it has finished"
        ) from error
    except OSError as error:
        raise ConfigError(f"state: {path.parent} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        held.release()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` when the block ends well, and vanishes if not."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(_mode(path))
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """Return the permissions of the file that is replaced, or else those of a new file."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(
    path: Path, frame: pd.DataFrame, features: Mapping[str, FeatureConfig] | None = None
) -> None:
    """Write a table whole or not at all; feature columns get their configured types."""
    with written(path, frame, features):
        pass


@contextmanager
def written(
    path: Path, frame: pd.DataFrame, features: Mapping[str, FeatureConfig] | None = None
) -> Iterator[None]:
    """Write a table in the format of its suffix; it takes its place when the block ends well."""
    check_format(path)
    with replacing(path) as temporary:
        if path.suffix.lower() == ".csv":
            frame.to_csv(temporary, index=False)
        elif path.suffix.lower() == ".jsonl":
            _write_jsonl(temporary, frame)
        else:
            _write_parquet(temporary, frame, features or {})
        yield


def check_format(path: Path) -> None:
    """Refuse a file whose suffix names no format that can be written."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: unknown kind of file", f"use {', '.join(FORMATS)}")


def _write_parquet(path: Path, frame: pd.DataFrame, features: Mapping[str, FeatureConfig]) -> None:
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
    pq.write_table(pa.table(columns), path, write_page_checksum=True)


def read_tables(path: Path, imports: ImportConfig) -> pd.DataFrame:
    """Read a file of the user's, or all tables of a folder in the order of their names.

    Raises:
        NotFoundError: There is no such file, or no table in the folder.
        InputError: As `read_table`, or the tables of the folder have different columns.
    """
    if not path.is_dir():
        return read_table(path, imports)
    found = sorted(each for each in path.iterdir() if each.suffix.lower() in FORMATS)
    if not found:
        raise NotFoundError(f"{path} holds no table", f"tables end in {', '.join(FORMATS)}")
    frames = [read_table(each, imports) for each in found]
    for each, frame in zip(found, frames, strict=True):
        if set(frame.columns) != set(frames[0].columns):
            odd = min(set(map(str, frame.columns)) ^ set(map(str, frames[0].columns)))
            raise InputError(f"{each}: column {odd!r} is in some tables of the folder only")
    return pd.concat(frames, ignore_index=True)


def read_table(path: Path, imports: ImportConfig | None = None) -> pd.DataFrame:
    """Read a Parquet, CSV or JSONL file. CSV cells stay text: `00123` and `NA` keep their form.

    Args:
        path: The file. With a header in `imports` any other suffix is taken for a CSV file.
        imports: Header, delimiter and encoding of a CSV file.

    Raises:
        NotFoundError: There is no such file.
        InputError: The file is empty, malformed, damaged or of an unknown kind.
    """
    if not path.is_file():
        raise NotFoundError(
            f"no file {path}",
            "check the path, or bring data: `mlops features import`, `mlops features generate`",
        )
    suffix = path.suffix.lower()
    if suffix not in FORMATS and not (imports and imports.header):
        raise InputError(f"{path}: unknown kind of file", f"use {', '.join(FORMATS)}")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty", "a table needs at least its column names")
    try:
        if suffix == ".parquet":
            frame = _read_parquet(path)
        elif suffix == ".jsonl":
            frame = _read_jsonl(path)
        else:
            frame = _read_csv(path, imports or ImportConfig())
    except (pa.ArrowException, UnicodeDecodeError, OSError, csv.Error) as error:
        reason = first_line(error)
        raise InputError(f"{path} cannot be read: {reason}") from error
    if len(set(frame.columns)) != len(frame.columns):
        raise InputError(f"{path}: a column name occurs twice")
    return frame


def digests(place: str | None) -> dict[str, str]:
    """Return the sha256 of a file, or of each file of a folder by its path in there."""
    if place is None or not Path(place).exists():
        return {}
    path = Path(place)
    found = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return {
        str(each.relative_to(path.parent if path.is_file() else path)): _sha256(each)
        for each in found
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_parquet(path: Path) -> pd.DataFrame:
    return pq.read_table(path, page_checksum_verification=True).to_pandas()


def _read_csv(path: Path, imports: ImportConfig) -> pd.DataFrame:
    encoding = _encoding(path, imports.encoding)
    header = list(imports.header)
    if not header:
        with path.open(encoding=encoding, newline="") as file:
            header = next(csv.reader(file, delimiter=imports.delimiter), [])
    if len(set(header)) != len(header):
        raise InputError(f"{path}: a column name occurs twice")
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    reading = pyarrow.csv.ReadOptions(
        column_names=imports.header or None, encoding=encoding.removesuffix("-sig")
    )
    parsing = pyarrow.csv.ParseOptions(delimiter=imports.delimiter)
    return pyarrow.csv.read_csv(path, reading, parsing, options).to_pandas()


def _encoding(path: Path, configured: str) -> str:
    """Return the encoding that a byte order mark tells, or else the configured one."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig" if configured.lower() in {"utf-8", "utf8"} else configured
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return configured


def _read_jsonl(path: Path) -> pd.DataFrame:
    return pyarrow.json.read_json(path).to_pandas()


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
