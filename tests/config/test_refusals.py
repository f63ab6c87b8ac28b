"""What would fail later is refused when the file is read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_cli.config import load_config
from mlops_cli.errors import ConfigError


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trials: 5", "space: {}", "models.heart.search.space"),
        ("trials: 5", "space: {max_depth: {low: 2.5, high: 3, scale: int}}", "whole numbers"),
        ("trials: 5", "space: {max_dept: {low: 2, high: 3}}", "max_dept"),
        ("source: data/labels.parquet", "source: s3://bucket/labels.parquet", "not a URL"),
        ("source: data/vitals.parquet", "source: data/vitals.csv", "Parquet file"),
        ("column: sick", "column: patient_id", "also the entity or time column"),
        ("age: {type: int", "mlops_age: {type: int", "are ours"),
        ("seed: 7", "logs: {audit: audit.db}", "SQLAlchemy URL"),
        ("seed: 7", "state: s3://bucket/state", "not a URL"),
    ],
)
def test_refused(write: Callable[..., Path], old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write((old, new)), {})
    assert message in caught.value.message


def test_a_negative_margin_is_refused(write: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match="0 or more"):
        load_config(write(extra="    gates: {not_worse: {brier: -0.5}}\n"), {})
