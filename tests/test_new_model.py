"""A fourth model needs one block of YAML and no code."""

from pathlib import Path

import pandas as pd
import pytest
from running import Mlops
from sklearn.datasets import load_breast_cancer

HEAD = """project: clinic
models:
  tumour:
    description: Chance that a tumour is malignant
    task: classification
    entity: sample
    feature_views:
      cells:
        source: data/cells.parquet
        features:
"""
TAIL = """    labels: {source: data/labels.parquet, column: malignant}
    search: {trials: 3, folds: 3, max_rounds: 150}
    bands: {low: 0, high: 0.5}
    gates: {floor: {roc_auc: 0.9}}
"""


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one CSV table as a hospital has it, and the block of YAML."""
    folder = tmp_path_factory.mktemp("clinic")
    bunch = load_breast_cancer(as_frame=True)
    features = bunch.data.rename(columns=lambda name: name.replace(" ", "_"))
    ids = [f"{number:05d}" for number in range(len(features))]
    features.insert(0, "sample", ids)
    batch = features.sample(150, random_state=1)
    batch.assign(mean_radius=batch["mean_radius"] * 10).to_csv(
        folder / "other_unit.csv", index=False
    )
    batch.to_csv(folder / "batch.csv", index=False)
    features.assign(malignant=1 - bunch.target).to_csv(folder / "own.csv", index=False)
    block = "".join(f"          {name}: {{type: float}}\n" for name in features.columns[1:])
    (folder / "config.yaml").write_text(HEAD + block + TAIL)
    return folder


def test_a_new_model_from_a_csv_file_to_a_drift_check(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clinic)
    assert mlops("features", "import", "tumour", "own.csv", "--time", "2026-01-01").code == 0
    assert mlops("features", "validate").code == 0
    assert mlops("features", "apply").code == 0
    assert mlops("features", "materialize").code == 0

    trained = mlops("train", "tumour", "--json")
    assert trained.code == 0, trained.err
    assert trained.data["metrics"]["roc_auc"]["value"] > 0.95
    assert trained.data["rows"]["train"] + trained.data["rows"]["test"] == 569

    promoted = mlops("promote", "--challenger", "--json")
    assert promoted.data["results"][0]["decision"] == "promoted"

    (answer,) = mlops("predict", "tumour", "00000", "--explain", "--json").data["predictions"]
    assert (answer["band"], answer["entity"]) == ("high", "00000")
    assert len(answer["contributions"]) == 30

    scored = mlops("predict", "tumour", "--input", "batch.csv", "--output", "out.csv", "--json")
    assert scored.data["rows"] == 150
    assert pd.read_csv("out.csv", dtype=str)["sample"].str.len().eq(5).all()

    calm = mlops("drift", "check", "tumour", "--current", "batch.csv", "--json")
    assert (calm.code, calm.data["results"][0]["drifted"]) == (0, False)
    moved = mlops("drift", "check", "tumour", "--current", "other_unit.csv", "--json")
    assert moved.code == 3
    checks = moved.data["results"][0]["checks"]
    assert "mean_radius" in {check["column"] for check in checks if check["drifted"]}
    assert mlops("audit", "verify").code == 0
