import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_cli.domain.digest import table_digest


def table():
    """A column of each kind, with missing values, longer than one block."""
    generator = np.random.default_rng(0)
    size = 40_000
    number = generator.normal(size=size)
    number[::7] = np.nan
    return pd.DataFrame(
        {
            "id": [f"PT{i:06d}" for i in range(size)],
            "number": number,
            "small": generator.random(size).astype("float32"),
            "count": generator.integers(-5, 5, size),
            "flag": generator.random(size) < 0.5,
            "word": generator.choice(["low", "high", None], size),
            "time": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(size), "min"),
            "optional": pd.array(generator.integers(0, 9, size), dtype="Int64"),
        }
    )


TABLE = table()
DIGEST = table_digest(TABLE)


def test_it_is_128_bits_in_hex_and_does_not_change_between_versions_of_this_program():
    assert int(DIGEST, 16) < 2**128
    assert len(DIGEST) == 32
    small = pd.DataFrame({"a": [1.5, None], "b": ["x", "y"], "c": [True, False]})
    assert table_digest(small) == "9ea80614d84d4daba2d84aacb386f3d4"


def test_order_of_rows_and_columns_and_the_index_play_no_part():
    shuffled = TABLE.sample(frac=1, random_state=1)[list(reversed(TABLE.columns))]
    assert table_digest(shuffled) == DIGEST
    assert table_digest(shuffled.set_axis(range(5, len(TABLE) + 5))) == DIGEST


@pytest.mark.parametrize("column", list(TABLE.columns))
@pytest.mark.parametrize("row", [0, 39_999])
def test_every_value_counts(column, row):
    changed = TABLE.copy()
    other = {"number": 0.25, "small": 0.25, "count": 99, "flag": not TABLE["flag"][row]}
    text = {"id": "PT", "word": "medium", "optional": 99, "time": pd.Timestamp("2020", tz="UTC")}
    changed.loc[row, column] = (other | text)[column]
    assert changed[column].dtype == TABLE[column].dtype
    assert table_digest(changed) != DIGEST


@pytest.mark.parametrize("column", ["number", "word", "optional", "time", "id"])
def test_a_value_gone_missing_counts(column):
    changed = TABLE.copy()
    changed.loc[2, column] = None
    assert changed[column].isna()[2] > TABLE[column].isna()[2]
    assert table_digest(changed) != DIGEST


def test_rows_columns_names_and_their_pairing_count():
    assert table_digest(TABLE.iloc[1:]) != DIGEST
    assert table_digest(pd.concat([TABLE, TABLE.iloc[:1]])) != DIGEST
    assert table_digest(TABLE.drop(columns="flag")) != DIGEST
    assert table_digest(TABLE.rename(columns={"flag": "flags"})) != DIGEST
    swapped = TABLE.rename(columns={"number": "small", "small": "number"})
    assert table_digest(swapped) != DIGEST
    moved = TABLE.assign(count=TABLE["count"].to_numpy()[::-1])
    assert table_digest(moved) != DIGEST


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([1, 2], [1.0, 2.0]),
        ([1, 0], [True, False]),
        ([1, 2], ["1", "2"]),
        ([1, "a"], [True, "a"]),
        ([1, "a"], ["1", "a"]),
        (np.array([1.0]), np.array([1.0], dtype="float32")),
        (["a", None], ["a", "None"]),
        (["a", None], ["a", ""]),
        (["a", "b", "b"], ["a", "a", "b"]),
        ([0, 0, 1, 1], [0, 0, 0, 1]),
    ],
)
def test_tables_that_differ_in_type_or_count_differ(left, right):
    tables = (pd.DataFrame({"a": pd.Series(values)}) for values in (left, right))
    assert len({table_digest(one) for one in tables}) == 2


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([0.0, 1.0], [-0.0, 1.0]),
        (["a", None], ["a", float("nan")]),
        (["a", "b"], pd.Series(["a", "b"], dtype="string")),
        (["a", "b"], pd.Series(["a", "b"], dtype="category")),
        (np.array([np.nan]), np.array([0xFFF8000000000001], dtype="uint64").view(float)),
    ],
)
def test_tables_that_mean_the_same_are_the_same(left, right):
    tables = (pd.DataFrame({"a": values}) for values in (left, right))
    assert len({table_digest(one) for one in tables}) == 1


def test_no_rows_still_have_columns():
    empty = TABLE.iloc[:0]
    assert table_digest(empty) != table_digest(empty.drop(columns="flag"))
    assert table_digest(pd.DataFrame()) != table_digest(pd.DataFrame(index=[0, 1]))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-3, 3), st.sampled_from("abc")), max_size=6),
    st.lists(st.tuples(st.integers(-3, 3), st.sampled_from("abc")), max_size=6),
)
def test_digests_are_equal_exactly_when_the_rows_are(left, right):
    frames = [
        pd.DataFrame(rows, columns=["n", "w"]).astype({"n": "int64", "w": object})
        for rows in (left, right)
    ]
    same = sorted(left) == sorted(right)
    assert (table_digest(frames[0]) == table_digest(frames[1])) == same
