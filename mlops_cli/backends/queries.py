"""SQLAlchemy: a table of the user's from a database of the user's, which is only read."""

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from mlops_cli.config.masking import mask_reason, mask_text
from mlops_cli.errors import InputError, NotFoundError, UnavailableError, first_line

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def read_query(url: str, query: str) -> pd.DataFrame:
    """Return the rows of a query, every cell as the database gives it; nothing can be changed.

    SQLite is opened for reading only, PostgreSQL asked in a transaction that may only read.

    Raises:
        NotFoundError: There is no such SQLite file.
        InputError: The URL or the query is wrong, it gives no rows, or a column name occurs twice.
        UnavailableError: The database cannot be reached.
    """
    engine = _engine(url)
    try:
        connection = engine.connect()
    except (SQLAlchemyError, OSError) as error:
        raise _unavailable(url, error) from error
    try:
        with connection:
            answer = connection.exec_driver_sql(query)
            if not answer.returns_rows:
                raise InputError("--query returns no rows", "as SELECT * FROM visits")
            names = list(answer.keys())
            rows = [tuple(row) for row in answer]
    except SQLAlchemyError as error:
        if _temporary(error):
            raise _unavailable(url, error) from error
        raise InputError(f"--query: {_reason(url, error)}", "as SELECT * FROM visits") from error
    finally:
        engine.dispose()
    if len(set(names)) != len(names):
        raise InputError("--query: a column name occurs twice", "name the columns with AS")
    # As objects: a long whole number beside a gap would lose its last digits as a float.
    columns = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    return pd.DataFrame(columns, dtype=object)


def _engine(url: str) -> sa.Engine:
    """Return an engine whose connections only read, where the database knows of that."""
    options: dict[str, Any] = {"no_parameters": True}  # a % in a query is a %
    try:
        place = sa.make_url(url)
        if place.get_backend_name() == "sqlite":
            place = _read_only(place)
        elif place.get_backend_name() == "postgresql":
            options["postgresql_readonly"] = True
        return sa.create_engine(place, execution_options=options)
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        reason = _reason(url, error)
        raise InputError(
            f"--sql: {reason}", "as sqlite:///clinic.db or postgresql://..."
        ) from error


def _read_only(place: sa.URL) -> sa.URL:
    database = place.database or ":memory:"
    if database == ":memory:":
        return place
    if not database.startswith("file:"):
        if not Path(database).is_file():
            raise NotFoundError(f"--sql: no file {database}", "four slashes begin a path from /")
        database = "file:" + quote(str(Path(database).absolute()))
    return place.set(database=database).update_query_dict({"mode": "ro", "uri": "true"})


def _temporary(error: SQLAlchemyError) -> bool:
    """Tell whether a query failed because of the database, not of what it says."""
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", None) in _BUSY
    return error.connection_invalidated or isinstance(error, OperationalError)


def _unavailable(url: str, error: Exception) -> UnavailableError:
    return UnavailableError(f"{mask_text(url)} cannot be read: {_reason(url, error)}")


def _reason(url: str, error: Exception) -> str:
    return mask_reason(first_line(getattr(error, "orig", None) or error), url)
