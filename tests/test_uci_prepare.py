"""The example on real data: what prepare.py makes of the published files."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pyarrow.parquet as pq
import pytest

from mlops_cli.config import Config, ModelConfig, load_config
from mlops_cli.domain.split import in_holdout

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "uci_heart"
ROWS = {"cleveland": 303, "hungary": 294, "switzerland": 123, "va": 200}


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(EXAMPLE / "config.yaml", {})


@pytest.fixture(scope="module")
def model(config: Config) -> ModelConfig:
    return config.models["heart_cleveland_half"]


@pytest.fixture(scope="module")
def prepare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("uci_prepare", EXAMPLE / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def source() -> Path:
    data = Path(os.environ.get("MLOPS_DATA_DIR") or ROOT.parent / "shared" / "data")
    folder = data / "heart_disease"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: point MLOPS_DATA_DIR to a folder that holds heart_disease/")
    return folder


@pytest.fixture(scope="module")
def patients(prepare: ModuleType, source: Path) -> pd.DataFrame:
    return prepare.prepare(prepare.read_raw(source / "heart_all_sites.csv"))


@pytest.fixture(scope="module")
def written(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("uci") / "data"
    script = [sys.executable, str(EXAMPLE / "prepare.py"), str(source / "heart_all_sites.csv")]
    done = subprocess.run(
        [*script, "--output", str(output)], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.startswith("920 patients (cleveland 303, hungary 294, va 200, switz")
    return output


def test_the_configuration_names_the_features_that_are_written(config: Config, prepare):
    assert list(config.models) == ["heart_all_sites", "heart_cleveland", prepare.HALF]
    kinds = {"int": "int64", "float": "double", "bool": "bool", "category": "string"}
    for model in config.models.values():
        assert model.features == config.models[prepare.HALF].features
        assert {name: kinds[spec.type] for name, spec in model.features.items()} == {
            name: str(kind) for name, (_, kind) in prepare.FEATURES.items()
        }
        words = {n: set(s.categories) for n, s in model.features.items() if s.type == "category"}
        assert words == {name: set(codes.values()) for name, codes in prepare.WORDS.items()}


def test_zeros_and_question_marks_are_missing_and_codes_are_words(prepare, tmp_path: Path):
    for name in prepare.FILES.values():
        row = (
            "63,1,4,0,0,?,2,150,0,-1.5,3,0,7,2\n"
            if name == "va"
            else "40,0,1,120,200,1,0,99,1,0,1,3,3,0\n"
        )
        (tmp_path / f"processed.{name}.data").write_text(row)
    ill = prepare.prepare(prepare.read_raw(tmp_path)).set_index("patient_id").loc["va-000"]
    missing = ["resting_bp", "cholesterol", "fasting_sugar_high"]
    assert list(ill.index[ill.isna()]) == missing
    assert ill.drop([*missing, "event_timestamp"]).to_dict() == {
        "age": 63, "sex": "male", "chest_pain": "asymptomatic",
        "resting_ecg": "ventricular_hypertrophy", "max_heart_rate": 150, "exercise_angina": False,
        "st_depression": -1.5, "st_slope": "down", "narrowed_vessels": 0,
        "thal": "reversible_defect", "disease": 1, "site": "va",
    }  # fmt: skip


def test_the_held_back_half_follows_the_documented_rule(model: ModelConfig):
    assert model.holdout.fraction == 0.5
    ids = pd.Series([f"cleveland-{row:03d}" for row in range(303)])
    held = in_holdout(ids.to_numpy(), model.holdout.fraction, model.holdout.salt)
    assert 130 <= held.sum() <= 173


@pytest.mark.real_data
def test_rows_and_diagnoses_are_as_published(patients: pd.DataFrame):
    sites = patients.groupby("site", sort=False)
    assert sites.size().to_dict() == ROWS
    healthy = sites["disease"].agg(lambda disease: int((disease == 0).sum()))
    assert healthy.to_dict() == {"cleveland": 164, "hungary": 188, "switzerland": 8, "va": 51}
    assert patients["patient_id"].is_unique


@pytest.mark.real_data
def test_missing_values_are_as_published(patients: pd.DataFrame):
    cholesterol = patients["cholesterol"].isna().groupby(patients["site"]).sum()
    # 49 zeros and 7 question marks in VA; the Hungarian 23 are question marks
    assert cholesterol.to_dict() == {"cleveland": 0, "hungary": 23, "switzerland": 123, "va": 56}
    missing = patients.isna().sum()
    assert missing[missing > 0].to_dict() == {
        "resting_bp": 60, "cholesterol": 202, "fasting_sugar_high": 90, "resting_ecg": 2,
        "max_heart_rate": 55, "exercise_angina": 55, "st_depression": 62, "st_slope": 309,
        "narrowed_vessels": 611, "thal": 486,
    }  # fmt: skip


@pytest.mark.real_data
def test_values_are_within_the_configured_limits(patients: pd.DataFrame, model: ModelConfig):
    for name, spec in model.features.items():
        values = patients[name].dropna()
        if spec.range:
            assert values.between(*spec.range).all(), name
        if spec.categories:
            assert set(values) == set(spec.categories)


@pytest.mark.real_data
def test_the_folder_and_the_one_file_say_the_same(patients, prepare: ModuleType, source: Path):
    pd.testing.assert_frame_equal(
        prepare.prepare(prepare.read_raw(source)), patients, check_dtype=False
    )


@pytest.mark.real_data
def test_each_site_has_its_own_year_and_keeps_its_order(patients: pd.DataFrame, prepare):
    times = patients["event_timestamp"]
    assert (times.dt.year == patients["site"].map(prepare.YEARS)).all()
    assert times.is_monotonic_increasing
    assert str(times.dt.tz) == "UTC"


@pytest.mark.real_data
def test_the_tables_that_config_yaml_names_are_written(written: Path, model: ModelConfig):
    view = pq.read_table(written / "measurements.parquet")
    assert view.column_names == ["patient_id", "event_timestamp", *model.features]
    assert str(view.schema.field("event_timestamp").type) == "timestamp[us, tz=UTC]"
    for name, rows in (("labels", 920), ("labels_cleveland", 303)):
        labels = pq.read_table(written / f"{name}.parquet")
        assert labels.column_names == ["patient_id", "event_timestamp", "disease"]
        assert labels.num_rows == rows


@pytest.mark.real_data
def test_the_batches_for_drift_checks_are_written(written: Path, model: ModelConfig):
    for site in ("hungary", "switzerland", "va"):
        batch = pd.read_csv(written / f"{site}.csv")
        assert list(batch.columns) == ["patient_id", *model.features]
        assert len(batch) == ROWS[site]
    assert pd.read_csv(written / "switzerland.csv")["cholesterol"].isna().all()
    held = pd.read_csv(written / "cleveland_held_back.csv")["patient_id"].to_numpy()
    assert in_holdout(held, model.holdout.fraction, model.holdout.salt).all()
    assert 130 <= len(held) <= 173
