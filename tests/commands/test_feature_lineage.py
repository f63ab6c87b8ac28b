"""`features lineage`: from a feature back to its source and on to the versions that use it."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from running import Mlops, Run, derived, quietly, with_champion

from mlops_cli.backends import registry
from mlops_cli.config import load_config

HEART = "heart_disease"
DERIVED = """\
      blood: {type: float, expression: cholesterol / 100}
      risky: {type: bool, expression: blood > 2 and bmi > 30, input: false}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose heart_disease has derived features, a champion and a challenger."""
    folder = with_champion(tmp_path_factory.mktemp("lineage"), derived(DERIVED))
    quietly(folder, "train", HEART)
    return folder


@pytest.fixture(autouse=True)
def project(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project as the current folder; tests that write make a copy."""
    monkeypatch.chdir(trained)
    return trained


def only(run: Run) -> dict[str, Any]:
    assert run.code == 0, run.err
    (feature,) = run.data["features"]
    return dict(feature)


def named(run: Run) -> list[str]:
    return [each["feature"] for each in run.data["features"]]


def edited(old: str, new: str, folder: Path) -> Path:
    """Another config.yaml of the project, beside the first."""
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    assert old in text
    path = folder / "edited.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_a_feature_of_a_view(mlops: Mlops) -> None:
    run = mlops("features", "lineage", "cholesterol", "--json")
    found = only(run)
    assert (found["view"], found["type"], found["expression"]) == ("heart_tests", "float", None)
    assert found["models"] == [HEART]
    assert found["goes_into"] == [f"{HEART}.blood", f"{HEART}.risky"]
    assert [origin["feature"] for origin in found["origins"]] == ["cholesterol"]
    assert [(use["version"], use["alias"]) for use in found["used_by"]] == [
        (1, "champion"), (2, "challenger"),
    ]  # fmt: skip
    assert all(use["input"] and use["as_configured"] for use in found["used_by"])
    (view,) = run.data["views"]
    assert view["source"].endswith("data/heart_disease/tests.parquet")
    assert (view["timestamp"], view["created"], view["ttl"]) == ("event_timestamp", None, 3888000)
    assert (view["keys"], view["imported"]) == (["patient_id"], None)
    assert view["materialized"]["time"] > view["materialized"]["until"]


def test_a_derived_feature_goes_back_to_the_views(mlops: Mlops) -> None:
    run = mlops("features", "lineage", "risky", "--json")
    found = only(run)
    assert (found["view"], found["computed_from"]) == ("derived", ["blood", "bmi"])
    assert {(each["feature"], each["view"]) for each in found["origins"]} == {
        ("cholesterol", "heart_tests"), ("bmi", "heart_vitals"),
    }  # fmt: skip
    assert [use["input"] for use in found["used_by"]] == [False, False]
    assert {view["view"] for view in run.data["views"]} == {"heart_vitals", "heart_tests"}
    out = mlops("features", "lineage", "risky").out
    assert "= blood > 2 and bmi > 30" in out
    assert "cholesterol of heart_tests, data/heart_disease/tests.parquet" in out
    assert "not as an input" in out


def test_a_window_goes_back_to_what_it_looks_at(mlops: Mlops, project: Path) -> None:
    window = "bmi_mean: {type: float, window: {of: bmi, compute: mean, over: 90d}}"
    path = edited("smoker: {type: bool,", f"{window}\n          smoker: {{type: bool,", project)
    found = only(mlops("features", "lineage", "bmi_mean", "--json", "--config", path))
    assert (found["window"], found["computed_from"]) == ("mean of bmi over 90d", ["bmi"])
    assert [origin["feature"] for origin in found["origins"]] == ["bmi"]
    shown = mlops("features", "lineage", "bmi_mean", "--config", path).out
    assert "heart_vitals: mean of bmi over 90d" in shown
    assert f"{HEART}.bmi_mean" in mlops("features", "lineage", "bmi", "--config", path).out


def test_the_same_name_in_several_models_is_told_apart(mlops: Mlops) -> None:
    run = mlops("features", "lineage", "age", "--json")
    assert [each["protected_in"] for each in run.data["features"]] == [
        [HEART], ["diabetes_score"], ["readmission"],
    ]  # fmt: skip
    assert [len(each["used_by"]) for each in run.data["features"]] == [2, 0, 0]
    out = mlops("features", "lineage", "age").out
    assert "age of heart_disease" in out
    assert "no champion or challenger" in out


