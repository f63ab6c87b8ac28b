"""The project of the guide to features, from four CSV files to a checked champion."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from running import ROOT, Mlops

GUIDE = (ROOT / "docs/features.md").read_text(encoding="utf-8")
PATIENTS, VISITS = 250, 6
START = pd.Timestamp.now("UTC").floor("D") - pd.Timedelta(days=200)


def write_tables(folder: Path) -> None:
    """Write a table for each view, under the names of their columns, and the labels."""
    generator = np.random.default_rng(11)
    rows = PATIENTS * VISITS
    visit = np.tile(np.arange(VISITS), PATIENTS)
    visits = pd.DataFrame(
        {
            "patient_id": np.repeat([f"P{n:03}" for n in range(PATIENTS)], VISITS),
            "event_timestamp": START + pd.to_timedelta(visit * 30, unit="D"),
            "Weight_kg": generator.normal(80, 15, rows).round(1),
            "height": np.repeat(generator.normal(1.7, 0.1, PATIENTS).round(2), VISITS),
            "pressure": generator.integers(100, 190, rows).astype(str),
        }
    )
    visits["written_at"] = visits["event_timestamp"]
    visits.loc[3, "pressure"] = "high"
    visits.loc[9, "pressure"] = "0"
    stays = visits[["patient_id", "event_timestamp"]].assign(
        hospital_id=[f"H{n % 3}" for n in range(rows)], nights=generator.integers(1, 20, rows)
    )
    hospitals = pd.DataFrame({"hospital_id": ["H0", "H1", "H2"], "beds": [100, 300, 500]})
    odds = (stays["nights"] - 10) / 2
    labels = stays[["patient_id", "hospital_id"]].assign(
        event_timestamp=stays["event_timestamp"] + pd.Timedelta(days=1),
        back=(generator.random(rows) < 1 / (1 + np.exp(-odds))).astype(int),
    )
    hospitals = hospitals.assign(event_timestamp=START - pd.Timedelta(days=400))
    tables = {"visits": visits, "stays": stays, "hospitals": hospitals, "labels": labels}
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)


@pytest.mark.slow
def test_the_guide_can_be_followed(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    smaller = "    search: {trials: 2, folds: 2, max_rounds: 40}\n"
    (tmp_path / "config.yaml").write_text(block + smaller, encoding="utf-8")
    write_tables(tmp_path)

    def done(command: str, code: int = 0) -> dict:
        run = mlops(*command.split(), "--json")
        assert run.code == code, f"{command}: {run.out}"
        return run.data

    done("features import return_risk visits.csv", code=2)
    rejected = done("features import return_risk visits.csv --on-error reject", code=3)
    assert [(each["column"], each["rows"]) for each in rejected["rejected"]] == [("pressure", 1)]
    for name in ("stays", "hospitals", "labels"):
        done(f"features import return_risk {name}.csv")
    done("features validate")
    shutil.copytree("data", "last_year", symlinks=True)
    told = done("features validate --against last_year/", code=5)["results"][0]
    few = {each["table"] for each in told["comparisons"] if not each["conclusive"]}
    assert few == {"hospitals"}  # three are too few to compare
    done("features validate --against last_year/visits", code=5)  # nothing there for the others
    done("features stats return_risk")
    done("features apply")
    done("features materialize")
    values = done("features get return_risk patient_id=P002,hospital_id=H0")["features"]
    visits = pd.read_csv("visits.csv")
    last = visits[visits["patient_id"] == "P002"].iloc[-1]
    assert values["weight"]["value"] == last["Weight_kg"]
    assert values["bmi"]["value"] == pytest.approx(last["Weight_kg"] / last["height"] ** 2)
    assert values["weight_change"]["value"] is not None
    trained = done("train return_risk")
    assert trained["left_out"] == {"pressure": 1}
    reproduced = done(f"train return_risk --reproduce {trained['run_id']}")
    assert reproduced["reproduced"]
    done("promote return_risk --challenger")
    done("predict return_risk patient_id=P002,hospital_id=H0")
    done("features skew return_risk", code=5)  # one prediction is no evidence
    assert "pressure_90d" in str(done("features lineage pressure"))
