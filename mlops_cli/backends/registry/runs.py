"""What MLflow knows of a run: state, figures and files."""

import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow.entities import LifecycleStage
from mlflow.exceptions import MlflowException

from mlops_cli.backends.registry.connection import UNKNOWN, reaching
from mlops_cli.backends.registry.found import KEY, runs
from mlops_cli.backends.registry.system_metrics import PREFIX
from mlops_cli.config import Config
from mlops_cli.errors import NotFoundError


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


def run_of(config: Config, key: str) -> tuple[str, str]:
    """Return the id of the run with a key of ours, and the name of its model."""
    with reaching(config) as client:
        experiment = client.get_experiment_by_name(config.project)
        found = runs(client, experiment.experiment_id, KEY, key) if experiment else []
    if not found:
        raise NotFoundError(f"no run {key!r} in MLflow", "it may have been sent and then deleted")
    return str(found[0].info.run_id), str(found[0].info.run_name)


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
    """Return a run's metrics, without what was read of the machine meanwhile."""
    with reaching(config) as client:
        found = client.get_run(run_id).data.metrics
    return {key: value for key, value in found.items() if not key.startswith(PREFIX)}