def test_a_view_names_what_is_made_of_it(mlops: Mlops) -> None:
    found = named(mlops("features", "lineage", "heart_tests", "--json"))
    assert {"cholesterol", "blood", "risky"} < set(found)
    assert "bmi" not in found


def test_a_model_names_its_features_and_no_others(mlops: Mlops) -> None:
    found = named(mlops("features", "lineage", HEART, "--json"))
    assert found == list(load_config(Path("config.yaml")).models[HEART].features)


def test_everything_fits_a_terminal(mlops: Mlops) -> None:
    run = mlops("features", "lineage")
    assert run.code == 0
    assert max(map(len, run.out.splitlines())) <= 80
    assert "readmission_history" in run.out
    models = load_config(Path("config.yaml")).models
    features = mlops("features", "lineage", "--json").data["features"]
    assert len(features) == sum(len(model.features) for model in models.values())


def test_a_name_that_nothing_has(mlops: Mlops) -> None:
    run = mlops("features", "lineage", "cholestrol")
    assert run.code == 6
    assert "no feature, view or model 'cholestrol' in config.yaml" in run.err
    assert "did you mean 'cholesterol'?" in run.err


def test_quiet_is_silent(mlops: Mlops) -> None:
    run = mlops("features", "lineage", "--quiet")
    assert (run.code, run.out, run.err) == (0, "", "")


def test_what_a_version_has_and_config_no_longer(mlops: Mlops, project: Path) -> None:
    line = "          smoker: {type: bool, description: smokes at present}\n"
    config = edited(line, "", project)
    found = only(mlops("features", "lineage", "smoker", "--json", "--config", config))
    assert (found["view"], found["models"], found["origins"]) == (None, [], [])
    assert [use["version"] for use in found["used_by"]] == [1, 2]
    out = mlops("features", "lineage", "smoker", "--config", config).out
    assert "smoker of heart_disease" in out
    assert "no longer in config.yaml" in out
    assert "smoker" in mlops("features", "lineage", HEART, "--config", config).out


def test_a_definition_that_has_changed_since(mlops: Mlops, project: Path) -> None:
    config = edited("cholesterol / 100", "cholesterol / 50", project)
    found = only(mlops("features", "lineage", "blood", "--json", "--config", config))
    assert [use["as_configured"] for use in found["used_by"]] == [False, False]
    assert "defined otherwise" in mlops("features", "lineage", "blood", "--config", config).out


def test_the_last_import_is_that_of_the_view(
    mlops: Mlops, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(project, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    tests = pd.read_parquet("data/heart_disease/tests.parquet")
    tests.head(3).to_csv("later.csv", index=False)
    assert mlops("features", "import", HEART, "later.csv").code == 0
    views = {
        view["view"]: view["imported"]
        for view in mlops("features", "lineage", HEART, "--json").data["views"]
    }
    assert views["heart_vitals"] is None
    told = {key: views["heart_tests"][key] for key in ("actor", "model", "file", "rows")}
    assert told == {"actor": "tester", "model": HEART, "file": "later.csv", "rows": 3}
    assert ": 3 rows of later.csv" in mlops("features", "lineage", "cholesterol").out


def test_a_version_that_cannot_be_read_is_a_warning(
    mlops: Mlops, project: Path, tmp_path: Path
) -> None:
    config = load_config(project / "config.yaml")
    folder, _ = registry.files_of(config, registry.version(config, HEART, 2))
    shutil.move(folder, tmp_path / "away")
    try:
        run = mlops("features", "lineage", "bmi", "--json")
        shown = mlops("features", "lineage", "bmi")
    finally:
        shutil.move(tmp_path / "away", folder)
    assert run.code == shown.code == 0
    (warning,) = run.json["warnings"]
    assert "heart_disease version 2 (challenger)" in warning
    assert shown.err.startswith("warning: ")
    assert [use["version"] for use in run.data["features"][0]["used_by"]] == [1]


def test_a_registry_that_cannot_be_reached_is_no_empty_answer(
    mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_TRACKING__URI", "http://127.0.0.1:9")
    assert mlops("features", "lineage", "bmi").code == 75
