"""MLflow: runs, stored models, versions and their aliases."""

import logging
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

# MLflow reads these while it is imported: no telemetry, and failures within a bounded time.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")

import mlflow
import mlflow.artifacts
import mlflow.xgboost
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    LoggedModelStatus,
    Metric,
    Param,
    RunTag,
)
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from requests.exceptions import RequestException
from sqlalchemy.exc import SQLAlchemyError

from mlops_cli.config import Config
from mlops_cli.config.masking import mask_text
from mlops_cli.errors import ConfigError, NotFoundError, UnavailableError, first_line

CHAMPION = "champion"
CHALLENGER = "challenger"
_UNKNOWN = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


@dataclass(frozen=True)
class Version:
    """A registered version of a model."""

    model: str
    number: int
    run_id: str
    source: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    created: datetime


@contextmanager
def _reaching(config: Config) -> Iterator[MlflowClient]:
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
    return UnavailableError(
        f"MLflow at {place} cannot be reached: {_reason(error)}", "try again later"
    )


def _reason(error: Exception) -> str:
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
    except Timeout as error:
        raise UnavailableError("another mlops process is setting up MLflow's database") from error
    return client


@contextmanager
def run(config: Config, name: str, tags: Mapping[str, str]) -> Iterator[str]:
    """Open a run for the block: FINISHED when it ends well, FAILED however else it ends."""
    with _reaching(config) as client:
        experiment = _experiment(config, client)
        run_id = str(client.create_run(experiment, tags=dict(tags), run_name=name).info.run_id)
    try:
        yield run_id
    except BaseException:
        with suppress(MlflowException, RequestException):  # what ended the block is what to tell
            client.set_terminated(run_id, "FAILED")
        raise
    with _reaching(config) as client:
        client.set_terminated(run_id, "FINISHED")


def _experiment(config: Config, client: MlflowClient) -> str:
    if found := client.get_experiment_by_name(config.project):
        return str(found.experiment_id)
    database = config.tracking.uri.startswith(("sqlite", "postgresql"))
    place = config.tracking.artifacts
    location = place if "://" in place else Path(place).as_uri()
    try:
        return str(client.create_experiment(config.project, location if database else None))
    except MlflowException as error:
        made = client.get_experiment_by_name(config.project)
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or made is None:
            raise
        return str(made.experiment_id)  # another process was quicker


