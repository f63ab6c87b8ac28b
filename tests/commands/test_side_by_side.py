"""`train` of several models at the same time: the same results, whatever becomes of one of them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from pooled import told_to_end, work
from running import Mlops, build

from mlops_cli.backends import estimator
from mlops_cli.config import load_config
from mlops_cli.errors import InputError, MlopsError
from mlops_cli.services import side_by_side

NAMES = ["diabetes_score", "heart_disease", "readmission"]


@pytest.fixture(scope="module")
def ward_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("ward"))


@pytest.fixture
def ward(ward_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ward_folder)
    for name in NAMES:
        monkeypatch.setenv(f"MLOPS_MODELS__{name.upper()}__SEARCH__TRIALS", "2")
    return ward_folder


def without_times(result: dict[str, Any]) -> dict[str, Any]:
    return {key: result[key] for key in result if key not in {"run_id", "seconds", "report"}}


def test_side_by_side_gives_the_same_results_as_in_order(ward: Path, mlops: Mlops) -> None:
    found = {}
    for jobs in (1, 2):
        run = mlops("train", "--all", "--no-register", "--jobs", jobs, "--json")
        assert run.code == 0, run.err
        found[jobs] = [without_times(each) for each in run.data["results"]]
        told = [line for line in run.err.splitlines() if line]
        assert all(line.startswith(tuple(f"{name}: " for name in NAMES)) for line in told), told
        assert sum(": trial 2/2, " in line for line in told) == 3
    for one, two in zip(found[1], found[2], strict=True):
        assert {key: one[key] for key in one if one[key] != two[key]} == {}
    assert len({each["model_digest"] for each in found[1]}) == 3


def test_models_that_fail_leave_the_others_in_peace(ward: Path, mlops: Mlops) -> None:
    away = shutil.move(ward / "data/heart_disease/labels.parquet", ward / "away.parquet")
    try:
        run = mlops("train", "--all", "--no-register", "--jobs", "3", "--json")
    finally:
        shutil.move(away, ward / "data/heart_disease/labels.parquet")
    assert run.code == 6
    failed = {each["model"]: each.get("error") for each in run.data["results"]}
    assert list(failed) == list(load_config(ward / "config.yaml").models)
    assert failed["heart_disease"]["code"] == "not_found"
    assert [name for name, error in failed.items() if error is None] == [
        "diabetes_score",
        "readmission",
    ]


def test_ctrl_c_ends_every_process_and_leaves_no_run_open(ward: Path) -> None:
    words = ["train", "--all", "--no-register", "--jobs", "2", "--trials", "9999"]
    child = subprocess.Popen(
        [sys.executable, "-m", "mlops_cli", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stderr is not None
    begun = set[str]()
    for line in child.stderr:
        if ": trial " in line:
            begun.add(line.partition(":")[0])
        if len(begun) == 2:
            break
    os.killpg(child.pid, signal.SIGINT)
    _, rest = child.communicate(timeout=60)
    assert child.returncode == 130
    assert rest.splitlines()[-1] == "mlops: stopped by Ctrl-C"
    assert "Traceback" not in rest
    assert gone(child.pid)
    assert not list((ward / ".mlops/outbox").glob("*"))
    config = load_config(ward / "config.yaml")
    client = MlflowClient(config.tracking.uri)
    experiment = client.get_experiment_by_name(config.project)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert {each.info.status for each in runs} <= {"FINISHED"}


def gone(group: int) -> bool:
    """Whether a process group has ended: the server of the processes goes a little after us."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


# The pool itself, with work that takes no time


@pytest.mark.parametrize("jobs", [1, 2, 9])
def test_whatever_ends_one_of_them_the_others_are_done(jobs: int) -> None:
    names, said = ["one", "killed", "wrong", "two", "bug", "three"], list[object]()
    found, failed = {}, {}
    with side_by_side.side_by_side(work, names, jobs, said.append, ()) as outcome:
        for name in names:
            try:
                found[name] = outcome(name)
            except MlopsError as error:
                failed[name] = (type(error), error.message, error.hint)
    assert found == {"one": "ONE", "two": "TWO", "three": "THREE"}
    assert failed["wrong"] == (InputError, "it is wrong", "put it right")
    assert failed["bug"][1] == "internal error: ZeroDivisionError: by zero"
    assert "signal 9" in failed["killed"][1]
    assert "--jobs 1" in str(failed["killed"][2])
    for name in names:
        own = [line for line in said if str(line).startswith(f"{name} ")]
        assert own == [f"{name} {number}" for number in range(3)]


def test_an_end_that_a_finalizer_swallows_is_an_end() -> None:
    with (
        side_by_side.side_by_side(told_to_end, ["one"], 1, print, ()) as outcome,
        pytest.raises(MlopsError, match="exit code 143"),
    ):
        outcome("one")


def test_a_long_answer_comes_whole() -> None:
    said: list[object] = []
    long = partial(work, count=5000)
    with side_by_side.side_by_side(long, ["one", "two"], 2, said.append, ()) as outcome:
        assert [outcome("two"), outcome("one")] == ["TWO", "ONE"]
    assert len(said) == 10_000


def test_large_tables_are_trained_one_after_the_other(
    ward: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(ward / "config.yaml")
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert side_by_side.jobs_for(config, NAMES) == 2
    assert side_by_side.jobs_for(config, NAMES[:1]) == 1
    size = (ward / "data/heart_disease/labels.parquet").stat().st_size
    monkeypatch.setattr(side_by_side, "SMALL", size)
    assert side_by_side.jobs_for(config, NAMES) == 1


@pytest.mark.parametrize(("sharing", "expected"), [(1, 8), (3, 2), (8, 1), (20, 1)])
def test_the_cores_are_divided(
    monkeypatch: pytest.MonkeyPatch, sharing: int, expected: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    before = estimator.share_cores(sharing)
    try:
        assert (estimator.threads(), estimator.cores()) == (expected, 8)
    finally:
        estimator.share_cores(before)
