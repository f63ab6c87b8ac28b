"""A missing value from training to serving: used, imputed or refused, as the feature says."""

import csv
from pathlib import Path

import pandas as pd
import pytest
from running import Mlops, with_champion

from mlops_cli.backends import estimator, registry
from mlops_cli.config import load_config

IMPUTED, REFUSED = "cholesterol: {type: float,", "st_depression: {type: float,"
LABELS = "data/heart_disease/labels.parquet"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model imputes one feature, refuses without another, and has a champion."""
    return with_champion(
        tmp_path_factory.mktemp("missing"),
        (IMPUTED, f"{IMPUTED} missing: impute,"),
        (REFUSED, f"{REFUSED} missing: refuse,"),
    )


@pytest.fixture(autouse=True)
def _inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


@pytest.fixture
def stored() -> estimator.StoredModel:
    config = load_config(Path("config.yaml"))
    return estimator.load(*registry.files_of(config, registry.champion(config, "heart_disease")))


@pytest.fixture
def row() -> dict[str, str]:
    """A patient without a gap."""
    with Path("data/heart_disease/new_patients.csv").open(encoding="utf-8") as file:
        return next(each for each in csv.DictReader(file) if all(each.values()))


def score(mlops: Mlops, folder: Path, *rows: dict[str, str]) -> list[float]:
    pd.DataFrame(rows).to_csv(folder / "rows.csv", index=False)
    files = ("--input", folder / "rows.csv", "--output", folder / "scored.csv")
    assert mlops("predict", "heart_disease", *files).code == 0
    return list(pd.read_csv(folder / "scored.csv")["probability"])


def test_labels_without_a_refused_value_are_left_out_and_counted(mlops: Mlops) -> None:
    result = mlops("train", "heart_disease", "--no-register", "--json").data
    ((feature, count),) = result["left_out"].items()
    assert feature == "st_depression"
    labels = len(pd.read_parquet(LABELS))
    assert 0 < count < labels / 5
    assert result["rows"]["train"] + result["rows"]["test"] == labels - count
    shown = mlops("train", "heart_disease", "--no-register").out
    assert f"st_depression: missing for {count} labels" in " ".join(shown.split())


def test_no_row_kept_with_the_model_lacks_a_refused_value(stored: estimator.StoredModel) -> None:
    for file in (estimator.REFERENCE_FILE, estimator.HOLDOUT_FILE):
        rows = stored.rows(file)
        assert rows["st_depression"].notna().all()
        assert rows["cholesterol"].isna().any(), "imputed values are still on record as missing"


def test_the_median_of_the_training_rows_takes_the_place_of_a_gap(
    mlops: Mlops, tmp_path: Path, stored: estimator.StoredModel, row: dict[str, str]
) -> None:
    fill = stored.contract.features["cholesterol"].fill
    assert fill == stored.rows(estimator.REFERENCE_FILE)["cholesterol"].median()
    cells = ("", str(fill), "480")
    rows = [{**row, "cholesterol": cell} for cell in cells]
    gap, filled, other = score(mlops, tmp_path, *rows)
    assert gap == filled
    assert gap != other


def test_a_prediction_without_a_refused_value_is_refused(
    mlops: Mlops, tmp_path: Path, row: dict[str, str]
) -> None:
    gaps = [row, {**row, "st_depression": ""}, {**row, "st_depression": ""}]
    pd.DataFrame(gaps).to_csv(tmp_path / "rows.csv", index=False)
    files = ("--input", tmp_path / "rows.csv", "--output", tmp_path / "scored.csv")
    run = mlops("predict", "heart_disease", *files, "--json")
    assert run.code == 2
    assert "rows.csv, row 2 and 1 more: 'st_depression' is missing" in run.error["message"]
    assert not (tmp_path / "scored.csv").exists()


def test_an_entity_without_a_refused_value_is_refused_by_name(mlops: Mlops) -> None:
    found = {}
    for number in range(1, 301):
        who = f"PT{number:06d}"
        values = mlops("features", "get", "heart_disease", who, "--json").data["features"]
        found[values["st_depression"]["value"] is None] = who
        if len(found) == 2:
            break
    assert mlops("predict", "heart_disease", found[False]).code == 0
    run = mlops("predict", "heart_disease", found[True], "--json")
    assert run.code == 2
    assert found[True] in run.error["message"]
    assert "missing: refuse" in run.error["hint"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("missing: impute,", "missing: impute, fill: often,", "fill 'often' is not a number"),
        ("missing: refuse,", "missing: refuse, fill: 1,", "fill belongs to missing: impute"),
        ("missing: refuse,", "missing: guess,", "use, impute, refuse"),
    ],
)
def test_a_policy_that_cannot_be_is_named(
    mlops: Mlops, tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = Path("config.yaml").read_text(encoding="utf-8")
    (tmp_path / "config.yaml").write_text(text.replace(old, new), encoding="utf-8")
    run = mlops("config", "check", "--config", tmp_path / "config.yaml")
    assert run.code == 2
    assert said in " ".join(run.err.split())
