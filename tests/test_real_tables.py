"""The published tables, imported as they are: their traps, and the mappings that take them."""

import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from published import brought
from running import Mlops

pytestmark = pytest.mark.real_data

HEART = """\
project: published
models:
  heart:
    task: classification
    entity: patient_id
    feature_views:
      exam:
        source: data/exam.parquet
        features:
          age: {type: int, range: [18, 100]}
          sex: {type: category, categories: [female, male]}
          chest_pain: {type: category, categories: [typical, atypical, other, none]}
          resting_bp: {type: float, range: [60, 250]}
          cholesterol: {type: float, range: [80, 650]}
          vessels: {type: int, range: [0, 3]}
          thal: {type: category, categories: [normal, fixed, reversible]}
    labels: {source: data/labels.parquet, column: disease}
    imports:
      COLUMNS
      missing: ['?']
      sentinels: {cholesterol: ['0'], resting_bp: ['0']}
      words:
        sex: {'0': female, '1': male}
        chest_pain: {'1': typical, '2': atypical, '3': other, '4': none}
        thal: {'3': normal, '6': fixed, '7': reversible}
        disease: {'2': '1', '3': '1', '4': '1'}
      row_time: {start: 2020-01-01, step: 1d}
"""
NAMED = """\
columns: {chest_pain: cp, resting_bp: trestbps, cholesterol: chol, vessels: ca, disease: num}
      row_id: '{site}-{row}'"""
HEADERLESS = """\
header: [age, sex, chest_pain, resting_bp, cholesterol, fbs, ecg, rate, exang, st, slope,
        vessels, thal, disease]
      row_id: 'p{row}'"""

PIMA = """\
project: published
models:
  pima:
    task: classification
    entity: patient_id
    feature_views:
      visit:
        source: data/visit.parquet
        features:
          pregnancies: {type: int, range: [0, 20]}
          glucose: {type: float}
          pressure: {type: float}
          skin: {type: float}
          insulin: {type: float}
          bmi: {type: float}
          pedigree: {type: float}
          age: {type: int}
    labels: {source: data/labels.parquet, column: diabetes}
    imports:
      header: [pregnancies, glucose, pressure, skin, insulin, bmi, pedigree, age, diabetes]
      sentinels: {glucose: ['0'], pressure: ['0'], skin: ['0'], insulin: ['0'], bmi: ['0']}
      row_id: 'pima-{row}'
"""

READMISSION = """\
project: published
models:
  readmitted:
    task: classification
    entity: patient
    feature_views:
      encounter:
        source: data/encounter.parquet
        features:
          race: {type: category, categories: [AfricanAmerican, Asian, Caucasian, Hispanic, Other]}
          gender: {type: category, categories: [Female, Male, Unknown/Invalid]}
          age: {type: int, range: [5, 95], description: middle of the published ten years}
          days: {type: int, range: [1, 14]}
          specialty: {type: category, categories: [Cardiology, InternalMedicine]}
          a1c: {type: category, categories: [None, Norm, '>7', '>8']}
    labels: {source: data/labels.parquet, column: within_30_days}
    imports:
      columns: {patient: patient_nbr, days: time_in_hospital, specialty: medical_specialty,
        a1c: A1Cresult, within_30_days: readmitted}
      missing: ['?']
      words:
        age: {'[0-10)': '5', '[10-20)': '15', '[20-30)': '25', '[30-40)': '35', '[40-50)': '45',
          '[50-60)': '55', '[60-70)': '65', '[70-80)': '75', '[80-90)': '85', '[90-100)': '95'}
        within_30_days: {'<30': '1', '>30': '0', 'NO': '0'}
      row_time: {start: 1999-01-01, step: 30m, order: encounter_id}
"""


