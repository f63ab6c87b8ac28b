"""A model about patients that also knows their hospital, and each patient's stay in it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from running import Mlops, quietly

CONFIG = """\
project: wards
models:
  return_risk:
    task: classification
    entity: patient_id
    feature_views:
      patients:
        source: data/patients.parquet
        ttl: 90d
        features:
          age: {type: int}
          sex: {type: category, categories: [f, m], input: false}
      hospitals:
        entity: hospital_id
        source: data/hospitals.parquet
        features: {beds: {type: int}, urban: {type: bool}}
      stays:
        entity: [patient_id, hospital_id]
        source: data/stays.parquet
        features: {nights: {type: float}}
    derived:
      nights_by_beds: {type: float, expression: nights / beds}
    labels: {source: data/labels.parquet, column: back}
    search: {trials: 2, folds: 2, max_rounds: 40}
    fairness: {limit: 1.0}
    gates: {floor: {roc_auc: 0.6}}
"""
PATIENTS, HOSPITALS = 400, 5
START = pd.Timestamp("2026-01-01", tz="UTC")


def stays() -> pd.DataFrame:
    """Return every patient at two hospitals, one after the other."""
    generator = np.random.default_rng(3)
    patients = [f"P{n:03}" for n in range(PATIENTS)]
    parts = [
        pd.DataFrame(
            {
                "patient_id": patients,
                "hospital_id": [f"H{(n + turn) % HOSPITALS}" for n in range(PATIENTS)],
                "event_timestamp": START + pd.Timedelta(days=20 * turn),
                "nights": generator.gamma(2.0, 3.0, PATIENTS).round(1),
            }
        )
        for turn in (0, 1)
    ]
    return pd.concat(parts, ignore_index=True)


def write_tables(folder: Path) -> None:
    """Write the three views and the labels; the risk rises with the nights, and in big houses."""
    data = folder / "data"
    data.mkdir()
    generator = np.random.default_rng(5)
    each = stays()
    each.to_parquet(data / "stays.parquet", index=False)
    people = pd.DataFrame({"patient_id": sorted(set(each["patient_id"]))})
    people = people.assign(event_timestamp=START, age=50, sex=["f", "m"] * (PATIENTS // 2))
    people.to_parquet(data / "patients.parquet", index=False)
    houses = pd.DataFrame({"hospital_id": [f"H{n}" for n in range(HOSPITALS)]})
    houses = houses.assign(event_timestamp=START, beds=[100, 200, 300, 400, 500], urban=True)
    houses.to_parquet(data / "hospitals.parquet", index=False)
    beds = each["hospital_id"].map(houses.set_index("hospital_id")["beds"])
    odds = each["nights"] / 2 + beds / 100 - 6
    labels = each[["patient_id", "hospital_id"]].assign(
        event_timestamp=each["event_timestamp"] + pd.Timedelta(days=1),
        back=(generator.random(len(each)) < 1 / (1 + np.exp(-odds))).astype(int),
    )
    labels.to_parquet(data / "labels.parquet", index=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model has a champion."""
    made = tmp_path_factory.mktemp("wards")
    (made / "config.yaml").write_text(CONFIG, encoding="utf-8")
    write_tables(made)
    for step in ("features validate", "features apply", "features materialize"):
        quietly(made, *step.split())
    quietly(made, "train", "return_risk")
    quietly(made, "promote", "return_risk", "--challenger")
    return made


@pytest.fixture(autouse=True)
def _inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_values_come_from_the_patient_the_hospital_and_the_stay(mlops: Mlops) -> None:
    key = "patient_id=P007,hospital_id=H2"
    found = mlops("features", "get", "return_risk", key, "--json").data
    assert found["entity"] == key
    values = {name: each["value"] for name, each in found["features"].items()}
    nights = stays().set_index(["patient_id", "hospital_id"]).loc[("P007", "H2"), "nights"]
    assert values == {
        "age": 50, "sex": "m", "beds": 300, "urban": True, "nights": nights,
        "nights_by_beds": pytest.approx(nights / 300),
    }  # fmt: skip


def test_the_parts_of_a_key_may_come_in_any_order(mlops: Mlops) -> None:
    run = mlops("predict", "return_risk", "hospital_id=H2,patient_id=P007", "--json")
    (answer,) = run.data["predictions"]
    assert answer["entity"] == "patient_id=P007,hospital_id=H2"


