"""The trials of a search as runs below the run of the model they were tried for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mlflow.entities import Metric, Param
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from mlops_cli.backends.registry.connection import reaching
from mlops_cli.config import Config


@dataclass(frozen=True)
class TrialRun:
    """What MLflow is told of a trial."""

    number: int
    params: Mapping[str, float | int]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    seconds: float


def log_trials(config: Config, run_id: str, trials: Sequence[TrialRun]) -> None:
    """Write the trials of a run, three calls each, as if they had been one after the other."""
    end = round(datetime.now(UTC).timestamp() * 1000)
    begin = end - round(1000 * sum(each.seconds for each in trials))
    with reaching(config) as client:
        experiment = client.get_run(run_id).info.experiment_id
        for trial in trials:
            tags = {MLFLOW_PARENT_RUN_ID: run_id, "mlops.trial": str(trial.number), **trial.tags}
            name = f"trial {trial.number}"
            run = client.create_run(experiment, begin, tags, name).info.run_id
            begin += round(1000 * trial.seconds)
            client.log_batch(
                run,
                metrics=[Metric(key, value, begin, 0) for key, value in trial.metrics.items()],
                params=[Param(key, str(value)) for key, value in trial.params.items()],
            )
            client.set_terminated(run, "FINISHED", begin)
