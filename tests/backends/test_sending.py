"""A finished run sent to MLflow's own server: whole, once, through every fault in between."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import mlflow
import pytest
from faulty import Between, between
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus, Run
from running import ROOT

from mlops_cli.backends import registry
from mlops_cli.config import Config, load_config
from mlops_cli.errors import UnavailableError

TRIALS = 3
END = 1_700_000_000_000


@pytest.fixture(scope="module")
def proxy(tracking_server: str) -> Iterator[Between]:
    with between(tracking_server) as server:
        yield server


@pytest.fixture
def healthy(proxy: Between) -> Between:
    proxy.have(lambda *_: "pass")
    return proxy


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, proxy: Between) -> Config:
    """A project whose MLflow is the real server, behind one that can have faults."""
    folder = tmp_path_factory.mktemp("sending")
    (folder / "config.yaml").write_text((ROOT / "config.yaml").read_text(encoding="utf-8"))
    loaded = load_config(folder / "config.yaml")
    tracking = loaded.tracking.model_copy(update={"uri": proxy.url, "timeout": 5})
    return loaded.model_copy(update={"tracking": tracking})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a run; nothing looks into them here."""
    place = tmp_path_factory.mktemp("files")
    for name in ("evidence/report.html", "evidence/search.json", "model/MLmodel", "model/a/b.bin"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(name.encode())
    return place


def a_run() -> registry.FinishedRun:
    trials = tuple(
        registry.TrialRun(
            number,
            {"max_depth": str(number)},
            {"loss": number / 3},
            {"mlops.stopped": "false"},
            2.0,
        )
        for number in range(1, TRIALS + 1)
    )
    return registry.FinishedRun(
        key=f"key-{uuid4().hex}",
        name="heart_disease",
        start=END - 60_000,
        end=END,
        tags={"mlops.model": "heart_disease", "mlflow.user": "somebody", "mlops.umlaut": "ä' \""},
        params={"max_depth": "3", "learning_rate": "0.1"},
        metrics={"roc_auc": 1 / 3, "brier": 1e-17},
        table=registry.TrainingTable(
            "d" * 32, "/data/labels.parquet", {"age": "int", "sex": "category"}, 900
        ),
        trials=trials,
        samples=(
            registry.Sample(END - 2, {"system/cpu_utilization_percentage": 1.0}),
            registry.Sample(END - 1, {"system/cpu_utilization_percentage": 2.0}),
        ),
    )


def send(
    config: Config, run: registry.FinishedRun, folder: Path, seconds: float | None = None
) -> str:
    return registry.send(config, run, folder, seconds, lambda _: None)


def on_sqlite(config: Config, place: Path) -> Config:
    """The same project with its MLflow in a database and a folder of this machine."""
    tracking = config.tracking.model_copy(
        update={"uri": f"sqlite:///{place}/mlflow.db", "artifacts": str(place / "files")}
    )
    return config.model_copy(update={"tracking": tracking})


def client_of(server: str) -> MlflowClient:
    return MlflowClient(server, server)


def runs_of(server: str, tag: str, value: str) -> list[Run]:
    client = client_of(server)
    experiment = client.get_experiment_by_name("hospital")
    if experiment is None:
        return []
    return list(client.search_runs([experiment.experiment_id], f"tags.`{tag}` = '{value}'"))


def assert_there_once(server: str, run: registry.FinishedRun, run_id: str) -> None:
    client = client_of(server)
    (found,) = runs_of(server, "mlops.key", run.key)
    assert (found.info.run_id, found.info.status) == (run_id, "FINISHED")
    trials = runs_of(server, "mlflow.parentRunId", run_id)
    numbers = sorted(each.data.tags["mlops.trial"] for each in trials)
    assert numbers == [str(number) for number in range(1, TRIALS + 1)]
    assert {each.info.status for each in trials} == {"FINISHED"}
    experiment = found.info.experiment_id
    (model,) = client.search_logged_models([experiment], f"source_run_id = '{run_id}'")
    assert model.status == LoggedModelStatus.READY
    assert found.data.tags["mlops.source"] == model.model_uri
    assert {key: found.data.metrics[key] for key in run.metrics} == run.metrics
    assert found.data.params == run.params


def test_all_of_a_run_is_there(
    tracking_server: str, healthy: Between, config: Config, folder: Path, tmp_path: Path
) -> None:
    run, opened = a_run(), []
    run_id = registry.send(config, run, folder, None, opened.append)
    assert opened == [run_id]
    assert_there_once(tracking_server, run, run_id)
    client = client_of(tracking_server)
    found = client.get_run(run_id)
    assert (found.info.start_time, found.info.end_time) == (END - 60_000, END)
    assert (found.info.run_name, found.info.user_id) == ("heart_disease", "somebody")
    assert found.data.tags.items() >= run.tags.items()
    history = client.get_metric_history(run_id, "system/cpu_utilization_percentage")
    assert [(each.value, each.step) for each in history] == [(1.0, 0), (2.0, 1)]
    assert registry.run_metrics(config, run_id) == run.metrics
    stored = Path(client.download_artifacts(run_id, "evidence", str(tmp_path)))
    assert (stored / "report.html").read_text() == "evidence/report.html"

    (used,) = found.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("heart_disease", "d" * 32)
    assert [(tag.key, tag.value) for tag in used.tags] == [("mlflow.data.context", "training")]
    assert mlflow.data.get_source(used).uri == "/data/labels.parquet"
    columns = json.loads(used.dataset.schema)["mlflow_colspec"]
    assert {each["name"]: each["type"] for each in columns} == {"age": "long", "sex": "string"}
    assert json.loads(used.dataset.profile) == {"num_rows": 900}

    (made,) = found.outputs.model_outputs
    model = client.get_logged_model(made.model_id)
    assert {each.key: each.value for each in model.metrics} == run.metrics
    assert model.params == run.params
    assert (registry.fetch(config, model.model_uri) / "a/b.bin").read_text() == "model/a/b.bin"

    first = runs_of(tracking_server, "mlflow.parentRunId", run_id)[-1]
    assert (first.data.params, first.data.metrics["loss"]) == ({"max_depth": "1"}, 1 / 3)
    assert (first.info.start_time, first.info.end_time) == (END - 6000, END - 4000)


@pytest.mark.parametrize(
    ("source", "kind", "read"),
    [
        ("s3://bucket/labels", "s3", {"uri": "s3://bucket/labels"}),
        ("https://me:secret@host/l.csv", "http", {"url": "https://me:***@host/l.csv"}),
    ],
)
def test_a_training_set_elsewhere_has_the_kind_of_its_place(
    tmp_path: Path, config: Config, folder: Path, source: str, kind: str, read: dict[str, str]
) -> None:
    local, run = on_sqlite(config, tmp_path), a_run()
    table = registry.TrainingTable("d", source, {"age": "float"}, 1)
    moved = registry.FinishedRun(**{**vars(run), "table": table})
    run_id = send(local, moved, folder)
    (used,) = client_of(local.tracking.uri).get_run(run_id).inputs.dataset_inputs
    assert (used.dataset.source_type, json.loads(used.dataset.source)) == (kind, read)
    assert mlflow.data.get_source(used)._get_source_type() == kind


def test_sending_it_again_changes_nothing(
    tracking_server: str, healthy: Between, config: Config, folder: Path
) -> None:
    run = a_run()
    run_id = send(config, run, folder)
    before = client_of(tracking_server).get_run(run_id).to_dictionary()
    assert send(config, run, folder) == run_id
    assert client_of(tracking_server).get_run(run_id).to_dictionary() == before
    assert_there_once(tracking_server, run, run_id)


def requests_of_one(proxy: Between, config: Config, folder: Path) -> int:
    """How many requests a run takes once the experiment is there."""
    for _ in range(2):
        proxy.have(lambda *_: "pass")
        send(config, a_run(), folder)
    return len(proxy.seen)


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0, 1, 2])
def test_a_server_that_dies_at_any_request_gets_the_run_in_the_end(
    tracking_server: str, proxy: Between, config: Config, folder: Path, offset: int
) -> None:
    for number in range(offset, requests_of_one(proxy, config, folder), 3):
        run = a_run()
        proxy.have(lambda n, *_, last=number: "die" if n >= last else "pass")
        with pytest.raises(UnavailableError, match="cannot be"):
            send(config, run, folder)
        proxy.have(lambda *_: "pass")
        assert_there_once(tracking_server, run, send(config, run, folder))


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0, 1, 2])
def test_an_answer_that_is_lost_makes_no_second_run(
    tracking_server: str, proxy: Between, config: Config, folder: Path, offset: int
) -> None:
    """MLflow asks once more by itself, and the server has done it twice then."""
    for number in range(offset, requests_of_one(proxy, config, folder), 3):
        run = a_run()
        proxy.have(lambda n, *_, lost=number: "lose" if n == lost else "pass")
        try:
            run_id = send(config, run, folder)
        except UnavailableError:  # some requests are refused the second time
            proxy.have(lambda *_: "pass")
            run_id = send(config, run, folder)
        assert_there_once(tracking_server, run, run_id)