def test_heart_disease_of_four_sites(tmp_path: Path, published: Path) -> None:
    file = published / "heart_disease/heart_all_sites.csv"
    exam, labels = brought(tmp_path, HEART.replace("COLUMNS", NAMED), "heart", file)
    site = exam["patient_id"].str.partition("-")[0]
    assert site.value_counts().to_dict() == {
        "cleveland": 303, "hungarian": 294, "switzerland": 123, "va": 200,
    }  # fmt: skip
    raw = pd.read_csv(file)
    zero = (raw["chol"] == 0).groupby(raw["site"]).sum()
    assert zero["switzerland"] == 123
    assert zero["va"] == 49
    absent = exam["cholesterol"].isna().groupby(site).sum()
    assert absent["switzerland"] == 123
    assert (
        exam["cholesterol"].isna().to_numpy() == (raw["chol"].isna() | (raw["chol"] == 0))
    ).all()
    assert exam["vessels"].isna().sum() == 611
    assert exam["thal"].isna().sum() == 486
    healthy = (labels["disease"] == 0).groupby(site).sum()
    assert healthy.to_dict() == {"cleveland": 164, "hungarian": 188, "switzerland": 8, "va": 51}
    assert set(exam["chest_pain"]) == {"typical", "atypical", "other", "none"}


@pytest.mark.parametrize(
    ("site", "rows"), [("cleveland", 303), ("hungarian", 294), ("switzerland", 123), ("va", 200)]
)
def test_heart_disease_as_the_sites_published_it(
    tmp_path: Path, published: Path, site: str, rows: int
) -> None:
    file = published / f"heart_disease/processed.{site}.data"
    exam, labels = brought(tmp_path, HEART.replace("COLUMNS", HEADERLESS), "heart", file)
    assert len(exam) == len(labels) == rows
    assert exam["patient_id"].tolist() == [f"p{row}" for row in range(rows)]
    assert exam["age"].notna().all()


def test_pima_zeros_are_missing_where_nobody_is_alive_with_them(
    tmp_path: Path, published: Path
) -> None:
    file = published / "diabetes/pima-indians-diabetes.csv"
    visit, labels = brought(tmp_path, PIMA, "pima", file, "--time", "1990-01-01")
    raw = pd.read_csv(file, header=None)
    assert len(visit) == 768
    assert labels["diabetes"].sum() == 268
    for name, column in {"glucose": 1, "pressure": 2, "skin": 3, "insulin": 4, "bmi": 5}.items():
        assert visit[name].isna().sum() == (raw[column] == 0).sum() > 0
    assert (visit["pregnancies"] == 0).sum() == (raw[0] == 0).sum() > 0
    assert visit["patient_id"].iloc[[0, -1]].tolist() == ["pima-0", "pima-767"]


