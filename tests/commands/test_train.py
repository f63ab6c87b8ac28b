"""`train` and `register`: what a run holds, what becomes a version, and what is refused."""

import hashlib
import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from running import Mlops, Run, build, quietly

from mlops_cli.backends import estimator, registry
from mlops_cli.config import load_config
from mlops_cli.domain import split
from mlops_cli.main import main

HEART = "heart_disease"
LABELS = "data/heart_disease/labels.parquet"
VITALS = "data/heart_disease/vitals.parquet"


@pytest.fixture(scope="module")
def hospital_in_git(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project under git, in a folder with a space and an umlaut, trained twice."""
    folder = build(tmp_path_factory.mktemp("train") / "Klinik für Herzen")
    git(folder, "init", "--quiet")
    git(folder, "add", "config.yaml")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "start")
    quietly(folder, "train", HEART)
    quietly(folder, "train", HEART)
    return folder


@pytest.fixture
def clinic(hospital_in_git: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(hospital_in_git)
    return hospital_in_git


@pytest.fixture
def labels(clinic: Path) -> Iterator[Path]:
    """The label file, put back afterwards."""
    yield from put_back(clinic / LABELS)


@pytest.fixture
def vitals(clinic: Path) -> Iterator[Path]:
    """A feature table, put back afterwards."""
    yield from put_back(clinic / VITALS)


def put_back(path: Path) -> Iterator[Path]:
    whole = path.read_bytes()
    yield path
    path.write_bytes(whole)


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=True)
    return done.stdout.decode().strip()


def stored(folder: Path, number: int) -> Path:
    """The folder with the files of a version."""
    config = load_config(folder / "config.yaml")
    return registry.files_of(config, registry.version(config, HEART, number))[0]


def client_of(folder: Path) -> MlflowClient:
    return MlflowClient(load_config(folder / "config.yaml").tracking.uri)


def run_of(folder: Path, number: int) -> Any:
    config = load_config(folder / "config.yaml")
    return client_of(folder).get_run(registry.version(config, HEART, number).run_id)


def versions(folder: Path) -> list[int]:
    config = load_config(folder / "config.yaml")
    return [each.number for each in registry.versions(config, HEART)]


def change(path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Rewrite a table; columns that keep their kind keep their type."""
    table = pq.read_table(path)
    edited = pa.Table.from_pandas(edit(table.to_pandas()), preserve_index=False)
    pq.write_table(edited, path)


def assert_refused(run: Run, code: int, *words: str) -> None:
    """One line says why, whatever progress came before it."""
    assert run.code == code, run.err
    assert run.out == ""
    (line,) = [line for line in run.err.splitlines() if line.startswith("mlops: ")]
    for word in words:
        assert word in line


# The answer


@pytest.fixture(scope="module")
def answer(hospital_in_git: Path) -> Run:
    """One training, as a script sees it."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["train", HEART, "--json", "--config", str(hospital_in_git / "config.yaml")])
    return Run(code, out.getvalue(), err.getvalue())


def test_json_has_the_promised_keys(answer: Run) -> None:
    data = answer.data
    promised = {
        "model", "run_id", "version", "alias", "task", "metrics", "rows", "dataset_digest",
        "model_digest", "fairness", "baselines", "slices", "learning_curve", "report", "evals",
        "seconds",
    }  # fmt: skip
    assert promised <= set(data)
    assert set(data["rows"]) == {"train", "test"}
    assert set(data["metrics"]["roc_auc"]) == {"value", "low", "high"}
    for gap in data["fairness"]:
        assert {"attribute", "metric", "value", "low", "high", "limit", "passed"} <= set(gap)


def test_fairness_is_measured_for_every_protected_attribute(answer: Run) -> None:
    assert {gap["attribute"] for gap in answer.data["fairness"]} == {"sex", "age"}


def test_progress_is_on_stderr_only(clinic: Path, mlops: Mlops) -> None:
    run = mlops("train", HEART, "--no-register")
    assert "trial 2/2" in run.err
    assert "trial 1" not in run.out
    assert "roc_auc" in run.out


def test_json_is_one_line_on_stdout_with_progress_beside_it(answer: Run) -> None:
    assert (answer.json["status"], answer.json["exit_code"]) == ("ok", 0)
    assert "trial 2/2" in answer.err


def test_quiet_says_nothing_when_all_is_well(clinic: Path, mlops: Mlops) -> None:
    assert mlops("train", HEART, "--no-register", "--quiet") == Run(0, "", "")


# The run in MLflow


def test_the_run_is_finished(clinic: Path) -> None:
    assert run_of(clinic, 1).info.status == "FINISHED"


def test_the_run_has_the_parameters_of_the_model(clinic: Path) -> None:
    assert {"max_depth", "learning_rate", "rounds"} <= set(run_of(clinic, 1).data.params)


def test_the_run_has_metrics_with_their_intervals_and_cross_validation(clinic: Path) -> None:
    metrics = run_of(clinic, 1).data.metrics
    assert metrics["roc_auc_low"] < metrics["roc_auc"] < metrics["roc_auc_high"]
    assert 0.5 < metrics["cv_roc_auc"] < 1


def test_the_run_names_its_training_set(clinic: Path) -> None:
    run = run_of(clinic, 1)
    (used,) = run.inputs.dataset_inputs
    assert used.dataset.digest == run.data.tags["mlops.dataset_digest"][:36]
    assert mlflow.data.get_source(used).load().endswith(LABELS)


def test_the_run_names_the_commit(clinic: Path) -> None:
    assert run_of(clinic, 1).data.tags["mlflow.source.git.commit"] == git(
        clinic, "rev-parse", "HEAD"
    )


def test_the_run_names_the_packages(clinic: Path) -> None:
    tags = run_of(clinic, 1).data.tags
    assert tags["mlops.version.xgboost"] == version("xgboost")
    assert {"mlops.version.python", "mlops.version.mlops-cli"} <= set(tags)


def test_the_run_keeps_the_evidence(clinic: Path) -> None:
    run = run_of(clinic, 1)
    kept = {each.path for each in client_of(clinic).list_artifacts(run.info.run_id, "evidence")}
    assert kept == {
        f"evidence/{name}"
        for name in (
            "roc.svg", "precision_recall.svg", "calibration.svg", "gain.svg", "lift.svg",
            "importance.svg", "search.svg", "search.json", "baselines.json", "slices.json",
            "dataset.json", "config.json", "decision.json", "report.html",
        )
    }  # fmt: skip


def test_the_search_is_kept_trial_by_trial(clinic: Path, tmp_path: Path) -> None:
    run = run_of(clinic, 1)
    place = client_of(clinic).download_artifacts(
        run.info.run_id, "evidence/search.json", str(tmp_path)
    )
    kept = json.loads(Path(place).read_text())
    assert len(kept["losses"]) == 2
    assert sum(kept["importance"].values()) == pytest.approx(1)


def test_the_files_of_the_training_set_are_on_record(clinic: Path, tmp_path: Path) -> None:
    run = run_of(clinic, 1)
    place = client_of(clinic).download_artifacts(
        run.info.run_id, "evidence/dataset.json", str(tmp_path)
    )
    kept = json.loads(Path(place).read_text())
    assert kept["digest"] == run.data.tags["mlops.dataset_digest"]
    assert set(kept["files"]) == {"labels", "heart_vitals", "heart_tests"}
    for name, path in (("labels", LABELS), ("heart_vitals", VITALS)):
        expected = hashlib.sha256((clinic / path).read_bytes()).hexdigest()
        assert kept["files"][name] == {Path(path).name: expected}
    assert [view["known"] for view in kept["views"]] == [kept["rows"]] * 2
    features = load_config(clinic / "config.yaml").models[HEART].stored
    assert list(kept["columns"]) == ["patient_id", "event_timestamp", HEART, *features]


def test_the_configuration_is_on_record_without_the_place_of_the_project(
    clinic: Path, tmp_path: Path
) -> None:
    run = run_of(clinic, 1)
    place = client_of(clinic).download_artifacts(
        run.info.run_id, "evidence/config.json", str(tmp_path)
    )
    kept = json.loads(Path(place).read_text())
    assert kept["seed"] == 7
    assert kept["model"]["search"]["trials"] == 2
    assert kept["model"]["feature_views"]["heart_vitals"]["ttl"] == "45d"
    assert kept["model"]["labels"]["source"] == LABELS
    assert str(clinic) not in Path(place).read_text()


def test_labels_without_values_are_counted_by_view(
    clinic: Path, mlops: Mlops, labels: Path
) -> None:
    def early(table: pd.DataFrame) -> pd.DataFrame:
        stamp = "event_timestamp"
        table.loc[:4, stamp] = table[stamp].min() - pd.Timedelta(days=1)
        table.loc[5:7, stamp] = table[stamp].max() + pd.Timedelta(days=400)
        return table

    change(labels, early)
    run = mlops("train", HEART, "--no-register")
    assert run.code == 0, run.err
    said = " ".join(run.out.split())
    rows = len(pd.read_parquet(labels))
    assert (
        f"heart_vitals: of {rows} labels 3 have expired values and 5 none at all; "
        "both count as missing" in said
    )


def test_the_model_folder_is_whole(clinic: Path) -> None:
    names = {path.name for path in stored(clinic, 1).iterdir()}
    assert names >= {
        "model.ubj", "contract.json", "manifest.json", "reference.parquet", "holdout.parquet",
        "MLmodel",
    }  # fmt: skip


def test_the_model_folder_holds_no_pickle(clinic: Path) -> None:
    assert not [p for p in stored(clinic, 1).rglob("*") if p.suffix in {".pkl", ".pickle"}]
    assert not [p for p in stored(clinic, 1).rglob("*") if p.is_file() and is_pickle(p)]


def is_pickle(path: Path) -> bool:
    data = path.read_bytes()
    return data[:1] == b"\x80" and data[-1:] == b"."


def test_no_patient_can_be_recognised_in_the_model_folder(clinic: Path) -> None:
    for name in (estimator.REFERENCE_FILE, estimator.HOLDOUT_FILE):
        frame = pd.read_parquet(stored(clinic, 1) / name)
        assert not frame.astype(str).apply(lambda column: column.str.startswith("PT")).any().any()


# The same again


@pytest.mark.parametrize("digest", ["mlops.model_digest", "mlops.dataset_digest"])
def test_the_same_data_give_the_same_digest(clinic: Path, digest: str) -> None:
    assert run_of(clinic, 1).data.tags[digest] == run_of(clinic, 2).data.tags[digest]


def test_a_changed_cell_changes_the_dataset_digest(
    clinic: Path, mlops: Mlops, vitals: Path
) -> None:
    def one_beat_more(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[frame.index[0], "max_heart_rate"] += 1
        return frame

    change(vitals, one_beat_more)
    data = mlops("train", HEART, "--no-register", "--json").data
    assert data["dataset_digest"] != run_of(clinic, 1).data.tags["mlops.dataset_digest"]


def test_the_order_of_the_rows_does_not_change_the_dataset_digest(
    clinic: Path, mlops: Mlops, labels: Path
) -> None:
    change(labels, lambda frame: frame.iloc[::-1])
    data = mlops("train", HEART, "--no-register", "--json").data
    assert data["dataset_digest"] == run_of(clinic, 1).data.tags["mlops.dataset_digest"]


# The holdout


def held_out(folder: Path, number: int, frame: pd.DataFrame) -> Any:
    """Who of a label table the contract of a version holds out."""
    manifest = run_of(folder, number).data.tags["mlops.manifest_digest"]
    holdout = estimator.load(stored(folder, number), manifest).contract.holdout
    return split.in_holdout(frame["patient_id"].to_numpy(), holdout.fraction, holdout.salt)


def test_held_out_rows_are_those_of_the_contract(clinic: Path) -> None:
    frame = pd.read_parquet(clinic / LABELS)
    held = held_out(clinic, 1, frame)
    kept = pd.read_parquet(stored(clinic, 1) / estimator.HOLDOUT_FILE)
    assert kept["mlops_label"].tolist() == frame["heart_disease"][held].tolist()
    assert kept["mlops_entity"].nunique() == frame["patient_id"][held].nunique()


def test_training_rows_are_all_the_others(clinic: Path) -> None:
    frame = pd.read_parquet(clinic / LABELS)
    held = held_out(clinic, 1, frame)
    kept = pd.read_parquet(stored(clinic, 1) / estimator.REFERENCE_FILE)
    assert kept["mlops_label"].tolist() == frame["heart_disease"][~held].tolist()
    assert not set(frame["patient_id"][held]) & set(frame["patient_id"][~held])


def test_later_versions_hold_out_the_same_entities(
    clinic: Path, mlops: Mlops, labels: Path
) -> None:
    frame = pd.read_parquet(labels)
    first = set(frame["patient_id"][held_out(clinic, 1, frame)])
    change(labels, lambda whole: whole[whole["patient_id"] > "PT000100"].iloc[::-1])
    later = pd.read_parquet(labels)
    number = mlops("train", HEART, "--json").data["version"]
    second = set(later["patient_id"][held_out(clinic, number, later)])
    assert second == {who for who in first if who > "PT000100"}
    kept = pd.read_parquet(stored(clinic, number) / estimator.HOLDOUT_FILE)
    assert kept["mlops_entity"].nunique() == len(second)


# Versions


def test_a_training_is_the_challenger(clinic: Path, mlops: Mlops) -> None:
    data = mlops("train", HEART, "--json").data
    assert (data["version"], data["alias"]) == (versions(clinic)[-1], "challenger")
    config = load_config(clinic / "config.yaml")
    assert registry.aliases(config, HEART)["challenger"] == data["version"]


def test_no_register_makes_no_version(clinic: Path, mlops: Mlops) -> None:
    before = versions(clinic)
    data = mlops("train", HEART, "--no-register", "--json").data
    assert (data["version"], data["alias"]) == (None, None)
    assert versions(clinic) == before


def test_register_makes_a_version_of_a_run(clinic: Path, mlops: Mlops) -> None:
    run_id = mlops("train", HEART, "--no-register", "--json").data["run_id"]
    registered = mlops("register", HEART, "--run", run_id, "--json")
    assert registered.code == 0
    assert registered.data["version"] == versions(clinic)[-1]
    assert run_of(clinic, registered.data["version"]).info.run_id == run_id


def test_registering_twice_gives_the_same_version(clinic: Path, mlops: Mlops) -> None:
    run_id = mlops("train", HEART, "--no-register", "--json").data["run_id"]
    numbers = {mlops("register", HEART, "--run", run_id, "--json").data["version"] for _ in "ab"}
    assert numbers == {versions(clinic)[-1]}


def test_registering_an_old_run_again_leaves_the_newer_challenger(
    clinic: Path, mlops: Mlops
) -> None:
    newest = mlops("train", HEART, "--json").data["version"]
    run = mlops("register", HEART, "--run", run_of(clinic, 1).info.run_id)
    assert run.code == 0
    assert "version 1" in run.out
    assert "is the challenger" not in run.out
    config = load_config(clinic / "config.yaml")
    assert registry.aliases(config, HEART)["challenger"] == newest


@pytest.mark.parametrize("lost", ["alias", "alias and event"])
def test_register_finishes_what_was_killed(clinic: Path, mlops: Mlops, lost: str) -> None:
    """Killed after the version was made, before it was on record or the challenger."""
    config = load_config(clinic / "config.yaml")
    run_id = mlops("train", HEART, "--no-register", "--json").data["run_id"]
    if lost == "alias":
        number = mlops("register", HEART, "--run", run_id, "--json").data["version"]
        registry.drop_alias(config, HEART, "challenger")
    else:
        status, tags = registry.run_status(config, run_id)
        assert status == "FINISHED"
        kept = {key: value for key, value in tags.items() if key.endswith("_digest")}
        number = registry.create_version(config, HEART, run_id, tags["mlops.source"], kept).number
    assert mlops("register", HEART, "--run", run_id, "--json").data["version"] == number
    assert registry.aliases(config, HEART)["challenger"] == number
    events = mlops("audit", "log", HEART, "--json").data["events"]
    recorded = [e for e in events if (e["action"], e["version"]) == ("model.registered", number)]
    assert len(recorded) == 1


def test_register_refuses_an_unfinished_run(clinic: Path, mlops: Mlops) -> None:
    client = client_of(clinic)
    whole = run_of(clinic, 1)
    run = client.create_run(whole.info.experiment_id, tags=whole.data.tags)
    before = versions(clinic)
    refused = mlops("register", HEART, "--run", run.info.run_id)
    assert_refused(refused, 2, run.info.run_id, "RUNNING")
    assert versions(clinic) == before


def test_register_refuses_a_failed_run(clinic: Path, mlops: Mlops) -> None:
    client = client_of(clinic)
    run = client.create_run(run_of(clinic, 1).info.experiment_id, tags={"mlops.model": HEART})
    client.set_terminated(run.info.run_id, "FAILED")
    assert_refused(mlops("register", HEART, "--run", run.info.run_id), 2, "FAILED")


def test_register_refuses_a_run_of_another_model(clinic: Path, mlops: Mlops) -> None:
    run_id = run_of(clinic, 1).info.run_id
    assert_refused(mlops("register", "readmission", "--run", run_id), 2, run_id, "readmission")
    assert not mlops("models", "show", "readmission", "--json").data["versions"]


def test_register_refuses_a_deleted_run(clinic: Path, mlops: Mlops) -> None:
    run_id = mlops("train", HEART, "--no-register", "--json").data["run_id"]
    client_of(clinic).delete_run(run_id)
    assert_refused(mlops("register", HEART, "--run", run_id), 6, run_id)


@pytest.mark.parametrize("run_id", ["0" * 32, "nope", "../../etc/passwd", "x" * 300])
def test_register_refuses_an_unknown_run(clinic: Path, mlops: Mlops, run_id: str) -> None:
    assert_refused(mlops("register", HEART, "--run", run_id), 6, "no run")


def test_register_refuses_a_run_whose_model_was_damaged(clinic: Path, mlops: Mlops) -> None:
    run_id = mlops("train", HEART, "--no-register", "--json").data["run_id"]
    config = load_config(clinic / "config.yaml")
    source = registry.run_status(config, run_id)[1]["mlops.source"]
    model = registry.fetch(config, source) / estimator.MODEL_FILE
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    before = versions(clinic)
    assert_refused(mlops("register", HEART, "--run", run_id), 3, "model.ubj")
    assert versions(clinic) == before


# Several models


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("ward"))


def test_all_trains_every_model(ward: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ward)
    monkeypatch.setenv("MLOPS_MODELS__READMISSION__SEARCH__TRIALS", "1")
    results = {each["model"]: each for each in mlops("train", "--all", "--json").data["results"]}
    assert set(results) == {HEART, "diabetes_score", "readmission"}
    assert results["readmission"]["task"] == "regression"
    assert {"rmse", "mae", "r2"} <= set(results["readmission"]["metrics"])
    assert (results["readmission"]["evals"], results[HEART]["evals"]) == (1, 2)


def test_a_model_that_fails_does_not_stop_the_others(
    ward: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ward)
    away = shutil.move(ward / "data/diabetes_score/labels.parquet", ward / "away.parquet")
    try:
        run = mlops("train", "--all", "--no-register", "--json")
    finally:
        shutil.move(away, ward / "data/diabetes_score/labels.parquet")
    failed = [each for each in run.data["results"] if "error" in each]
    trained = [each["model"] for each in run.data["results"] if "error" not in each]
    assert run.code == 6
    assert [each["model"] for each in failed] == ["diabetes_score"]
    assert trained == [HEART, "readmission"]
    assert failed[0]["error"]["code"] == "not_found"


def test_the_most_severe_failure_is_the_exit_code(
    ward: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ward)
    away = shutil.move(ward / "data/diabetes_score/labels.parquet", ward / "away.parquet")
    bad = ward / "data/readmission/labels.parquet"
    whole = bad.read_bytes()
    bad.write_bytes(b"no Parquet")
    try:
        run = mlops("train", "--all", "--no-register")
    finally:
        bad.write_bytes(whole)
        shutil.move(away, ward / "data/diabetes_score/labels.parquet")
    assert run.code == 2
    assert HEART in run.out


# What cannot be learnt from


def one_class(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(heart_disease=1)


def words(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(heart_disease=frame["heart_disease"].map({0: "no", 1: "yes"}))


def third_class(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(heart_disease=[2, *frame["heart_disease"][1:]])


def missing(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(heart_disease=[None, *frame["heart_disease"][1:]])


def no_column(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns={"heart_disease": "disease"})


def few(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.head(5)


def no_times(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(event_timestamp="last spring")


def nobody_held_out(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[~split.in_holdout(frame["patient_id"].to_numpy(), 0.2, "holdout")]


def everybody_held_out(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[split.in_holdout(frame["patient_id"].to_numpy(), 0.2, "holdout")]


def one_class_left_to_train_on(frame: pd.DataFrame) -> pd.DataFrame:
    held = split.in_holdout(frame["patient_id"].to_numpy(), 0.2, "holdout")
    return frame.assign(heart_disease=frame["heart_disease"].where(held, 0))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (one_class, "every heart_disease is 1"),
        (words, "not a number"),
        (third_class, "a class is 0 or 1"),
        (missing, "1 of"),
        (no_column, "no column 'heart_disease'"),
        (few, "5 labels"),
        (no_times, "event_timestamp"),
        (nobody_held_out, "0 of 236 entities are held out"),
        (everybody_held_out, "64 of 64 entities are held out"),
        (one_class_left_to_train_on, "every heart_disease outside the holdout is 0"),
    ],
)
def test_labels_that_cannot_be_learnt_from(
    clinic: Path,
    mlops: Mlops,
    labels: Path,
    edit: Callable[[pd.DataFrame], pd.DataFrame],
    said: str,
) -> None:
    change(labels, edit)
    before = versions(clinic)
    assert_refused(mlops("train", HEART), 2, said)
    assert versions(clinic) == before


def with_space(folder: Path, space: str) -> Path:
    """Another configuration of the same project, with a search space of its own."""
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    changed = text.replace("max_rounds: 60}", f"max_rounds: 60, space: {space}}}")
    (folder / "space.yaml").write_text(changed, encoding="utf-8")
    return folder / "space.yaml"


def test_a_parameter_that_xgboost_refuses(clinic: Path, mlops: Mlops) -> None:
    config = with_space(clinic, "{max_depth: {low: 2.1, high: 2.9}}")
    run = mlops("train", HEART, "--config", config)
    assert_refused(run, 2, "XGBoost refuses", "max_depth")


@pytest.mark.parametrize("scale", ["int", "linear", "log"])
def test_an_interval_of_one_value_is_that_value(clinic: Path, mlops: Mlops, scale: str) -> None:
    name = "max_depth" if scale == "int" else "learning_rate"
    value = 3 if scale == "int" else 0.1
    config = with_space(clinic, f"{{{name}: {{low: {value}, high: {value}, scale: {scale}}}}}")
    data = mlops("train", HEART, "--no-register", "--config", config, "--json").data
    assert data["params"][name] == value


def test_models_and_all_exclude_each_other(clinic: Path, mlops: Mlops) -> None:
    assert_refused(mlops("train", HEART, "--all"), 2, "--all")
    assert_refused(mlops("train"), 2, "--all")
