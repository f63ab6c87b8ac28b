"""`train` while MLflow is gone, and `sync` when it is back: nothing lost, nothing twice."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dying import run_and_kill
from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from running import Mlops, Run, build

from mlops_cli.backends import registry
from mlops_cli.config import load_config

HEART = "heart_disease"
GONE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("sync"))


@pytest.fixture
def clinic(built: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project as the current folder, with nothing in its outbox."""
    monkeypatch.chdir(built)
    shutil.rmtree(built / ".mlops/outbox", ignore_errors=True)
    return built


@pytest.fixture
def kept(clinic: Path, mlops: Mlops) -> Run:
    """What a training has said whose tracking server could not be reached."""
    return train_without_server(mlops)


def train_without_server(mlops: Mlops, *options: str) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_TRACKING__URI", GONE)
        return mlops("train", HEART, "--json", *options)


def outbox(folder: Path) -> list[Path]:
    return sorted((folder / ".mlops/outbox").iterdir())


def runs_with_key(folder: Path, key: str) -> list[MlflowRun]:
    uri = load_config(folder / "config.yaml").tracking.uri
    client = MlflowClient(uri, uri)
    experiment = client.get_experiment_by_name("hospital")
    return list(client.search_runs([experiment.experiment_id], f"tags.`mlops.key` = '{key}'"))


def events_of(mlops: Mlops, run_id: str) -> list[str]:
    events = mlops("audit", "log", HEART, "--json").data["events"]
    return [each["action"] for each in events if each["details"].get("run_id") == run_id]


def test_a_training_whose_server_is_gone_is_kept_and_told(clinic: Path, kept: Run) -> None:
    assert (kept.code, kept.json["status"]) == (75, "error")
    (place,) = outbox(clinic)
    assert GONE in kept.error["message"]
    assert kept.error["message"].endswith(f"; the finished run is kept in {place}")
    assert kept.error["hint"] == "`mlops sync` sends it"
    assert 0.5 < kept.data["metrics"]["roc_auc"]["value"] < 1
    assert (kept.data["run_id"], kept.data["version"], kept.data["alias"]) == (None, None, None)
    assert kept.data["unsent"]["place"] == str(place)
    assert kept.data["unsent"]["problem"] == kept.error
    assert Path(kept.data["report"]).is_file()
    assert not list((clinic / ".mlops/search").glob("*/*/*.json"))


