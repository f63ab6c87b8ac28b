"""kill -9 in the middle of a search: the same command goes on, and ends as an unbroken one."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from running import Mlops, Run, build

from mlops_cli.backends import tables
from mlops_cli.config import load_config
from mlops_cli.domain.search.trials import Trial
from mlops_cli.main import main
from mlops_cli.services.training import resuming

TRIALS, KILLED_AT = 50, 20
WORDS = ("train", "heart_disease", "--trials", str(TRIALS), "--json")


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Two projects with the same patients, and the model of an unbroken search in the first."""
    folder = build(tmp_path_factory.mktemp("unbroken"))
    config = folder / "config.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("folds: 2", "folds: 3"), encoding="utf-8")
    second = folder.with_name("killed")
    shutil.copytree(folder, second)
    out = io.StringIO()
    with redirect_stdout(out):
        code = main([*WORDS, "--config", str(config)])
    assert code == 0
    return folder, second, str(Run(code, out.getvalue(), "").data["model_digest"])


def trials_of(folder: Path) -> list[Path]:
    return sorted((folder / ".mlops/search").glob("*/*/*.json"))


def kill_at(folder: Path, number: int) -> None:
    """Run the training and kill it as soon as so many trials are finished."""
    child = subprocess.Popen(
        [sys.executable, "-m", "mlops_cli", *WORDS],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while len(trials_of(folder)) < number:
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_a_killed_search_goes_on_and_ends_with_the_same_bytes(
    projects: tuple[Path, Path, str], mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken, folder, digest = projects
    assert trials_of(unbroken) == []
    monkeypatch.chdir(folder)
    kill_at(folder, KILLED_AT)
    finished = trials_of(folder)
    assert KILLED_AT <= len(finished) < TRIALS
    before = {path: path.stat().st_mtime_ns for path in finished}

    # A write that the kill cut short is no trial, nor is anything after it.
    torn = finished[-1]
    torn.write_text(torn.read_text(encoding="utf-8")[:50], encoding="utf-8")
    run = mlops(*WORDS)
    assert run.code == 0, run.err
    assert run.data["model_digest"] == digest
    assert run.data["evals"] == TRIALS
    assert f"going on after {len(before) - 1} trials" in run.err
    assert f"trial {len(before) - 1}/{TRIALS}" not in run.err
    assert f"trial {len(before)}/{TRIALS}" in run.err
    assert trials_of(folder) == []
    assert len(json.loads(record(folder, run.data["run_id"]))["losses"]) == TRIALS


def record(folder: Path, run_id: str) -> str:
    place = folder / ".mlops/artifacts" / run_id / "artifacts/evidence/search.json"
    return place.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_search_of_other_data_or_settings_begins_anew(
    projects: tuple[Path, Path, str], mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder, digest = projects
    monkeypatch.chdir(folder)
    kill_at(folder, 3)
    kept = trials_of(folder)
    with monkeypatch.context() as patch:
        patch.setenv("MLOPS_SEED", "8")
        other = mlops("train", "heart_disease", "--trials", "2", "--json")
    assert "going on" not in other.err
    assert trials_of(folder) == kept
    # A reproduction computes everything anew: what is kept cannot vouch for itself.
    again = mlops("train", "heart_disease", "--reproduce", other.data["run_id"], "--json")
    assert "going on" not in again.err
    assert again.data["reproduced"]
    run = mlops(*WORDS)
    assert f"going on after {len(kept)} trials" in run.err
    assert run.data["model_digest"] == digest
    events = tables.events(load_config(folder / "config.yaml"), "heart_disease")
    assert "model.trained" in {event.action for event in events}


def test_a_second_search_of_the_same_model_keeps_nothing_and_ends_well(
    projects: tuple[Path, Path, str], mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = projects[0]
    monkeypatch.chdir(folder)
    config = load_config(folder / "config.yaml")
    with resuming.keeping(config, "heart_disease", "digest") as kept:
        assert kept is not None
        resuming.keep(kept, Trial(1, {"max_depth": 2}, 0.5, np.ones(3), 9, 5, False, 1.0))
        run = mlops("train", "heart_disease", "--trials", "2", "--json")
        assert run.code == 0, run.err
        assert trials_of(folder) == [kept / "00001.json"]
        (read,) = resuming.read(kept).values()
        assert (read.number, read.params, read.sums.tolist()) == (1, {"max_depth": 2}, [1, 1, 1])
    assert trials_of(folder) == []


def test_trials_that_nobody_went_on_with_are_removed_after_a_week(
    projects: tuple[Path, Path, str], mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = projects[0]
    monkeypatch.chdir(folder)
    old, new = (folder / ".mlops/search/heart_disease" / name for name in ("old", "new"))
    for each in (old, new):
        each.mkdir(parents=True)
        (each / "00001.json").write_text("{}", encoding="utf-8")
    os.utime(old, (time.time() - 8 * 86_400,) * 2)
    assert mlops("train", "heart_disease", "--trials", "2", "--json").code == 0
    assert (old.exists(), new.exists()) == (False, True)
