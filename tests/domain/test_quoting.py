"""Nothing in a finding tells of one person."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.domain.quoting import SHARED_BY, entities_of_each, examples, rough

PEOPLE = np.arange(20)


@given(
    st.lists(
        st.tuples(st.sampled_from(["Ada", "Bob", "?", "NA", "x" * 25]), st.integers(-1, 7)),
        min_size=1,
        max_size=60,
    )
)
def test_every_quoted_word_is_that_of_five_people(cells: list[tuple[str, int]]) -> None:
    words, people = (list(each) for each in zip(*cells, strict=True))
    said = examples(pd.Series(words), np.array(people))
    having = {word: {who for each, who in cells if each == word and who >= 0} for word in words}
    for text in said or ():
        word, _, rows = text.removesuffix(" rows)").removesuffix(" row)").partition(" (")
        assert len(having[word]) >= SHARED_BY
        assert int(rows) == words.count(word)
    quotable = {word for word, who in having.items() if len(who) >= SHARED_BY and len(word) <= 24}
    assert len(said or ()) == min(3, len(quotable))


@given(st.lists(st.tuples(st.floats(allow_nan=False), st.integers(-1, 9)), min_size=1, max_size=40))
def test_numbers_of_fewer_than_five_people_are_not_quoted(cells: list[tuple[float, int]]) -> None:
    numbers, people = (list(each) for each in zip(*cells, strict=True))
    said = examples(pd.Series(numbers), np.array(people))
    if len({who for who in people if who >= 0}) < SHARED_BY:
        assert said is None
    elif len(set(numbers)) > 1:
        assert said[-1] == f"about {rough(min(numbers))} to {rough(max(numbers))}"


def test_twelve_visits_of_one_patient_are_one_patient() -> None:
    cells = pd.Series(["Lovelace"] * 12)
    assert examples(cells, np.zeros(12, dtype=int)) is None
    assert examples(cells, np.arange(12)) == ("Lovelace (12 rows)",)


def test_rows_of_nobody_do_not_count() -> None:
    assert examples(pd.Series(["?"] * 9), np.array([0, 1, 2, 3, -1, -1, -1, -1, -1])) is None


@pytest.mark.parametrize(
    "text",
    ["seen by Dr Lovelace in May", "x" * 25, "red\x1b[31m", "two\nlines", "a b c d", "tab\tbed"],
)
def test_text_that_is_no_word_is_not_quoted(text: str) -> None:
    assert examples(pd.Series([text] * 20), PEOPLE) is None


def test_an_id_is_not_quoted_whoever_has_it() -> None:
    referred = pd.Series(["PT7"] * 20)
    assert examples(referred, PEOPLE, {"PT7"}) is None
    assert examples(pd.Series([12345.5] * 3 + [1.0] * 3), PEOPLE[:6]) == ("about 1 to 12000",)


def test_a_code_is_quoted_though_somebody_has_it_as_an_id() -> None:
    assert examples(pd.Series([1] * 20), PEOPLE, {"1"}) == ("1 (20 rows)",)


def test_a_range_is_given_of_numbers_only() -> None:
    cells = pd.Series(["1", "2", "3", "4", "5", "six"])
    assert examples(cells, PEOPLE[:6]) is None
    assert examples(cells.head(5), PEOPLE[:5]) == ("about 1 to 5",)


def test_the_range_has_two_digits_only() -> None:
    cells = pd.Series([19840312771.0, 121, 122, 123, 124])
    assert examples(cells, PEOPLE[:5]) == ("about 120 to 2e+10",)


def test_three_words_at_most_the_most_frequent_first() -> None:
    cells = pd.Series([*"aaaaa", *"bbbbbb", *"ccccccc", *"dddddddd"])
    said = examples(cells, np.arange(len(cells)))
    assert said == ("d (8 rows)", "c (7 rows)", "b (6 rows)")


def test_entities_are_counted_once_for_each_value() -> None:
    codes, who = np.array([0, 0, 1, 1, -1]), np.array([10**6, 10**6, 3, 4, 5])
    assert entities_of_each(codes, who, 2).tolist() == [1, 2]
