"""`features skew`: predictions through the real stores, then what their sources say."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from running import Mlops, Run, derived, quietly, with_champion

HEART = "heart_disease"
SKEW = ("features", "skew", HEART)
TESTS, VITALS = "data/heart_disease/tests.parquet", "data/heart_disease/vitals.parquet"
BLOOD = "      blood: {type: float, expression: cholesterol / 100}\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a derived feature and a champion."""
    return with_champion(tmp_path_factory.mktemp("trained"), derived(BLOOD))


@pytest.fixture
def project(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, online, as the current folder. Feast remembers where sources are."""
    folder = tmp_path / "project"
    shutil.copytree(trained, folder)
    monkeypatch.chdir(folder)
    quietly(folder, "features", "apply", "--yes")
    quietly(folder, "features", "materialize")
    return folder


@pytest.fixture
def predict(project: Path, mlops: Mlops) -> Callable[..., Run]:
    def run(count: int = 120, *options: str) -> Run:
        done = mlops("predict", HEART, *(f"PT{n:06d}" for n in range(1, count + 1)), *options)
        assert done.code == 0, done.err
        return done

    return run


def newer(rows: int = 300) -> pd.DataFrame:
    """The newest tests of each patient again, a moment ago, with cholesterol measured anew."""
    last = pd.read_parquet(TESTS).groupby("patient_id").tail(1).sort_values("patient_id")
    now = datetime.now(UTC)
    last = last.assign(event_timestamp=now, cholesterol=last["cholesterol"].fillna(180) + 5)
    return last.head(rows)


def differing(run: Run) -> dict[str, dict[str, int]]:
    return {each["feature"]: each["reasons"] for each in run.data["features"] if each["differing"]}


def test_after_materialize_there_is_no_skew(predict: Callable[..., Run], mlops: Mlops) -> None:
    predict()
    run = mlops(*SKEW)
    assert run.code == 0
    assert f"{HEART}: 120 predictions since" in run.out
    assert "no skew above drift.max_skew (0.010): a share of 0.028 would have been seen" in run.out
    assert max(map(len, run.out.splitlines())) <= 80
    quiet = mlops(*SKEW, "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_newer_rows_that_are_not_online_are_found_where_they_are(
    predict: Callable[..., Run], mlops: Mlops
) -> None:
    predict()
    newer(40).to_csv("new.csv", index=False)
    assert mlops("features", "import", HEART, "new.csv").code == 0
    assert mlops(*SKEW).code == 0, "what came after a prediction is no skew of it"
    predict()
    run = mlops(*SKEW, "--json")
    assert (run.code, run.json["status"]) == (3, "finding")
    found = differing(run)
    assert set(found) == {"cholesterol", "blood"}
    assert set(found["cholesterol"]) <= {"older", "missing"}
    assert sum(found["cholesterol"].values()) == 40
    assert found["blood"] == {"inputs": 40}
    assert [view["view"] for view in run.data["views"]] == ["heart_tests"]
    assert mlops("features", "materialize").code == 0
    predict()
    again = {each["feature"]: each for each in mlops(*SKEW, "--json").data["features"]}
    assert (again["cholesterol"]["rows"], again["cholesterol"]["differing"]) == (360, 40)


def test_people_are_told_why_and_no_person_is_named(
    predict: Callable[..., Run], mlops: Mlops
) -> None:
    newer().to_csv("new.csv", index=False)
    assert mlops("features", "import", HEART, "new.csv").code == 0
    predict()
    run = mlops(*SKEW, "--quiet")
    assert run.code == 3
    words = " ".join(run.out.split())
    assert f"SKEW in {HEART}: 120 predictions since" in words
    assert "not online yet" in words
    assert "heart_tests: served" in words
    assert "record `created`" in words
    assert max(map(len, run.out.splitlines())) <= 80
    assert "PT0" not in run.out + mlops(*SKEW, "--json").out + mlops("audit", "log", "--json").out


def test_values_not_online_at_all_are_missing(
    predict: Callable[..., Run], mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_MODELS__HEART_DISEASE__FEATURE_VIEWS__HEART_TESTS__TTL", "1h")
    aged = pd.read_parquet(TESTS)
    aged["event_timestamp"] -= pd.Timedelta(days=2)
    aged.to_parquet(TESTS)
    assert mlops("features", "apply", "--yes").code == 0
    assert mlops("features", "materialize", "--full").code == 0
    predict()
    calm = mlops(*SKEW, "--json")
    assert (calm.code, differing(calm)) == (0, {}), "expired values are missing on both sides"
    newer().to_csv("new.csv", index=False)
    assert mlops("features", "import", HEART, "new.csv").code == 0
    predict()
    assert differing(mlops(*SKEW, "--json"))["cholesterol"] == {"missing": 120}


def test_a_source_overwritten_after_the_prediction_is_found(
    predict: Callable[..., Run], mlops: Mlops
) -> None:
    predict()
    vitals = pd.read_parquet(VITALS)
    vitals.assign(bmi=vitals["bmi"] + 1).to_parquet(VITALS)
    run = mlops(*SKEW, "--json")
    assert run.code == 3
    assert set(differing(run)) == {"bmi"}
    assert set(differing(run)["bmi"]) == {"other"}
    (bmi,) = (each for each in run.data["features"] if each["feature"] == "bmi")
    assert bmi["mean_difference"] == pytest.approx(1)
    assert set(bmi["example"]) == {"prediction_id", "time"}


def test_rows_of_files_are_left_out_unless_asked(
    predict: Callable[..., Run], project: Path, mlops: Mlops
) -> None:
    predict(110)
    frame = pd.read_csv("data/heart_disease/new_patients.csv").head(50)
    frame.head(20).to_csv("named.csv", index=False)
    frame.drop(columns="patient_id").to_csv("nobody.csv", index=False)
    for name in ("named", "nobody"):
        assert mlops("predict", HEART, "--input", f"{name}.csv", "--output", "out.csv").code == 0
    run = mlops(*SKEW, "--json")
    assert run.code == 0
    assert run.data["skipped"] == {"no_entity": 50, "from_files": 20, "not_readable": 0}
    assert (run.data["rows"], run.data["compared"]) == (180, 110)
    assert "not compared: 50 rows of files without entity, 20 rows of files" in mlops(*SKEW).out
    both = mlops(*SKEW, "--files", "--json")
    assert (both.code, both.data["compared"]) == (3, 130)
    assert set(differing(both)["bmi"]) == {"unknown"}


def test_too_few_predictions_are_inconclusive(predict: Callable[..., Run], mlops: Mlops) -> None:
    predict(99)
    run = mlops(*SKEW, "--json")
    assert (run.code, run.json["status"], run.data["conclusive"]) == (5, "inconclusive", False)
    predict(99)
    assert mlops(*SKEW).code == 5, "the same patients again are no new evidence"
    assert "99 independent rows, drift.min_rows is 100" in mlops(*SKEW).out


def test_no_predictions_are_inconclusive(project: Path, mlops: Mlops) -> None:
    run = mlops(*SKEW)
    assert run.code == 5
    assert f"{HEART}: 0 predictions since" in run.out


def test_json_has_the_promised_keys(predict: Callable[..., Run], mlops: Mlops) -> None:
    predict(3)
    data = mlops(*SKEW, "--json").data
    assert {"model", "rows", "compared", "skipped", "skewed", "features", "window"} <= set(data)
    assert set(data["window"]) == {"start", "end"}
    for each in data["features"]:
        assert {
            "feature", "view", "rows", "differing", "share", "low", "high", "reasons"
        } <= set(each)  # fmt: skip


def test_the_limit_is_the_projects(
    predict: Callable[..., Run], mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer(30).to_csv("new.csv", index=False)
    assert mlops("features", "import", HEART, "new.csv").code == 0
    predict()
    assert mlops(*SKEW).code == 3
    monkeypatch.setenv("MLOPS_MODELS__HEART_DISEASE__DRIFT__MAX_SKEW", "0.5")
    run = mlops(*SKEW)
    assert run.code == 0
    assert "no skew above drift.max_skew (0.500)" in run.out
    assert "30 of 120" in run.out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("heart_diseas",), 6, "did you mean 'heart_disease'?"),
        ((HEART, "--version", "9"), 6, "it has predictions of version 1"),
        ((HEART, "--days", "0"), 2, "days"),
    ],
)
def test_mistakes(
    predict: Callable[..., Run], mlops: Mlops, words: tuple[str, ...], code: int, message: str
) -> None:
    predict(1)
    run = mlops("features", "skew", *words)
    assert run.code == code
    assert message in run.err
