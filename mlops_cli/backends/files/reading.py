"""Tables in, verified: Parquet with page checksums, CSV, JSONL, folders of Parquet."""

import codecs
import csv
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.json
import pyarrow.parquet as pq

from mlops_cli.backends.files.formats import FORMATS, parquet_files
from mlops_cli.backends.files.quotes import check_quotes
from mlops_cli.config.imports import ImportConfig
from mlops_cli.errors import InputError, NotFoundError, first_line

_BLOCK = 16 * 2**20
_BRING = "check the path, or bring data: `mlops features import`, `mlops features generate`"


def read_table(path: Path) -> pd.DataFrame:
    """Read a Parquet, CSV or JSONL file. CSV cells stay text: `00123` and `NA` keep their form.

    Raises:
        NotFoundError: There is no such file.
        InputError: The file is empty, malformed, damaged or of an unknown kind.
    """
    check_file(path)
    with translating(path):
        if path.suffix.lower() == ".parquet":
            frame = pq.read_table(path, page_checksum_verification=True).to_pandas()
        elif path.suffix.lower() == ".jsonl":
            frame = read_jsonl(path).to_pandas()
        else:
            frame = csv_format(path, ImportConfig()).read(path)
    if len(set(frame.columns)) != len(frame.columns):
        raise InputError(f"{path}: a column name occurs twice")
    return frame


def read_source(path: Path) -> pd.DataFrame:
    """Read the table behind a view or the labels: a file, or all Parquet files of a folder.

    Raises:
        NotFoundError: There is no such file, or nothing in the folder.
        InputError: As `read_table`.
    """
    if not path.is_dir():
        return read_table(path)
    checked = ds.ParquetFileFormat(
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    )
    with translating(path):
        # Once: an import that finishes meanwhile lets the name stand for another folder.
        found = parquet_files(path.resolve())
        if not found:
            raise NotFoundError(f"{path} holds no table", _BRING)
        return ds.dataset(found, format=checked).to_table().to_pandas()


def read_jsonl(path: Path) -> pa.Table:
    """Read one object a line; text stays as it was written, also where it looks like a time."""
    table = pyarrow.json.read_json(path)
    times = [field.name for field in table.schema if pa.types.is_temporal(field.type)]
    if not times:
        return table
    text = pa.schema([(name, pa.string()) for name in times])
    reading = pyarrow.json.ParseOptions(explicit_schema=text)
    return pyarrow.json.read_json(path, parse_options=reading).select(table.column_names)


def check_file(path: Path, header: bool = False) -> None:
    """Refuse what is no file of a known kind; with a header of its own a CSV may end in anything.

    Raises:
        NotFoundError: There is no such file.
        InputError: It is empty or of an unknown kind.
    """
    if not path.is_file():
        raise NotFoundError(f"no file {path}", _BRING)
    if path.suffix.lower() not in FORMATS and not header:
        raise InputError(f"{path}: unknown kind of file", f"use {', '.join(FORMATS)}")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty", "a table needs at least its column names")


@contextmanager
def translating(path: Path) -> Iterator[None]:
    """Say of a file that cannot be read why."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {first_line(error)}") from error


def digests(place: str | None) -> dict[str, str]:
    """Return the sha256 of a file, or of each file of a folder by its path in there."""
    if place is None or not Path(place).exists():
        return {}
    path = Path(place) if Path(place).is_file() else Path(place).resolve()
    found = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return {
        str(each.relative_to(path.parent if path.is_file() else path)): _sha256(each)
        for each in found
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class CsvFormat:
    """How to read one CSV file: every cell as text, an empty one as missing."""

    columns: tuple[str, ...]
    reading: pyarrow.csv.ReadOptions
    converting: pyarrow.csv.ConvertOptions
    delimiter: str
    quoted: bool
    """Whether there are quotes, so that a cell may have several lines."""

    def read(self, path: Path) -> pd.DataFrame:
        """Read the whole file; a row of another length than the header is an error."""
        parsing = pyarrow.csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=self.quoted)
        return pyarrow.csv.read_csv(path, self.reading, parsing, self.converting).to_pandas()

    def open(
        self, path: Path, broken: Callable[[pyarrow.csv.InvalidRow], str]
    ) -> pyarrow.csv.CSVStreamingReader:
        """Read the file piece by piece; a row of another length is told to `broken`."""
        self.reading.use_threads = False  # otherwise nobody numbers the broken rows
        self.reading.block_size = _BLOCK
        parsing = pyarrow.csv.ParseOptions(
            delimiter=self.delimiter, newlines_in_values=self.quoted, invalid_row_handler=broken
        )
        return pyarrow.csv.open_csv(path, self.reading, parsing, self.converting)


def csv_format(path: Path, imports: ImportConfig) -> CsvFormat:
    """Find out how a CSV file is to be read, from its first line and what is configured."""
    encoding = _encoding(path, imports.encoding)
    quoted = check_quotes(path, encoding, imports.delimiter, not imports.header)
    header = list(imports.header)
    if not header:
        with path.open(encoding=encoding, newline="") as file:
            header = next(csv.reader(file, delimiter=imports.delimiter), [])
    if len(set(header)) != len(header):
        raise InputError(f"{path}: a column name occurs twice")
    if any("\0" in name for name in header):
        raise InputError(
            f"{path} cannot be read: its header holds NUL characters",
            "say under imports which encoding it has, as utf-16-le",
        )
    return CsvFormat(
        tuple(header),
        pyarrow.csv.ReadOptions(
            column_names=imports.header or None, encoding=encoding.removesuffix("-sig")
        ),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
        imports.delimiter,
        quoted,
    )


def _encoding(path: Path, configured: str) -> str:
    """Return the encoding that a byte order mark tells, or else the configured one."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig" if configured.lower() in {"utf-8", "utf8"} else configured
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return configured
