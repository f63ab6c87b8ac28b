"""The trials of a search as runs below the run of the model they were tried for."""

from collections.abc import Callable

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from mlops_cli.backends.registry.finished import FinishedRun, TrialRun
from mlops_cli.backends.registry.found import TRIAL, runs, single


def send_trials(
    client: MlflowClient, parent: Run, run: FinishedRun, still: Callable[[], None]
) -> None:
    """Write the trials that are not there yet, as if they had been one after the other.

    Args:
        client: MLflow.
        parent: the run they belong to.
        run: what it was made from.
        still: is called before each trial, and may raise.
    """
    known = known_trials(client, parent)
    begin = run.end - round(1000 * sum(each.seconds for each in run.trials))
    for trial in run.trials:
        end = begin + round(1000 * trial.seconds)
        there = known.get(trial.number)
        if there is None or there.info.status != "FINISHED":
            still()
            _send(client, parent, trial, (begin, end), there)
        begin = end


def known_trials(client: MlflowClient, parent: Run) -> dict[int, Run]:
    """Return the trials of a run that MLflow has, by number; what was made twice is deleted."""
    info = parent.info
    by_number: dict[int, list[Run]] = {}
    for each in runs(client, info.experiment_id, MLFLOW_PARENT_RUN_ID, info.run_id):
        by_number.setdefault(int(each.data.tags[TRIAL]), []).append(each)
    return {number: single(client, found) for number, found in by_number.items()}


def _send(
    client: MlflowClient,
    parent: Run,
    trial: TrialRun,
    times: tuple[int, int],
    there: Run | None,
) -> None:
    begin, end = times
    tags = {MLFLOW_PARENT_RUN_ID: parent.info.run_id, TRIAL: str(trial.number), **trial.tags}
    experiment, name = parent.info.experiment_id, f"trial {trial.number}"
    made = there or client.create_run(experiment, begin, tags, name)
    client.log_batch(
        made.info.run_id,
        metrics=[Metric(key, value, end, 0) for key, value in trial.metrics.items()],
        params=[Param(key, value) for key, value in trial.params.items()],
    )
    client.set_terminated(made.info.run_id, "FINISHED", end)
