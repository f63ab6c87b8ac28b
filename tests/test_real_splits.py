"""Honest splits on the published tables: other hospitals, and patients who come back."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from published import brought
from running import Mlops, quietly

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
          age: {type: int}
          sex: {type: category, categories: [female, male]}
          chest_pain: {type: category, categories: [typical, atypical, other, none]}
          resting_bp: {type: float}
          cholesterol: {type: float}
          sugar: {type: bool}
          ecg: {type: category, categories: ['0', '1', '2']}
          heart_rate: {type: float}
          angina: {type: bool}
          depression: {type: float}
          slope: {type: category, categories: ['1', '2', '3']}
          vessels: {type: int}
          thal: {type: category, categories: [normal, fixed, reversible]}
          hospital: {type: category, categories: [cleveland, hungarian, switzerland, va],
            input: false}
    SITES
    labels: {source: data/labels.parquet, column: disease}
    search:
      trials: 1
      space:
        max_depth: {low: 3, high: 3, scale: int}
        learning_rate: {low: 0.05, high: 0.05}
        subsample: {low: 0.8, high: 0.8}
        colsample_bytree: {low: 0.6, high: 0.6}
    imports:
      columns: {chest_pain: cp, resting_bp: trestbps, cholesterol: chol, sugar: fbs, ecg: restecg,
        heart_rate: thalach, angina: exang, depression: oldpeak, vessels: ca, disease: num,
        hospital: site}
      row_id: '{site}-{row}'
      missing: ['?']
      sentinels: {cholesterol: ['0'], resting_bp: ['0']}
      words:
        sex: {'0': female, '1': male}
        chest_pain: {'1': typical, '2': atypical, '3': other, '4': none}
        thal: {'3': normal, '6': fixed, '7': reversible}
        disease: {'2': '1', '3': '1', '4': '1'}
      row_time: {start: 2020-01-01, step: 1d}
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
          age: {type: int}
          days: {type: int}
          lab_procedures: {type: int}
          medications: {type: int}
          outpatient: {type: int}
          emergency: {type: int}
          inpatient: {type: int}
          diagnoses: {type: int}
          discharge: {type: int}
          source: {type: int}
          insulin: {type: category, categories: ['No', Steady, Up, Down]}
    labels: {source: data/labels.parquet, column: within_30_days}
    search:
      trials: 1
      repeats: 2
      max_rounds: 300
      space:
        max_depth: {low: 5, high: 5, scale: int}
        learning_rate: {low: 0.1, high: 0.1}
        min_child_weight: {low: 5, high: 5}
    imports:
      columns: {patient: patient_nbr, days: time_in_hospital, lab_procedures: num_lab_procedures,
        medications: num_medications, outpatient: number_outpatient, emergency: number_emergency,
        inpatient: number_inpatient, diagnoses: number_diagnoses,
        discharge: discharge_disposition_id, source: admission_source_id,
        within_30_days: readmitted}
      words:
        age: {'[0-10)': '5', '[10-20)': '15', '[20-30)': '25', '[30-40)': '35', '[40-50)': '45',
          '[50-60)': '55', '[60-70)': '65', '[70-80)': '75', '[80-90)': '85', '[90-100)': '95'}
        within_30_days: {'<30': '1', '>30': '0', 'NO': '0'}
      row_time: {start: 1999-01-01, step: 30m, order: encounter_id}
"""


def trained(mlops: Mlops, folder: Path, name: str) -> dict[str, Any]:
    quietly(folder, "features", "apply")
    run = mlops("train", name, "--json", "--config", folder / "config.yaml")
    assert run.code == 0, run.err
    return run.data


def test_each_hospital_by_a_model_of_the_three_others(
    tmp_path: Path, published: Path, mlops: Mlops
) -> None:
    """All four together read 0.90; a hospital that the model has not seen, 0.73 to 0.88."""
    file = published / "heart_disease/heart_all_sites.csv"
    brought(tmp_path, HEART.replace("SITES", "sites: hospital"), "heart", file)
    data = trained(mlops, tmp_path, "heart")
    assert data["cross_validation"]["roc_auc"] == pytest.approx(0.895, abs=0.015)
    found = {each["site"]: each for each in data["sites"]}
    counts = {site: (each["rows"], each["positives"]) for site, each in found.items()}
    assert counts == {
        "cleveland": (303, 139), "hungarian": (294, 106), "va": (200, 149),
        "switzerland": (123, 115),
    }  # fmt: skip
    for site, measured in {"cleveland": 0.85, "hungarian": 0.88, "va": 0.73}.items():
        assert found[site]["value"] == pytest.approx(measured, abs=0.025)
    swiss = found["switzerland"]
    assert swiss["high"] - swiss["low"] > 0.3  # 8 patients there are healthy


def test_a_model_of_cleveland_falls_at_the_veterans(
    tmp_path: Path, published: Path, mlops: Mlops
) -> None:
    """Published: 0.90 at home, 0.67 to 0.69 at the Veterans' hospital."""
    file = published / "heart_disease/heart_all_sites.csv"
    rule = "holdout: {kind: group, groups: hospital, values: [va]}"
    _, labels = brought(tmp_path, HEART.replace("SITES", rule), "heart", file)
    two = labels[labels["patient_id"].str.startswith(("cleveland", "va"))]
    two.to_parquet(tmp_path / "data/labels.parquet", index=False)
    data = trained(mlops, tmp_path, "heart")
    assert data["rows"] == {"train": 303, "test": 200}
    assert data["cross_validation"]["roc_auc"] == pytest.approx(0.905, abs=0.015)
    held = data["metrics"]["roc_auc"]
    assert held["value"] == pytest.approx(0.71, abs=0.035)
    assert held["high"] < data["cross_validation"]["roc_auc"] - 0.05


@pytest.mark.slow
def test_readmission_with_patients_kept_apart(
    tmp_path: Path, published: Path, mlops: Mlops
) -> None:
    """Published: 0.66 to 0.68. A split by rows hardly claims more here, as nothing identifies a
    patient and the label does not stick: on the whole table 0.681 against 0.680, over six draws.

    Every fourth patient with all encounters, and fixed parameters: the whole table takes minutes.
    """
    raw = pd.read_csv(published / "readmission/diabetic_data.csv", dtype=str, keep_default_na=False)
    some = set(raw["patient_nbr"].drop_duplicates().iloc[::4])
    raw[raw["patient_nbr"].isin(some)].to_csv(tmp_path / "some.csv", index=False)
    brought(tmp_path, READMISSION, "readmitted", tmp_path / "some.csv")
    data = trained(mlops, tmp_path, "readmitted")
    assert sum(data["rows"].values()) == 25_580
    honest = data["cross_validation"]["roc_auc"]
    assert 0.64 < honest < 0.68
    held = data["metrics"]["roc_auc"]
    assert held["low"] < honest < held["high"]
    assert data["naive"]["roc_auc"] == pytest.approx(honest, abs=0.01)
