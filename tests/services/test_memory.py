"""The memory that a training takes: said beforehand, refused where it is not there, and true."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from running import Mlops

from mlops_cli.backends import environment, files
from mlops_cli.backends.environment import _left_of_the_container
from mlops_cli.domain.memory import TOLERANCE, needed

CONFIG = """\
project: memory
models:
  risk:
    task: classification
    entity: who
    feature_views:
      v: {source: data/v.parquet, features: {FEATURES}}
    labels: {source: data/labels.parquet, column: label}
    search: {trials: 1, folds: 2, repeats: 1, max_rounds: 10}
"""


def project(folder: Path, rows: int, columns: int = 4) -> None:
    (folder / "data").mkdir(parents=True)
    names = [f"f{n}" for n in range(columns)]
    features = ", ".join(f"{name}: {{type: float}}" for name in names)
    text = CONFIG.replace("FEATURES", features)
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(rows, columns)), columns=names)
    keys = {"who": [f"P{n:08}" for n in range(rows)]}
    day = pd.Timestamp("2025-01-01", tz="UTC")
    label = (rng.random(rows) < 1 / (1 + np.exp(-table["f0"]))).astype(int)
    table.assign(**keys, event_timestamp=day).to_parquet(folder / "data/v.parquet")
    pd.DataFrame({**keys, "event_timestamp": day, "label": label}).to_parquet(
        folder / "data/labels.parquet"
    )


@pytest.fixture
def small(tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch) -> int:
    """A project of 400 rows as the current folder; returns what its training is said to take."""
    project(tmp_path / "p", 400)
    monkeypatch.chdir(tmp_path / "p")
    assert mlops("features", "apply").code == 0
    return needed(400, 4, [(400, 4)])


def test_too_little_memory_is_refused_before_anything_is_read(
    small: int, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "available_memory", lambda: int(small * (1 - TOLERANCE)) - 1)
    run = mlops("train", "risk", "--json")
    assert (run.code, run.error["code"]) == (2, "input")
    assert "400 labels" in run.error["message"]
    assert "GiB are free" in run.error["message"]
    assert "--jobs 1" in run.error["hint"]
    assert "joining" not in run.err


@pytest.mark.parametrize(("share", "told"), [(0.9, True), (1.9, True), (2.1, False), (None, False)])
def test_it_is_told_where_it_matters(
    small: int,
    mlops: Mlops,
    monkeypatch: pytest.MonkeyPatch,
    share: float | None,
    told: bool,
) -> None:
    free = None if share is None else int(small * share)
    monkeypatch.setattr(environment, "available_memory", lambda: free)
    run = mlops("train", "risk", "--no-register", "--json")
    assert run.code == 0, run.err
    assert ("GiB of memory" in run.err) == told
    assert run.data["memory_mib"] == round(small / 2**20)


def test_rows_are_counted_without_reading_them(tmp_path: Path) -> None:
    project(tmp_path / "p", 30)
    folder = tmp_path / "p/data"
    assert files.row_count(folder / "v.parquet") == 30
    assert files.row_count(folder) == 60
    assert files.row_count(folder / "none.parquet") is None
    (folder / "more.csv").write_text("a\n1\n", encoding="utf-8")
    assert files.row_count(folder / "more.csv") is None


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="only Linux says")
def test_what_is_free_is_less_than_there_is() -> None:
    free = environment.available_memory()
    assert free is not None
    assert 0 < free < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("limit", "expected"), [("max", None), ("1000", 1000 - 700 + 200), ("500", 0)]
)
def test_a_container_has_what_its_limit_leaves(
    tmp_path: Path, limit: str, expected: int | None
) -> None:
    for name, text in (("max", limit), ("current", "700"), ("stat", "anon 5\ninactive_file 200")):
        (tmp_path / f"memory.{name}").write_text(text, encoding="utf-8")
    assert _left_of_the_container(tmp_path) == expected
    assert _left_of_the_container(tmp_path / "none") is None


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the constants are those of Linux")
@pytest.mark.parametrize(("rows", "columns"), [(60_000, 40), (250_000, 4)])
def test_the_peak_is_what_was_said(tmp_path: Path, rows: int, columns: int) -> None:
    project(tmp_path / "p", rows, columns)
    child = subprocess.run(
        [sys.executable, "-c", PEAK],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PROJECT": str(tmp_path / "p")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    said = needed(rows, columns, [(rows, columns)])
    assert int(child.stdout) * 1024 == pytest.approx(said, rel=TOLERANCE)


# The high-water mark of the program itself: what wait4 tells begins with that of its parent.
PEAK = """
import os, pathlib, sys
from mlops_cli.main import main
os.chdir(os.environ["PROJECT"])
stdout, sys.stdout = sys.stdout, open(os.devnull, "w")
code = main(["features", "apply", "--quiet"]) or main(["train", "risk", "--quiet", "--json"])
peak = next(s for s in pathlib.Path("/proc/self/status").read_text().splitlines() if "VmHWM" in s)
print(peak.split()[1], file=stdout)
sys.exit(code)
"""