def test_people_are_told_in_one_line_and_a_hint(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_TRACKING__URI", GONE)
    run = mlops("train", HEART)
    assert run.code == 75
    *_, said, hint = run.err.splitlines()
    assert said.startswith(f"mlops: MLflow at {GONE} cannot be reached: Connection refused; the")
    assert hint == "hint: `mlops sync` sends it"
    assert "roc_auc" in run.out
    assert "run not sent" in run.out


def test_sync_sends_it_and_makes_it_the_challenger(clinic: Path, mlops: Mlops, kept: Run) -> None:
    run = mlops("sync", "--json")
    assert run.code == 0, run.err
    (sent,) = run.data["sent"]
    assert run.data["waiting"] == outbox(clinic) == []
    key = kept.data["unsent"]["key"]
    (found,) = runs_with_key(clinic, key)
    assert (sent["key"], sent["model"], sent["run_id"]) == (key, HEART, found.info.run_id)
    config = load_config(clinic / "config.yaml")
    assert registry.aliases(config, HEART)["challenger"] == sent["version"]
    assert found.data.tags["mlops.model_digest"] == kept.data["model_digest"]
    assert found.data.tags["mlops.feature_views"] == "heart_vitals,heart_tests"
    assert found.data.metrics["roc_auc"] == kept.data["metrics"]["roc_auc"]["value"]
    assert events_of(mlops, sent["run_id"]) == ["model.trained", "model.registered"]
    page = Path(sent["report"]).read_text(encoding="utf-8")
    assert sent["run_id"] in page
    assert key not in page
    assert mlops("train", HEART, "--reproduce", sent["run_id"], "--json").data["reproduced"]
    again = mlops("sync", "--json")
    assert (again.code, again.data) == (0, {"sent": [], "waiting": []})
    assert mlops("sync").out == "no finished run is waiting\n"


def test_sync_keeps_what_it_cannot_send(
    clinic: Path, mlops: Mlops, kept: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_without_server(mlops)
    before = outbox(clinic)
    with monkeypatch.context() as patch:
        patch.setenv("MLOPS_TRACKING__URI", GONE)
        run = mlops("sync", "--json")
        told = mlops("sync")
    assert (run.code, run.error["code"], run.data["sent"]) == (75, "unavailable", [])
    assert [each["place"] for each in run.data["waiting"]] == [str(place) for place in before]
    assert told.out == "2 finished runs still waiting\n"
    assert told.err.count("cannot be reached") == 1
    assert outbox(clinic) == before
    assert len(mlops("sync", "--json").data["sent"]) == 2


def test_a_run_that_was_not_to_be_registered_is_not(clinic: Path, mlops: Mlops) -> None:
    train_without_server(mlops, "--no-register")
    (sent,) = mlops("sync", "--json").data["sent"]
    assert sent["version"] is None
    assert events_of(mlops, sent["run_id"]) == ["model.trained"]
    assert mlops("register", HEART, "--run", sent["run_id"]).code == 0


def test_a_late_run_leaves_the_alias_to_one_trained_after_it(
    clinic: Path, mlops: Mlops, kept: Run
) -> None:
    later = mlops("train", HEART, "--json")
    assert later.json["warnings"] == [f"{HEART}: 1 finished run waits to be sent: `mlops sync`"]
    (sent,) = mlops("sync", "--json").data["sent"]
    assert sent["version"] == later.data["version"] + 1
    config = load_config(clinic / "config.yaml")
    assert registry.aliases(config, HEART)["challenger"] == later.data["version"]


@pytest.mark.parametrize(
    "step",
    [
        "before registry.send 1",
        "after registry.send 1",
        "before tables.append 1",
        "after tables.append 1",
        "before registry.create_version 1",
        "after registry.create_version 1",
        "after tables.append 2",
        "after registry.set_alias 1",
        "before registry.artifact_place 1",
    ],
)
def test_a_sync_that_was_killed_ends_as_an_unbroken_one(
    clinic: Path, mlops: Mlops, kept: Run, step: str
) -> None:
    run_and_kill(clinic, step, "sync")
    assert len(outbox(clinic)) == 1
    (sent,) = mlops("sync", "--json").data["sent"]
    (found,) = runs_with_key(clinic, kept.data["unsent"]["key"])
    assert found.info.run_id == sent["run_id"]
    config = load_config(clinic / "config.yaml")
    made = [each for each in registry.versions(config, HEART) if each.run_id == sent["run_id"]]
    assert [each.number for each in made] == [sent["version"]]
    assert registry.aliases(config, HEART)["challenger"] == sent["version"]
    assert events_of(mlops, sent["run_id"]) == ["model.trained", "model.registered"]
    assert outbox(clinic) == []


@pytest.mark.parametrize("damaged", ["run.json", "model/model.ubj"])
def test_a_damaged_run_is_not_sent_and_does_not_hold_up_the_others(
    clinic: Path, mlops: Mlops, kept: Run, damaged: str
) -> None:
    train_without_server(mlops)
    first, second = outbox(clinic)
    (first / damaged).write_bytes((first / damaged).read_bytes()[:-9])
    run = mlops("sync", "--json")
    assert run.code == 3
    assert [each["key"] for each in run.data["sent"]] == [second.name]
    (left,) = run.data["waiting"]
    assert (left["key"], left["problem"]["code"]) == (first.name, "integrity")
    assert damaged.rpartition("/")[2] in left["problem"]["message"]
    assert left["problem"]["message"] in mlops("sync", "--quiet").err
    assert runs_with_key(clinic, first.name) == []


def test_what_a_killed_training_left_unfinished_is_swept_after_a_day(
    clinic: Path, mlops: Mlops, kept: Run
) -> None:
    (place,) = outbox(clinic)
    old, new = (place.with_name(f".{name}") for name in ("old", "new"))
    for each in (old, new):
        shutil.copytree(place, each)
    os.utime(old, (time.time() - 2 * 86_400,) * 2)
    assert len(mlops("sync", "--json").data["sent"]) == 1
    assert outbox(clinic) == [new]


def test_one_of_several_models_that_is_kept_is_told_beside_the_others(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_TRACKING__URI", GONE)
    run = mlops("train", HEART, "readmission", "--json")
    assert run.code == 75
    assert [each["unsent"]["problem"]["code"] for each in run.data["results"]] == [
        "unavailable", "unavailable",
    ]  # fmt: skip
    assert len(outbox(clinic)) == 2


def test_the_life_of_a_model_on_a_real_server(
    clinic: Path,
    mlops: Mlops,
    kept: Run,
    tracking_server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLOPS_TRACKING__URI", tracking_server)
    monkeypatch.setenv("MLOPS_TRACKING__TIMEOUT", "60")
    trained = mlops("train", HEART, "--json")
    assert trained.code == 0, trained.err
    assert trained.data["report"].startswith("mlflow-artifacts:/")
    (sent,) = mlops("sync", "--json").data["sent"]
    assert {trained.data["version"], sent["version"]} == {1, 2}
    assert mlops("promote", HEART, "--challenger").code == 0
    predicted = mlops("predict", HEART, "PT000001", "--json")
    assert predicted.data["predictions"][0]["version"] == trained.data["version"]
    again = mlops("train", HEART, "--reproduce", trained.data["run_id"], "--json")
    assert again.data["reproduced"], again.data["differences"]


def test_the_machine_is_watched_on_request(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_TRACKING__SYSTEM_METRICS", "true")
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.2")
    watched = mlops("train", HEART, "--json").data["run_id"]
    monkeypatch.delenv("MLOPS_TRACKING__SYSTEM_METRICS")
    plain = mlops("train", HEART, "--json").data["run_id"]
    uri = load_config(clinic / "config.yaml").tracking.uri
    client = MlflowClient(uri, uri)
    names = {key for key in client.get_run(watched).data.metrics if key.startswith("system/")}
    assert names >= {
        "system/cpu_utilization_percentage",
        "system/system_memory_usage_megabytes",
        "system/disk_usage_percentage",
        "system/network_receive_megabytes",
    }
    history = client.get_metric_history(watched, "system/system_memory_usage_megabytes")
    assert len(history) >= 3
    assert all(each.value > 0 for each in history)
    assert not any(key.startswith("system/") for key in client.get_run(plain).data.metrics)
    shown = mlops("models", "show", HEART, "--json").data["versions"]
    assert not any(key.startswith("system/") for each in shown for key in each["metrics"])
    assert mlops("train", HEART, "--reproduce", watched, "--json").data["reproduced"]


def test_a_kept_run_holds_no_entity(clinic: Path, kept: Run) -> None:
    """What waits here is what goes to MLflow: nobody can be recognised by it."""
    (place,) = outbox(clinic)
    told = json.loads((place / "run.json").read_text(encoding="utf-8"))
    assert told["run"]["name"] == HEART
    assert not any(b"PT000" in path.read_bytes() for path in place.rglob("*") if path.is_file())
