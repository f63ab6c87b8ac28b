"""Windows over time against a loop that looks at every pair of rows."""

import math
import statistics
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_cli.config.features import WindowConfig
from mlops_cli.domain import windows
from mlops_cli.domain.windows import lined_up, window_columns, windowed

COMPUTE = ("change", "previous", "mean", "min", "max", "sum", "count", "std")
SECOND = 1_000_000
DAYS = pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"], utc=True)


def slowly(codes, events, created, values, compute, over):
    """Return what one row after the other knows, in seconds as the unit of time."""
    found, known = [], [max(e, c) for e, c in zip(events, created, strict=True)]
    for k, e, w, own in zip(codes, events, known, values, strict=True):
        rows = [n for n in range(len(codes)) if codes[n] == k and known[n] <= w and events[n] <= e]
        latest = {events[n]: values[n] for n in sorted(rows, key=lambda n: (created[n], n))}
        earlier = [latest[each] for each in sorted(latest) if each < e]
        before = earlier[-1] if earlier else math.nan
        seen = [x for at, x in latest.items() if at > e - over and not math.isnan(x)]
        answers = {"change": own - before, "previous": before, "count": len(seen)}
        some = {"mean": statistics.fmean, "min": min, "max": max, "sum": sum} if seen else {}
        some |= {"std": statistics.stdev} if len(seen) > 1 else {}
        answers |= {name: function(seen) for name, function in some.items()}
        found.append(answers.get(compute, math.nan))
    return found


ROW = st.tuples(
    st.integers(0, 2), st.integers(0, 7), st.integers(-2, 9),
    st.one_of(st.just(math.nan), st.integers(-50, 50).map(lambda n: n / 4)),
)  # fmt: skip


@pytest.mark.parametrize("compute", COMPUTE)
@given(rows=st.lists(ROW, min_size=1, max_size=14), over=st.integers(1, 9), written=st.booleans())
@settings(max_examples=120, deadline=None)
def test_as_a_loop_over_all_pairs_finds(compute, rows, over, written):
    codes, events, lags, values = (np.array(each) for each in zip(*rows, strict=True))
    created = events + lags if written else events
    span = None if compute in {"change", "previous"} else timedelta(seconds=over)
    line = lined_up(codes, events * SECOND, created * SECOND if written else None)
    if not written:  # without a time of writing an event time occurs once
        _, keep = np.unique(codes * 100 + events, return_index=True)
        codes, events, created, values = (x[keep] for x in (codes, events, created, values))
        line = lined_up(codes, events * SECOND)
    found = windowed(line, values.astype(float), WindowConfig(of="x", compute=compute, over=span))
    expected = slowly(codes, events, created, values, compute, over)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@given(rows=st.lists(ROW, min_size=2, max_size=30))
@settings(max_examples=60, deadline=None)
def test_large_windows_are_computed_in_parts(rows):
    codes, events, lags, values = (np.array(each) for each in zip(*rows, strict=True))
    line = lined_up(codes, events * SECOND, (events + lags) * SECOND)
    for compute in ("mean", "std"):
        window = WindowConfig(of="x", compute=compute, over=timedelta(seconds=5))
        whole = windowed(line, values, window)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(windows, "_AT_ONCE", 3)
            np.testing.assert_array_equal(windowed(line, values, window), whole)


@given(rows=st.lists(ROW, min_size=2, max_size=20, unique_by=lambda r: r[:3]), seed=st.integers())
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_rows_does_not_matter(rows, seed):
    codes, events, lags, values = (np.array(each) for each in zip(*rows, strict=True))
    mixed = np.random.default_rng(abs(seed)).permutation(len(rows))
    for compute in COMPUTE:
        over = None if compute in {"change", "previous"} else timedelta(seconds=4)
        window = WindowConfig(of="x", compute=compute, over=over)
        line = lined_up(codes, events * SECOND, (events + lags) * SECOND)
        again = lined_up(codes[mixed], events[mixed] * SECOND, (events + lags)[mixed] * SECOND)
        there, here = windowed(line, values, window), windowed(again, values[mixed], window)
        np.testing.assert_array_equal(here, there[mixed])


def test_a_window_leaves_out_its_first_moment_and_takes_in_its_last():
    frame = pd.DataFrame(
        {"id": ["a"] * 3, "at": DAYS,
         "x": [1.0, 10.0, 100.0]}
    )  # fmt: skip
    window = {"sum_2d": WindowConfig(of="x", compute="sum", over=timedelta(days=2))}
    assert window_columns(frame, ["id"], ["at"], window)["sum_2d"].tolist() == [1, 11, 110]


def test_a_late_correction_is_not_known_before_it_was_written():
    day = "2026-01-0{}".format
    frame = pd.DataFrame(
        {"id": ["a"] * 4, "at": [day(1), day(1), day(2), day(4)],
         "written": [day(1), day(3), day(2), day(4)], "x": [1.0, 5.0, 10.0, 100.0]}
    )  # fmt: skip
    for name in ("at", "written"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    change = {"change": WindowConfig(of="x", compute="change")}
    mean = {"mean": WindowConfig(of="x", compute="sum", over=timedelta(days=9))}
    found = window_columns(frame, ["id"], ["at", "written"], change | mean)
    assert found["change"].tolist()[2:] == [9, 90]
    assert found["mean"].tolist() == [1, 5, 1 + 10, 5 + 10 + 100]


def test_a_key_of_several_columns_is_one_key():
    at = pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"], utc=True)
    frame = pd.DataFrame(
        {"who": ["a", "a", "a"], "where": ["x", "y", "x"], "at": at, "v": [1, 2, 4]}
    )
    window = {"change": WindowConfig(of="v", compute="change")}
    found = window_columns(frame, ["who", "where"], ["at"], window)["change"]
    assert np.isnan(found[:2]).all()
    assert found[2] == 3


@pytest.mark.parametrize("compute", COMPUTE)
def test_a_table_without_rows(compute):
    over = None if compute in {"change", "previous"} else timedelta(days=1)
    nothing = np.empty(0, dtype=np.int64)
    window = WindowConfig(of="x", compute=compute, over=over)
    assert len(windowed(lined_up(nothing, nothing), np.empty(0), window)) == 0


def test_a_sum_beyond_all_numbers_is_missing():
    line = lined_up(np.zeros(2, dtype=np.int64), np.arange(2))
    window = WindowConfig(of="x", compute="sum", over=timedelta(days=1))
    found = windowed(line, np.array([1e308, 1e308]), window)
    assert found[0] == 1e308
    assert np.isnan(found[1])
