"""From cells to values."""

import datetime as dt
import decimal
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_cli.backends import files
from mlops_cli.config import FeatureConfig
from mlops_cli.domain.columns import typed
from mlops_cli.domain.encoding import json_value
from mlops_cli.errors import InputError

INT, FLOAT, BOOL = (FeatureConfig(type=kind) for kind in ("int", "float", "bool"))
SEX = FeatureConfig(type="category", categories=("female", "male"))
CODE = FeatureConfig(type="category", categories=("1", "2", "007"))
SPECS = {"whole": INT, "number": FLOAT, "flag": BOOL, "word": SEX}


def column(values, spec, **options):
    """Type one column and return its values, missing ones as None."""
    series = values if isinstance(values, pd.Series) else pd.Series(values, **options)
    found = typed(pd.DataFrame({"x": series}), {"x": spec}, "a.csv")["x"]
    return [None if pd.isna(value) else value for value in found]


@pytest.mark.parametrize("word", ["true", "True", " TRUE ", "yes", "1", "1.0", True, 1, 1.0])
def test_words_for_true(word):
    assert column([word], BOOL, dtype=object) == [1.0]


@pytest.mark.parametrize("word", ["false", "False", "no", "0", "0.0", False, 0, 0.0])
def test_words_for_false(word):
    assert column([word], BOOL, dtype=object) == [0.0]


@pytest.mark.parametrize("kind", ["int64", "float64", "bool", "boolean", "Int64", "uint8"])
def test_a_bool_column_may_be_stored_as_numbers(kind):
    assert column(pd.Series([1, 0]).astype(kind), BOOL) == [1.0, 0.0]


@pytest.mark.parametrize("value", ["maybe", "2", 2, 0.5, "truee"])
def test_other_words_are_no_bool(value):
    with pytest.raises(InputError, match=r"a.csv: column 'x', row 2 is not true or false"):
        column([True, value], BOOL, dtype=object)


@pytest.mark.parametrize(
    ("spec", "value"),
    [(INT, "1.5"), (INT, 1.5), (INT, "old"), (INT, "1e30"), (INT, 2.0**63), (FLOAT, "12,5"),
     (FLOAT, "NA"), (FLOAT, "0x"),
     (FLOAT, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), (FLOAT, dt.date(2026, 1, 1)),
     (FLOAT, [1.0]), (FLOAT, {"a": 1}), (INT, "--")],
)  # fmt: skip
def test_a_cell_of_another_type_is_refused(spec, value):
    with pytest.raises(InputError, match=r"column 'x', row 2 is not a (whole )?number"):
        column(pd.Series([1, value], dtype=object), spec)


def test_a_column_of_times_is_not_a_column_of_numbers():
    with pytest.raises(InputError, match="is not a number"):
        column(pd.Series(pd.to_datetime(["2026-01-01"])), FLOAT)


@pytest.mark.parametrize("cell", ["", None, float("nan"), "NaN", "nan", "inf", "-inf", math.inf])
@pytest.mark.parametrize("spec", [INT, FLOAT])
def test_empty_and_infinite_cells_are_missing(cell, spec):
    assert column(["3", cell], spec, dtype=object) == [3.0, None]


@pytest.mark.parametrize("cell", ["", None, float("nan"), pd.NA])
@pytest.mark.parametrize("spec", [BOOL, SEX])
def test_empty_flags_and_words_are_missing(cell, spec):
    assert column([cell], spec, dtype=object) == [None]


@pytest.mark.parametrize("value", ["41", "41.0", 41, 41.0, " 41 ", "4.1e1", decimal.Decimal(41)])
def test_ways_to_write_a_whole_number(value):
    assert column([value], INT, dtype=object) == [41.0]


@pytest.mark.parametrize("kind", ["Int64", "Float64", "int8", "float32", "category"])
def test_numbers_of_any_stored_type_become_float64(kind):
    found = typed(pd.DataFrame({"x": pd.Series([1, 2]).astype(kind)}), {"x": FLOAT}, "a.csv")
    assert found["x"].dtype == np.float64
    assert found["x"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("values", "words"),
    [(["1", "007", None], ["1", "007", None]), ([1, 2, 7], ["1", "2", "7"]),
     ([1.0, math.nan, 2.0], ["1", None, "2"])],
)  # fmt: skip
def test_a_category_is_text_whatever_it_was_stored_as(values, words):
    assert column(values, CODE) == words


def test_an_unknown_category_is_kept_as_it_was_written():
    assert column(["other", "male"], SEX) == ["other", "male"]


def test_columns_keep_the_order_of_the_features_and_the_index_of_the_table():
    frame = pd.DataFrame({"extra": [1], "word": ["male"], "whole": [3]}, index=[7])
    found = typed(frame, {"whole": INT, "word": SEX}, "a.csv")
    assert (list(found.columns), list(found.index)) == (["whole", "word"], [7])


def test_a_missing_column_is_named_with_what_is_there():
    with pytest.raises(
        InputError, match=r"a.csv: column 'whole' is missing, with 2 more"
    ) as caught:
        typed(pd.DataFrame({"word": ["male"]}), SPECS, "a.csv")
    assert caught.value.hint == "columns found: word"


def test_a_long_cell_is_cut_in_the_message():
    with pytest.raises(InputError) as caught:
        column(["x" * 500], FLOAT)
    assert len(caught.value.message) < 120


ROWS = st.fixed_dictionaries(
    {
        "whole": st.none() | st.integers(-(2**53), 2**53),
        "number": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "flag": st.none() | st.booleans(),
        "word": st.none() | st.sampled_from(["female", "male", "ünknown"]),
    }
)


@given(st.lists(ROWS, min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_a_typed_table_survives_parquet(tmp_path_factory, rows):
    frame = typed(pd.DataFrame(rows, columns=list(SPECS), dtype=object), SPECS, "rows")
    path = tmp_path_factory.getbasetemp() / "typed.parquet"
    files.write_table(path, frame, SPECS)
    back = typed(files.read_table(path), SPECS, "parquet")
    pd.testing.assert_frame_equal(back, frame)
    assert [
        {name: json_value(row[name], spec) for name, spec in SPECS.items()}
        for row in back.to_dict("records")
    ] == rows


@given(st.lists(st.integers(-(2**53), 2**53) | st.floats(-1e300, 1e300), min_size=1))
def test_numbers_written_as_text_are_read_exactly(numbers):
    assert column([repr(number) for number in numbers], FLOAT) == [float(n) for n in numbers]
