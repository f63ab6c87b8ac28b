"""Writing many entities at once into Feast's online stores: SQLite, Redis and PostgreSQL.

Feast's own writer encodes and sends cell by cell. Each batch here is one transaction or pipeline,
and an entity is never split, so that a reader sees an entity's old row or its new one.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import pyarrow as pa
from feast import FeatureStore, FeatureView
from feast.infra.online_stores.helpers import _mmh3

from mlops_cli.backends.feature_store import wire
from mlops_cli.backends.feature_store.connection import online_store, stored_name

BATCH = 10_000
"""Entities in one transaction: what another writer has to wait for."""
PIECE = 500
"""Entities sent to a server at once."""
Progress = Callable[[int], None]


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector away while batches are written.

    It would walk over all cells of a batch time and again, a third of the time for Redis; they are
    freed without it.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


@dataclass(frozen=True)
class NewestRows:
    """The rows to write, one for each entity."""

    table: pa.Table
    keys: list[str]
    features: list[str]
    event: str
    created: str | None

    def batches(self) -> Iterator["Batch"]:
        """Encode the rows batch by batch, in the order of the store's index."""
        order = sorted([(key, "ascending") for key in self.keys])
        for rows in self.table.sort_by(order).to_batches(max_chunksize=BATCH):
            columns = {name: rows.column(name) for name in rows.schema.names}
            yield Batch(
                keys=wire.keys(self.keys, [columns[key].to_pylist() for key in self.keys]),
                features={name: columns[name] for name in sorted(self.features)},
                events=columns[self.event],
                created=columns[self.created] if self.created else None,
            )


@dataclass(frozen=True)
class Batch:
    """Some entities with their features."""

    keys: list[bytes]
    features: dict[str, pa.Array]
    events: pa.Array
    created: pa.Array | None

    def entities(self) -> Iterator[tuple[Any, ...]]:
        """Return for each entity its key, its two times, then value and text by feature."""
        count = len(self.keys)
        created = wire.epoch_times(self.created) if self.created is not None else [None] * count
        columns = self.features.values()
        cells = [part for each in columns for part in (wire.cells(each), wire.texts(each))]
        return zip(self.keys, wire.epoch_times(self.events), created, *cells, strict=True)

    def copied(self) -> Iterator[bytes]:
        """Return a row for each entity and feature, in this order, as PostgreSQL copies them.

        It is the order of the table's index, which then grows at its end only. The server stores
        one piece while the next is laid out.
        """
        yield wire.COPY_HEAD
        for start in range(0, len(self.keys), PIECE):
            yield b"".join(self._part(slice(start, start + PIECE)).copied_rows())
        yield wire.COPY_END

    def _part(self, rows: slice) -> "Batch":
        return Batch(
            self.keys[rows],
            {name: each[rows] for name, each in self.features.items()},
            self.events[rows],
            None if self.created is None else self.created[rows],
        )

    def copied_rows(self) -> Iterator[bytes]:
        """Return a row for each entity and feature, in this order, without head and end."""
        keys, events = wire.fields(self.keys), wire.time_fields(self.events)
        created = wire.fields([None] * len(keys))
        if self.created is not None:
            created = wire.time_fields(self.created)
        columns = []
        for name, each in self.features.items():
            (feature,) = wire.fields([name.encode()])
            values, texts = wire.fields(wire.cells(each)), wire.texts(each)
            said = wire.fields([None if text is None else text.encode() for text in texts])
            parts = zip(keys, repeat(feature), values, said, events, created)
            columns.append(map(wire.copied_row, parts))
        return (row for entity in zip(*columns, strict=True) for row in entity)


def write_sqlite(store: FeatureStore, view: FeatureView, rows: NewestRows, done: Progress) -> None:
    """Write into Feast's table of the view; readers pass meanwhile (write-ahead log)."""
    connection = online_store(store)._get_conn(store.config)  # noqa: SLF001 - Feast's own
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA cache_size=-131072")  # 128 MiB: the pages of a whole batch
    table, names = table_name(store, view), sorted(rows.features)
    for batch in rows.batches():
        with connection:
            connection.executemany(_upsert(table, names), batch.entities())
        done(len(batch.keys))


def _upsert(table: str, features: list[str]) -> str:
    """Return the statement for one entity: its key, its times, then value and text by feature."""
    cells = ", ".join(
        f"(?1, {_text(name)}, ?{4 + 2 * n}, ?{5 + 2 * n}, ?2, ?3)"
        for n, name in enumerate(features)
    )
    return (
        f"INSERT INTO {identifier(table)} "  # noqa: S608 - quoted
        f"(entity_key, feature_name, value, value_text, event_ts, created_ts) VALUES {cells} "
        "ON CONFLICT(entity_key, feature_name) DO UPDATE SET value=excluded.value, "
        "value_text=excluded.value_text, event_ts=excluded.event_ts, created_ts=excluded.created_ts"
    )


