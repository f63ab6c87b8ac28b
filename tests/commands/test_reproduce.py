"""`train --reproduce`: the same bytes, or what differs, by name."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from running import Mlops, Run, build

from mlops_cli.backends import environment, estimator, registry
from mlops_cli.config import load_config
from mlops_cli.main import main

HEART = "heart_disease"
LABELS = "data/heart_disease/labels.parquet"
VITALS = "data/heart_disease/vitals.parquet"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A project with one version, and the answer of its training."""
    folder = build(tmp_path_factory.mktemp("reproduce"))
    out = io.StringIO()
    with redirect_stdout(out):
        code = main(["train", HEART, "--json", "--config", str(folder / "config.yaml")])
    return folder, Run(code, out.getvalue(), "").data


@pytest.fixture
def clinic(trained: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project as the current folder; its configuration and its tables are put back."""
    folder = trained[0]
    monkeypatch.chdir(folder)
    kept = {folder / name: (folder / name).read_bytes() for name in (LABELS, VITALS, "config.yaml")}
    yield folder
    for path, whole in kept.items():
        path.write_bytes(whole)


@pytest.fixture
def run_id(trained: tuple[Path, dict[str, Any]]) -> str:
    return str(trained[1]["run_id"])


@pytest.fixture
def reproduce(clinic: Path, run_id: str, mlops: Mlops) -> Callable[..., Run]:
    return lambda *words: mlops("train", HEART, "--reproduce", run_id, "--json", *words)


def change(path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Rewrite a table; columns that keep their kind keep their type."""
    table = pq.read_table(path)
    edited = pa.Table.from_pandas(edit(table.to_pandas()), preserve_index=False)
    pq.write_table(edited, path)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def used_row(folder: Path) -> pd.Series:
    """A row of the vitals that the first label has got its features from."""
    label = pd.read_parquet(folder / LABELS).iloc[0]
    vitals = pd.read_parquet(folder / VITALS)
    own = vitals[vitals["patient_id"] == label["patient_id"]]
    known = own[own["event_timestamp"] <= label["event_timestamp"]]
    return known.sort_values("event_timestamp").iloc[-1]


def differences(run: Run, kind: str) -> dict[str, tuple[Any, Any]]:
    """What a reproduction says of one kind, by name."""
    found = [each for each in run.data["differences"] if each["kind"] == kind]
    return {each["name"]: (each["then"], each["now"]) for each in found}


def runs_and_versions(folder: Path) -> tuple[set[str], list[int], dict[str, int]]:
    config = load_config(folder / "config.yaml")
    client = MlflowClient(config.tracking.uri)
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = {run.info.run_id for run in client.search_runs(experiments)}
    numbers = [each.number for each in registry.versions(config, HEART)]
    return runs, numbers, registry.aliases(config, HEART)


def assert_nothing_was_trained(run: Run) -> None:
    assert run.code == 3, run.err
    assert run.data["reproduced"] is False
    assert run.data["model_digest"]["now"] is None
    assert "trial" not in run.err


# The same


def test_the_same_data_give_the_same_bytes(
    trained: tuple[Path, dict[str, Any]], reproduce: Callable[..., Run]
) -> None:
    run = reproduce()
    assert run.code == 0, run.err
    first = trained[1]
    assert (run.data["model"], run.data["run_id"]) == (HEART, first["run_id"])
    assert (run.data["reproduced"], run.data["differences"]) == (True, [])
    for digest in ("model_digest", "dataset_digest"):
        assert run.data[digest] == {"then": first[digest], "now": first[digest]}
    assert "trial 2/2" in run.err


def test_it_leaves_no_run_no_version_and_no_alias_but_an_event(
    clinic: Path, run_id: str, reproduce: Callable[..., Run], mlops: Mlops
) -> None:
    before = runs_and_versions(clinic)
    assert before[1] == [1]
    assert reproduce().code == 0
    assert runs_and_versions(clinic) == before
    event = mlops("audit", "log", HEART, "--json").data["events"][-1]
    assert (event["action"], event["model"]) == ("model.reproduced", HEART)
    details = event["details"]
    assert (details["run_id"], details["outcome"]) == (run_id, "reproduced")
    assert details["differences"] == []


def test_people_are_told_in_a_line_and_cron_is_told_nothing(
    clinic: Path, run_id: str, mlops: Mlops
) -> None:
    told = mlops("train", HEART, "--reproduce", run_id)
    assert told.out == f"{HEART}: reproduced, the same bytes\nrun {run_id}\n"
    assert mlops("train", HEART, "--reproduce", run_id, "--quiet") == Run(0, "", "")


@pytest.mark.parametrize("table", [LABELS, VITALS])
def test_rows_in_another_order_are_another_file_and_the_same_model(
    clinic: Path, reproduce: Callable[..., Run], table: str
) -> None:
    change(clinic / table, lambda frame: frame.sample(frac=1, random_state=3))
    run = reproduce()
    assert (run.code, run.data["reproduced"]) == (0, True), run.data
    view = "labels" if table == LABELS else "heart_vitals"
    (name,) = differences(run, "data")
    assert name == f"{view}: {Path(table).name}"
    assert len(set(differences(run, "data")[name])) == 2
    assert len(run.data["differences"]) == 1


def test_tables_that_have_moved_are_found_where_config_yaml_says(
    clinic: Path, reproduce: Callable[..., Run]
) -> None:
    shutil.copy(clinic / LABELS, clinic / "archive.parquet")
    replace(clinic / "config.yaml", LABELS, "archive.parquet")
    (clinic / LABELS).unlink()
    run = reproduce()
    assert run.code == 0, run.err
    assert differences(run, "config") == {"labels.source": (LABELS, "archive.parquet")}
    was, now = differences(run, "data").values()
    assert was == tuple(reversed(now))
    assert was[1] is None


@pytest.mark.slow
def test_the_number_of_threads_changes_no_byte(clinic: Path, run_id: str) -> None:
    words = ["train", HEART, "--reproduce", run_id, "--json"]
    for threads in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "mlops_cli", *words],
            cwd=clinic,
            env={**os.environ, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        assert json.loads(done.stdout)["data"]["differences"] == []


# Other data


def test_a_changed_cell_names_its_column_and_its_file(
    clinic: Path, reproduce: Callable[..., Run], mlops: Mlops
) -> None:
    row = used_row(clinic)

    def one_beat_more(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[row.name, "max_heart_rate"] += 1
        return frame

    change(clinic / VITALS, one_beat_more)
    run = reproduce()
    assert_nothing_was_trained(run)
    assert list(differences(run, "data")) == [
        "heart_vitals: vitals.parquet",
        "column max_heart_rate",
    ]
    digests = run.data["dataset_digest"]
    assert digests["now"] is not None
    assert digests["now"] != digests["then"]
    event = mlops("audit", "log", HEART, "--json").data["events"][-1]
    assert event["details"]["outcome"] == "different"
    assert "data: column max_heart_rate" in event["details"]["differences"]


def test_a_column_that_was_sorted_by_itself_is_named(
    clinic: Path, reproduce: Callable[..., Run]
) -> None:
    """What a spreadsheet does: the same values, in other rows."""

    def sort(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(heart_disease=sorted(frame["heart_disease"]))

    change(clinic / LABELS, sort)
    run = reproduce()
    assert_nothing_was_trained(run)
    assert list(differences(run, "data")) == ["labels: labels.parquet", "column heart_disease"]


def test_a_row_more_is_told_with_both_counts(clinic: Path, reproduce: Callable[..., Run]) -> None:
    rows = len(pd.read_parquet(clinic / LABELS))
    change(clinic / LABELS, lambda frame: pd.concat([frame, frame.head(1)]))
    run = reproduce()
    assert_nothing_was_trained(run)
    found = differences(run, "data")
    assert list(found) == ["labels: labels.parquet", "rows"]
    assert found["rows"] == (rows, rows + 1)


def test_another_time_of_a_label_names_the_column_of_the_times(
    clinic: Path, reproduce: Callable[..., Run]
) -> None:
    def later(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[0, "event_timestamp"] += pd.Timedelta(seconds=1)
        return frame

    change(clinic / LABELS, later)
    run = reproduce()
    assert_nothing_was_trained(run)
    assert list(differences(run, "data")) == ["labels: labels.parquet", "column event_timestamp"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (Path.unlink, "no file"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"no Parquet"), "cannot be read"),
    ],
    ids=["gone", "empty", "damaged"],
)
def test_a_table_that_cannot_be_read_is_a_difference(
    clinic: Path, reproduce: Callable[..., Run], spoil: Callable[[Path], object], said: str
) -> None:
    spoil(clinic / LABELS)
    run = reproduce()
    assert_nothing_was_trained(run)
    found = differences(run, "data")
    assert (found["labels: labels.parquet"][1] is None) == (said == "no file")
    assert said in found["training set"][1]
    assert run.data["dataset_digest"]["now"] is None


def test_a_finding_is_printed_as_a_table_also_for_cron(
    clinic: Path, run_id: str, mlops: Mlops
) -> None:
    change(clinic / LABELS, lambda frame: pd.concat([frame, frame.head(1)]))
    run = mlops("train", HEART, "--reproduce", run_id, "--quiet")
    assert (run.code, run.err) == (3, "")
    for words in ("not reproduced", "labels: labels.parquet", "rows", "nothing was trained"):
        assert words in run.out
    assert max(map(len, run.out.splitlines())) <= 80
    assert mlops("train", HEART, "--reproduce", run_id, "--quiet", "--exit-zero").code == 0


# Other surroundings


def test_a_changed_configuration_is_named_key_by_key_and_the_recorded_one_is_trained(
    clinic: Path, reproduce: Callable[..., Run]
) -> None:
    config = clinic / "config.yaml"
    replace(config, "threshold: 0.5", "threshold: 0.4")
    replace(config, "seed: 7", "seed: 8")
    replace(config, "trials: 2, folds: 2", "trials: 3, folds: 2")
    replace(config, "range: [12, 60]", "range: [10, 60]")
    run = reproduce()
    assert (run.code, run.data["reproduced"]) == (0, True), run.data
    bmi = "feature_views.heart_vitals.features.bmi.range"
    expected = {"seed": (7, 8), "threshold": (0.5, 0.4), "search.trials": (2, 3)}
    assert {k: v for k, v in differences(run, "config").items() if k in expected} == expected
    assert differences(run, "config")[bmi] == ([12, 60], [10, 60])
    assert "trial 2/2" in run.err
    assert set(differences(run, "data")) == set()


def test_features_in_another_order_are_named(clinic: Path, reproduce: Callable[..., Run]) -> None:
    text = (clinic / "config.yaml").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    (at,) = (n for n, line in enumerate(lines) if line.lstrip().startswith("max_heart_rate:"))
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    (clinic / "config.yaml").write_text("".join(lines), encoding="utf-8")
    run = reproduce()
    assert (run.code, run.data["reproduced"]) == (0, True), run.data
    (name,) = differences(run, "config")
    assert name == "order of the features"
    assert [each.index("bmi") for each in differences(run, "config")[name]] == [4, 3]


def test_another_commit_package_or_number_of_threads_is_named(
    clinic: Path, run_id: str, reproduce: Callable[..., Run]
) -> None:
    client = MlflowClient(load_config(clinic / "config.yaml").tracking.uri)
    tags = dict(client.get_run(run_id).data.tags)
    client.set_tag(run_id, "mlops.version.xgboost", "3.1.0")
    client.set_tag(run_id, "mlops.threads", "64")
    client.set_tag(run_id, "mlflow.source.git.commit", "0" * 40)
    try:
        run = reproduce()
    finally:
        client.set_tag(run_id, "mlops.version.xgboost", tags["mlops.version.xgboost"])
        client.set_tag(run_id, "mlops.threads", tags["mlops.threads"])
        client.delete_tag(run_id, "mlflow.source.git.commit")
    assert (run.code, run.data["reproduced"]) == (0, True), run.data
    assert differences(run, "pins") == {"xgboost": ("3.1.0", version("xgboost"))}
    assert differences(run, "threads") == {"threads": ("64", str(estimator.threads()))}
    now = environment.commit(clinic).get("mlflow.source.git.commit")
    assert differences(run, "code")["commit"] == ("0" * 40, now)


def test_another_model_from_the_same_data_is_a_finding_with_its_figures(
    clinic: Path, run_id: str, reproduce: Callable[..., Run]
) -> None:
    """The run says that other bytes came out: as after an XGBoost that grows other trees."""
    client = MlflowClient(load_config(clinic / "config.yaml").tracking.uri)
    run = client.get_run(run_id)
    client.set_tag(run_id, "mlops.model_digest", "f" * 64)
    client.log_metric(run_id, "roc_auc", 0.123)
    try:
        told = reproduce()
    finally:
        client.set_tag(run_id, "mlops.model_digest", run.data.tags["mlops.model_digest"])
        client.log_metric(run_id, "roc_auc", run.data.metrics["roc_auc"])
    assert (told.code, told.data["reproduced"]) == (3, False)
    now = run.data.tags["mlops.model_digest"]
    assert told.data["model_digest"] == {"then": "f" * 64, "now": now}
    assert differences(told, "model") == {
        "model_digest": ("f" * 64, now),
        "roc_auc": (0.123, run.data.metrics["roc_auc"]),
    }


# Runs that cannot be compared


def without_evidence(folder: Path, run_id: str, *names: str) -> Callable[[], None]:
    """Take files of a run away, as in runs from before they were kept; return the way back."""
    client = MlflowClient(load_config(folder / "config.yaml").tracking.uri)
    place = Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://")) / "evidence"
    kept = {place / name: (place / name).read_bytes() for name in names}
    for path in kept:
        path.unlink()
    return lambda: [path.write_bytes(whole) for path, whole in kept.items()] and None


def test_a_run_of_before_its_configuration_was_kept_says_what_it_cannot_compare(
    clinic: Path, run_id: str, reproduce: Callable[..., Run]
) -> None:
    put_back = without_evidence(clinic, run_id, "config.json", "dataset.json")
    try:
        same = reproduce()
        change(clinic / LABELS, lambda frame: frame.head(-1))
        other = reproduce()
    finally:
        put_back()
    assert (same.code, same.data["reproduced"]) == (0, True)
    assert {"config", "files", "columns"} <= set(same.data["unknown"])
    assert "config" in same.json["warnings"][0]
    assert_nothing_was_trained(other)
    assert list(differences(other, "data")) == ["dataset_digest"]


def test_a_record_that_was_damaged_is_told(
    clinic: Path, run_id: str, reproduce: Callable[..., Run]
) -> None:
    put_back = without_evidence(clinic, run_id, "config.json")
    client = MlflowClient(load_config(clinic / "config.yaml").tracking.uri)
    try:
        client.log_text(run_id, "{half", "evidence/config.json")
        run = reproduce()
    finally:
        put_back()
    assert (run.code, run.error["code"]) == (3, "integrity")
    assert "evidence/config.json" in run.error["message"]


def test_a_configuration_of_another_version_of_the_program_is_refused(
    clinic: Path, run_id: str, reproduce: Callable[..., Run]
) -> None:
    put_back = without_evidence(clinic, run_id, "config.json")
    config = load_config(clinic / "config.yaml")
    client = MlflowClient(config.tracking.uri)
    model = config.models[HEART].model_dump(mode="json") | {"horoscope": "leo"}
    try:
        client.log_dict(run_id, {"seed": 7, "model": model}, "evidence/config.json")
        run = reproduce()
    finally:
        put_back()
    assert run.code == 2
    assert "horoscope" in run.error["message"]


@pytest.mark.parametrize("run_id", ["0" * 32, "nope", "../../etc/passwd", ""])
def test_an_unknown_run(clinic: Path, mlops: Mlops, run_id: str) -> None:
    run = mlops("train", HEART, "--reproduce", run_id, "--json")
    assert (run.code, run.error["code"]) == (6, "not_found")


def test_a_run_of_another_model(clinic: Path, run_id: str, mlops: Mlops) -> None:
    run = mlops("train", "readmission", "--reproduce", run_id, "--json")
    assert run.code == 2
    assert HEART in run.error["message"]
    assert HEART in run.error["hint"]


def test_a_run_that_has_not_finished(clinic: Path, run_id: str, mlops: Mlops) -> None:
    client = MlflowClient(load_config(clinic / "config.yaml").tracking.uri)
    whole = client.get_run(run_id)
    half = client.create_run(whole.info.experiment_id, tags={"mlops.model": HEART}).info.run_id
    run = mlops("train", HEART, "--reproduce", half, "--json")
    client.delete_run(half)
    assert run.code == 2
    assert "RUNNING" in run.error["message"]


@pytest.mark.parametrize(
    "words", [(), (HEART, "readmission"), ("--all",), (HEART, "--all"), (HEART, "--no-register")]
)
def test_it_takes_one_model_and_stores_nothing(
    clinic: Path, run_id: str, mlops: Mlops, words: tuple[str, ...]
) -> None:
    run = mlops("train", *words, "--reproduce", run_id)
    assert run.code == 2
    assert "--reproduce takes one model" in run.err
