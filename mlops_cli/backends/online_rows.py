"""One entity from Feast's SQLite online store, without Feast, whose import takes seconds.

For a process that reads once. What is unusual is not answered here but left to Feast: another
store, a repository of the user's own, a table or a cell that is not there, an unknown entity. That
both answer the same is held by a test.
"""

import sqlite3
import struct
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain.online import OnlineValue, Row, known

_STRING = 2
"""The number of text among Feast's types of values."""
_TEXT, _INT, _DOUBLE, _BOOL = 0x12, 0x20, 0x29, 0x38
"""First byte of a value: the field of Feast's `Value` message and how it is laid out."""


def latest(config: Config, model: ModelConfig, key: Mapping[str, str]) -> Row | None:
    """Return the newest values of one entity, or None where Feast has to be asked.

    Args:
        config: The project.
        model: Whose features.
        key: An id for every column of `model.keys`.
    """
    section = config.feature_store
    if section.repo is not None or set(section.online_store) - {"type", "path"}:
        return None
    if section.online_store.get("type") != "sqlite":
        return None
    path = config.root / section.online_store.get("path", Path(config.state) / "online_store.db")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            row = _row(opened, config, model, key)
    except (sqlite3.Error, ValueError):
        return None
    return row if row is not None and known(model, row) else None


def _row(
    connection: sqlite3.Connection, config: Config, model: ModelConfig, key: Mapping[str, str]
) -> Row | None:
    row: Row = {}
    for name, view in model.feature_views.items():
        table = f"{config.project}_{name}"  # both are names of ours: letters, digits, underscores
        stored = _entity_key({column: key[column] for column in model.view_keys(name)})
        found = connection.execute(
            f'SELECT feature_name, value, +event_ts FROM "{table}" WHERE entity_key = ?',  # noqa: S608
            [stored],
        ).fetchall()
        cells = {feature: value for feature, value, _ in found}
        if found and not set(view.features) <= set(cells):
            return None
        newest = max((time for feature, _, time in found if feature in view.features), default=None)
        event = datetime.fromtimestamp(newest, UTC) if newest else None
        for feature in view.features:
            value = _value(cells[feature]) if found else None
            row[feature] = OnlineValue(value, event, name, view.ttl)
    return row


def _entity_key(key: Mapping[str, str]) -> bytes:
    """Return a key of texts in Feast's format (serialization version 3)."""
    names = sorted(key)
    parts = [struct.pack("<I", len(names))]
    parts += [struct.pack("<II", _STRING, len(n.encode())) + n.encode() for n in names]
    ids = [key[name].encode() for name in names]
    return b"".join([*parts, *(struct.pack("<II", _STRING, len(each)) + each for each in ids)])


def _value(stored: bytes) -> Any:
    r"""Return the value of a stored message, None where it is empty.

    Raises:
        ValueError: It is of no type that is written here.

    >>> _value(b""), _value(b"\x29" + struct.pack("<d", 0.5)), _value(b"\x20\x96\x01")
    (None, 0.5, 150)
    """
    if not stored:
        return None
    kind, rest = stored[0], stored[1:]
    if kind == _DOUBLE:
        return struct.unpack("<d", rest)[0]
    number, size = _varint(rest)
    if kind == _TEXT and len(rest) == size + number:
        return rest[size:].decode()
    if kind == _BOOL and size == len(rest):
        return bool(number)
    if kind == _INT and size == len(rest):
        return number - (1 << 64) if number >= 1 << 63 else number
    raise ValueError(stored[:1])


def _varint(data: bytes) -> tuple[int, int]:
    """Return a number of protobuf's variable length, and how many bytes it takes."""
    number = 0
    for size, byte in enumerate(data, 1):
        number |= (byte & 0x7F) << (7 * (size - 1))
        if byte < 0x80:
            return number, size
    raise ValueError(data[:1])