def _text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def write_redis(store: FeatureStore, view: FeatureView, rows: NewestRows, done: Progress) -> None:
    """Write one hash for each entity, also where the event time is one that is stored already."""
    section = store.config.online_store
    client = online_store(store)._get_client(section)  # noqa: SLF001 - Feast's connection options
    project, name = store.config.project.encode(), stored_name(store, view)
    stamp = f"_ts:{name}".encode()
    for batch in rows.batches():
        named = ((_mmh3(f"{name}:{key}"), wire.cells(each)) for key, each in batch.features.items())
        parts = [part for field, cells in named for part in (repeat(field), cells)]
        stamps = wire.proto_times(batch.events)
        with client.pipeline(transaction=False) as pipe:
            for key, time, *pairs in zip(batch.keys, stamps, *parts, strict=False):
                pipe.execute_command("HSET", key + project, stamp, time, *pairs)
                if section.key_ttl_seconds:
                    pipe.expire(key + project, section.key_ttl_seconds)
            pipe.execute()
        done(len(batch.keys))


def write_postgres(
    store: FeatureStore, view: FeatureView, rows: NewestRows, done: Progress
) -> None:
    """Replace the rows of each batch by copies; an upsert of as many takes twice as long."""
    from psycopg import sql  # noqa: PLC0415 - an extra

    table = sql.Identifier(table_name(store, view))
    columns = sql.SQL("entity_key, feature_name, value, value_text, event_ts, created_ts")
    # Readers pass; another writer waits, so that it cannot bring back what is deleted here.
    lock = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(table)
    delete = sql.SQL("DELETE FROM {} WHERE entity_key = ANY(%s) AND feature_name = ANY(%s)").format(
        table
    )
    copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, columns)
    with online_store(store)._get_conn(store.config) as connection:  # noqa: SLF001 - Feast's pool
        for batch in rows.batches():
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute(lock)
                cursor.execute(delete, [batch.keys, list(batch.features)])
                with cursor.copy(copy) as stream:
                    for piece in batch.copied():
                        stream.write(piece)
            done(len(batch.keys))


def _remove_sqlite(store: FeatureStore, view: FeatureView, _: list[str], keys: list[bytes]) -> None:
    connection = online_store(store)._get_conn(store.config)  # noqa: SLF001 - Feast's own
    statement = f"DELETE FROM {identifier(table_name(store, view))} WHERE entity_key = ?"  # noqa: S608
    with connection:
        connection.executemany(statement, [(key,) for key in keys])


def _remove_redis(
    store: FeatureStore, view: FeatureView, features: list[str], keys: list[bytes]
) -> None:
    client = online_store(store)._get_client(store.config.online_store)  # noqa: SLF001 - Feast's
    project, name = store.config.project.encode(), stored_name(store, view)
    fields = [f"_ts:{name}".encode(), *(_mmh3(f"{name}:{feature}") for feature in features)]
    for start in range(0, len(keys), BATCH):
        with client.pipeline(transaction=False) as pipe:
            for key in keys[start : start + BATCH]:
                pipe.hdel(key + project, *fields)
            pipe.execute()


def _remove_postgres(
    store: FeatureStore, view: FeatureView, _: list[str], keys: list[bytes]
) -> None:
    from psycopg import sql  # noqa: PLC0415 - an extra

    delete = sql.SQL("DELETE FROM {} WHERE entity_key = ANY(%s)")
    delete = delete.format(sql.Identifier(table_name(store, view)))
    with online_store(store)._get_conn(store.config) as connection, connection.transaction():  # noqa: SLF001
        connection.execute(delete, [keys])


REMOVERS: dict[str, Callable[[FeatureStore, FeatureView, list[str], list[bytes]], None]] = {
    "sqlite": _remove_sqlite,
    "redis": _remove_redis,
    "postgres": _remove_postgres,
}


WRITERS: dict[str, Callable[[FeatureStore, FeatureView, NewestRows, Progress], None]] = {
    "sqlite": write_sqlite,
    "redis": write_redis,
    "postgres": write_postgres,
}


def table_name(store: FeatureStore, view: FeatureView) -> str:
    """Return the table of a view in the SQL stores."""
    return f"{store.config.project}_{stored_name(store, view)}"
