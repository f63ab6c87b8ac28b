"""Changes between two states of a table: found where there are some, and only there."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_cli.config import FeatureConfig
from mlops_cli.config.limits import DriftConfig
from mlops_cli.domain.drift import check_extremes
from mlops_cli.domain.table_changes import column_changes, type_changes, value_changes

LIMITS = DriftConfig()
FEATURES = {
    "age": FeatureConfig(type="int", range=(0, 120)),
    "sugar": FeatureConfig(type="float"),
    "heavy": FeatureConfig(type="float"),
    "smoker": FeatureConfig(type="bool"),
    "pain": FeatureConfig(type="category", categories=("none", "some", "strong")),
}


def table(rows: int, seed: int, **columns: Any) -> pd.DataFrame:
    """One row for each entity, as the domain reads it."""
    draw = np.random.default_rng(seed)
    sugar = np.where(draw.random(rows) < 0.1, np.nan, draw.normal(100, 15, rows))
    made = {
        "age": draw.integers(20, 90, rows).astype(float),
        "sugar": sugar,
        "heavy": draw.standard_t(2, rows),
        "smoker": (draw.random(rows) < 0.2).astype(float),
        "pain": draw.choice(["none", "some", "strong"], rows, p=[0.7, 0.25, 0.05]).astype(object),
    }
    return pd.DataFrame({**made, **columns})


def changed(before: pd.DataFrame, now: pd.DataFrame) -> list[tuple[str, str]]:
    found = value_changes("lab", before, now, FEATURES, LIMITS, 7)
    return [(each.column, each.rule) for each in found]


@pytest.mark.parametrize(("before", "now"), [(120, 120), (120, 600)])
def test_no_change_is_no_finding(before: int, now: int) -> None:
    """alpha is 0.05 for the whole table: of 30 pairs, 1.5 are expected, 6 would be a bug."""
    pairs = [(table(before, 2 * seed), table(now, 2 * seed + 1)) for seed in range(30)]
    assert sum(bool(changed(*pair)) for pair in pairs) <= 5


def test_the_same_table_is_no_change() -> None:
    assert changed(table(300, 1), table(300, 1)) == []


@pytest.mark.parametrize(
    ("column", "values", "rule"),
    [
        ("age", np.arange(300) % 70 + 35.0, "values as before"),
        ("age", np.where(np.arange(300) < 12, 900, np.arange(300) % 70), "in the range before"),
        ("sugar", np.where(np.arange(300) % 3, np.nan, 100.0), "missing as seldom as before"),
        ("sugar", np.full(300, np.nan), "has values, as before"),
        ("smoker", np.ones(300), "varies, as before"),
        ("pain", np.array(["some", "none"] * 150, dtype=object), "values as before"),
        ("pain", np.array(["none"] * 290 + ["severe"] * 10, dtype=object),
         "unknown words as seldom as before"),
    ],
)  # fmt: skip
def test_a_change_is_a_finding(column: str, values: Any, rule: str) -> None:
    before, now = table(300, 1), table(300, 2, **{column: values})
    found = changed(before, now)
    assert (column, rule) in found
    assert {name for name, _ in found} == {column}


def test_rows_and_share_are_those_that_changed() -> None:
    now = table(300, 2, sugar=np.where(np.arange(300) % 3, np.nan, 100.0))
    found = value_changes("lab", table(300, 1), now, FEATURES, LIMITS, 7)
    (missing,) = (each for each in found if each.rule.startswith("missing"))
    assert (missing.rows, missing.share) == (200, pytest.approx(2 / 3))
    assert missing.examples[0].startswith("missing values ")


def test_a_mean_of_a_few_is_not_quoted() -> None:
    now = table(300, 2, sugar=np.append(np.full(296, np.nan), np.full(4, 731.0)))
    found = value_changes("lab", table(300, 1), now, FEATURES, LIMITS, 7)
    assert [each.rule for each in found if each.column == "sugar"]
    assert not any("731" in text for each in found for text in each.examples or ())


def test_the_range_of_the_configuration_is_not_that_of_the_reference() -> None:
    """All 300 rows are within 0 to 120, and 60 of them older than anybody before."""
    before = table(300, 1, age=np.arange(300) % 50 + 20.0)
    now = table(300, 2, age=np.arange(300) % 50 + np.where(np.arange(300) < 60, 55, 20))
    assert ("age", "in the range before") in changed(before, now)


def test_values_out_of_both_ranges_are_told_once() -> None:
    """That of the configuration is held against every row already, not only the newest."""
    ages = np.arange(300) % 50 + 20.0
    now = table(300, 2, age=np.where(np.arange(300) < 12, 900, ages))
    found = [each for each in changed(table(300, 1, age=ages), now) if each[0] == "age"]
    assert found == [("age", "in the range before")]


@pytest.mark.parametrize(("before", "now"), [(100, 100), (100, 1000), (1000, 100)])
def test_the_extremes_alarm_no_more_often_than_alpha(before: int, now: int) -> None:
    draw = np.random.default_rng(5)
    alarms = [
        check_extremes("x", draw.standard_t(2, before), draw.standard_t(2, now), 0.1, 0.0).drifted
        for _ in range(2000)
    ]
    assert np.mean(alarms) < 0.115


def test_columns_that_came_and_went() -> None:
    before, now = (
        pd.DataFrame({"id": [1], "age": [2], "old": [3]}),
        pd.DataFrame({"id": [1], "new": [2]}),
    )
    found = column_changes("lab", before, now, {"id", "age"})
    assert [(each.column, each.rule) for each in found] == [
        ("old", "still is a column"), ("new", "was a column before"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ([1, 2], [1.0, None], None),
        ([True, False], [True, None], None),
        ([True, False], [1, 0], "truth value before, number now"),
        (["a", None], [1, 2], "text before, number now"),
        ([None, None], [1, 2], None),
        (["2026-01-01"], pd.to_datetime(["2026-01-01"], utc=True), "text before, time now"),
    ],
)
def test_types_are_compared_by_what_they_mean(before: Any, now: Any, said: str | None) -> None:
    found = type_changes("lab", pd.DataFrame({"x": before}), pd.DataFrame({"x": now}), ())
    assert [each.examples for each in found] == ([(said,)] if said else [])
