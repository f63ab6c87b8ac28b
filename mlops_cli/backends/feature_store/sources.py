"""Reading the Parquet files behind a feature view: verified, with times in UTC."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from feast.infra.offline_stores.file_source import FileSource
from feast.repo_config import RepoConfig
from numpy.typing import NDArray

from mlops_cli.domain.point_in_time import Int64s
from mlops_cli.errors import InputError, NotFoundError, first_line

MICROSECONDS = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Source:
    """The Parquet files behind a view, with what their columns are called there."""

    path: str
    files: ds.Dataset | ds.Fragment
    stored: Mapping[str, str]
    """The names of columns in the files, where they are others."""

    def kind(self, column: str) -> pa.DataType:
        """Return what a column is stored as.

        Raises:
            InputError: There is no such column.
        """
        return self._schema().field(self._stored([column])[0]).type

    def columns(self, names: list[str]) -> pa.Table:
        """Read columns, verifying page checksums.

        Raises:
            InputError: A column is missing, or a file is damaged.
        """
        try:
            return self.files.to_table(columns=self._stored(names)).rename_columns(names)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{self.path} cannot be read: {first_line(error)}") from error

    def timed(self, columns: list[str], stamps: list[str]) -> pa.Table:
        """Read columns and times, these in UTC.

        Args:
            columns: The columns to read.
            stamps: The column of the event time, and maybe that of the created time; where a row
                does not say when it was written, that was at its event time.

        Raises:
            InputError: A file is damaged, a column is missing, or `stamps` holds something but
                times.
        """
        table = self.columns([*columns, *stamps])
        for index, stamp in enumerate(stamps, len(columns)):
            kind = table[stamp].type
            if not pa.types.is_temporal(kind) or pa.types.is_time(kind):
                called = self._stored([stamp])[0]
                raise InputError(f"{self.path}: column {called!r} holds {kind}, not times")
            known = utc(table[stamp])
            if stamp != stamps[0]:
                known = pc.coalesce(known, table[stamps[0]])
            table = table.set_column(index, stamp, known)
        return table

    def _schema(self) -> pa.Schema:
        whole = isinstance(self.files, ds.Dataset)
        return self.files.schema if whole else self.files.physical_schema

    def _stored(self, names: list[str]) -> list[str]:
        """Return what columns are called in the files."""
        stored, found = [self.stored.get(name, name) for name in names], self._schema().names
        if missing := [name for name in stored if name not in found]:
            known = ", ".join(found[:20])
            raise InputError(f"{self.path}: no column {missing[0]!r}", f"columns found: {known}")
        return stored


def opened(config: RepoConfig, source: Any) -> Source:
    """Open a Parquet file or folder; one that is put in its place later is not seen.

    Args:
        config: Feast's configuration.
        source: Where the file is, and what its columns are called.

    Raises:
        NotFoundError: There is no such file.
        InputError: It is no Parquet file.
    """
    if not isinstance(source, FileSource):
        raise InputError(f"feature source {source.name!r} is not a file of ours to read")
    path = _place(config, source)
    checked = ds.ParquetFileFormat(
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    )
    try:
        places = _files(path)
        if places == path and "://" not in path:
            files = checked.make_fragment(pa.OSFile(path))
            files.ensure_complete_metadata()
        else:
            files = ds.dataset(places, format=checked)
    except FileNotFoundError as error:
        raise NotFoundError(f"no file {path}", "check `source` in config.yaml") from error
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read: {first_line(error)}") from error
    return Source(path, files, {new: old for old, new in source.field_mapping.items()})


def read(config: RepoConfig, source: Any, columns: list[str], stamps: list[str]) -> pa.Table:
    """Open a source and read columns and times; see `opened` and `Source.timed`."""
    return opened(config, source).timed(columns, stamps)


def _place(config: RepoConfig, source: FileSource) -> str:
    """Return where a source is, once and for all: an import may swing the name of a folder over."""
    path = str(source.get_uri_for_file_path(config.repo_path, source.path))
    return path if "://" in path else os.path.realpath(path)


def _files(path: str) -> str | list[str]:
    """Return the Parquet files of a folder here, in order, or else the place as it is."""
    folder = Path(path)
    if "://" in path or not folder.is_dir():
        return path
    found = sorted(
        str(each)
        for each in folder.rglob("*")
        if each.suffix.lower() == ".parquet"
        and each.is_file()
        and not any(part.startswith((".", "_")) for part in each.relative_to(folder).parts)
    )
    if not found:
        raise NotFoundError(f"{path} holds no table", "bring data: `mlops features import`")
    return found


def utc(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Read times without a zone as UTC, days as their midnight, and all in microseconds."""
    if not pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us"))
    if column.type.tz is None:
        column = pc.assume_timezone(column, "UTC")
    return column.cast(MICROSECONDS, safe=False)


def microseconds(column: pa.Array | pa.ChunkedArray) -> tuple[Int64s, NDArray[np.bool_]]:
    """Return microseconds since the epoch, and which of the times are known; others are 0."""
    numbers = np.asarray(pc.fill_null(column.cast(pa.int64()), 0), dtype=np.int64)
    return numbers, ~np.asarray(column.is_null())
