"""Feast's formats of the online store: keys and values as bytes, each distinct one encoded once.

The formats are Feast's own (entity key serialization version 3, `ValueProto`), so that its SDK
reads what is written here.
"""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast.protos.feast.types.Value_pb2 import Value, ValueType
from feast.type_map import feast_value_type_to_python_type
from google.protobuf.timestamp_pb2 import Timestamp

_INT, _FLOAT, _BOOL, _TEXT = pa.int64(), pa.float64(), pa.bool_(), pa.string()
_FIELDS = {_INT: "int64_val", _FLOAT: "double_val", _BOOL: "bool_val", _TEXT: "string_val"}
_DOUBLE_TAG = Value(double_val=1.0).SerializeToString()[:1]
_INT_TAG = Value(int64_val=1).SerializeToString()[:1]
_BOOL_TAG = Value(bool_val=True).SerializeToString()[:1]
_DOUBLE = struct.Struct("<d")
_COUNT, _LENGTH, _TIME = struct.Struct(">h"), struct.Struct(">i"), struct.Struct(">q")
_NULL = _LENGTH.pack(-1)
COPY_HEAD, COPY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), _COUNT.pack(-1)
"""What comes before and after the rows of a binary COPY."""
_YEAR_2000 = 946_684_800_000_000
"""Microseconds from the epoch to the one that PostgreSQL counts from."""
_ONE_BYTE = 0x80
"""Whole numbers below this one take one byte."""


def keys(names: Sequence[str], columns: Sequence[Sequence[str | int]]) -> list[bytes]:
    """Return the entity keys: whole numbers or text, in the order of the names of their columns."""
    order = sorted(range(len(names)), key=lambda position: names[position])
    head = struct.pack("<I", len(names))
    for position in order:
        name = names[position].encode()
        head += struct.pack("<II", ValueType.STRING, len(name)) + name
    parts = [[_key_part(value) for value in columns[position]] for position in order]
    return [head + b"".join(row) for row in zip(*parts, strict=True)]


def table_keys(table: pa.Table) -> list[bytes]:
    """Return the entity keys of a table that has nothing but the columns of a key."""
    return keys(table.column_names, [column.to_pylist() for column in table.columns])


def _key_part(value: str | int) -> bytes:
    if isinstance(value, int):
        return struct.pack("<IIq", ValueType.INT64, 8, value)
    text = value.encode()
    return struct.pack("<II", ValueType.STRING, len(text)) + text


def cells(column: pa.Array) -> list[bytes]:
    """Encode a column of whole numbers, numbers, truth values or text; a missing one is empty."""
    if column.type == _FLOAT:
        return _numbers(column)
    encoded = column.dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    field = _FIELDS[column.type]
    values = [*(Value(**{field: each}).SerializeToString() for each in distinct), b""]
    codes = pc.fill_null(encoded.indices, len(distinct)).to_pylist()
    return [values[code] for code in codes]


def _numbers(column: pa.Array) -> list[bytes]:
    """Lay out all numbers at once: they are mostly distinct."""
    numbers = np.asarray(pc.fill_null(column, np.nan), dtype="<f8")
    laid = np.empty((len(numbers), 9), dtype=np.uint8)
    laid[:, 0] = _DOUBLE_TAG[0]
    laid[:, 1:] = numbers.view(np.uint8).reshape(-1, 8)
    whole = laid.tobytes()
    values = [whole[start : start + 9] for start in range(0, len(whole), 9)]
    for position in np.flatnonzero(np.isnan(numbers)).tolist():
        values[position] = b""
    return values


def texts(column: pa.Array) -> list[str | None]:
    """Return what the SQL stores keep beside the bytes for Feast's search in texts.

    Feast also writes numbers there, where nobody searches for them; on PostgreSQL its full-text
    index over them costs more than everything else.
    """
    return list(column.to_pylist()) if column.type == _TEXT else [None] * len(column)


def fields(cells: Sequence[bytes | None]) -> list[bytes]:
    """Return cells as PostgreSQL's binary COPY format has them: a length, -1 for NULL, and bytes.

    PostgreSQL's documentation of COPY, "Binary Format".
    """
    return [_NULL if cell is None else _LENGTH.pack(len(cell)) + cell for cell in cells]


def time_fields(column: pa.Array) -> list[bytes]:
    """Return times as `fields`: microseconds since 2000, NULL where one is missing."""
    counted = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
    cells = [None if each is None else _TIME.pack(each - _YEAR_2000) for each in counted]
    return fields(cells)


def copied_row(fields: Sequence[bytes]) -> bytes:
    """Return `fields` as one row of a binary COPY."""
    return _COUNT.pack(len(fields)) + b"".join(fields)


def epoch_times(column: pa.Array) -> list[int | None]:
    """Return times as Feast keeps them in SQLite: whole seconds since the epoch."""
    seconds = column.cast(pa.timestamp("s", tz="UTC"), safe=False).cast(pa.int64())
    return list(seconds.to_pylist())


def proto_times(column: pa.Array) -> list[bytes]:
    """Return times as Redis holds them: serialized protobuf timestamps."""
    encoded = column.dictionary_encode()
    stamps = []
    for each in encoded.dictionary.cast(pa.int64()).to_pylist():
        seconds, rest = divmod(each, 1_000_000)
        stamps.append(Timestamp(seconds=seconds, nanos=rest * 1000).SerializeToString())
    return [stamps[code] for code in encoded.indices.to_pylist()]


class Decoded(dict[bytes | None, Any]):
    """Values by the bytes that are stored, each distinct one decoded once; no bytes are None."""

    def __missing__(self, stored: bytes | None) -> Any:
        """Decode bytes that were not met before; protobuf's DecodeError where they are no value."""
        value = self[stored] = _value(stored) if stored else None
        return value


def _value(stored: bytes) -> Any:
    """Return what Feast's SDK gives for a stored value; numbers without its message objects."""
    tag, size = stored[:1], len(stored)
    if size == _DOUBLE.size + 1 and tag == _DOUBLE_TAG:
        return _DOUBLE.unpack_from(stored, 1)[0]
    if size == 2 and stored[1] < _ONE_BYTE:
        if tag == _INT_TAG:
            return stored[1]
        if tag == _BOOL_TAG:
            return bool(stored[1])
    return feast_value_type_to_python_type(Value.FromString(stored))


def epoch_time(seconds: int | None) -> datetime | None:
    """Return an event time; the epoch is how every store says 'unknown'."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def proto_time(stamp: bytes | None) -> datetime | None:
    """Return an event time of Redis in whole seconds, rounded as Feast's SDK does."""
    read = Timestamp.FromString(stamp or b"")
    exact = datetime.fromtimestamp(read.seconds + read.nanos / 1_000_000_000, UTC)
    return epoch_time(int(exact.timestamp() // 1))
