"""Wrong cells by column and reason, and the raising checks that are built on them."""

import numpy as np
import pandas as pd
import pytest

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.columns import checked, checked_ids, checked_times, entities, times, typed
from mlops_cli.domain.rejection import Rejected, Wrong, rejects, report
from mlops_cli.errors import InputError


def wrong(found):
    return [(each.reason, each.rows.tolist()) for each in found.wrong]


@pytest.mark.parametrize(
    ("kind", "cells", "reason"),
    [
        ("int", ["1", "x", "", "1.5", "inf"], "not a whole number"),
        ("float", ["1", "x", "", "1,5", "inf"], "not a number"),
        ("bool", ["yes", "x", "", "2", "no"], "not true or false"),
    ],
)
def test_every_wrong_cell_is_found_and_none_is_quoted(kind, cells, reason):
    values = pd.Series(cells, name="a", dtype=object)
    found = checked(values, FeatureConfig(type=kind))
    assert wrong(found) == [(reason, [1, 3])]
    with pytest.raises(InputError, match=f"t.csv: column 'a', row 2 is {reason}"):
        typed(values.to_frame(), {"a": FeatureConfig(type=kind)}, "t.csv")


def test_no_word_is_wrong_for_a_category():
    spec = FeatureConfig(type="category", categories=("a",))
    assert checked(pd.Series(["a", "other", None, 7]), spec).wrong == ()


def test_ids_are_never_quoted():
    values = pd.Series(["secret", None, ""], name="id")
    found = checked_ids(values)
    assert wrong(found) == [("no id", [1, 2])]
    with pytest.raises(InputError, match=r"t.csv: row 2 has no id$"):
        entities(values, "t.csv")


def test_a_missing_time_is_not_the_same_as_a_wrong_one():
    values = pd.Series(["soon", None, "", "2026-01-01"], name="at")
    found = checked_times(values)
    assert wrong(found) == [("no time", [1, 2]), ("not a time in ISO 8601", [0])]
    with pytest.raises(InputError, match="column 'at', row 1 is not a time in ISO 8601"):
        times(values, "t.csv")


def test_numbers_are_no_times_and_gaps_among_them_are_gaps():
    found = checked_times(pd.Series([2026.0, np.nan], name="at"))
    assert [each.reason for each in found.wrong] == ["no time", "not a time in ISO 8601"]


def test_a_report_counts_a_row_once_and_starts_with_the_first():
    found = report(
        [
            Wrong("b", "not a number", np.array([9])),
            Wrong("a", "not a number", np.array([2, 4, 5, 6])),
            Wrong("b", "not a number", np.array([3, 9])),
        ]
    )
    assert found == (
        Rejected("a", "not a number", 4, (3, 5, 6)),
        Rejected("b", "not a number", 2, (4, 10)),
    )


def test_rejects_are_in_the_order_of_the_file():
    lines = [pd.DataFrame({"a": ["x"]}, index=[7]), pd.DataFrame({"a": ["y"]}, index=[2])]
    found = rejects(lines, [Wrong("a", "odd", np.array([2, 7])), Wrong(None, "bad", np.array([7]))])
    assert found.to_dict("list") == {
        "a": ["y", "x"], "mlops_row": [3, 8], "mlops_reason": ["a: odd", "a: odd; bad"],
    }  # fmt: skip
