"""Missing values: what the configuration wants done about them, in training and in service."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.config import FeatureConfig

Features = Mapping[str, FeatureConfig]


def with_fills(features: Features, rows: pd.DataFrame) -> dict[str, FeatureConfig]:
    """Return the features, each imputed one with the value that takes the place of a missing one.

    Where the configuration names none it is the median of the training rows, or their most
    frequent word (the first in the configured order of several); with no value at all the gap
    stays one.

    >>> spec = FeatureConfig(type="float", missing="impute")
    >>> with_fills({"age": spec}, pd.DataFrame({"age": [30.0, 50.0, None, 90.0]}))["age"].fill
    50.0
    """
    return {
        name: spec.model_copy(update={"fill": _typical(rows[name], spec)})
        if spec.missing == "impute" and spec.fill is None
        else spec
        for name, spec in features.items()
    }


def _typical(values: "pd.Series[Any]", spec: FeatureConfig) -> float | str | None:
    known = values.dropna()
    if spec.type == "category":
        counts = known.value_counts()
        return max(spec.categories, key=lambda word: counts.get(word, 0)) if len(known) else None
    middle = float(known.median()) if len(known) else np.nan
    # The middle of two whole numbers or truth values is none itself.
    whole = middle if spec.type == "float" else np.floor(middle)
    return None if np.isnan(middle) else float(whole)


def typical_row(rows: pd.DataFrame, features: Features) -> pd.DataFrame:
    """Return one row about nobody: the median, or the most frequent word, of each feature alone.

    >>> rows = pd.DataFrame({"age": [30.0, 50.0, 61.0], "sex": ["f", "m", "f"]})
    >>> specs = {"age": FeatureConfig(type="int"),
    ...          "sex": FeatureConfig(type="category", categories=("m", "f"))}
    >>> typical_row(rows, specs).to_dict("records")
    [{'age': 50.0, 'sex': 'f'}]
    """
    return pd.DataFrame({name: [_typical(rows[name], spec)] for name, spec in features.items()})


def filled(values: NDArray[np.float64], spec: FeatureConfig) -> NDArray[np.float64]:
    """Return encoded values, shape (rows,), with the gaps filled that are to be imputed.

    >>> spec = FeatureConfig(type="category", categories=("f", "m"), missing="impute", fill="m")
    >>> filled(np.array([0.0, np.nan]), spec)
    array([0., 1.])
    """
    if spec.missing != "impute" or spec.fill is None:
        return values
    fill = spec.categories.index(str(spec.fill)) if spec.type == "category" else float(spec.fill)
    return np.where(np.isnan(values), fill, values)


def refused(rows: pd.DataFrame, features: Features) -> dict[str, NDArray[np.bool_]]:
    """Return which rows lack a value they must have, by feature; features that all have are absent.

    >>> refused(pd.DataFrame({"age": [30.0, None]}), {"age": FeatureConfig(type="int",
    ...         missing="refuse")})
    {'age': array([False,  True])}
    """
    gaps = {
        name: rows[name].isna().to_numpy(dtype=bool)
        for name, spec in features.items()
        if spec.missing == "refuse"
    }
    return {name: gap for name, gap in gaps.items() if gap.any()}
