"""A finished run and its files, brought to MLflow whole, however many attempts it takes.

Each step looks for what an earlier attempt has left and writes the same under the same name, so
that an attempt may end anywhere, and one more changes nothing.
"""

import time
from collections.abc import Callable
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelStatus, Run
from mlflow.exceptions import MlflowException

from mlops_cli.backends.registry import artifacts
from mlops_cli.backends.registry.connection import reaching
from mlops_cli.backends.registry.describing import describe, differing
from mlops_cli.backends.registry.finished import FinishedRun
from mlops_cli.backends.registry.found import KEY, runs, single
from mlops_cli.backends.registry.trials import known_trials, send_trials
from mlops_cli.config import Config
from mlops_cli.config.masking import mask_text
from mlops_cli.errors import UnavailableError

EVIDENCE, MODEL = "evidence", "model"
Still = Callable[[], None]


def send(
    config: Config,
    run: FinishedRun,
    folder: Path,
    seconds: float | None,
    opened: Callable[[str], None],
) -> str:
    """Bring a run to MLflow, read it back, and return the id it has there.

    Args:
        config: the project.
        run: what the run is.
        folder: its files, in `evidence` and `model`.
        seconds: after how many to give up; None for as long as MLflow answers.
        opened: is given the id before any file is sent.

    Raises:
        UnavailableError: MLflow cannot be reached, is too slow, or does not give the run back
            whole. Another attempt goes on where this one has ended.
    """
    still = _until(config, seconds)
    uri = config.tracking.uri
    with reaching(config) as client:
        parent = _opened(client, _experiment(config, client), run)
        run_id, place = str(parent.info.run_id), str(parent.info.artifact_uri)
        opened(run_id)
        artifacts.upload(place, uri, folder / EVIDENCE, EVIDENCE, still)
        model = _stored(uri, client, parent, run, folder / MODEL, still)
        still()
        describe(client, parent, run, model)
        send_trials(client, parent, run, still)
        client.set_terminated(run_id, "FINISHED", run.end)
        still()
        lacking = [
            *artifacts.missing(place, uri, folder / EVIDENCE, EVIDENCE),
            *artifacts.missing(model.artifact_location, uri, folder / MODEL, ""),
            *differing(client.get_run(run_id), run),
            *_absent_trials(client, parent, run),
        ]
    if lacking:
        at, what = mask_text(uri), ", ".join(lacking[:3])
        raise UnavailableError(f"MLflow at {at} does not give back what it got: {what} of {run_id}")
    return run_id


def _until(config: Config, seconds: float | None) -> Still:
    """Return what raises once the seconds are over; a single request has its own timeout."""
    end = None if seconds is None else time.monotonic() + seconds

    def still() -> None:
        if end is not None and time.monotonic() > end:
            place = mask_text(config.tracking.uri)
            raise UnavailableError(
                f"MLflow at {place} is too slow: a run has {seconds:g} s (tracking.deadline)"
            )

    return still


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


def _opened(client: MlflowClient, experiment: str, run: FinishedRun) -> Run:
    """Return the one run with this key, made where there is none yet."""
    found = runs(client, experiment, KEY, run.key)
    if not found:
        client.create_run(experiment, run.start, {**run.tags, KEY: run.key}, run.name)
        found = runs(client, experiment, KEY, run.key)
    return single(client, found)


def _stored(
    uri: str, client: MlflowClient, parent: Run, run: FinishedRun, folder: Path, still: Still
) -> LoggedModel:
    """Return the one model of the run, made where there is none yet, with its files."""
    run_id, experiment = parent.info.run_id, parent.info.experiment_id
    query = f"source_run_id = '{run_id}'"
    found = client.search_logged_models([experiment], query)
    if not found:
        tags = {key: value for key, value in run.tags.items() if key.startswith("mlops.")}
        client.create_logged_model(experiment, run.name, run_id, tags, dict(run.params))
        found = client.search_logged_models([experiment], query)
    model, *doubles = sorted(found, key=lambda each: each.model_id)
    for double in doubles:
        client.delete_logged_model(double.model_id)
    if model.status != LoggedModelStatus.READY:
        artifacts.upload(model.artifact_location, uri, folder, "", still)
        client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    return model


def _absent_trials(client: MlflowClient, parent: Run, run: FinishedRun) -> list[str]:
    there = known_trials(client, parent)
    ended = {number for number, each in there.items() if each.info.status == "FINISHED"}
    return [f"trial {each.number}" for each in run.trials if each.number not in ended]
