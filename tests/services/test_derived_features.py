"""A derived feature from training to serving: one definition, the same value everywhere."""

from pathlib import Path

import pandas as pd
import pytest
from running import Mlops, derived, with_champion

BY_BAND = (
    "      age: {bins: [55]} # two groups: under 55, and 55 and over\n", "      age_band: {}\n",
)  # fmt: skip
DERIVED = """\
      pressure_by_age: {type: float, expression: resting_bp / age, description: pressure by age}
      age_band:
        type: category
        categories: [young, old]
        expression: "'old' if age >= 55 else 'young'"
        input: false
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose heart_disease has derived features and a version."""
    band = (
        "      age: {bins: [55]} # two groups: under 55, and 55 and over\n",
        "      age_band: {}\n",
    )
    return with_champion(tmp_path_factory.mktemp("derived"), derived(DERIVED), band)


@pytest.fixture(autouse=True)
def _inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_it_is_computed_online_and_explained(mlops: Mlops) -> None:
    run = mlops("predict", "heart_disease", "PT000123", "--explain", "--json")
    (answer,) = run.data["predictions"]
    features = answer["features"]
    assert features["pressure_by_age"] == pytest.approx(features["resting_bp"] / features["age"])
    assert features["age_band"] == ("old" if features["age"] >= 55 else "young")
    explained = {part["feature"] for part in answer["contributions"]}
    assert "pressure_by_age" in explained
    assert "age_band" not in explained


def test_a_file_needs_no_column_for_it(mlops: Mlops, tmp_path: Path) -> None:
    online = mlops("predict", "heart_disease", "PT000123", "--json").data["predictions"][0]
    row = {k: v for k, v in online["features"].items() if k not in {"pressure_by_age", "age_band"}}
    pd.DataFrame([row]).to_csv(tmp_path / "in.csv", index=False)
    run = mlops(
        "predict", "heart_disease", "--input", tmp_path / "in.csv", "--output", tmp_path / "out.csv"
    )
    assert run.code == 0, run.err
    scored = pd.read_csv(tmp_path / "out.csv")
    assert scored["probability"][0] == pytest.approx(online["probability"])


def test_it_protects_and_it_drifts(mlops: Mlops) -> None:
    bias = mlops("audit", "bias", "heart_disease", "--json", "--exit-zero")
    assert "age_band" in bias.out
    drift = mlops(
        "drift", "check", "heart_disease", "--json", "--exit-zero",
        "--current", "data/heart_disease/drifted_patients.csv",
    )  # fmt: skip
    checked = {check["column"] for check in drift.data["results"][0]["checks"]}
    assert {"pressure_by_age", "age_band"} <= checked


def test_it_is_shown_beside_what_it_comes_from(mlops: Mlops) -> None:
    found = mlops("features", "get", "heart_disease", "PT000123", "--json").data["features"]
    assert found["age_band"]["view"] == "derived"
    expected = found["resting_bp"]["value"] / found["age"]["value"]
    assert found["pressure_by_age"]["value"] == pytest.approx(expected)
