"""MLflow: runs, stored models, versions and their aliases."""

import os

# MLflow reads these while it is imported: no telemetry, failures within a bounded time, and neither
# a progress bar nor, on stdout, an address of its own.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from mlops_cli.backends.registry.finished import FinishedRun, Sample, TrainingTable, TrialRun
from mlops_cli.backends.registry.runs import (
    artifact_place,
    run_metrics,
    run_of,
    run_params,
    run_status,
    run_text,
)
from mlops_cli.backends.registry.sending import EVIDENCE, MODEL, send
from mlops_cli.backends.registry.stored import (
    fetch,
    write_model,
)
from mlops_cli.backends.registry.system_metrics import watching
from mlops_cli.backends.registry.versions import (
    CHALLENGER,
    CHAMPION,
    TRAINED,
    Version,
    aliases,
    by_alias,
    champion,
    create_version,
    drop_alias,
    files_of,
    set_alias,
    set_tags,
    version,
    versions,
)

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "EVIDENCE",
    "MODEL",
    "TRAINED",
    "FinishedRun",
    "Sample",
    "TrainingTable",
    "TrialRun",
    "Version",
    "aliases",
    "artifact_place",
    "by_alias",
    "champion",
    "create_version",
    "drop_alias",
    "fetch",
    "files_of",
    "run_metrics",
    "run_of",
    "run_params",
    "run_status",
    "run_text",
    "send",
    "set_alias",
    "set_tags",
    "version",
    "versions",
    "watching",
    "write_model",
]
