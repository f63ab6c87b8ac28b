"""`drift check`, `history` and `report`: alarms that are real, silence that means something."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from running import Mlops, Run, quietly, with_champion

from mlops_cli.backends import tables
from mlops_cli.config import load_config

HEART = "heart_disease"
CHECK = ("drift", "check", HEART)
NEW = "data/heart_disease/new_patients.csv"
DRIFTED = "data/heart_disease/drifted_patients.csv"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion and 500 predictions for new patients in the inference log."""
    folder = with_champion(tmp_path_factory.mktemp("drift"))
    source, output = str(folder / NEW), str(folder / "predictions.csv")
    quietly(folder, "predict", HEART, "--input", source, "--output", output)
    shutil.copy(folder / ".mlops/inference.db", folder / "inference.db")
    return folder


@pytest.fixture
def ward(watched: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project as the current folder."""
    monkeypatch.chdir(watched)
    return watched


@pytest.fixture
def log(
    ward: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[sqlite3.Connection]:
    """A copy of the inference log that a test may change."""
    monkeypatch.setenv("MLOPS_LOGS__INFERENCE", f"sqlite:///{tmp_path}/inference.db")
    with (
        sqlite3.connect(ward / ".mlops/inference.db") as source,
        sqlite3.connect(tmp_path / "inference.db") as copy,
    ):
        source.backup(copy)
        yield copy


def only(run: Run) -> dict[str, Any]:
    (result,) = run.data["results"]
    return dict(result)


def found(run: Run) -> set[tuple[str, str | None, str]]:
    """What has drifted: kind, column and method."""
    checks = only(run)["checks"]
    return {(each["kind"], each["column"], each["method"]) for each in checks if each["drifted"]}


def patients(ward: Path, name: str = NEW) -> pd.DataFrame:
    return pd.read_csv(ward / name)


def written(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_csv(folder / "current.csv", index=False)
    return folder / "current.csv"


# The inference log


def test_no_drift_is_silence_with_a_meaning(ward: Path, mlops: Mlops) -> None:
    run = mlops(*CHECK)
    assert run.code == 0
    assert "500 rows (inference log)" in " ".join(run.out.split())
    assert "no drift" in run.out


def test_the_smallest_shift_that_would_have_been_seen_is_told(ward: Path, mlops: Mlops) -> None:
    checks = only(mlops(*CHECK, "--json"))["checks"]
    numbers = [c for c in checks if c["method"] == "wasserstein" and c["column"]]
    worst = max(check["threshold"] for check in numbers)
    assert f"a shift of {worst:.2f} sd in one column" in " ".join(mlops(*CHECK).out.split())


def test_a_model_of_words_only_is_checked_all_the_same(
    ward: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_cli.services import drift

    found = drift.check(load_config(ward / "config.yaml"), HEART, 7, ward / NEW, None)
    words = tuple(check for check in found.checks if check.method != "wasserstein")
    monkeypatch.setattr(drift, "check", lambda *_: replace(found, checks=words))
    run = mlops(*CHECK)
    assert (run.code, run.out.splitlines()[-1]) == (0, "no drift")


def test_json_has_the_promised_keys(ward: Path, mlops: Mlops) -> None:
    run = mlops(*CHECK, "--json")
    result = only(run)
    assert (run.code, run.json["status"], result["drifted"]) == (0, "ok", False)
    promised = {"model", "version", "drifted", "checks", "window", "reference", "report"}
    assert promised <= set(result)
    assert result["window"]["rows"] == 500
    assert result["window"]["start"] < result["window"]["end"]
    assert result["reference"]["rows"] > 500
    for check in result["checks"]:
        assert {"kind", "column", "method", "statistic", "p_value", "effect", "threshold"} <= set(
            check
        )
        assert check["drifted"] is False
    assert {check["kind"] for check in result["checks"]} == {"data", "prediction", "target"}


def test_too_few_rows_are_inconclusive(log: sqlite3.Connection, mlops: Mlops) -> None:
    log.execute("DELETE FROM inference_log WHERE rowid > 99")
    log.commit()
    run = mlops(*CHECK, "--json")
    assert (run.code, run.json["status"]) == (5, "inconclusive")
    assert (only(run)["conclusive"], only(run)["checks"]) == (False, [])


def test_an_empty_log_is_inconclusive(
    ward: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLOPS_LOGS__INFERENCE", f"sqlite:///{tmp_path}/new.db")
    run = mlops(*CHECK)
    assert run.code == 5
    assert "inconclusive" in run.out


def test_the_window_leaves_old_rows_out(log: sqlite3.Connection, mlops: Mlops) -> None:
    old = (datetime.now(UTC) - timedelta(days=10)).isoformat(timespec="microseconds")
    log.execute("UPDATE inference_log SET time = ? WHERE rowid <= 450", (old,))
    log.commit()
    assert only(mlops(*CHECK, "--json"))["window"]["rows"] == 50
    assert only(mlops(*CHECK, "--days", 11, "--json"))["window"]["rows"] == 500
    assert only(mlops(*CHECK, "--days", 0.5, "--json"))["window"]["rows"] == 50


def test_predictions_of_another_model_are_left_out(log: sqlite3.Connection, mlops: Mlops) -> None:
    log.execute("UPDATE inference_log SET model = 'readmission' WHERE rowid <= 100")
    log.commit()
    assert only(mlops(*CHECK, "--json"))["window"]["rows"] == 400


def test_drift_in_the_log_is_found(ward: Path, mlops: Mlops, log: sqlite3.Connection) -> None:
    log.execute("DELETE FROM inference_log")
    log.commit()
    output = Path(log.execute("PRAGMA database_list").fetchone()[2]).parent / "out.csv"
    mlops("predict", HEART, "--input", DRIFTED, "--output", output)
    run = mlops(*CHECK, "--json")
    assert run.code == 3
    assert "cholesterol" in {column for _, column, _ in found(run)}


def test_labels_that_came_in_are_compared(ward: Path, mlops: Mlops) -> None:
    """A label is known 30 days after its prediction: the window is that of its arrival."""
    run = mlops(*CHECK, "--json")
    (target,) = [each for each in only(run)["checks"] if each["kind"] == "target"]
    assert (run.code, target["drifted"]) == (0, False)


@pytest.mark.parametrize("content", [b"no Parquet", b""])
def test_a_damaged_label_file_is_one_line(ward: Path, mlops: Mlops, content: bytes) -> None:
    labels = ward / "data/heart_disease/labels.parquet"
    whole = labels.read_bytes()
    labels.write_bytes(content)
    try:
        run = mlops(*CHECK)
    finally:
        labels.write_bytes(whole)
    assert (run.code, run.out) == (2, "")
    assert "labels.parquet" in run.err


@pytest.mark.parametrize("change", [{"event_timestamp": "spring"}, {"heart_disease": "yes"}])
def test_labels_that_make_no_sense_are_one_line(
    ward: Path, mlops: Mlops, change: dict[str, str]
) -> None:
    labels = ward / "data/heart_disease/labels.parquet"
    whole = labels.read_bytes()
    pd.read_parquet(labels).assign(**change).to_parquet(labels, index=False)
    try:
        run = mlops(*CHECK, "--days", 60)
    finally:
        labels.write_bytes(whole)
    assert (run.code, run.out) == (2, "")
    assert next(iter(change)) in run.err or "not a number" in run.err


# A file


def test_new_patients_have_not_drifted(ward: Path, mlops: Mlops) -> None:
    run = mlops(*CHECK, "--current", NEW, "--json")
    assert (run.code, found(run)) == (0, set())
    assert only(run)["window"] == {
        "start": None, "end": None, "rows": 500, "source": "new_patients.csv",
    }  # fmt: skip


def test_drifted_patients_are_found_by_column(ward: Path, mlops: Mlops) -> None:
    run = mlops(*CHECK, "--current", DRIFTED, "--json")
    assert (run.code, run.json["status"], only(run)["drifted"]) == (3, "finding", True)
    assert ("data", "cholesterol", "wasserstein") in found(run)
    assert ("data", "cholesterol", "out_of_range") in found(run)


def test_people_are_told_what_has_changed(ward: Path, mlops: Mlops) -> None:
    run = mlops(*CHECK, "--current", DRIFTED)
    assert "DRIFT in heart_disease version 1" in run.out
    assert "cholesterol: mean" in run.out


def test_an_uncommon_file_is_only_a_check_of_quality(
    ward: Path, mlops: Mlops, tmp_path: Path
) -> None:
    current = written(patients(ward).drop(columns="bmi"), tmp_path)
    run = mlops(*CHECK, "--current", current, "--json")
    assert (run.code, found(run)) == (3, {("quality", "bmi", "missing_column")})
    assert "prediction" not in {check["kind"] for check in only(run)["checks"]}


def test_a_column_without_values_is_a_finding(ward: Path, mlops: Mlops, tmp_path: Path) -> None:
    current = written(patients(ward).assign(bmi=None), tmp_path)
    assert ("quality", "bmi", "empty_column") in found(
        mlops(*CHECK, "--current", current, "--json")
    )


def test_words_never_seen_are_a_finding(ward: Path, mlops: Mlops, tmp_path: Path) -> None:
    frame = patients(ward)
    frame.loc[:40, "chest_pain"] = "crushing"
    run = mlops(*CHECK, "--current", written(frame, tmp_path), "--json")
    assert run.code == 3
    assert ("data", "chest_pain", "unseen_category") in found(run)


def test_missing_values_are_a_finding(ward: Path, mlops: Mlops, tmp_path: Path) -> None:
    frame = patients(ward)
    frame.loc[:150, "resting_bp"] = None
    frame["resting_bp"] = frame["resting_bp"].astype("Int64")
    run = mlops(*CHECK, "--current", written(frame, tmp_path), "--json")
    assert found(run) == {("data", "resting_bp", "missing_share")}


@pytest.mark.parametrize(("label", "drifted"), [(1, True), (None, False)])
def test_labels_in_the_file_are_compared(
    ward: Path, mlops: Mlops, tmp_path: Path, label: int | None, drifted: bool
) -> None:
    before = pd.read_parquet(ward / "data/heart_disease/labels.parquet")["heart_disease"]
    labels = before.head(500).to_numpy() if label is None else label
    frame = patients(ward).assign(heart_disease=labels)
    run = mlops(*CHECK, "--current", written(frame, tmp_path), "--json")
    (target,) = [each for each in only(run)["checks"] if each["kind"] == "target"]
    assert target["drifted"] is drifted
    assert run.code == (3 if drifted else 0)


def test_a_file_of_few_rows_is_inconclusive(ward: Path, mlops: Mlops, tmp_path: Path) -> None:
    current = written(patients(ward, DRIFTED).head(99), tmp_path)
    assert mlops(*CHECK, "--current", current).code == 5


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_the_kind_of_file_does_not_matter(
    ward: Path, mlops: Mlops, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"current.{suffix}"
    frame = patients(ward, DRIFTED)
    frame.to_parquet(path) if suffix == "parquet" else frame.to_json(
        path, orient="records", lines=True
    )
    csv = mlops(*CHECK, "--current", DRIFTED, "--json")
    other = mlops(*CHECK, "--current", path, "--json")
    assert found(other) == found(csv)


def test_a_file_belongs_to_one_model(ward: Path, mlops: Mlops) -> None:
    run = mlops("drift", "check", HEART, "readmission", "--current", NEW)
    assert (run.code, run.out) == (2, "")
    assert "--current needs one model" in run.err


# Which models


def test_without_a_name_every_champion_is_checked(ward: Path, mlops: Mlops) -> None:
    run = mlops("drift", "check", "--json")
    assert (run.code, [each["model"] for each in run.data["results"]]) == (0, [HEART])


def test_a_model_without_champion_is_not_found(ward: Path, mlops: Mlops) -> None:
    run = mlops("drift", "check", "readmission")
    assert (run.code, run.out) == (6, "")
    assert "readmission has no champion" in run.err


def test_one_that_fails_does_not_stop_the_others(ward: Path, mlops: Mlops) -> None:
    run = mlops("drift", "check", "readmission", HEART, "--json")
    assert run.code == 6
    assert [("error" in each, each["model"]) for each in run.data["results"]] == [
        (True, "readmission"),
        (False, HEART),
    ]


@pytest.mark.parametrize("more", [(), ("--current", "x.csv")])
def test_without_any_champion_there_is_nothing_to_check(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    mlops("init")
    run = mlops("drift", "check", *more)
    assert (run.code, run.out) == (6, "")
    assert "no model has a champion" in run.err


# Reports and history


class Page(HTMLParser):
    """Counts the elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


@pytest.fixture(scope="module")
def reported(watched: Path) -> Path:
    """The project after a check with a report."""
    quietly(watched, "drift", "check", HEART, "--report", "--current", str(watched / NEW))
    return watched


def test_report_is_the_page_that_was_written(
    reported: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reported)
    run = mlops("drift", "report", HEART, "--json")
    (page,) = (reported / ".mlops/reports/drift" / HEART).glob("*.html")
    assert (run.code, run.data) == (0, {"model": HEART, "report": str(page)})
    assert mlops("drift", "report", HEART).out == f"{page}\n"


def test_the_page_is_html(reported: Path) -> None:
    (page,) = (reported / ".mlops/reports/drift" / HEART).glob("*.html")
    tags = Page(page.read_text(encoding="utf-8")).tags
    assert {"html", "head", "body"} <= set(tags)


def test_a_report_of_a_file_that_lacks_a_column(
    watched: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(watched)
    monkeypatch.setenv("MLOPS_STATE", str(tmp_path))
    current = written(patients(watched).drop(columns="bmi"), tmp_path)
    run = mlops(*CHECK, "--report", "--current", current, "--json")
    assert run.code == 3
    assert Path(only(run)["report"]).is_file()


def test_a_report_that_was_removed_is_not_named(ward: Path, mlops: Mlops) -> None:
    for check in mlops("drift", "history", HEART, "--json").data["checks"]:
        if check["report"]:
            Path(check["report"]).unlink(missing_ok=True)
    run = mlops("drift", "report", HEART)
    assert (run.code, run.out) == (6, "")
    assert "mlops drift check heart_disease --report" in run.err


def test_no_report_without_asking(ward: Path, mlops: Mlops) -> None:
    assert only(mlops(*CHECK, "--json"))["report"] is None


def test_history_has_every_check(ward: Path, mlops: Mlops) -> None:
    before = len(mlops("drift", "history", "--json").data["checks"])
    mlops(*CHECK)
    mlops(*CHECK, "--current", DRIFTED)
    checks = mlops("drift", "history", HEART, "--json").data["checks"]
    assert len(checks) == before + 2
    assert [each["drifted"] for each in checks[-2:]] == [False, True]
    assert "cholesterol" in checks[-1]["columns"]
    assert {"time", "model", "version", "rows", "source", "report"} <= set(checks[-1])


def test_history_of_another_model_is_empty(ward: Path, mlops: Mlops) -> None:
    assert mlops("drift", "history", "readmission", "--json").data == {"checks": []}


def test_people_read_the_verdicts(ward: Path, mlops: Mlops) -> None:
    mlops(*CHECK, "--current", DRIFTED)
    run = mlops("drift", "history", HEART)
    assert run.code == 0
    assert "drift" in run.out


# Cron


def test_quiet_without_drift_says_nothing(ward: Path, mlops: Mlops) -> None:
    assert mlops("drift", "check", "--quiet") == Run(0, "", "")


def test_quiet_with_drift_says_what(ward: Path, mlops: Mlops) -> None:
    run = mlops(*CHECK, "--current", DRIFTED, "--quiet")
    assert run.code == 3
    assert "cholesterol" in run.out


def test_exit_zero_keeps_the_finding_in_the_answer(ward: Path, mlops: Mlops) -> None:
    run = mlops(*CHECK, "--current", DRIFTED, "--exit-zero", "--json")
    assert (run.code, run.json["status"], only(run)["drifted"]) == (0, "finding", True)


def test_a_check_is_on_record(ward: Path, mlops: Mlops) -> None:
    mlops(*CHECK, "--current", NEW)
    last = tables.events(load_config(ward / "config.yaml"))[-1]
    assert (last.action, last.model, last.version, last.actor) == (
        "drift.checked", HEART, 1, "tester",
    )  # fmt: skip


def test_cron_needs_neither_folder_nor_environment(watched: Path) -> None:
    """Another folder, and an environment of PATH and HOME."""
    done = subprocess.run(
        [
            "env", "-i", f"PATH={os.environ['PATH']}", "HOME=/nonexistent",
            sys.executable, "-m", "mlops_cli", "drift", "check", "--quiet",
            "--config", str(watched / "config.yaml"),
        ],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_relative_config_file_works_from_anywhere(
    watched: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(watched.parent)
    run = mlops("drift", "check", "--config", f"{watched.name}/config.yaml", "--json")
    assert (run.code, only(run)["window"]["rows"]) == (0, 500)
    assert not (watched.parent / ".mlops").exists()
