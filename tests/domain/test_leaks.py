"""Columns that tell too much, or nothing."""

import numpy as np
import pandas as pd
import pytest

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.leaks import telling, warnings

GENERATOR = np.random.default_rng(4)
ROWS = 2000
CLASSES = (GENERATOR.random(ROWS) < 0.3).astype(float)
AMOUNTS = GENERATOR.gamma(2.0, 3.0, ROWS)
NUMBER = FeatureConfig(type="float")
WORDS = tuple(f"w{n}" for n in range(1000))


def word_of(values: np.ndarray) -> pd.Series:
    return pd.Series([f"w{int(each)}" for each in values], dtype=object)


@pytest.mark.parametrize(
    "copy",
    [
        CLASSES,
        -3 * CLASSES + GENERATOR.normal(0, 0.2, ROWS),
        np.where(GENERATOR.random(ROWS) < 0.1, np.nan, CLASSES),
        np.where(CLASSES == 1, 5.0, np.nan),
        np.exp(CLASSES),
    ],
    ids=["itself", "the other way round", "with gaps", "known of the sick alone", "monotone"],
)
def test_a_copy_of_a_class_is_seen(copy):
    assert telling(pd.Series(copy), CLASSES, "classification") > 0.995


def test_a_word_for_each_class_is_seen():
    copy = word_of(CLASSES * 10 + GENERATOR.integers(0, 3, ROWS))
    assert telling(copy, CLASSES, "classification") == 1.0


@pytest.mark.parametrize(
    "honest",
    [
        pd.Series(GENERATOR.normal(size=ROWS)),
        pd.Series(2.5 * CLASSES + GENERATOR.normal(size=ROWS)),
        word_of(np.arange(ROWS) % 1000),
        word_of(np.arange(ROWS)),
        pd.Series(np.where(np.arange(ROWS) < 15, CLASSES, np.nan)),
    ],
    ids=["noise", "strong", "1,000 words", "a word a row", "15 values"],
)
def test_what_is_no_copy_is_not_called_one(honest):
    assert telling(honest, CLASSES, "classification") < 0.98


def test_a_monotone_copy_of_an_amount_is_seen():
    assert telling(pd.Series(-np.log(AMOUNTS)), AMOUNTS, "regression") == pytest.approx(1)
    noisy = pd.Series(AMOUNTS + GENERATOR.normal(0, 2, ROWS))
    assert telling(noisy, AMOUNTS, "regression") < 0.95


def test_a_copy_is_seen_in_a_large_table():
    labels = np.tile(CLASSES, 100)
    assert telling(pd.Series(labels * 2), labels, "classification") == 1.0


def test_one_class_alone_tells_nothing():
    assert telling(pd.Series(AMOUNTS), np.zeros(ROWS), "classification") == 0.0


def test_constant_and_empty_columns_are_named():
    frame = pd.DataFrame(
        {"flat": 3.0, "empty": np.nan, "half": np.where(np.arange(ROWS) < 900, 1.0, np.nan)},
        index=range(ROWS),
    )
    said = warnings(frame, CLASSES, dict.fromkeys(frame, NUMBER), "classification")
    assert said == (
        "flat: the same in every training row, which tells nothing",
        "empty: missing in every training row, which tells nothing",
    )


def test_only_the_given_features_are_looked_at():
    frame = pd.DataFrame({"a": CLASSES, "b": CLASSES})
    (line,) = warnings(frame, CLASSES, {"b": NUMBER}, "classification")
    assert line.startswith("b: leak?")


def test_a_word_of_its_own_for_nearly_each_row_is_like_an_id():
    specs = {"word": FeatureConfig(type="category", categories=WORDS)}
    (said,) = warnings(
        pd.DataFrame({"word": word_of(np.arange(ROWS) % 1000)}), CLASSES, specs, "classification"
    )
    assert said.startswith("word: 1000 words in 2000 training rows")


def test_a_thousand_words_of_many_rows_each_are_no_id():
    many = pd.DataFrame({"word": word_of(np.arange(20_000) % 1000)})
    labels = np.tile(CLASSES, 10)
    specs = {"word": FeatureConfig(type="category", categories=WORDS)}
    assert warnings(many, labels, specs, "classification") == ()


def test_of_several_classes_a_copy_of_one_is_seen():
    codes = GENERATOR.integers(0, 3, ROWS).astype(float)
    assert telling(pd.Series(codes), codes, "multiclass") == 1.0
    assert telling(pd.Series((codes == 1).astype(float)), codes, "multiclass") == 1.0
    noisy = pd.Series(codes + GENERATOR.normal(size=ROWS))
    assert telling(noisy, codes, "multiclass") < 0.95