def log(
    config: Config,
    run_id: str,
    params: Mapping[str, object],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
) -> None:
    """Write a run's parameters, metrics and tags in one call."""
    now = round(datetime.now(UTC).timestamp() * 1000)
    with _reaching(config) as client:
        client.log_batch(
            run_id,
            metrics=[Metric(k, v, now, 0) for k, v in metrics.items() if math.isfinite(v)],
            params=[Param(key, str(value)[:6000]) for key, value in params.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )


def log_dataset(config: Config, run_id: str, name: str, digest: str, source: str) -> None:
    """Record which training set a run has used."""
    dataset = Dataset(name=name, digest=digest[:36], source_type="local", source=source)
    with _reaching(config) as client:
        tags = [InputTag("mlflow.data.context", "training")]
        client.log_inputs(run_id, [DatasetInput(dataset, tags)])


def log_files(config: Config, run_id: str, folder: Path, place: str) -> None:
    """Store the files of a folder with a run."""
    with _reaching(config) as client:
        client.log_artifacts(run_id, str(folder), place)


def run_status(config: Config, run_id: str) -> tuple[str, dict[str, str]]:
    """Return a run's status, as FINISHED, and its tags."""
    with _reaching(config) as client:
        try:
            found = client.get_run(run_id)
        except MlflowException as error:
            if error.error_code not in _UNKNOWN:
                raise
            raise NotFoundError(f"no run {run_id[:64]!r} in MLflow") from error
    if found.info.lifecycle_stage != LifecycleStage.ACTIVE:
        raise NotFoundError(f"run {run_id} was deleted", f"`mlflow runs restore --run-id {run_id}`")
    return str(found.info.status), dict(found.data.tags)


def run_metrics(config: Config, run_id: str) -> dict[str, float]:
    """Return a run's metrics."""
    with _reaching(config) as client:
        return dict(client.get_run(run_id).data.metrics)


def write_model(folder: Path, booster: Any, features: Sequence[str], pins: Sequence[str]) -> None:
    """Write a booster in MLflow's layout: XGBoost's own format, a signature, no pickle."""
    signature = ModelSignature(
        inputs=Schema([ColSpec("double", name, required=False) for name in features]),
        outputs=Schema([ColSpec("float")]),
    )
    mlflow.xgboost.save_model(booster, str(folder), signature=signature, pip_requirements=[*pins])


def store_model(config: Config, run_id: str, name: str, folder: Path) -> str:
    """Upload a model folder as the run's model and return its `models:/` URI."""
    with _reaching(config) as client:
        experiment = client.get_run(run_id).info.experiment_id
        model = client.create_logged_model(experiment, name=name, source_run_id=run_id)
        client.log_model_artifacts(model.model_id, str(folder))
        client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        return str(model.model_uri)


def fetch(config: Config, source: str) -> Path:
    """Return a local folder with the files of a stored model, downloaded if need be."""
    with _reaching(config) as client:
        try:
            place = client.get_logged_model(source.removeprefix("models:/")).artifact_location
            if place.startswith("file://"):
                return Path(unquote(urlsplit(place).path))
            return _cached(config, source.removeprefix("models:/"), place)
        except (MlflowException, FileNotFoundError) as error:
            if isinstance(error, MlflowException) and error.error_code not in _UNKNOWN:
                raise
            raise NotFoundError(f"the files of {source} are gone from MLflow") from error


def _cached(config: Config, model_id: str, place: str) -> Path:
    """Download a stored model once; its files never change, and every load checks their digests."""
    folder = Path(config.state) / "models" / model_id
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            found = mlflow.artifacts.download_artifacts(artifact_uri=place, dst_path=scratch)
            with suppress(OSError):  # another process has downloaded it meanwhile
                Path(found).rename(folder)
    return folder


def files_of(config: Config, version: Version) -> tuple[Path, str]:
    """Return the local folder of a version's files and the digest its manifest must have."""
    return fetch(config, version.source), version.tags.get("mlops.manifest_digest", "")


def aliases(config: Config, model: str) -> dict[str, int]:
    """Return the version behind each alias of a model; a model without versions has none.

    Raises:
        UnavailableError: The registry cannot be reached. That is never "no champion".
    """
    with _reaching(config) as client:
        try:
            found = client.get_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return {}
    return {alias: int(number) for alias, number in found.aliases.items()}


def version(config: Config, model: str, number: int) -> Version:
    """Return one version of a model."""
    with _reaching(config) as client:
        try:
            return _version(client.get_model_version(model, str(number)))
        except MlflowException as error:
            if error.error_code not in _UNKNOWN:
                raise
            raise NotFoundError(
                f"no version {number} of {model}", f"`mlops models show {model}` lists them"
            ) from error


def by_alias(config: Config, model: str, alias: str) -> Version | None:
    """Return the version that an alias names, or None where no version has it."""
    number = aliases(config, model).get(alias)
    return None if number is None else version(config, model, number)


def champion(config: Config, model: str) -> Version:
    """Return the champion.

    Raises:
        NotFoundError: The model has none.
    """
    found = by_alias(config, model, CHAMPION)
    if found is None:
        raise NotFoundError(
            f"{model} has no champion", f"`mlops train {model}`, then `mlops promote --challenger`"
        )
    return found


def versions(config: Config, model: str) -> list[Version]:
    """Return all versions of a model, oldest first."""
    names = aliases(config, model)
    with _reaching(config) as client:
        found = client.search_model_versions(f"name = '{model}'")
    return sorted((_version(each, names) for each in found), key=lambda each: each.number)


def create_version(
    config: Config, model: str, run_id: str, source: str, tags: Mapping[str, str]
) -> Version:
    """Register a stored model as the next version."""
    with _reaching(config) as client:
        try:
            client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        created = client.create_model_version(model, source, run_id, tags=dict(tags))
        return _version(created)


def set_alias(config: Config, model: str, alias: str, number: int) -> None:
    """Point an alias at a version by one upsert, so that readers always find one."""
    with _reaching(config) as client:
        client.set_registered_model_alias(model, alias, str(number))


def drop_alias(config: Config, model: str, alias: str) -> None:
    """Remove an alias; the champion alias is only ever moved."""
    with _reaching(config) as client:
        client.delete_registered_model_alias(model, alias)


def set_tags(config: Config, model: str, number: int, tags: Mapping[str, str]) -> None:
    """Add tags to a version."""
    with _reaching(config) as client:
        for key, value in tags.items():
            client.set_model_version_tag(model, str(number), key, value)


def _version(found: ModelVersion, names: Mapping[str, int] | None = None) -> Version:
    held = [alias for alias, number in (names or {}).items() if number == int(found.version)]
    return Version(
        model=found.name,
        number=int(found.version),
        run_id=found.run_id,
        source=found.source,
        aliases=tuple(sorted({*found.aliases, *held})),
        tags=dict(found.tags),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
    )
