"""A project of one table: its column y is the label, the others are features."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from running import Mlops

SEARCH = {"trials": 2, "folds": 2, "max_rounds": 40, "patience": 10}

Train = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def table_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tables: MLflow takes seconds to make its first database."""
    return tmp_path_factory.mktemp("one_table")


@pytest.fixture
def trained(table_folder: Path, monkeypatch: pytest.MonkeyPatch, mlops: Mlops) -> Train:
    """Train a model of a table, and return the data of the answer."""
    monkeypatch.chdir(table_folder)

    def train(frame: pd.DataFrame, *options: str, **model: Any) -> dict[str, Any]:
        project(table_folder, frame, **model)
        assert mlops("features", "apply", "--yes", "--quiet").code == 0
        run = mlops("train", "m", "--json", *options)
        assert run.code == 0, run.err
        return run.data

    return train


def project(folder: Path, frame: pd.DataFrame, **model: Any) -> None:
    """Write a table whose column y is the label, and a configuration that reads the others.

    A row of its entity comes a day after the one before.
    """
    first = pd.Timestamp("2026-01-01", tz="UTC").as_unit("us")
    days = pd.to_timedelta(frame.groupby("id", sort=False).cumcount(), unit="D")
    table = frame.assign(when=(first + days).astype("datetime64[us, UTC]"))
    table.to_parquet(folder / "table.parquet", index=False)
    features = {
        name: {"type": "float"}
        if pd.api.types.is_numeric_dtype(frame[name])
        else {"type": "category", "categories": sorted(frame[name].dropna().unique().tolist())}
        for name in frame.columns.drop(["id", "y"])
    }
    block = {
        "task": "classification",
        "entity": "id",
        "feature_views": {
            "table": {"source": "table.parquet", "timestamp": "when", "features": features}
        },
        "labels": {"source": "table.parquet", "column": "y", "timestamp": "when"},
        "search": SEARCH,
    }
    config = {"project": "p", "models": {"m": block | model}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def rows(count: int = 400, seed: int = 0, **columns: Any) -> pd.DataFrame:
    """Return a table of that many entities with a feature x that says something about y."""
    random = np.random.default_rng(seed)
    x = random.normal(size=count)
    table = {"id": [f"E{n}" for n in range(count)], "x": x, "z": random.normal(size=count)}
    y = (random.random(count) < 1 / (1 + np.exp(-2 * x))).astype(int)
    return pd.DataFrame({**table, "y": y} | columns)
