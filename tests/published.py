"""The published tables that tests hold the program against, imported as a user would."""

import os
from pathlib import Path

import pandas as pd
import pytest
from running import ROOT, quietly


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder with the published files."""
    folder = Path(os.environ.get("MLOPS_DATA_DIR") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no {folder}: point MLOPS_DATA_DIR to the published data")
    return folder


def brought(folder: Path, config: str, *arguments: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Import a published file and return the features and the labels."""
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    quietly(folder, "features", "import", *map(str, arguments))
    labels = folder / "data/labels.parquet"
    (features,) = set((folder / "data").glob("*.parquet")) - {labels}
    return pd.read_parquet(features), pd.read_parquet(labels)
