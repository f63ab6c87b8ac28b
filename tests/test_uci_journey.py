"""The published figures, reached through the commands on the real data of four hospitals."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import ROOT, Mlops, quietly

EXAMPLE = ROOT / "examples" / "uci_heart"

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def uci(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = Path(os.environ.get("MLOPS_DATA_DIR") or ROOT.parent / "shared" / "data")
    source = data / "heart_disease"
    if not source.is_dir():
        pytest.skip(f"no {source}: point MLOPS_DATA_DIR to a folder that holds heart_disease/")
    folder = tmp_path_factory.mktemp("uci")
    for name in ("config.yaml", "prepare.py"):
        shutil.copyfile(EXAMPLE / name, folder / name)
    subprocess.run([sys.executable, folder / "prepare.py", source], check=True, cwd=folder)
    quietly(folder, "features", "apply")
    quietly(folder, "features", "materialize")
    return folder


@pytest.fixture
def here(uci: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(uci)
    return uci


def test_the_prepared_tables_are_as_configured(here: Path, mlops: Mlops) -> None:
    assert mlops("features", "validate").code == 0


def test_all_sites_reach_the_published_auc(here: Path, mlops: Mlops) -> None:
    auc = mlops("train", "heart_all_sites", "--json").data["metrics"]["roc_auc"]
    assert 0.86 <= auc["value"] <= 0.93
    assert auc["low"] < auc["value"] < auc["high"]


def test_cleveland_reaches_the_published_auc_in_repeated_cross_validation(
    here: Path, mlops: Mlops
) -> None:
    trained = mlops("train", "heart_cleveland", "--json").data
    assert 0.87 <= trained["cross_validation"]["roc_auc"] <= 0.92


@pytest.fixture(scope="module")
def half(uci: Path) -> Path:
    """A champion that has seen a random half of Cleveland and nothing else."""
    quietly(uci, "train", "heart_cleveland_half")
    quietly(uci, "promote", "heart_cleveland_half", "--challenger")
    return uci


def drifted(mlops: Mlops, file: str) -> tuple[int, set[str]]:
    run = mlops("drift", "check", "heart_cleveland_half", "--current", f"data/{file}.csv", "--json")
    (result,) = run.data["results"]
    return run.code, {check["column"] for check in result["checks"] if check["drifted"]}


def test_the_other_half_of_cleveland_has_not_drifted(half: Path, here: Path, mlops: Mlops) -> None:
    assert drifted(mlops, "cleveland_held_back") == (0, set())


@pytest.mark.parametrize("site", ["switzerland", "va", "hungary"])
def test_the_other_hospitals_have(half: Path, here: Path, mlops: Mlops, site: str) -> None:
    code, columns = drifted(mlops, site)
    assert code == 3
    assert "cholesterol" in columns


def test_a_patient_of_another_site_is_predicted_and_explained(
    half: Path, here: Path, mlops: Mlops
) -> None:
    run = mlops("predict", "heart_cleveland_half", "va-013", "--explain", "--json")
    (answer,) = run.data["predictions"]
    assert len(answer["contributions"]) == 13
