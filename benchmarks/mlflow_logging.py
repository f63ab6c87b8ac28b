"""What it takes to write a finished training into MLflow: ours beside the plain way.

Both write the same: a model, 14 files, 25 metrics, 8 parameters, and 50 trials as nested runs with
3 metrics and 6 parameters each, into a database (SQLite) and a folder of their own. The plain way
is what MLflow's guides show: one call for each figure, and `log_model`, which finds out for itself
what the model needs. Ours writes in batches, names what the model needs, and reads all back.

    python benchmarks/mlflow_logging.py [repetitions] [trials]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from mlops_cli.backends import environment, registry
from mlops_cli.config import Config

import mlflow  # isort: skip - after ours, which switches its telemetry off
import xgboost as xgb

FEATURES = [f"feature_{n}" for n in range(12)]
PARAMS = {f"param_{n}": str(n / 7) for n in range(8)}
METRICS = {f"metric_{n}": n / 7 for n in range(25)}
TRIAL_PARAMS = {f"param_{n}": str(n / 7) for n in range(6)}
TRIAL_METRICS = {"loss": 1 / 3, "rounds": 60.0, "folds": 5.0}


def booster() -> xgb.Booster:
    generator = np.random.default_rng(7)
    matrix = generator.normal(size=(2_000, len(FEATURES)))
    labels = (matrix[:, 0] + generator.normal(size=len(matrix)) > 0).astype(float)
    table = xgb.DMatrix(matrix, labels, feature_names=FEATURES)
    return xgb.train({"max_depth": 3, "objective": "binary:logistic"}, table, 60)


def evidence(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for n in range(14):
        (folder / f"file_{n}.json").write_text("x" * 20_000)
    return folder


def project(folder: Path) -> Config:
    """Return a configuration whose database has its tables already, as in every run but one."""
    tables = {"source": "none.parquet", "features": {"a": {"type": "float", "description": "a"}}}
    model = {"task": "classification", "entity": "id", "feature_views": {"view": tables}}
    model["labels"] = {"source": "labels.parquet", "column": "label"}
    config = Config.model_validate(
        {"project": "benchmark", "models": {"model": model}},
        context={"root": folder, "path": folder / "config.yaml"},
    )
    registry.aliases(config, "model")
    return config


def ours(folder: Path, model: xgb.Booster, trials: int) -> float:
    config, place = project(folder), folder / "run"
    evidence(place / registry.EVIDENCE)
    begun = time.perf_counter()
    registry.write_model(
        place / registry.MODEL, model, FEATURES, environment.pins(), [0.5] * len(FEATURES)
    )
    now = round(1000 * time.time())
    tried = tuple(
        registry.TrialRun(n + 1, TRIAL_PARAMS, TRIAL_METRICS, {"mlops.stopped": "false"}, 1.0)
        for n in range(trials)
    )
    table = registry.TrainingTable("d" * 32, "labels.parquet", {"age": "int"}, 2_000)
    run = registry.FinishedRun("key", "model", now, now, {}, PARAMS, METRICS, table, tried)
    registry.send(config, run, place, None, lambda _: None)
    return time.perf_counter() - begun


def plain(folder: Path, model: xgb.Booster, trials: int) -> float:
    config, files = project(folder), evidence(folder / "evidence")
    mlflow.set_tracking_uri(config.tracking.uri)
    mlflow.create_experiment("benchmark", (folder / "artifacts").as_uri())
    begun = time.perf_counter()
    mlflow.set_experiment("benchmark")
    with mlflow.start_run(run_name="model"):
        for key, value in PARAMS.items():
            mlflow.log_param(key, value)
        for key, value in METRICS.items():
            mlflow.log_metric(key, value)
        mlflow.log_artifacts(str(files), "evidence")
        example = pd.DataFrame([[0.5] * len(FEATURES)], columns=FEATURES)
        mlflow.xgboost.log_model(model, name="model", input_example=example)
        for number in range(trials):
            with mlflow.start_run(run_name=f"trial {number + 1}", nested=True):
                for key, value in TRIAL_PARAMS.items():
                    mlflow.log_param(key, value)
                for key, value in TRIAL_METRICS.items():
                    mlflow.log_metric(key, value)
    return time.perf_counter() - begun


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    trials = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    model, seconds = booster(), dict[str, list[float]]()
    ways: dict[str, Callable[[Path, xgb.Booster, int], float]] = {"ours": ours, "plain": plain}
    for repetition in range(repetitions):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                seconds.setdefault(name, []).append(way(Path(folder), model, trials))
            print(f"{repetition + 1} {name:<6} {seconds[name][-1]:6.2f} s", flush=True)
    middle = {name: median(each) for name, each in seconds.items()}
    print(
        f"a run with {trials} trials, median of {repetitions}: ours {middle['ours']:.2f} s, "
        f"the plain way {middle['plain']:.2f} s, {middle['plain'] / middle['ours']:.1f} times"
    )


if __name__ == "__main__":
    main()
