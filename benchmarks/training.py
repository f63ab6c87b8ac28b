"""`mlops train` from start to registered version: what is the fit, and what is around it.

Each command is a process of its own on the sample hospital, told to keep the time of its stages:
imports (what training loads, MLflow's SQL store included), fit (the folds of the search and of the
cross-validation, and the final trees), rows split (the same folds once more, of single rows), and
the rest, stage by stage. `boosting` is summed over the threads.
`trials: 1` on 1,000 patients with 3 months is a training without a search; with 50 trials, what
is around the boosting is the overhead of the search.

    python benchmarks/training.py [patients] [trials ...]      default: 1000 1 50
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

STAGES = {
    "join": ("mlops_cli.services.training.runs", "build"),
    "fit": ("mlops_cli.services.training.runs", "fit"),
    "measure": ("mlops_cli.services.training.runs", "measure"),
    "evaluate": ("mlops_cli.services.training.runs", "evaluate"),
    "store": ("mlops_cli.services.training.runs", "store"),
    "rows split": ("mlops_cli.services.training.sites", "naive"),
    "lineage": ("mlops_cli.services.training.runs", "lineage"),
    "send": ("mlops_cli.services.training.runs", "_send"),
    "leaks": ("mlops_cli.domain.leaks", "warnings"),
    "register": ("mlops_cli.services.registration", "register"),
    "boosting": ("mlops_cli.backends.estimator.folds", "_boosted"),
    "final trees": ("mlops_cli.backends.estimator", "fit"),
}
CODE = f"""
import importlib, json, os, sys, time
started = time.time() - float(sys.argv[1])
from mlops_cli.main import main
spent, stages = {{}}, {STAGES!r}
import threading
def watched(name, work):
    def timed(*args, **kwargs):
        begun = time.perf_counter()
        try:
            return work(*args, **kwargs)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - begun
    return timed
begun = time.perf_counter()
import mlops_cli.services.training, mlops_cli.services.registration
import mlflow.store.tracking.sqlalchemy_store
from mlops_cli.commands import progress
spent["imports"] = started + time.perf_counter() - begun
for name, (module, function) in stages.items():
    module = importlib.import_module(module)
    setattr(module, function, watched(name, getattr(module, function)))
code = main(sys.argv[2:])
spent["all"] = time.time() - float(sys.argv[1])
sys.stderr.write("\\n" + json.dumps(spent))
sys.stderr.flush()
os._exit(code)
"""


def run(folder: Path, *words: str) -> dict[str, Any]:
    """Run a command and return the seconds of its stages."""
    begun = time.time()
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", CODE, str(begun), *words],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stderr.splitlines()[-1]))


def project(folder: Path, patients: int) -> None:
    """Make the sample hospital; its features need not be online."""
    for words in (
        ("init", "."),
        ("features", "generate", "--patients", str(patients), "--months", "3"),
        ("features", "apply"),
    ):
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", "mlops_cli", *words],
            cwd=folder,
            check=True,
            capture_output=True,
        )


def main() -> None:
    words = sys.argv[1:] or ["1000", "1", "50"]
    os.environ["MLOPS_MODELS__HEART_DISEASE__DEVICE"] = "cpu"
    with tempfile.TemporaryDirectory() as scratch:
        project(Path(scratch), int(words[0]))
        for trials in words[1:]:
            for start in ("first, MLflow's database is made", "again"):
                show(f"{trials} trials, {start}", run(Path(scratch), *_train(trials)))


def _train(trials: str) -> tuple[str, ...]:
    return "train", "heart_disease", "--trials", trials, "--quiet"


def show(title: str, spent: dict[str, float]) -> None:
    whole, base = spent["all"], spent["imports"] + spent["fit"]
    trees = base + spent.get("rows split", 0.0)
    print(
        f"{title}: {whole:.2f} s, {whole / base:.2f}x imports and fit,"
        f" {whole / trees:.2f}x imports and every tree"
    )
    print("  " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in spent.items()), flush=True)


if __name__ == "__main__":
    main()
