"""The whole life of a model through the command line, on real embedded stores."""

from pathlib import Path

import pytest
from running import Mlops, build


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("journey"))


def test_a_model_lives_its_whole_life(
    journey: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(journey)

    trained = mlops("train", "heart_disease", "--json")
    assert trained.code == 0
    auc = trained.data["metrics"]["roc_auc"]
    assert 0.6 < auc["low"] <= auc["value"] <= auc["high"] < 1
    assert trained.data["version"] == 1
    assert trained.data["alias"] == "challenger"

    promoted = mlops("promote", "--challenger", "--json")
    assert promoted.code == 0
    (result,) = promoted.data["results"]
    assert (result["decision"], result["champion"]) == ("promoted", None)
    assert {gate["name"] for gate in result["gates"]} >= {"floor:roc_auc"}

    answered = mlops("predict", "heart_disease", "PT000123", "--explain", "--json")
    (answer,) = answered.data["predictions"]
    assert answer["version"] == 1
    assert 0 < answer["probability"] < 1

    scored = mlops(
        "predict", "heart_disease", "--input", "data/heart_disease/new_patients.csv",
        "--output", "predictions.csv", "--json",
    )  # fmt: skip
    assert scored.data["rows"] == 500

    calm = mlops("drift", "check", "heart_disease", "--json")
    assert (calm.code, calm.data["results"][0]["drifted"]) == (0, False)

    drifted = mlops(
        "drift", "check", "heart_disease", "--current", "data/heart_disease/drifted_patients.csv",
        "--json",
    )  # fmt: skip
    assert drifted.code == 3
    columns = {c["column"] for c in drifted.data["results"][0]["checks"] if c["drifted"]}
    assert "cholesterol" in columns

    traced = mlops("audit", "lineage", answer["prediction_id"], "--json")
    assert traced.data["run_id"] == trained.data["run_id"]
    assert traced.data["dataset_digest"] == trained.data["dataset_digest"]

    verified = mlops("audit", "verify", "--json")
    assert (verified.code, verified.data["intact"]) == (0, True)
