"""MLflow: runs, stored models, versions and their aliases."""

import os

# MLflow reads these while it is imported: no telemetry, failures within a bounded time, and no
# progress bar of its own.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlops_cli.backends.registry.runs import (
    artifact_place,
    log,
    log_dataset,
    log_files,
    run,
    run_metrics,
    run_params,
    run_status,
    run_text,
)
from mlops_cli.backends.registry.stored import (
    fetch,
    store_model,
    write_model,
)
from mlops_cli.backends.registry.trials import TrialRun, log_trials
from mlops_cli.backends.registry.versions import (
    CHALLENGER,
    CHAMPION,
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
    "log",
    "log_dataset",
    "log_files",
    "log_trials",
    "run",
    "run_metrics",
    "run_params",
    "run_status",
    "run_text",
    "set_alias",
    "set_tags",
    "store_model",
    "version",
    "versions",
    "write_model",
]
