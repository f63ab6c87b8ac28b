"""Columns that tell too much, or nothing: a copy of the label, and a constant."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlops_cli.config import FeatureConfig
from mlops_cli.config.tasks import Task
from mlops_cli.domain.metrics import Vector, binary

LIMIT = 0.995
"""AUC, or rank correlation, of a single column from which it may be a copy of the label."""

_ROWS = 50_000  # enough to see a copy
_SEEN = 20  # fewer values may agree with the label by chance
_OF_A_CLASS = 5
_OF_A_WORD = 10  # rarer words are taken together
_MANY_WORDS = 50


def warnings(
    frame: pd.DataFrame, labels: Vector, features: Mapping[str, FeatureConfig], task: Task
) -> tuple[str, ...]:
    """Return a line for each input that is constant, all but equals the label or is like an id.

    Args:
        frame: Training rows with their types, as `typed` returns them.
        labels: Their labels, shape (rows,).
        features: Which columns to look at.
        task: classification or regression.

    >>> rows = pd.DataFrame({"age": [30.0, 40.0] * 20, "site": ["a"] * 40})
    >>> specs = {"age": FeatureConfig(type="float"),
    ...          "site": FeatureConfig(type="category", categories=("a",))}
    >>> for line in warnings(rows, np.tile([0.0, 1.0], 20), specs, "classification"): print(line)
    age: leak? by itself it tells the label (AUC 1.000): is it known at the time of the label?
    site: the same in every training row, which tells nothing
    """
    said = []
    for name in features:
        column = frame[name]
        if column.nunique(dropna=False) == 1:
            what = "missing" if column.isna().iloc[0] else "the same"
            said.append(f"{name}: {what} in every training row, which tells nothing")
            continue
        if scattered(column):
            said.append(
                f"{name}: {column.nunique()} words in {len(column)} training rows, most of them in "
                f"fewer than {_OF_A_WORD}: hardly more than an id, group them or leave it out"
            )
        strength = telling(column, labels, task)
        if strength > LIMIT:
            measure = "rank correlation" if task == "regression" else "AUC"
            said.append(
                f"{name}: leak? by itself it tells the label ({measure} {strength:.3f}): "
                "is it known at the time of the label?"
            )
    return tuple(said)


def scattered(column: pd.Series) -> bool:
    """Tell whether a column of words has so many that most rows have a rare one.

    >>> scattered(pd.Series([f"w{n}" for n in range(1000)])), scattered(pd.Series(["a", "b"] * 9))
    (True, False)
    """
    if column.dtype != object:
        return False
    counts = column.value_counts()
    rare = counts[counts < _OF_A_WORD].sum()
    return bool(len(counts) >= _MANY_WORDS and 2 * rare > counts.sum())


def telling(column: pd.Series, labels: Vector, task: Task) -> float:
    """Return how well a single column ranks the labels, in either direction: 1 is a copy.

    AUC where the label is a class (of several, that which is told best from the rest), else
    Spearman's rank correlation. A word counts as the mean
    label of its rows. Whether the value is missing is held against the label, too: the date of a
    death is known of the dead.

    >>> telling(pd.Series([3.0, 1.0] * 20), np.tile([0.0, 1.0], 20), "classification")
    1.0
    >>> telling(pd.Series([np.nan, 1.0] * 20), np.tile([0.0, 1.0], 20), "classification")
    1.0
    """
    if task == "multiclass":
        classes = [(labels == each).astype(float) for each in np.unique(labels)]
        return max(telling(column, each, "classification") for each in classes)
    step = max(1, len(column) // _ROWS)
    column, labels = column.iloc[::step].reset_index(drop=True), labels[::step]
    known = column.notna().to_numpy()
    values = _means(column, labels) if column.dtype == object else column.to_numpy(dtype=float)
    found = [_agreement(values[known], labels[known], task)]
    if not known.all():
        found.append(_agreement(known.astype(float), labels, task))
    return max(found)


def _means(words: pd.Series, labels: Vector) -> Vector:
    counts = words.map(words.value_counts())
    common = words.where(counts >= _OF_A_WORD, "")
    return pd.Series(labels).groupby(common).transform("mean").to_numpy(dtype=float)


def _agreement(values: Vector, labels: Vector, task: Task) -> float:
    if len(values) < _SEEN:
        return 0.0
    if task == "classification":
        ones = int(labels.sum())
        if min(ones, len(labels) - ones) < _OF_A_CLASS:
            return 0.0
        auc = binary.roc_auc(labels, values, np.ones((1, len(labels))), 0.5)[0]
        return float(max(auc, 1 - auc))
    found = pd.Series(values).corr(pd.Series(labels), method="spearman")
    return 0.0 if np.isnan(found) else float(abs(found))
