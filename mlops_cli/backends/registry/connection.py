"""One client for each process, and MLflow's exceptions in our words."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import mlflow
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException
from sqlalchemy.exc import SQLAlchemyError

from mlops_cli.config import Config
from mlops_cli.config.masking import mask_text
from mlops_cli.errors import ConfigError, UnavailableError, first_line

REFUSED = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE", "FEATURE_DISABLED"}
"""What MLflow answers to a request that it will not do."""

UNKNOWN = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
"""What MLflow answers about a thing that is not there."""


@contextmanager
def reaching(config: Config) -> Iterator[MlflowClient]:
    """Yield a client, and say in one line where MLflow cannot be reached."""
    uri = config.tracking.uri
    try:
        client = _client(uri, config.state, config.tracking.timeout)
        if mlflow.get_tracking_uri() != uri:
            mlflow.set_tracking_uri(uri)  # MLflow's registry looks a `models:/` source up there
        yield client
    except (RequestException, SQLAlchemyError, ConnectionError) as error:
        raise _unavailable(config, error) from error
    except MlflowException as error:
        if error.error_code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
            message = f"MLflow at {mask_text(uri)} refuses the request: {_reason(error)}"
            raise ConfigError(message, "check MLFLOW_TRACKING_USERNAME and _PASSWORD") from error
        raise _unavailable(config, error) from error


def _unavailable(config: Config, error: Exception) -> UnavailableError:
    place = mask_text(config.tracking.uri)
    refused = getattr(error, "error_code", "") in REFUSED
    what = "refuses the request" if refused else "cannot be reached"
    return UnavailableError(f"MLflow at {place} {what}: {_reason(error)}", "try again later")


def _reason(error: BaseException) -> str:
    """Return why, without what each library in between has wrapped around it."""
    cause = error
    while deeper := cause.__cause__ or cause.__context__:
        cause = deeper
    if isinstance(cause, TimeoutError):
        return "no answer in time (tracking.timeout)"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return mask_text(first_line(error))


@lru_cache
def _client(uri: str, state: str, timeout: int) -> MlflowClient:
    """Connect once for each process; the first start on an empty database happens alone."""
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(timeout)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    path = Path(state) / "locks" / "mlflow.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=120):
            client = MlflowClient(uri, uri)  # creates the tables of an empty database
            client.search_experiments(max_results=1)
            _write_ahead(uri)
    except Timeout as error:
        raise UnavailableError("another mlops process is setting up MLflow's database") from error
    return client


def _write_ahead(uri: str) -> None:
    """Let SQLite append to a log: a write then waits for the disk once rather than three times."""
    file = uri.removeprefix("sqlite:///")
    if file != uri:
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA journal_mode=WAL")
