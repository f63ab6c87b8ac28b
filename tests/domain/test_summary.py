"""The numbers of `features stats` against pandas' own, and the words it may show."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.subjects import Identity
from mlops_cli.domain.summary import histogram, summaries, summary

PEOPLE = Identity(("who",), ("at",), ("who",))
SEX = FeatureConfig(type="category", categories=("female", "male"))


@given(st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=5, max_size=60))
def test_numbers_agree_with_pandas(cells: list[float | None]) -> None:
    values = pd.Series(cells, dtype=float)
    found = summary("x", values, FeatureConfig(type="float"), np.arange(len(values)))
    assert found.missing == pytest.approx(values.isna().mean())
    assert found.distinct == values.nunique()
    if values.count() < 5:
        assert (found.min, found.median, found.histogram) == (None, None, None)
        return
    told = [found.min, found.p5, found.median, found.p95, found.max]
    exact = values.quantile([0, 0.05, 0.5, 0.95, 1]).tolist()
    assert told == pytest.approx(exact, rel=0.051, abs=1e-300)  # two digits at the worst
    assert sum(found.histogram.counts) == values.count()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=80))
def test_a_histogram_counts_every_value_once(cells: list[int]) -> None:
    line = np.sort(np.array(cells, dtype=float))
    found = histogram(line, whole=True)
    assert sum(found.counts) == len(line)
    if len(found.counts) < 10:
        inside = [round(found.low + 0.5) + part for part in range(len(found.counts))]
        assert list(found.counts[1:-1]) == [cells.count(value) for value in inside[1:-1]]


def test_an_outlier_does_not_hide_the_rest() -> None:
    line = np.sort(np.append(np.linspace(0, 100, 1000), 99_999))
    found = histogram(line, whole=False)
    assert found.high < 101
    assert min(found.counts) > 90


def test_a_constant_has_one_part() -> None:
    found = histogram(np.array([7.0, 7.0]), whole=True)
    assert (found.low, found.high, found.counts) == (6.5, 7.5, (2,))
    assert sum(histogram(np.array([0.5, 0.5]), whole=False).counts) == 2


def test_numbers_of_four_people_are_not_told_however_many_rows() -> None:
    values, four = pd.Series(np.arange(40.0)), np.arange(40) % 4
    spec = FeatureConfig(type="float")
    assert summary("x", values, spec, four).median is None
    assert summary("x", values, spec, np.arange(40) % 5).median == 19.5


def numbers_of(values: pd.Series, who: np.ndarray) -> set[float | None]:
    found = summary("x", values, FeatureConfig(type="float"), who)
    assert found.histogram
    ends = (found.histogram.low, found.histogram.high)
    return {found.min, found.p5, found.median, found.p95, found.max, *ends}


@pytest.mark.parametrize("people", [5, 6, 21, 401])
def test_no_number_of_one_person_is_told(people: int) -> None:
    """An odd count puts the median, and 21 or 401 also the other quantiles, on one of them."""
    values = pd.Series(19_840_312_770.0 + np.arange(people))
    assert numbers_of(values, np.arange(people)) == {2e10} | ({1.98e10} if people > 6 else set())
    visits = pd.concat([values] * 12, ignore_index=True)
    who = np.tile(np.arange(people), 12)
    assert numbers_of(visits, who) == numbers_of(values, np.arange(people))


def test_a_number_of_five_people_is_told_as_it_is() -> None:
    values = pd.Series([101.37] * 5 + [102.42] * 30 + [103.58] * 5)
    assert numbers_of(values, np.arange(40)) == {101.37, 102.42, 103.58}
    few = np.array([0, 1, 2, 3, 3, *range(4, 34), 34, 35, 36, 37, 37])
    assert numbers_of(values, few) == {100.0, 102.42}


@given(st.lists(st.tuples(st.integers(1000, 1040), st.integers(-1, 9)), min_size=1, max_size=60))
def test_what_is_told_exactly_five_people_have(rows: list[tuple[int, int]]) -> None:
    numbers, who = np.array(rows).T
    found = summary("x", pd.Series(numbers.astype(float)), FeatureConfig(type="int"), who)
    for told in (found.min, found.p5, found.median, found.p95, found.max):
        if told in numbers and told % 10:
            assert len({person for number, person in rows if number == told and person >= 0}) >= 5


def test_words_of_the_configuration_are_told_and_others_if_five_people_have_them() -> None:
    words = ["male"] * 2 + ["Ada"] * 4 + ["divers"] * 5 + [None] * 9
    found = summary("sex", pd.Series(words, dtype=object), SEX, np.arange(20))
    told = [(each.word, each.rows) for each in found.words]
    assert told == [("female", 0), ("male", 2), ("divers", 5)]
    assert (found.other_rows, found.distinct, found.missing) == (4, 3, 0.45)
    assert sum(each.share for each in found.words) == pytest.approx(7 / 11)
    one = summary("sex", pd.Series(words, dtype=object), SEX, np.zeros(20, dtype=int))
    assert ([each.word for each in one.words], one.other_rows) == (["female", "male"], 9)


def test_an_id_in_a_column_of_words_is_not_told() -> None:
    frame = pd.DataFrame({"who": ["PT0", *(f"PT{n}" for n in range(9))], "sex": ["PT0"] * 10})
    (found,) = summaries(frame, {"sex": SEX}, PEOPLE)
    assert ([each.word for each in found.words], found.other_rows) == (["female", "male"], 10)


def test_truth_values_are_counted() -> None:
    values = pd.Series([1.0, 0.0, 1.0, np.nan])
    found = summary("b", values, FeatureConfig(type="bool"), np.arange(4))
    assert [(each.word, each.rows) for each in found.words] == [("false", 1), ("true", 2)]
    assert (found.distinct, found.missing, found.histogram) == (2, 0.25, None)


def test_a_column_that_cannot_be_read_does_not_stop_the_others() -> None:
    frame = pd.DataFrame({"who": list("abcdef"), "age": ["old"] * 6, "bmi": ["21.5"] * 6})
    specs = {name: FeatureConfig(type="int") for name in ("age", "gone")}
    found = summaries(frame, {**specs, "bmi": FeatureConfig(type="float")}, PEOPLE)
    assert [each.problem for each in found] == ["not int", "no column", None]
    assert found[2].median == 21.5


def test_an_empty_table_has_no_numbers() -> None:
    frame = pd.DataFrame({"who": [], "age": [], "sex": []})
    features = {"age": FeatureConfig(type="int"), "sex": SEX, "on": FeatureConfig(type="bool")}
    found = summaries(frame.assign(on=[]), features, PEOPLE)
    assert [(each.rows, each.missing, each.distinct) for each in found] == [(0, None, 0)] * 3