@pytest.mark.parametrize("doubled", [0, 1, TRIALS])
def test_the_double_of_a_run_is_deleted(
    tracking_server: str, proxy: Between, config: Config, folder: Path, doubled: int
) -> None:
    """The first run that is made is the model's, those after it are its trials."""
    run, created = a_run(), []

    def fault(_: int, method: str, path: str) -> str:
        if not path.endswith("/runs/create"):
            return "pass"
        created.append(method)
        return "lose" if len(created) == doubled + 1 else "pass"

    proxy.have(fault)
    run_id = send(config, run, folder)
    assert len(created) == 1 + TRIALS + 1
    assert_there_once(tracking_server, run, run_id)


def test_a_slow_server_is_given_up_in_time_and_gets_it_later(
    tracking_server: str, proxy: Between, config: Config, folder: Path
) -> None:
    run = a_run()
    proxy.have(lambda *_: "slow")
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=r"too slow: a run has 0\.5 s"):
        send(config, run, folder, 0.5)
    assert time.monotonic() - started < 20
    proxy.have(lambda *_: "pass")
    assert_there_once(tracking_server, run, send(config, run, folder))


@pytest.mark.parametrize(
    ("request_", "lacking"),
    [
        ("PUT search.json", "evidence/search.json"),
        ("PUT b.bin", "a/b.bin"),
        ("POST runs/log-batch", "metrics"),
        ("POST runs/log-inputs", "training set"),
        ("POST runs/update", "status"),
    ],
)
def test_what_the_server_has_not_kept_is_found(
    tracking_server: str,
    proxy: Between,
    config: Config,
    folder: Path,
    request_: str,
    lacking: str,
) -> None:
    """It says yes and does nothing: the run must stay where it is."""
    method, _, end = request_.partition(" ")
    run = a_run()

    def no_trials(run: registry.FinishedRun) -> registry.FinishedRun:
        return registry.FinishedRun(**{**vars(run), "trials": ()})

    proxy.have(lambda _, kind, path: "swallow" if kind == method and path.endswith(end) else "pass")
    with pytest.raises(UnavailableError, match="does not give back") as caught:
        send(config, no_trials(run), folder)
    assert lacking in caught.value.message


def test_a_store_of_artifacts_that_cannot_be_reached(
    tmp_path: Path, config: Config, folder: Path
) -> None:
    """The database answers, the place for files does not: each store fails in its own words."""
    (tmp_path / "files").write_text("a file where a folder belongs")
    with pytest.raises(UnavailableError, match=r"artifacts at file://\S+ cannot be stored"):
        send(on_sqlite(config, tmp_path), a_run(), folder)


def test_an_experiment_that_another_process_has_just_made_is_used(
    tmp_path: Path, config: Config, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two first trainings: both look, both find none, both want to make it."""
    local = on_sqlite(config, tmp_path)
    first = send(local, a_run(), folder)
    look, looks = MlflowClient.get_experiment_by_name, []

    def too_early(client: MlflowClient, name: str) -> object:
        looks.append(name)
        return None if len(looks) == 1 else look(client, name)

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", too_early)
    second = send(local, a_run(), folder)
    assert len(looks) == 2
    client = client_of(local.tracking.uri)
    assert len({client.get_run(each).info.experiment_id for each in (first, second)}) == 1
