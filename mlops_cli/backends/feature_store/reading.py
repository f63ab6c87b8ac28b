"""Reading many entities at once from Feast's online stores: SQLite, Redis and PostgreSQL.

Feast's own reader makes a message object of every key, cell and time. The answers here are those
of its SDK; whether a value is too old is not decided here.
"""

import functools
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from feast import FeatureStore, FeatureView
from feast.infra.online_stores.helpers import _mmh3
from feast.types import Bool, Float64, Int64, String
from google.protobuf.message import DecodeError

from mlops_cli.backends.feature_store import wire
from mlops_cli.backends.feature_store.bulk import identifier, table_name
from mlops_cli.backends.feature_store.connection import online_store, stored_name
from mlops_cli.errors import UnavailableError, first_line

CHUNK = 500
"""Entities in one statement or pipeline."""
_SERIALIZATION = 3
"""The version of Feast's entity keys that `wire` writes."""
_JOINS = 60
"""SQLite joins at most 64 tables."""
_REWRITE = "`mlops features materialize --full`"
_NEVER = -(2**62)
"""Before every event time, in seconds since the epoch."""


@dataclass(frozen=True)
class StoredRow:
    """What the store holds of one entity in one view."""

    event_time: datetime | None
    """In whole seconds, as Feast's SDK gives it; None where the store has no time."""
    values: dict[str, Any]
    """By feature, in the order asked for; None where there is no value."""


def readable(store: FeatureStore, view: FeatureView, features: Sequence[str]) -> bool:
    """Tell whether `latest` can read these features: other stores and types are Feast's to read."""
    kinds = {field.name: field.dtype for field in view.features}
    return (
        str(store.config.online_store.type) in READERS
        and store.config.entity_key_serialization_version == _SERIALIZATION
        and {kinds[name] for name in features} <= {Int64, Float64, Bool, String}
        and {column.dtype for column in view.entity_columns} <= {Int64, String}
    )


def latest(
    store: FeatureStore,
    view: FeatureView,
    features: Sequence[str],
    keys: Sequence[Mapping[str, str | int]],
) -> list[StoredRow | None]:
    """Return the newest stored values of each key, or None where the store has no such key.

    Args:
        store: One whose online store is in `READERS`.
        view: The view, as it is in the registry.
        features: The features to read. Rows of features that the view had once do not count.
        keys: For each entity an id for every column of the view's key.

    Raises:
        UnavailableError: A stored value is damaged.
    """
    names = [column.name for column in view.entity_columns]
    stored = wire.keys(names, [[key[name] for key in keys] for name in names])
    distinct = list(dict.fromkeys(stored))
    read = READERS[str(store.config.online_store.type)]
    found: dict[bytes, StoredRow] = {}
    try:
        for start in range(0, len(distinct), CHUNK):
            found |= read(store, view, features, distinct[start : start + CHUNK])
    except DecodeError as error:
        raise UnavailableError(
            f"the online store holds a damaged value in feature view {view.name!r}",
            f"run {_REWRITE}",
        ) from error
    return [found.get(key) for key in stored]


def _read_sqlite(
    store: FeatureStore, view: FeatureView, features: Sequence[str], keys: list[bytes]
) -> dict[bytes, StoredRow]:
    """Read from Feast's table of the view; without a file or a table nothing is known."""
    online = online_store(store)
    # Feast's own connection; opening it would create a file.
    if not online._conn and not Path(online._get_db_path(store.config)).exists():  # noqa: SLF001
        return {}
    wide = len(features) > _JOINS
    build = _cells if wide else _joined
    statement = build(table_name(store, view), len(keys), len(features))
    try:
        connection = online._get_conn(store.config)  # noqa: SLF001
        answer = connection.execute(statement, [*keys, *features]).fetchall()
    except sqlite3.DatabaseError as error:
        if str(error).startswith("no such table"):
            return {}
        path, passing = store.config.online_store.path, isinstance(error, sqlite3.OperationalError)
        raise UnavailableError(
            f"the online store {path} cannot be read: {first_line(error)}",
            None if passing else f"remove it, then run `mlops features apply` and {_REWRITE}",
        ) from error
    return _by_cell(features, answer) if wide else _by_row(features, answer, wire.epoch_time)


