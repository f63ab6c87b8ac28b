"""Tables of the user's, piece by piece, with the lines that are no rows set aside."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from mlops_cli.backends.files.formats import FORMATS
from mlops_cli.backends.files.reading import (
    CsvFormat,
    check_file,
    csv_format,
    read_jsonl,
    translating,
)
from mlops_cli.config.imports import ImportConfig
from mlops_cli.errors import InputError, NotFoundError

_ROWS = 250_000
_LINE = "mlops_line"


@dataclass(frozen=True)
class BrokenLine:
    """A line that is no row of its table."""

    row: int
    """Its number among the rows, from 0."""
    reason: str
    cells: dict[str, str]
    """What it says by column, and all of it under `mlops_line`."""


def batches(
    path: Path, imports: ImportConfig, broken: list[BrokenLine]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Read a file of the user's, or all tables of a folder in the order of their names.

    Each piece comes after the name of its file, without the ending. It is indexed by the numbers of
    its rows, counted from 0 over all files; a number belongs to a line even where that is broken.

    Args:
        path: The file or folder.
        imports: Header, delimiter and encoding of CSV files.
        broken: Gets the lines that are no rows while the pieces are read.

    Raises:
        NotFoundError: There is no such file, or no table in the folder.
        InputError: A file is empty, damaged or of an unknown kind, a column name occurs twice, or
            the tables of the folder have different columns.
    """
    first: set[str] | None = None
    row = 0
    for each in _files(path):
        check_file(each, bool(imports.header))
        with translating(each):
            for frame in _pieces(each, imports, row, broken):
                names = {str(name) for name in frame.columns}
                if not names:
                    continue
                if len(names) != len(frame.columns):
                    raise InputError(f"{each}: a column name occurs twice")
                first = names if first is None else first
                if odd := names ^ first:
                    raise InputError(
                        f"{each}: column {min(odd)!r} is in some tables of the folder only"
                    )
                row = max([row, *(frame.index[-1:] + 1)])
                yield each.stem, frame
        row = max([row, *(line.row + 1 for line in broken)])


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    for folder in sorted(path.iterdir()):
        if folder.is_dir() and not folder.name.startswith((".", "_")) and _tables(folder):
            raise InputError(
                f"{path}: the folder {folder.name!r} in there holds tables, too",
                "import each folder by itself, or move the tables into one",
            )
    found = sorted(
        each
        for each in path.iterdir()
        if each.suffix.lower() in FORMATS and not each.name.startswith(".")
    )
    if not found:
        raise NotFoundError(f"{path} holds no table", f"tables end in {', '.join(FORMATS)}")
    return found


def _tables(folder: Path) -> bool:
    return any(each.suffix.lower() in FORMATS for each in folder.rglob("*"))


def _pieces(
    path: Path, imports: ImportConfig, row: int, broken: list[BrokenLine]
) -> Iterator[pd.DataFrame]:
    """Read one file, its first row being number `row`; without any row give its columns once."""
    if path.suffix.lower() == ".parquet":
        return _parquet(path, row)
    if path.suffix.lower() == ".jsonl":
        return _jsonl(path, row, broken)
    return _csv(path, imports, row, broken)


def _parquet(path: Path, row: int) -> Iterator[pd.DataFrame]:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        if not file.metadata.num_rows:
            yield file.read().to_pandas()
        for piece in file.iter_batches(_ROWS):
            yield _numbered(piece, row)
            row += piece.num_rows


def _csv(
    path: Path, imports: ImportConfig, row: int, broken: list[BrokenLine]
) -> Iterator[pd.DataFrame]:
    style = csv_format(path, imports)
    lost: list[int] = []

    def set_aside(line: pyarrow.csv.InvalidRow) -> str:
        lost.append(line.number - (1 if imports.header else 2))  # it counts the header
        longer = line.actual_columns > line.expected_columns
        reason = f"{'longer' if longer else 'shorter'} than its header"
        cells = _cells(line.text, style) | {_LINE: line.text}
        broken.append(BrokenLine(row + lost[-1], reason, cells))
        return "skip"

    kept = 0
    with style.open(path, set_aside) as reader:
        for piece in reader:
            place = np.arange(kept, kept + piece.num_rows)
            before = np.searchsorted(np.array(lost) - np.arange(len(lost)), place, side="right")
            frame = piece.to_pandas()
            frame.index = pd.Index(row + place + before)
            kept += piece.num_rows
            yield frame
    if not kept:
        yield pd.DataFrame(columns=list(style.columns), dtype=object)


def _cells(text: str, style: CsvFormat) -> dict[str, str]:
    """Return the cells of a line by column, the surplus left out."""
    try:
        cells = next(csv.reader([text], delimiter=style.delimiter), [])
    except csv.Error:
        cells = [text]
    return dict(zip(style.columns, cells, strict=False))


def _jsonl(path: Path, row: int, broken: list[BrokenLine]) -> Iterator[pd.DataFrame]:
    try:
        table = read_jsonl(path)
    except pa.ArrowInvalid:  # a broken line, or a column of several kinds
        yield _json_lines(path, row, broken)
        return
    if not table.num_rows:
        yield table.to_pandas()
    for start in range(0, table.num_rows, _ROWS):
        yield _numbered(table.slice(start, _ROWS), row + start)


def _json_lines(path: Path, row: int, broken: list[BrokenLine]) -> pd.DataFrame:
    """Read objects one by one; a line that is none is set aside."""
    rows: dict[int, dict[str, Any]] = {}
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate((line for line in file if line.strip()), row):
            try:
                said = json.loads(line)
            except (ValueError, RecursionError):
                said = None
            if isinstance(said, dict):
                rows[number] = said
            else:
                broken.append(BrokenLine(number, "not a JSON object", {_LINE: line.rstrip()}))
    names = dict.fromkeys(name for each in rows.values() for name in each)
    frame = pd.DataFrame(list(rows.values()), columns=list(names), dtype=object)
    return frame.set_axis(pd.Index(list(rows), dtype=np.int64))


def _numbered(piece: pa.Table | pa.RecordBatch, row: int) -> pd.DataFrame:
    # A long whole number beside a gap would lose its last digits as a float.
    frame = piece.to_pandas(integer_object_nulls=True)
    return frame.set_axis(pd.RangeIndex(row, row + len(frame)))
