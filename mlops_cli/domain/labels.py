"""Labels: what a table must hold before anything is learnt from it."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.config import ModelConfig
from mlops_cli.domain.columns import entities, times, words
from mlops_cli.errors import InputError

MIN_ROWS = 20


def checked_labels(frame: pd.DataFrame, model: ModelConfig, source: str) -> pd.DataFrame:
    """Return the keys (text), time (UTC) and label (float64) of each row, or say what is wrong.

    The label of several classes is the position of its class.

    Raises:
        InputError: A column, an id or a time is missing, there are too few rows, a label is
            missing, no class, no count or out of the output range, or all labels are the same.
    """
    wanted = [*model.keys, model.labels.timestamp, model.labels.column]
    for name in wanted:
        if name not in frame.columns:
            found = ", ".join(map(str, frame.columns[:20]))
            raise InputError(f"{source}: no column {name!r}", f"columns found: {found}")
    if len(frame) < MIN_ROWS:
        raise InputError(
            f"{source}: {len(frame)} labels, at least {MIN_ROWS} are needed",
            "bring more: nothing that is learnt from so few would hold",
        )
    values = _checked(frame[model.labels.column], model, source)
    ids = [entities(frame[key], source) for key in model.keys]
    moments = times(frame[model.labels.timestamp], source)
    return pd.DataFrame(dict(zip(wanted, (*ids, moments, values), strict=True)))


def class_positions(labels: pd.Series, model: ModelConfig) -> "pd.Series[float]":
    """Return the position of the class of each label, nan where it is missing, -1 for other words.

    Args:
        labels: the column of a table, words or whole numbers, `(n,)`.
        model: its section, whose task is multiclass.
    """
    codes, distinct = pd.factorize(words(labels))
    found = [float(model.labels.positions.get(each, -1)) for each in distinct]
    return pd.Series(np.array([*found, np.nan])[codes], labels.index, name=labels.name)


def said(model: ModelConfig, label: float) -> str:
    """Return a label as people say it: the word of its class, or the number that it is."""
    return model.labels.classes[int(label)] if model.labels.classes else f"{label:g}"


def absent(model: ModelConfig, labels: NDArray[np.float64], where: str) -> tuple[str, ...]:
    """Return a line for each class that no row has."""
    return tuple(
        f"no {where} row is {word}: nothing can be said of that class"
        for position, word in enumerate(model.labels.classes)
        if not (labels == position).any()
    )


def _checked(labels: pd.Series, model: ModelConfig, source: str) -> pd.Series:
    if model.task == "multiclass":
        return _of_classes(labels, model, source)
    values = _numbers(labels, source)
    if model.task == "classification":
        _check_classes(values, source, model.labels.column)
    else:
        _check_values(values, source, model)
    return values


def _of_classes(labels: pd.Series, model: ModelConfig, source: str) -> pd.Series:
    values = class_positions(labels, model)
    if missing := int(values.isna().sum()):
        raise InputError(
            f"{source}: {missing} of {len(labels)} labels are missing",
            "leave rows without a known outcome out of the label table",
        )
    if odd := int((values < 0).sum()):
        raise InputError(
            f"{source}: {odd} of {len(labels)} labels are none of "
            f"{', '.join(model.labels.classes)}",
            "`mlops features validate` tells which; `imports.words` turns words into classes",
        )
    if values.nunique() < 2:
        same = f"every {labels.name} is {said(model, values.iloc[0])}"
        raise InputError(f"{source}: {same}; there is nothing to tell apart")
    return values


def _numbers(labels: pd.Series, source: str) -> pd.Series:
    if labels.dtype.kind == "M":
        raise InputError(
            f"{source}: {labels.name} holds times, and a label is a number",
            "name another column under labels.column",
        )
    values = pd.to_numeric(labels, errors="coerce").astype(float)
    if bad := int((~np.isfinite(values)).sum()):
        spelled = labels[values.isna()].dropna().astype(str).str.strip() != ""
        raise InputError(
            f"{source}: {bad} of {len(labels)} labels are missing or not a number",
            f"{labels.name} has words: `words` under `imports` turns them into 0 and 1; three "
            "words or more belong to task: multiclass"
            if spelled.any()
            else "leave rows without a known outcome out of the label table",
        )
    return values


def _check_values(values: pd.Series, source: str, model: ModelConfig) -> None:
    column = model.labels.column
    if values.min() == values.max():
        same = f"every {column} is {values.iloc[0]:g}"
        raise InputError(f"{source}: {same}; there is nothing to learn")
    odd = values[(values < 0) | (values % 1 != 0)]
    if model.output == "count" and len(odd):
        raise InputError(
            f"{source}: {column} is {odd.iloc[0]:g} in a row, but a count is 0, 1, 2...",
            "leave out `output: count` where the label may be any number",
        )
    if model.output_range is None:
        return
    low, high = model.output_range
    if outside := int(((values < low) | (values > high)).sum()):
        raise InputError(
            f"{source}: {outside} of {len(values)} labels are outside "
            f"output_range [{low:g}, {high:g}]",
            f"{column} runs from {values.min():g} to {values.max():g}: "
            "scale it, or leave output_range out",
        )


def _check_classes(values: pd.Series, source: str, column: str) -> None:
    classes = set(values.unique())
    if not classes <= {0.0, 1.0}:
        odd = min(classes - {0.0, 1.0})
        raise InputError(
            f"{source}: {column} is {odd:g} in a row, but a class is 0 or 1",
            "a label that is an amount belongs to task: regression, one of several classes to "
            "task: multiclass",
        )
    if len(classes) < 2:
        raise InputError(
            f"{source}: every {column} is {classes.pop():g}; there is nothing to tell apart"
        )


def in_order(labels: pd.DataFrame) -> pd.DataFrame:
    """Sort labels by all their columns: folds and samples must not hang on the order of a file.

    >>> in_order(pd.DataFrame({"who": ["b", "a", "b"], "sick": [1.0, 0.0, 0.0]}))
      who  sick
    0   a   0.0
    1   b   0.0
    2   b   1.0
    """
    order = np.lexsort([_ranks(labels[name]) for name in reversed(labels.columns)])
    return labels.iloc[order].reset_index(drop=True)


def _ranks(column: pd.Series) -> NDArray[Any]:
    """Return numbers in the order of the cells; each distinct text is compared once."""
    if column.dtype.kind == "M":
        return column.astype("int64").to_numpy()
    if column.dtype != object:
        return column.to_numpy(dtype=np.float64)
    codes, distinct = pd.factorize(column.to_numpy())
    ranks = np.empty(len(distinct), dtype=np.int64)
    ranks[np.argsort(distinct.astype(str))] = np.arange(len(distinct))
    return ranks[codes]
