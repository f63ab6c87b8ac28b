"""The generated hospital: what config.yaml and the documentation say about it is true."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from mlops_cli.config import Config, FeatureConfig, ModelConfig, load_config
from mlops_cli.domain.hospital import HospitalTables, generate
from mlops_cli.domain.hospital.cohort import Cohort
from mlops_cli.domain.hospital.tables import RECIPES, UNSEEN_PATIENTS

ROOT = Path(__file__).parents[2]
END = datetime(2026, 3, 1, 4, 5, 6, 789, tzinfo=UTC)
PATIENTS, MONTHS = 1000, 12
MODELS = ["heart_disease", "diabetes_score", "readmission"]


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(ROOT / "config.yaml", {})


@pytest.fixture(scope="module")
def hospital() -> dict[str, HospitalTables]:
    return generate(PATIENTS, MONTHS, seed=7, end=END, drift=True)


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tables(name: str, hospital: dict[str, HospitalTables]) -> HospitalTables:
    return hospital[name]


@pytest.fixture
def model(name: str, config: Config) -> ModelConfig:
    return config.models[name]


def frames(tables: HospitalTables) -> list[pd.DataFrame]:
    batches = [tables.new_patients, tables.drifted_patients]
    return [*tables.views.values(), tables.labels, *(b for b in batches if b is not None)]


def as_configured(column: pd.Series, spec: FeatureConfig) -> bool:
    """Whether every recorded value is of the type and within the limits of config.yaml."""
    values = column.dropna()
    if spec.type == "category":
        return set(values) <= set(spec.categories)
    if spec.type == "bool":
        return column.dtype == bool
    low, high = spec.range or (-np.inf, np.inf)
    right_type = column.dtype == ("int64" if spec.type == "int" else "float64")
    return bool(right_type and values.between(low, high).all())


def test_config_and_data_name_the_same_things(config: Config, hospital, model, tables, name):
    assert list(config.models) == list(hospital) == MODELS
    assert {view: list(spec.features) for view, spec in model.feature_views.items()} == {
        view: list(frame.columns[2:]) for view, frame in tables.views.items()
    }
    for frame in tables.views.values():
        assert list(frame.columns[:2]) == [model.entity, "event_timestamp"]
    assert list(tables.labels.columns) == [
        model.entity, model.labels.timestamp, model.labels.column
    ]  # fmt: skip
    assert list(tables.new_patients.columns) == [model.entity, *model.features]
    assert RECIPES[name].task == model.task


def test_values_are_as_configured(model: ModelConfig, tables: HospitalTables):
    for view, spec in model.feature_views.items():
        for feature, limits in spec.features.items():
            assert as_configured(tables.views[view][feature], limits), feature
            assert as_configured(tables.new_patients[feature], limits), feature


def test_every_word_and_both_answers_occur(model: ModelConfig, tables: HospitalTables):
    for view, spec in model.feature_views.items():
        for feature, limits in spec.features.items():
            words = {"category": set(limits.categories), "bool": {True, False}}
            if limits.type in words:
                assert set(tables.views[view][feature]) == words[limits.type]


def test_required_columns_are_complete_and_some_tests_are_missing(model, tables, name):
    shares = {
        feature: float(share)
        for frame in tables.views.values()
        for feature, share in frame.isna().mean().items()
        if share > 0
    }
    assert set(shares) == set(RECIPES[name].missing)
    assert not any(model.features[feature].required for feature in shares)
    assert all(0.015 < share < 0.06 for share in shares.values())


def test_every_patient_has_one_row_a_month_and_an_id(tables: HospitalTables):
    ids = [f"PT{number:06d}" for number in range(1, PATIENTS + 1)]
    for frame in tables.views.values():
        assert list(frame["patient_id"].unique()) == ids
        assert (frame.groupby("patient_id").size() == MONTHS).all()
        gaps = frame.groupby("patient_id")["event_timestamp"].diff().dropna()
        assert (gaps == timedelta(days=30)).all()


def test_new_and_drifted_patients_are_nobody_else(tables: HospitalTables):
    old = set(tables.labels["patient_id"])
    assert tables.drifted_patients is not None
    new, drifted = tables.new_patients["patient_id"], tables.drifted_patients["patient_id"]
    assert len(new) == len(drifted) == UNSEEN_PATIENTS == new.nunique() == drifted.nunique()
    assert old.isdisjoint(new)
    assert old.isdisjoint(drifted)
    assert set(new).isdisjoint(drifted)
    assert new.str.fullmatch(r"PT\d{6}").all()


def test_times_are_utc_in_microseconds(tables: HospitalTables):
    for frame in (*tables.views.values(), tables.labels):
        assert str(frame["event_timestamp"].dtype) == "datetime64[us, UTC]"


def test_a_prediction_comes_soon_after_its_visit_and_its_label_before_the_end(tables, model):
    visits = next(iter(tables.views.values()))
    assert END - visits["event_timestamp"].max() > timedelta(hours=1)
    assert END - visits["event_timestamp"].max() < timedelta(hours=3)
    known = visits[visits.groupby("patient_id").cumcount() < MONTHS - 1].reset_index(drop=True)
    assert list(known["patient_id"]) == list(tables.labels["patient_id"])
    lag = tables.labels["event_timestamp"] - known["event_timestamp"]
    assert lag.between(timedelta(minutes=10), timedelta(hours=2)).all()
    assert (tables.labels["event_timestamp"] + model.labels.delay < END).all()


def test_every_prediction_finds_its_own_visit_within_the_ttl(tables, model):
    for view, spec in model.feature_views.items():
        joined = pd.merge_asof(
            tables.labels.sort_values("event_timestamp"),
            tables.views[view].assign(seen=lambda f: f["event_timestamp"]).sort_values("seen"),
            on="event_timestamp",
            by="patient_id",
            tolerance=spec.ttl,
        )
        assert (joined["event_timestamp"] - joined["seen"]).max() < timedelta(hours=2)


def test_the_last_month_is_fresh_enough_to_serve(tables, model):
    for view, spec in model.feature_views.items():
        last = tables.views[view].groupby("patient_id")["event_timestamp"].max()
        assert spec.ttl is not None
        assert (END - last < spec.ttl).all()


@pytest.mark.parametrize("name", ["heart_disease", "diabetes_score"])
@pytest.mark.parametrize("seed", [1, 2, 7])
def test_the_best_auc_and_the_prevalence_are_as_documented(name: str, seed: int):
    tables = generate(PATIENTS, MONTHS, seed, END, drift=False)[name]
    assert tables.best == pytest.approx(0.87, abs=0.015)
    assert tables.labels[RECIPES[name].label].mean() == pytest.approx(0.40, abs=0.04)
    assert set(tables.labels[RECIPES[name].label]) == {0, 1}


def test_the_best_rmse_is_as_documented(hospital: dict[str, HospitalTables]):
    label = hospital["readmission"].labels["readmission_risk"]
    assert hospital["readmission"].best == pytest.approx(0.10, abs=0.01)
    assert label.between(0, 1).all()
    assert label.std() > 0.18


def test_the_gates_can_be_passed_by_the_truth(hospital, config: Config):
    for name in ("heart_disease", "diabetes_score"):
        assert hospital[name].best > config.models[name].gates.floor["roc_auc"] + 0.1
    assert hospital["readmission"].best < config.models["readmission"].gates.floor["rmse"] - 0.03


@pytest.mark.parametrize("name", ["heart_disease", "diabetes_score"])
def test_the_truth_itself_is_fair_enough(name: str, model: ModelConfig):
    features, truth = truth_of(name, patients=40_000)
    sick = np.random.default_rng(0).random(len(truth)) < truth
    found = pd.Series(truth >= model.threshold)[sick]
    age = np.digitize(features["age"], model.protected["age"].bins)
    for groups in (features["sex"], pd.Series(age)):
        rates = found.groupby(groups[sick]).mean()
        assert rates.max() - rates.min() < model.fairness.limit / 2


def truth_of(name: str, patients: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(3)
    recipe = RECIPES[name]
    features = pd.DataFrame(recipe.draw(Cohort.gather(rng, rng, patients, 1)))
    return features, recipe.truth(features)


@pytest.mark.parametrize(
    ("name", "raised"),
    [
        ("heart_disease", {"cholesterol": 30, "resting_bp": 20, "narrowed_vessels": 1, "age": 5}),
        ("heart_disease", {"max_heart_rate": -20, "st_depression": 1}),
        ("diabetes_score", {"glucose": 20, "bmi": 3, "hba1c": 1, "waist": 10, "hdl": -10}),
        ("readmission", {"conditions": 1, "prior_admissions": 1, "medications": 3}),
        ("readmission", {"hemoglobin": -2, "sodium": -5, "length_of_stay": 3}),
    ],
)
def test_each_effect_goes_one_way(name: str, raised: dict[str, float]):
    features, truth = truth_of(name, patients=500)
    for feature, amount in raised.items():
        more = RECIPES[name].truth(features.assign(**{feature: features[feature] + amount}))
        assert (more >= truth).all(), feature
        assert (more > truth).any(), feature


def test_nothing_drifts_over_the_months(tables: HospitalTables):
    for frame in tables.views.values():
        month = frame.groupby("patient_id").cumcount()
        numbers = frame.drop(columns=["patient_id", "event_timestamp"])
        coded = numbers.apply(lambda c: c if c.dtype.kind in "if" else pd.factorize(c)[0])
        means = coded.groupby(month).mean()
        assert ((means.iloc[-3:].mean() - means.iloc[:3].mean()).abs() < 0.15 * coded.std()).all()


def test_values_stay_near_the_level_of_the_patient(hospital: dict[str, HospitalTables]):
    pressure = hospital["heart_disease"].views["heart_vitals"].groupby("patient_id")["resting_bp"]
    between, within = pressure.mean().var(), pressure.var().mean()
    assert between > 2 * within > 0


def test_a_patient_has_one_age_and_sex_in_every_model(hospital: dict[str, HospitalTables]):
    people = [
        view.groupby("patient_id")[["age", "sex"]].agg(["nunique", "first"])
        for tables in hospital.values()
        for view in tables.views.values()
        if "age" in view
    ]
    assert all((one.xs("nunique", axis=1, level=1) == 1).all(axis=None) for one in people)
    for other in people[1:]:
        assert_frame_equal(other, people[0])


def test_the_same_arguments_give_the_same_hospital():
    first, second = (generate(40, 4, 5, END, drift=True) for _ in range(2))
    for name in MODELS:
        for one, other in zip(frames(first[name]), frames(second[name]), strict=True):
            assert_frame_equal(one, other)


def test_another_seed_gives_another_hospital(name: str):
    first, second = (generate(40, 4, seed, END, drift=False)[name] for seed in (5, 6))
    assert not first.labels.equals(second.labels)
    assert not first.new_patients.equals(second.new_patients)


def test_another_end_moves_only_the_times():
    shift = timedelta(days=100, hours=5)
    first, later = (generate(40, 4, 5, end, drift=True) for end in (END, END + shift))
    for name in MODELS:
        for one, other in zip(frames(first[name]), frames(later[name]), strict=True):
            times = one.columns.intersection(["event_timestamp"])
            assert_frame_equal(one.assign(**{c: one[c] + shift for c in times}), other)
        assert first[name].best == later[name].best


def test_an_end_in_another_zone_is_the_same_moment(name: str):
    zone = datetime.fromisoformat("2026-03-01T09:05:06.000789+05:00")
    one, other = (generate(10, 3, 5, end, drift=False)[name] for end in (END, zone))
    assert_frame_equal(one.labels, other.labels)


def test_without_drift_only_the_drifted_batch_is_left_out():
    plain, both = (generate(40, 4, 5, END, drift=drift) for drift in (False, True))
    for name in MODELS:
        assert plain[name].drifted_patients is None
        for one, other in zip(frames(plain[name]), frames(both[name]), strict=False):
            assert_frame_equal(one, other)


def test_the_drifted_batch_is_what_a_hospital_sees(hospital, config: Config):
    heart, diabetes, readmission = (hospital[name] for name in MODELS)
    limits = config.models["heart_disease"].features["cholesterol"].range
    assert limits is not None
    assert (heart.drifted_patients["cholesterol"].dropna() < limits[0]).all()
    assert diabetes.drifted_patients["insulin"].isna().mean() > 0.5
    wards = set(config.models["readmission"].features["ward"].categories)
    assert set(readmission.drifted_patients["ward"]) - wards == {"rehabilitation"}
    for tables in (heart, diabetes, readmission):
        assert tables.drifted_patients["age"].mean() > tables.new_patients["age"].mean() + 3


@pytest.mark.parametrize("name", ["heart_disease", "diabetes_score", "readmission"])
def test_new_patients_are_like_the_known_ones(tables: HospitalTables):
    known = pd.concat([view.drop(columns="patient_id") for view in tables.views.values()], axis=1)
    numbers = tables.new_patients.select_dtypes("number")
    gap = (numbers.mean() - known[numbers.columns].mean()).abs()
    assert (gap < 0.2 * known[numbers.columns].std()).all()


def test_one_patient_and_one_month_are_enough_for_tables():
    tables = generate(1, 2, 1, END, drift=False)["heart_disease"]
    assert len(tables.labels) == 1
    assert np.isnan(tables.best)


def test_a_thousand_patients_take_a_moment():
    start = time.perf_counter()
    generate(PATIENTS, MONTHS, 3, END, drift=True)
    assert time.perf_counter() - start < 1.5
