"""SQLAlchemy: the inference log and the audit log, two append-only tables."""

import getpass
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from mlops_cli.config import Config
from mlops_cli.config.masking import mask_reason, mask_text
from mlops_cli.domain import chain
from mlops_cli.domain.records import Event, LoggedPrediction
from mlops_cli.errors import ConfigError, IntegrityError, UnavailableError, first_line

_METADATA = sa.MetaData()

AUDIT = sa.Table(
    "audit_log",
    _METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

INFERENCE = sa.Table(
    "inference_log",
    _METADATA,
    sa.Column("prediction_id", sa.String(36), primary_key=True),
    sa.Column("time", sa.String(32), nullable=False),
    sa.Column("model", sa.String(63), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("entity", sa.String(256)),
    sa.Column("prediction", sa.Float, nullable=False),
    sa.Column("probability", sa.Float),
    sa.Column("features", sa.JSON, nullable=False),
    sa.Column("feature_age_seconds", sa.Float),
    sa.Column("probabilities", sa.JSON(none_as_null=True)),
    sa.Index("inference_log_window", "model", "time"),
)

# The primary key alone would let INSERT OR REPLACE rewrite a row: hence the third trigger.
_TRIGGERS = (
    """CREATE TRIGGER IF NOT EXISTS audit_log_no_update BEFORE UPDATE ON audit_log
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS audit_log_no_delete BEFORE DELETE ON audit_log
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS audit_log_next_only BEFORE INSERT ON audit_log
    WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM audit_log)
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
)


@lru_cache
def _engine(url: str, name: str) -> sa.Engine:
    """Open a database once for each process and create what is missing in it."""
    engine = sa.create_engine(url, connect_args={"timeout": 30} if "sqlite" in url else {})
    if engine.dialect.name == "sqlite":
        Path(str(engine.url.database)).parent.mkdir(parents=True, exist_ok=True)
        sa.event.listen(engine, "connect", _durable)
        # The driver's own BEGIN comes too late to make read-then-write one transaction.
        sa.event.listen(engine, "begin", lambda opened: opened.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as connection:
        _METADATA.create_all(connection, [_METADATA.tables[name]])
        _widen(connection, _METADATA.tables[name])
        if engine.dialect.name == "sqlite" and name == AUDIT.name:
            for trigger in _TRIGGERS:
                connection.execute(sa.text(trigger))
    return engine


def _widen(connection: sa.Connection, table: sa.Table) -> None:
    """Add the columns that a table of an earlier version lacks; they are empty in its rows."""
    has = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    # Another process may be faster; SQLite is locked from before the table was looked at.
    exists = "" if connection.dialect.name == "sqlite" else "IF NOT EXISTS "
    for column in table.columns:
        if column.name not in has:
            kind = column.type.compile(connection.dialect)
            change = f"ALTER TABLE {table.name} ADD COLUMN {exists}{column.name} {kind}"
            connection.execute(sa.text(change))


def _durable(connection: Any, _record: object) -> None:
    """Make a commit survive a power cut, and let readers pass while a writer writes."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


@contextmanager
def _using(url: str, table: sa.Table) -> Iterator[sa.Connection]:
    try:
        with _engine(url, table.name).begin() as connection:
            yield connection
    except ImportError as error:
        raise ConfigError(
            f"logs: the driver for {mask_text(url)} is not installed: {first_line(error)}",
            "install it with pip, as `pip install psycopg[binary]` for PostgreSQL",
        ) from error
    except (SQLAlchemyError, OSError) as error:
        place = mask_text(url)
        reason = mask_reason(first_line(getattr(error, "orig", None) or error), url)
        if "append-only" in reason:
            raise IntegrityError(f"{table.name} at {place} refuses the change: {reason}") from error
        raise UnavailableError(
            f"{table.name} at {place} cannot be used: {reason}",
            "nothing was changed; try again when the database is reachable",
        ) from error


def actor() -> str:
    """Return who acts: MLOPS_ACTOR, or else the account of the operating system.

    A container may run under a number that no account has.
    """
    try:
        return os.environ.get("MLOPS_ACTOR") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def append(
    config: Config,
    action: str,
    model: str | None = None,
    version: int | None = None,
    details: Mapping[str, object] | None = None,
) -> Event:
    """Append an event to the audit log and return it; it is on disk when this returns."""
    with _using(config.logs.audit, AUDIT) as connection:
        newest = sa.select(AUDIT.c.seq, AUDIT.c.hash).order_by(AUDIT.c.seq.desc()).limit(1)
        last = connection.execute(newest).first()
        seq, previous = (last.seq + 1, last.hash) if last else (1, chain.GENESIS)
        body = {
            "seq": seq,
            "time": datetime.now(UTC).isoformat(timespec="microseconds"),
            "actor": actor(),
            "action": action,
            "model": model,
            "version": version,
            "details": dict(details or {}),
        }
        data = chain.canonical(body)
        link = chain.link(previous, data)
        row = {"seq": seq, "previous": previous, "body": data, "hash": link}
        connection.execute(AUDIT.insert().values(row))
    return _event(data, link)


def chain_rows(config: Config) -> list[tuple[int, str, bytes, str]]:
    """Return every row of the audit log as it is stored: seq, previous, body, hash."""
    with _using(config.logs.audit, AUDIT) as connection:
        rows = connection.execute(sa.select(AUDIT).order_by(AUDIT.c.seq)).all()
    return [(row.seq, str(row.previous), _bytes(row.body), str(row.hash)) for row in rows]


def _bytes(body: object) -> bytes:
    """Return a stored body; whoever tampers with SQLite may have left text in place of bytes."""
    return body if isinstance(body, bytes) else str(body).encode()


def events(config: Config, model: str | None = None, actions: Sequence[str] = ()) -> list[Event]:
    """Return the events of the audit log, oldest first; those of one model and kind if asked."""
    found = []
    for seq, _, body, link in chain_rows(config):
        try:
            found.append(_event(body, link))
        except (ValueError, TypeError) as error:
            raise IntegrityError(
                f"event {seq} of the audit log is damaged", "run `mlops audit verify`"
            ) from error
    return [
        event
        for event in found
        if (model is None or event.model == model) and (not actions or event.action in actions)
    ]


def _event(body: bytes, link: str) -> Event:
    return Event(**json.loads(body), hash=link)


def log_predictions(config: Config, rows: Sequence[LoggedPrediction]) -> None:
    """Append predictions to the inference log in one transaction."""
    if rows:
        with _using(config.logs.inference, INFERENCE) as connection:
            connection.execute(INFERENCE.insert(), [_stored(row) for row in rows])


def _stored(row: LoggedPrediction) -> dict[str, Any]:
    return {**vars(row), "time": _text(row.time), "features": dict(row.features)}


def _text(time: datetime) -> str:
    """Write a time so that text order is time order."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def window(config: Config, model: str, start: datetime, end: datetime) -> list[LoggedPrediction]:
    """Return the predictions of a model from `start` up to and excluding `end`, oldest first."""
    query = (
        sa.select(INFERENCE)
        .where(INFERENCE.c.model == model)
        .where(INFERENCE.c.time >= _text(start), INFERENCE.c.time < _text(end))
        .order_by(INFERENCE.c.time)
    )
    with _using(config.logs.inference, INFERENCE) as connection:
        return [_logged(dict(row)) for row in connection.execute(query).mappings()]


def prediction(config: Config, prediction_id: str) -> LoggedPrediction | None:
    """Return one prediction of the inference log."""
    query = sa.select(INFERENCE).where(INFERENCE.c.prediction_id == prediction_id)
    with _using(config.logs.inference, INFERENCE) as connection:
        row = connection.execute(query).mappings().first()
    return _logged(dict(row)) if row else None


def _logged(row: Mapping[str, Any]) -> LoggedPrediction:
    return LoggedPrediction(**{**row, "time": datetime.fromisoformat(row["time"])})
