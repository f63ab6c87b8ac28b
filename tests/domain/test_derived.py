"""Derived features: what they give, what they refuse, and that they are the same everywhere."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.config import FeatureConfig
from mlops_cli.config.expression import kind_of, parse
from mlops_cli.domain.columns import typed
from mlops_cli.domain.derived import evaluate

NAN = math.nan
KINDS = {"a": "number", "b": "number", "w": "text"}


def value(text: str, a: float = NAN, b: float = NAN, w: str | None = None) -> object:
    """Check and evaluate an expression for one row; a missing answer is None."""
    kind_of(parse(text), KINDS)
    columns = {"a": np.array([a]), "b": np.array([b]), "w": np.array([w], dtype=object)}
    (found,) = evaluate(text, columns, 1)
    return None if found is None or found != found else found  # noqa: PLR0124 - NaN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 2", 8), ("a / b", 2 / 3), ("b // a", 1), ("b % a", 1), ("-a ** 2", -4),
        ("a / 0", None), ("log(0 - a)", None), ("sqrt(a * 8)", 4), ("min(a, b, 1)", 1),
        ("max(a, b)", 3), ("round(b / a)", 2), ("1 < a <= 2 < b", 1), ("1 < a < 2", 0),
        ("a == 2 and b == 3", 1), ("a == 1 or b == 1", 0), ("not a", 0), ("not 0", 1),
        ("'x' if a > 1 else 'y'", "x"), ("10 ** 400", None), ("10.0 ** 400", None), ("True + 1", 2),
    ],
)  # fmt: skip
def test_expressions(text: str, expected: object) -> None:
    assert value(text, a=2, b=3) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b", None), ("a < 1", None), ("w == 'x'", None), ("'x' if a else 'y'", None),
        ("a > 0 and b > 5", 0), ("a > 0 and b > 1", None), ("a > 0 or b > 1", 1),
        ("a > 0 or b > 5", None), ("not a", None), ("missing(a)", 1), ("missing(b)", 0),
        ("missing(w)", 1), ("min(a, b)", None), ("b if missing(a) else a", 3),
    ],
)  # fmt: skip
def test_what_is_missing_stays_missing_unless_it_is_asked_for(text: str, expected: object) -> None:
    assert value(text, b=3) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "a +", "c", "a.real", "a[0]", "lambda: a", "__import__('os')", "eval('1')", "a if a",
        "w + 1", "a == 'x'", "w < 'x'", "[a]", "a is None", "a in (1, 2)", "None", "f'{a}'",
        "min(a)", "log(a, b)", "log(w)", "a := 1", "min(*a)", "abs(x=a)", "1j", "a & b",
        "a if b else w", "not w", "a" * 301, "1e999",
        "(" * 150 + "a",
    ],
)  # fmt: skip
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        kind_of(parse(text), KINDS)


def test_the_deepest_expression_is_read() -> None:
    assert value("-" * 299 + "a", a=1) == -1


@given(st.text(max_size=60) | st.text("ab w()+-*/<>=.,'[]{}:01iforelsnt_", max_size=40))
def test_no_text_does_anything_but_be_refused_or_evaluated(text: str) -> None:
    try:
        kind = kind_of(parse(text), KINDS)
    except ValueError:
        return
    columns = {"a": np.array([1.0, NAN]), "b": np.array([2.0, 0.0])}
    found = evaluate(text, columns | {"w": np.array(["x", None], dtype=object)}, 2)
    assert found.shape == (2,)
    assert (found.dtype == object) == (kind == "text")


CELLS = st.one_of(st.just(NAN), st.floats(-1e6, 1e6, allow_nan=False))


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=20))
def test_a_row_gives_the_same_alone_as_in_a_table(rows: list[tuple[float, float]]) -> None:
    text = "(a - b) / b if a > b or missing(b) else max(a, 0) ** 2"
    table = {"a": np.array([a for a, _ in rows]), "b": np.array([b for _, b in rows])}
    together = evaluate(text, table, len(rows))
    alone = [value(text, a, b) for a, b in rows]
    assert [None if np.isnan(each) else each for each in together] == alone


FEATURES = {
    "age": FeatureConfig(type="int"),
    "weight": FeatureConfig(type="float"),
    "band": FeatureConfig(
        type="category", categories=("young", "old"),
        expression="'old' if age >= 55 else 'young'",
    ),
    "heavy_old": FeatureConfig(type="bool", expression="band == 'old' and weight > 100"),
}  # fmt: skip


def test_a_derived_feature_may_use_an_earlier_one_and_replaces_a_column_of_its_name() -> None:
    frame = pd.DataFrame(
        {"age": ["60", "", "40"], "weight": [120, 120, 90], "band": ["x"] * 3}, index=[5, 3, 1]
    )
    found = typed(frame, FEATURES, "a.csv")
    assert list(found.columns) == list(FEATURES)
    assert found["band"].tolist() == ["old", None, "young"]
    assert found["heavy_old"].tolist()[::2] == [1, 0]
    assert np.isnan(found["heavy_old"].iloc[1])
    assert found.index.tolist() == [5, 3, 1]
