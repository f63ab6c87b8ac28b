"""From values to the numbers that XGBoost reads, and to JSON."""

import math

import numpy as np
import pandas as pd
import pytest

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.encoding import encode, json_value

INT, FLOAT, BOOL = (FeatureConfig(type=kind) for kind in ("int", "float", "bool"))
SEX = FeatureConfig(type="category", categories=("female", "male"))


def test_encode_numbers_categories_by_their_place():
    frame = pd.DataFrame({"x": ["male", "female", "unknown", None]})
    codes = encode(frame, {"x": SEX}).ravel()
    assert codes[:2].tolist() == [1.0, 0.0]
    assert np.isnan(codes[2:]).all()


def test_encode_leaves_out_what_is_no_input():
    specs = {"a": FLOAT, "b": FeatureConfig(type="float", input=False), "c": FLOAT}
    matrix = encode(pd.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0]}), specs)
    assert matrix.tolist() == [[1.0, 3.0]]
    assert matrix.dtype == np.float32


def test_encode_reads_a_column_without_any_value():
    frame = pd.DataFrame({"x": pd.Series([None, None], dtype=object)})
    assert np.isnan(encode(frame, {"x": FLOAT})).all()


@pytest.mark.parametrize(
    ("value", "spec", "expected"),
    [(41.0, INT, 41), (True, BOOL, True), (0.0, BOOL, False), (1.5, FLOAT, 1.5), ("a", SEX, "a"),
     (np.float32(2), INT, 2), (None, INT, None), (math.nan, INT, None), (math.inf, FLOAT, None),
     (pd.NA, BOOL, None), (np.float32("nan"), INT, None), (math.nan, SEX, None),
     (np.bool_(True), BOOL, True), (np.int64(3), FLOAT, 3.0)],
)  # fmt: skip
def test_json_value(value, spec, expected):
    found = json_value(value, spec)
    assert found == expected
    assert type(found) is type(expected)
