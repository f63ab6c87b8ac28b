"""Skew: what counts as another value, and which row was served."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.config import FeatureConfig
from mlops_cli.domain import skew

FLOAT, INT = FeatureConfig(type="float"), FeatureConfig(type="int")
WORD = FeatureConfig(type="category", categories=("f", "m"))
numbers = st.one_of(st.just(np.nan), st.floats(-1e12, 1e12, width=64))


def series(*values: object, kind: type = float) -> pd.Series:
    return pd.Series(values, dtype=kind)


@given(numbers)
def test_a_round_trip_through_float32_is_no_difference(value: float) -> None:
    trip = float(np.float32(value))
    if value == 0 or np.isnan(value) or abs(value) > 1e-30:  # below, float32 has fewer digits
        assert not skew.different(series(trip), series(value), FLOAT).any()


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20))
def test_the_order_of_the_two_sides_does_not_matter(pairs: list[tuple[float, float]]) -> None:
    one, two = series(*(a for a, _ in pairs)), series(*(b for _, b in pairs))
    for spec in (FLOAT, INT):
        assert skew.different(one, two, spec).tolist() == skew.different(two, one, spec).tolist()
        assert not skew.different(one, one, spec).any()


@pytest.mark.parametrize(
    ("served", "known", "spec", "kind", "expected"),
    [
        (1000.0, 1000.002, FLOAT, float, True),
        (1000.0, 1000.0005, FLOAT, float, False),
        (0.0, 1e-9, FLOAT, float, True),
        (10_000_000.0, 10_000_001.0, INT, float, True),
        (np.nan, 0.0, INT, float, True),
        (np.nan, np.nan, FLOAT, float, False),
        ("f", "m", WORD, object, True),
        ("f", "f", WORD, object, False),
        (None, "f", WORD, object, True),
        (None, None, WORD, object, False),
    ],
)
def test_what_another_value_is(
    served: object, known: object, spec: FeatureConfig, kind: type, *, expected: bool
) -> None:
    one, two = series(served, kind=kind), series(known, kind=kind)
    assert skew.different(one, two, spec).tolist() == [expected]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"bp": 120.5, "age": 41, "sex": "f", "ill": True}, True),
        ({"bp": 120, "age": None}, True),
        ({}, True),
        ({"bp": "high"}, False),
        ({"bp": True}, False),
        ({"age": 41.0}, False),
        ({"sex": 1}, False),
        ({"ill": 1}, False),
    ],
)
def test_values_of_other_types_are_told_apart(values: dict[str, object], *, expected: bool) -> None:
    features = {"bp": FLOAT, "age": INT, "sex": WORD, "ill": FeatureConfig(type="bool")}
    assert skew.of_these_types(values, features) is expected


def test_derived_features_are_taken_as_they_were_logged() -> None:
    features = {"bp": FLOAT, "double": FeatureConfig(type="float", expression="bp * 2")}
    served, had = skew.served_values([{"bp": 1.0, "double": 5.0}, {"bp": 2.0}], features)
    assert served["double"].tolist()[0] == 5
    assert had["double"].tolist() == [True, False]


rows = st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 9), st.sampled_from([1, 2]))


@given(st.lists(rows, max_size=12), st.lists(rows, min_size=1, max_size=8), st.booleans())
def test_the_served_row_is_the_newest_known_one_with_its_values(
    history: list[tuple[int, int, int, int]],
    served: list[tuple[int, int, int, int]],
    written: bool,
) -> None:
    codes, events, created, values = np.array(history, dtype=np.int64).reshape(-1, 4).T
    asked, times, _, wanted = np.array(served, dtype=np.int64).T
    found = skew.same_row(
        pd.DataFrame({"bp": values.astype(float)}), codes, events, created if written else None,
        pd.DataFrame({"bp": wanted.astype(float)}), asked, times,
    )  # fmt: skip
    for position, (who, time, _, value) in enumerate(served):
        fitting = [
            (event, stamp if written else 0, row)
            for row, (code, event, stamp, own) in enumerate(history)
            if code == who and own == value and max(event, stamp if written else 0) <= time
        ]
        assert found[position] == max(fitting, default=(0, 0, -1))[2]


def test_missing_cells_are_part_of_a_row_and_nobody_has_none() -> None:
    history = pd.DataFrame({"bp": [np.nan, 1.0], "sex": ["f", None]})
    served = pd.DataFrame({"bp": [np.nan, np.nan, 1.0], "sex": ["f", "f", None]})
    found = skew.same_row(
        history, np.array([0, 0]), np.array([1, 2]), None,
        served, np.array([0, -1, 0]), np.array([5, 5, 5]),
    )  # fmt: skip
    assert found.tolist() == [0, -1, 1]


def test_every_differing_row_has_one_reason() -> None:
    served = series(np.nan, np.nan, np.nan, 1.0, 1.0, 1.0, 1.0)
    known = series(2.0, 2.0, 2.0, 2.0, np.nan, 2.0, 1.0)
    older = np.array([False, True, False, True, False, False, False])
    blank = np.array([True, False, False, False, False, False, False])
    found = skew.reasons(served, known, skew.different(served, known, FLOAT), older, blank)
    assert found == {"missing": 2, "older": 1, "unknown": 1, "other": 2}
