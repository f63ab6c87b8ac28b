"""A small valid config.yaml, written where a test wants it."""

from collections.abc import Callable
from pathlib import Path

import pytest

CONFIG = """\
project: clinic
seed: 7

tracking:
  uri: sqlite:///runs.db

models:
  heart:
    task: classification
    entity: patient_id
    feature_views:
      vitals:
        source: data/vitals.parquet
        ttl: 45d
        features:
          age: {type: int, range: [18, 100]}
          sex: {type: category, categories: [female, male]}
    labels:
      source: data/labels.parquet
      column: sick
    search:
      trials: 5
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write config.yaml with some of its lines replaced, given as pairs of old and new text."""

    def write_config(*changes: tuple[str, str], extra: str = "") -> Path:
        text = CONFIG
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} is not once in the configuration"
            text = text.replace(old, new)
        path = tmp_path / "config.yaml"
        path.write_text(text + extra, encoding="utf-8")
        return path

    return write_config
