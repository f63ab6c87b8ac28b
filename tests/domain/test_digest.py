import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_cli.domain.digest import row_digests, table_digest, table_digests


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
    assert table_digest(small) == "df495e1df64f29527b4b1df39330aeef"


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
        (["a", "\udc80"], ["a", "\udc81"]),
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


KEYS = ("id", "time")


def changed_columns(changed):
    """Which columns of the table have another digest, where the id and the time say whose row."""
    was, now = (table_digests(frame, KEYS).columns for frame in (TABLE, changed))
    return {name for name in was if was[name] != now.get(name)}


def test_the_digests_of_columns_have_no_order_either():
    assert list(table_digests(TABLE, KEYS).columns) == list(TABLE.columns)
    shuffled = TABLE.sample(frac=1, random_state=1)[list(reversed(TABLE.columns))]
    assert table_digests(shuffled, KEYS).whole == DIGEST
    assert changed_columns(shuffled) == set()


@pytest.mark.parametrize("column", ["number", "small", "count", "flag", "word", "optional"])
def test_a_column_is_named_where_values_have_changed_or_swapped_their_rows(column):
    gone = TABLE.copy()
    row = TABLE.index[TABLE[column].notna()][-1]
    gone[column] = gone[column].mask(gone.index == row)
    swapped = TABLE.copy()
    swapped[column] = TABLE[column].array[::-1]
    assert swapped[column].dtype == TABLE[column].dtype
    for changed in (gone, swapped):
        assert changed_columns(changed) == {column}


def test_a_column_is_named_where_only_its_type_has_changed():
    assert changed_columns(TABLE.astype({"count": "int32"})) == {"count"}
    empty = TABLE.iloc[:0]
    was, now = (table_digests(each).columns for each in (empty, empty.astype({"count": "int32"})))
    assert {name for name in was if was[name] != now[name]} == {"count"}


def test_another_key_is_named_and_so_is_every_column_that_is_not_a_key():
    changed = TABLE.copy()
    changed.loc[5, "id"] = "PT"
    assert changed_columns(changed) == set(TABLE.columns) - {"time"}


def test_each_row_has_digests_of_its_own_whatever_the_others_are():
    digests = row_digests(TABLE)
    assert len(np.unique(digests, axis=0)) == len(TABLE)
    assert len(np.unique(digests[:, 0])) == len(np.unique(digests[:, 1])) == len(TABLE)
    assert (row_digests(TABLE.iloc[39_000:]) == digests[39_000:]).all()


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