def test_another_hospital_is_another_answer(mlops: Mlops) -> None:
    keys = [f"patient_id=P000,hospital_id={house}" for house in ("H0", "H1")]
    one, two = mlops("predict", "return_risk", *keys, "--json").data["predictions"]
    assert (one["features"]["beds"], two["features"]["beds"]) == (100, 200)
    assert one["features"]["nights"] != two["features"]["nights"]
    assert one["features"]["age"] == two["features"]["age"]


def test_a_stay_that_never_was_is_missing_and_not_somebody_elses(mlops: Mlops) -> None:
    key = "patient_id=P000,hospital_id=H4"
    (answer,) = mlops("predict", "return_risk", key, "--json").data["predictions"]
    assert answer["features"]["nights"] is None
    assert answer["features"]["beds"] == 500


def test_a_view_that_knows_nothing_is_told(mlops: Mlops) -> None:
    key = "patient_id=P000,hospital_id=H4"
    run = mlops("predict", "return_risk", key, "--json")
    assert run.data["predictions"][0]["unknown"] == ["nights"]
    assert f"{key}: nothing is known of nights" in run.json["warnings"]
    known = mlops("predict", "return_risk", "patient_id=P000,hospital_id=H0", "--json").data
    assert known["predictions"][0]["unknown"] == []


def test_a_known_hospital_is_no_known_patient(mlops: Mlops) -> None:
    run = mlops("predict", "return_risk", "patient_id=P999,hospital_id=H1", "--json")
    assert run.code == 6
    assert "'patient_id=P999,hospital_id=H1'" in run.error["message"]


@pytest.mark.parametrize("command", [("predict",), ("features", "get")])
def test_an_incomplete_key_says_how_to_write_it(mlops: Mlops, command: tuple[str, ...]) -> None:
    run = mlops(*command, "return_risk", "P000", "--json")
    assert run.code == 2
    assert run.error["hint"] == "as patient_id=ID,hospital_id=ID"


def test_what_was_known_at_a_time(mlops: Mlops) -> None:
    key = "patient_id=P003,hospital_id=H4"  # the second stay, on day 20
    before = mlops("features", "get", "return_risk", key, "--at", "2026-01-15", "--json").data
    after = mlops("features", "get", "return_risk", key, "--at", "2026-01-22", "--json").data
    assert before["features"]["nights"]["value"] is None
    assert before["features"]["beds"]["value"] == 500
    assert after["features"]["nights"]["value"] is not None


def test_a_scored_file_is_logged_by_its_whole_key(mlops: Mlops, tmp_path: Path) -> None:
    rows = stays().head(3).assign(age=50, sex="f", beds=100, urban="yes")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    files = ("--input", tmp_path / "rows.csv", "--output", tmp_path / "scored.csv")
    assert mlops("predict", "return_risk", *files).code == 0
    first = pd.read_csv(tmp_path / "scored.csv")["prediction_id"][0]
    told = mlops("audit", "lineage", first, "--json").data
    assert "patient_id=P000,hospital_id=H0" in str(told)


def test_both_stays_of_a_patient_are_held_out_together(mlops: Mlops) -> None:
    """Were the whole key the unit, most patients would stand on both sides."""
    result = mlops("train", "return_risk", "--no-register", "--json").data
    assert result["rows"]["train"] % 2 == 0
    assert result["rows"]["test"] % 2 == 0
    assert result["rows"]["train"] + result["rows"]["test"] == 2 * PATIENTS


def test_training_goes_by_the_configuration_applied_or_not(folder: Path, mlops: Mlops) -> None:
    """And a run is repeated under its own."""
    before = mlops("train", "return_risk", "--no-register", "--json").data
    other = folder / "other.yaml"
    other.write_text(CONFIG.replace("ttl: 90d", "ttl: 10d"), encoding="utf-8")
    now = mlops("train", "return_risk", "--no-register", "--json", "--config", other).data
    assert [view["expired"] for view in before["views"]] == [0, 0, 0]
    assert [view["expired"] for view in now["views"]] == [PATIENTS, 0, 0]  # the second stays
    repeated = ("train", "return_risk", "--reproduce", before["run_id"], "--json")
    run = mlops(*repeated, "--config", other)
    assert (run.code, run.data["reproduced"]) == (0, True), run.data
    named = {each["name"] for each in run.data["differences"] if each["kind"] == "config"}
    assert named == {"feature_views.patients.ttl"}


def test_labels_without_the_hospital_are_refused(
    mlops: Mlops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    write_tables(tmp_path)
    labels = tmp_path / "data/labels.parquet"
    pd.read_parquet(labels).drop(columns="hospital_id").to_parquet(labels)
    run = mlops("train", "return_risk", "--json")
    assert run.code == 2
    assert "no column 'hospital_id'" in run.error["message"]
