"""Tables that are hard to learn from, or cannot be: a clear word for each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from one_table import Train, project, rows
from running import Mlops


def every(value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.assign(y=value)


def words(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(y=np.where(table["y"] == 1, "yes", "no"))


@pytest.mark.parametrize(
    ("edit", "task", "said", "hint"),
    [
        (every(0), "classification", "every y is 0; there is nothing to tell apart", ""),
        (every(2.5), "regression", "every y is 2.5; there is nothing to learn", ""),
        (lambda table: table.head(12), "classification", "12 labels, at least 20", "bring more"),
        (lambda table: table.head(12), "regression", "12 labels, at least 20", "bring more"),
        (
            lambda table: table.assign(y=table["y"].where(table.index >= 30)),
            "classification", "30 of 300 labels are missing", "leave rows without a known outcome",
        ),
        (every(np.nan), "regression", "300 of 300 labels are missing", "leave rows without"),
        (words, "classification", "300 of 300 labels are missing or not a number", "has words"),
        (words, "regression", "300 of 300 labels are missing or not a number", "has words"),
        (
            lambda table: table.assign(y=table["x"].abs() + 2),
            "classification", "in a row, but a class is 0 or 1", "task: regression",
        ),
        (every(pd.Timestamp("2026-01-01")), "regression", "y holds times", "labels.column"),
    ],
    ids=[
        "one class", "one amount", "12 rows", "12 amounts", "some without", "all without",
        "words", "words as amounts", "amounts as classes", "times",
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_from_is_one_line(
    tmp_path: Path,
    mlops: Mlops,
    edit: Callable[[pd.DataFrame], pd.DataFrame],
    task: str,
    said: str,
    hint: str,
) -> None:
    project(tmp_path, edit(rows(300)), task=task)
    config = ("--config", tmp_path / "config.yaml")
    assert mlops("features", "apply", "--quiet", *config).code == 0
    run = mlops("train", "m", *config)
    assert (run.code, run.out) == (2, "")
    error, *hints = [line for line in run.err.splitlines() if not line.startswith("m: ")]
    assert error.startswith("mlops: ")
    assert said in error
    assert hint in "".join(hints)
    assert len(hints) == bool(hint)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (lambda table: 7.0, "odd: the same in every training row, which tells nothing"),
        (lambda table: np.nan, "odd: missing in every training row, which tells nothing"),
        (lambda table: 3.0 * table["y"] - 1, "odd: leak? by itself it tells the label (AUC 1.000)"),
        (
            lambda table: [f"w{n % 1000}" for n in table.index],
            "odd: 952 words in 1586 training rows, most of them in fewer than 10",
        ),
    ],
    ids=["constant", "missing", "the label", "1,000 words"],
)
def test_a_column_that_tells_too_much_or_nothing_is_named(
    trained: Train, mlops: Mlops, column: Callable[[pd.DataFrame], object], said: str
) -> None:
    table = rows(2000)
    (warning,) = trained(table.assign(odd=column(table)))["warnings"]
    assert warning.startswith(said)
    assert f"warning: m: {said}" in mlops("train", "m", "--no-register").err


def test_an_ordinary_table_is_trained_without_a_word(trained: Train) -> None:
    assert trained(rows(300))["warnings"] == []
