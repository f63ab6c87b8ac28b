"""kill -9 at every durable step: the champion is the old one or the new one, nothing is lost."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from dying import CHILD, run_and_kill
from running import Mlops, build, quietly

from mlops_cli.backends import registry
from mlops_cli.config import load_config


def champion(mlops: Mlops) -> int | None:
    listed = mlops("models", "list", "--json")
    (number,) = [m["champion"] for m in listed.data["models"] if m["name"] == "heart_disease"]
    return None if number is None else int(number)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a feeble champion, version 1, and a better challenger, version 2."""
    folder = build(tmp_path_factory.mktemp("killed"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_MODELS__HEART_DISEASE__SEARCH__MAX_ROUNDS", "1")
        quietly(folder, "train", "heart_disease")
    quietly(folder, "promote", "heart_disease", "--challenger")
    quietly(folder, "train", "heart_disease")
    return folder


@pytest.fixture
def again(killed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project with version 1 champion and version 2 challenger, whatever happened before."""
    monkeypatch.chdir(killed)
    config = load_config(killed / "config.yaml")
    registry.set_alias(config, "heart_disease", "champion", 1)
    registry.set_alias(config, "heart_disease", "challenger", 2)
    return killed


@pytest.mark.parametrize(
    ("step", "champions"),
    [
        ("before tables.append 1", {1}),
        ("after tables.append 1", {1}),
        ("before registry.set_alias 1", {1}),
        ("after registry.set_alias 1", {2}),
        ("after tables.append 2", {2}),
    ],
)
def test_killed_promotion(again: Path, mlops: Mlops, step: str, champions: set[int]) -> None:
    run_and_kill(again, step, "promote", "heart_disease", "--challenger")
    assert champion(mlops) in champions
    assert mlops("audit", "verify").code == 0

    finished = mlops("promote", "heart_disease", "--challenger", "--json")
    assert (finished.code, finished.data["results"][0]["decision"]) == (0, "promoted")
    assert champion(mlops) == 2
    last = mlops("audit", "log", "--last", "1", "--json").data["events"][0]
    assert (last["action"], last["version"]) == ("promotion.done", 2)


@pytest.mark.parametrize(
    ("step", "champions"),
    [("before registry.set_alias 1", {2}), ("after registry.set_alias 1", {1})],
)
def test_killed_rollback(again: Path, mlops: Mlops, step: str, champions: set[int]) -> None:
    assert mlops("promote", "heart_disease", "--challenger").code == 0
    back = ("rollback", "heart_disease", "--to", "1", "--reason", "test")
    run_and_kill(again, step, *back)
    assert champion(mlops) in champions
    assert mlops("audit", "verify").code == 0
    mlops(*back)
    assert champion(mlops) == 1


@pytest.mark.parametrize(
    "step",
    [
        "after search.minimise 1",
        "after registry.write_model 1",
        "before registry.send 1",
        "after registry.send 1",
        "before registry.create_version 1",
        "after registry.create_version 1",
    ],
)
def test_killed_training(again: Path, mlops: Mlops, step: str) -> None:
    run_and_kill(again, step, "train", "heart_disease")
    assert champion(mlops) == 1
    assert mlops("audit", "verify").code == 0

    trained = mlops("train", "heart_disease", "--json")
    assert (trained.code, trained.data["alias"]) == (0, "challenger")
    assert champion(mlops) == 1
    waits = step not in {"after search.minimise 1", "after registry.write_model 1"}
    assert any("`mlops sync`" in each for each in trained.json["warnings"]) == waits
    sent = mlops("sync", "--json")
    assert (sent.code, len(sent.data["sent"]), sent.data["waiting"]) == (0, int(waits), [])
    aliases = registry.aliases(load_config(again / "config.yaml"), "heart_disease")
    assert aliases["challenger"] == trained.data["version"]


@pytest.mark.parametrize(
    ("step", "logged"),
    [("before tables.log_predictions 1", 0), ("after tables.log_predictions 1", 1)],
)
def test_killed_prediction(again: Path, mlops: Mlops, step: str, logged: int) -> None:
    predict = ("predict", "heart_disease", "PT000001")
    assert mlops(*predict).code == 0
    before = predictions(again)
    run_and_kill(again, step, *predict)
    assert predictions(again) == before + logged
    assert mlops(*predict).code == 0
    assert predictions(again) == before + logged + 1
    assert champion(mlops) == 1


@pytest.mark.parametrize(
    ("name", "code", "word"), [("SIGTERM", 143, "terminated"), ("SIGINT", 130, "interrupted")]
)
def test_a_stopped_training_leaves_nothing_and_says_so(
    again: Path, name: str, code: int, word: str
) -> None:
    """MLflow itself leaves a run that gets SIGTERM RUNNING for ever."""
    before = statuses(again), outbox(again)
    script = CHILD.replace("signal.SIGKILL", f"signal.{name}").format(
        module="search", function="minimise", call=1, moment="after"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, "train", "heart_disease", "--json"],
        cwd=again,
        capture_output=True,
        check=False,
    )
    assert child.returncode == code
    assert json.loads(child.stdout)["error"]["code"] == word
    assert (statuses(again), outbox(again)) == before


def outbox(folder: Path) -> list[Path]:
    return sorted((folder / ".mlops").glob("outbox/*"))


def statuses(folder: Path) -> list[tuple[str]]:
    with sqlite3.connect(folder / ".mlops/mlflow.db") as runs:
        return runs.execute("SELECT status FROM runs").fetchall()


def predictions(folder: Path) -> int:
    with sqlite3.connect(folder / ".mlops/inference.db") as log:
        return int(log.execute("SELECT count(*) FROM inference_log").fetchone()[0])
