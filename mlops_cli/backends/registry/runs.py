"""Training runs: their state, figures and files."""

import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    Metric,
    Param,
    RunTag,
)
from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException

from mlops_cli.backends.registry.connection import UNKNOWN, reaching
from mlops_cli.config import Config
from mlops_cli.errors import NotFoundError


@contextmanager
def run(config: Config, name: str, tags: Mapping[str, str]) -> Iterator[str]:
    """Open a run for the block: FINISHED when it ends well, FAILED however else it ends."""
    with reaching(config) as client:
        experiment = _experiment(config, client)
        run_id = str(client.create_run(experiment, tags=dict(tags), run_name=name).info.run_id)
    try:
        yield run_id
    except BaseException:
        with suppress(MlflowException, RequestException):  # what ended the block is what to tell
            client.set_terminated(run_id, "FAILED")
        raise
    with reaching(config) as client:
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
    with reaching(config) as client:
        client.log_batch(
            run_id,
            metrics=[Metric(k, v, now, 0) for k, v in metrics.items() if math.isfinite(v)],
            params=[Param(key, str(value)[:6000]) for key, value in params.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )


def log_dataset(config: Config, run_id: str, name: str, digest: str, source: str) -> None:
    """Record which training set a run has used."""
    dataset = Dataset(name=name, digest=digest[:36], source_type="local", source=source)
    with reaching(config) as client:
        tags = [InputTag("mlflow.data.context", "training")]
        client.log_inputs(run_id, [DatasetInput(dataset, tags)])


def log_files(config: Config, run_id: str, folder: Path, place: str) -> None:
    """Store the files of a folder with a run."""
    with reaching(config) as client:
        client.log_artifacts(run_id, str(folder), place)


def artifact_place(config: Config, run_id: str, place: str) -> str:
    """Return where a file of a run is: a path where this machine can open it, else MLflow's URI."""
    with reaching(config) as client:
        folder = str(client.get_run(run_id).info.artifact_uri).rstrip("/")
    local = unquote(urlsplit(folder).path) if folder.startswith("file:") else folder
    return f"{local}/{place}"


def run_status(config: Config, run_id: str) -> tuple[str, dict[str, str]]:
    """Return a run's status, as FINISHED, and its tags."""
    with reaching(config) as client:
        try:
            found = client.get_run(run_id)
        except MlflowException as error:
            if error.error_code not in UNKNOWN:
                raise
            raise NotFoundError(f"no run {run_id[:64]!r} in MLflow") from error
    if found.info.lifecycle_stage != LifecycleStage.ACTIVE:
        raise NotFoundError(f"run {run_id} was deleted", f"`mlflow runs restore --run-id {run_id}`")
    return str(found.info.status), dict(found.data.tags)


def run_params(config: Config, run_id: str) -> dict[str, str]:
    """Return a run's parameters as text."""
    with reaching(config) as client:
        return dict(client.get_run(run_id).data.params)


def run_text(config: Config, run_id: str, place: str) -> str | None:
    """Return a text file that was stored with a run, None where it has no such file."""
    folder = place.rpartition("/")[0]
    with reaching(config) as client, tempfile.TemporaryDirectory() as scratch:
        if place not in {each.path for each in client.list_artifacts(run_id, folder)}:
            return None
        return Path(client.download_artifacts(run_id, place, scratch)).read_text(encoding="utf-8")


def run_metrics(config: Config, run_id: str) -> dict[str, float]:
    """Return a run's metrics."""
    with reaching(config) as client:
        return dict(client.get_run(run_id).data.metrics)
