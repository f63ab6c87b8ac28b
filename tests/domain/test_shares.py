"""Shares: their intervals against SciPy's, and rows that are no new evidence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mlops_cli.domain import shares


@given(st.integers(1, 5000), st.data())
def test_the_interval_is_wilsons(rows: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, rows))
    found = shares.wilson(count / rows, rows)
    expected = binomtest(count, rows).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("rows", [1, 7, 100, 12_345, 10**9])
def test_nothing_found_is_never_above_zero(rows: int) -> None:
    assert shares.wilson(0.0, rows).low == 0
    assert shares.wilson(1.0, rows).high == 1


@given(st.integers(1, 3000), st.floats(0, 0.5), st.data())
def test_what_is_detectable_is_the_edge_of_the_interval(
    rows: int, limit: float, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, rows))
    edge = shares.detectable(rows, limit)
    low = shares.wilson(count / rows, rows).low
    if count / rows > edge + 1e-9:
        assert low > limit
    if count / rows < edge - 1e-9:
        assert low <= limit


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_repeated_rows_count_for_less(groups: list[int]) -> None:
    found = shares.effective_rows(np.array(groups))
    assert 1 - 1e-9 <= found <= len(set(groups)) + 1e-9


def test_one_row_asked_a_thousand_times_is_hardly_more_than_one() -> None:
    groups = np.array([0] * 1000 + [1])
    assert shares.effective_rows(groups) == pytest.approx(1.002, abs=1e-3)
    assert shares.effective_rows(np.arange(500)) == 500
    assert shares.effective_rows(np.array([], dtype=np.int64)) == 0