@functools.lru_cache(32)
def _joined(table: str, keys: int, features: int) -> str:
    """Return the statement for one row of each key: the key, the values, the newest event time."""
    numbers, name = range(keys + 1, keys + features + 1), identifier(table)
    values = ", ".join(f"f{n}.value" for n in numbers)
    times = ", ".join(f"ifnull(f{n}.event_ts, {_NEVER})" for n in numbers)
    joins = " ".join(
        f"LEFT JOIN {name} f{n} ON f{n}.entity_key = key AND f{n}.feature_name = ?{n}"
        for n in numbers
    )
    return (
        f"WITH asked (key) AS (VALUES {', '.join(['(?)'] * keys)}) "  # noqa: S608 - quoted
        f"SELECT key, {values}, nullif(max({_NEVER}, {times}), {_NEVER}) FROM asked {joins}"
    )


@functools.lru_cache(32)
def _cells(table: str, keys: int, features: int) -> str:
    """Return the statement for one row of each cell, its time as it is stored: a number."""
    asked, named = (", ".join("?" * count) for count in (keys, features))
    return (
        "SELECT entity_key, feature_name, value, +event_ts "  # noqa: S608 - quoted
        f"FROM {identifier(table)} WHERE entity_key IN ({asked}) AND feature_name IN ({named})"
    )


def _read_postgres(
    store: FeatureStore, view: FeatureView, features: Sequence[str], keys: list[bytes]
) -> dict[bytes, StoredRow]:
    """Read from Feast's table of the view; without a table nothing is known."""
    from psycopg import errors, sql  # noqa: PLC0415 - an extra

    statement = sql.SQL(
        "SELECT entity_key, feature_name, value, floor(date_part('epoch', event_ts))::bigint "
        "FROM {} WHERE entity_key = ANY(%s) AND feature_name = ANY(%s)"
    ).format(sql.Identifier(table_name(store, view)))
    pool = online_store(store)._get_conn(store.config, autocommit=True)  # noqa: SLF001 - Feast's
    with pool as connection, connection.cursor(binary=True) as cursor:
        try:
            answer = cursor.execute(statement, [keys, list(features)]).fetchall()
        except errors.UndefinedTable:
            return {}
    return _by_cell(features, answer)


def _read_redis(
    store: FeatureStore, view: FeatureView, features: Sequence[str], keys: list[bytes]
) -> dict[bytes, StoredRow]:
    """Read fields of one hash for each entity, through whichever client Feast is told to use."""
    project, name = store.config.project.encode(), stored_name(store, view)
    fields = [*(_mmh3(f"{name}:{feature}") for feature in features), f"_ts:{name}".encode()]
    answers = online_store(store)._read_hash_fields(  # noqa: SLF001 - one round trip
        store.config, [(key + project, fields) for key in keys]
    )
    rows = ((key, *answer) for key, answer in zip(keys, answers, strict=True))
    return _by_row(features, rows, wire.proto_time)


def _by_row(
    features: Sequence[str], rows: Iterable[tuple[Any, ...]], read: Callable[[Any], datetime | None]
) -> dict[bytes, StoredRow]:
    """Decode rows of a key, the values and the event time; one with none of them is unknown."""
    decode = wire.Decoded().__getitem__
    times: dict[Any, datetime | None] = {}
    found = {}
    for key, *cells, stamp in rows:
        if stamp is None and not any(cells):
            continue
        if stamp not in times:
            times[stamp] = read(stamp)
        values = dict(zip(features, map(decode, cells), strict=True))
        found[key] = StoredRow(times[stamp], values)
    return found


def _by_cell(
    features: Sequence[str], cells: Iterable[tuple[bytes, str, bytes | None, int | None]]
) -> dict[bytes, StoredRow]:
    """Decode cells of a key, a feature, a value and an event time; the newest time is the row's."""
    decoded = wire.Decoded()
    empty = dict.fromkeys(features)
    values: dict[bytes, dict[str, Any]] = {}
    newest: dict[bytes, int] = {}
    for key, feature, value, seconds in cells:
        row = values.get(key)
        if row is None:
            row = values[key] = empty.copy()
        row[feature] = decoded[value]
        if seconds is not None and seconds > newest.get(key, _NEVER):
            newest[key] = seconds
    return {key: StoredRow(wire.epoch_time(newest.get(key)), row) for key, row in values.items()}


READERS: dict[
    str,
    Callable[[FeatureStore, FeatureView, Sequence[str], list[bytes]], dict[bytes, StoredRow]],
] = {"sqlite": _read_sqlite, "redis": _read_redis, "postgres": _read_postgres}
