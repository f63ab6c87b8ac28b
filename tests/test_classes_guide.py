"""The guide to several classes and own metrics can be followed as it stands."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from running import ROOT, Mlops

GUIDE = (ROOT / "docs/classes.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """Return the one block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return str(found)


def patients(size: int, seed: int) -> pd.DataFrame:
    """Patients whose severity rises with age and pressure."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"patient_id": [f"P{n:03}" for n in range(size)]})
    frame["event_timestamp"] = pd.Timestamp("2026-01-01", tz="UTC")
    frame["age"], frame["pressure"] = rng.integers(30, 90, size), rng.normal(140, 20, size)
    frame["sex"] = rng.choice(["female", "male"], size)
    level = (frame["age"] - 60) / 15 + (frame["pressure"] - 140) / 20 + rng.normal(0, 1, size)
    frame["severity"] = np.select([level < -0.3, level < 1], ["none", "mild"], "severe")
    return frame


def test_the_guide_can_be_followed(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    smaller = "    search: {trials: 2, folds: 3, repeats: 1, max_rounds: 60}\n"
    Path("config.yaml").write_text(block("yaml") + smaller, encoding="utf-8")
    Path("clinic.py").write_text(block("python"), encoding="utf-8")
    patients(600, 0).to_csv("patients.csv", index=False)
    patients(300, 1).to_csv("newer.csv", index=False)
    for line in block("sh").splitlines():
        run = mlops(*shlex.split(line)[1:])
        assert run.code == 0, f"{line}: {run.err}{run.out}"
        if line == "mlops train severity":
            assert re.search(r"^ cost +\d", run.out, re.MULTILINE)
    assert mlops("promote", "severity", "--challenger", "--json").data["results"][0]["champion"]