def test_readmission_with_several_encounters_of_a_patient(
    tmp_path: Path, published: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = published / "readmission/diabetic_data.csv"
    encounter, labels = brought(tmp_path, READMISSION, "readmitted", file)
    assert len(encounter) == len(labels) == 101_766
    patients = encounter["patient"].value_counts()
    assert len(patients) == 71_518
    assert (patients > 1).sum() == 16_773
    assert labels["within_30_days"].sum() == 11_357
    raw = pd.read_csv(file, dtype=str, keep_default_na=False)
    assert (encounter["a1c"] == "None").sum() == (raw["A1Cresult"] == "None").sum() > 80_000
    assert encounter["a1c"].notna().all()
    assert encounter["race"].isna().sum() == (raw["race"] == "?").sum() > 0
    assert encounter["age"].between(5, 95).all()
    order = np.argsort(pd.to_numeric(raw["encounter_id"]).to_numpy())
    assert encounter["event_timestamp"].iloc[order].is_monotonic_increasing
    monkeypatch.chdir(tmp_path)
    again = mlops("features", "import", "readmitted", file, "--dry-run", "--json")
    counts = [(each["new"], each["replaced"]) for each in again.data["tables"]]
    assert counts == [(0, 101_766), (0, 101_766)]


def test_readmission_by_month_is_the_same_table(
    tmp_path: Path, published: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a window over the earlier encounters of each patient."""
    file = published / "readmission/diabetic_data.csv"
    before = "stays: {type: int, window: {of: days, compute: count, over: 999w}}"
    config = READMISSION.replace("days: {type", f"{before}\n          days: {{type")
    whole, _ = brought(tmp_path, config, "readmitted", file)
    (tmp_path / "months").mkdir()
    monkeypatch.chdir(tmp_path / "months")
    Path("config.yaml").write_text(config.replace("data/encounter.parquet", "data/encounter"))
    rows = mlops("features", "import", "readmitted", file, "--json").data["tables"][0]["rows"]
    assert rows == 101_766
    parts = sorted(Path("data/encounter").iterdir())
    assert len(parts) > 60
    keys = ["event_timestamp", "patient"]
    split = pd.concat([pd.read_parquet(part) for part in parts])
    whole, split = (each.sort_values(keys, ignore_index=True) for each in (whole, split))
    pd.testing.assert_frame_equal(split, whole)
    assert (whole["stays"] == whole.groupby("patient").cumcount() + 1).all()


def test_a_query_and_a_folder_bring_the_same_rows(tmp_path: Path, published: Path) -> None:
    raw = pd.read_csv(published / "diabetes/pima-indians-diabetes.csv", header=None)
    names = ["pregnancies", "glucose", "pressure", "skin", "insulin", "bmi", "pedigree", "age"]
    raw.columns = pd.Index([*names, "diabetes"])
    raw.insert(0, "patient_id", [f"{row:04}" for row in range(len(raw))])
    config = "\n".join(PIMA.splitlines()[:-3])
    config = f"{config}\n      {PIMA.splitlines()[-2].strip()}\n"
    (tmp_path / "parts").mkdir()
    raw.head(400).to_csv(tmp_path / "parts/a.csv", index=False)
    raw.tail(368).to_parquet(tmp_path / "parts/b.parquet", index=False)
    with sqlite3.connect(tmp_path / "clinic.db") as clinic:
        raw.to_sql("visits", clinic, index=False)
    found = []
    for kind, source in (
        ("folder", [tmp_path / "parts"]),
        ("query", ["--sql", f"sqlite:///{tmp_path}/clinic.db", "--query", "SELECT * FROM visits"]),
    ):
        folder = tmp_path / kind
        folder.mkdir()
        found.append(brought(folder, config, "pima", *source, "--time", "1990-01-01"))
    pd.testing.assert_frame_equal(found[0][0], found[1][0])
    pd.testing.assert_frame_equal(found[0][1], found[1][1])
    assert found[0][0]["patient_id"].iloc[7] == "0007"
    assert found[0][0]["insulin"].isna().sum() == 374


def test_zeros_that_mean_missing_are_seen_in_validate_and_stats(
    tmp_path: Path, published: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is alive without cholesterol: imported as it was published, the zeros show."""
    config = HEART.replace("COLUMNS", NAMED).replace(
        "sentinels: {cholesterol: ['0'],", "sentinels: {"
    )
    brought(tmp_path, config, "heart", published / "heart_disease/heart_all_sites.csv")
    monkeypatch.chdir(tmp_path)
    run = mlops("features", "validate", "--json")
    assert run.code == 3
    (found,) = run.data["results"][0]["findings"]
    assert (found["column"], found["rows"], found["examples"]) == (
        "cholesterol", 172, ["0 (172 rows)"],
    )  # fmt: skip
    (view,) = mlops("features", "stats", "--json").data["results"][0]["views"]
    features = {each["feature"]: each for each in view["features"]}
    cholesterol = features["cholesterol"]
    assert (cholesterol["min"], cholesterol["p5"], cholesterol["max"]) == (0, 0, 600)  # rounded
    first, second, *_ = cholesterol["histogram"]["counts"]
    assert (first, second) == (172, 0)
    assert features["vessels"]["missing"] == pytest.approx(611 / 920)
    assert features["thal"]["distinct"] == 3


def test_a_hospital_against_another_shows_that_it_has_no_cholesterol(
    tmp_path: Path, published: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switzerland wrote 0 for every patient; half of Cleveland against the other half is silent."""
    config = HEART.replace("COLUMNS", HEADERLESS)
    for site in ("switzerland", "cleveland"):
        (tmp_path / site).mkdir()
        file = published / f"heart_disease/processed.{site}.data"
        exam, _ = brought(tmp_path / site, config, "heart", file)
    monkeypatch.chdir(tmp_path / "switzerland")
    run = mlops("features", "validate", "--against", "../cleveland/data", "--json")
    assert run.code == 3
    rules = {(each["column"], each["rule"]) for each in run.data["results"][0]["findings"]}
    assert ("cholesterol", "has values, as before") in rules
    monkeypatch.chdir(tmp_path / "cleveland")
    exam.iloc[::2].to_csv("half.csv", index=False)
    exam.iloc[1::2].to_parquet("data/exam.parquet", index=False)
    assert mlops("features", "validate", "--against", "half.csv").code == 0
