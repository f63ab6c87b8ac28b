"""From what a feature means to the numbers a model reads, and to what JSON holds."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.columns import number, word
from mlops_cli.domain.missing import filled


def encode(frame: pd.DataFrame, features: Mapping[str, FeatureConfig]) -> NDArray[np.float32]:
    """Return the matrix that XGBoost reads, shape (rows, input features).

    A category is the position of its word in the configured list; an unknown word is missing.
    Missing values that are to be imputed are filled here, and nowhere before: logs, explanations
    and drift checks see them missing.

    >>> encode(pd.DataFrame({"sex": ["m", "f", None]}),
    ...        {"sex": FeatureConfig(type="category", categories=("f", "m"))}).ravel()
    array([ 1.,  0., nan], dtype=float32)
    """
    inputs = {name: spec for name, spec in features.items() if spec.input}
    matrix = np.empty((len(frame), len(inputs)), dtype=np.float32)
    for position, (name, spec) in enumerate(inputs.items()):
        if spec.type == "category":
            codes = pd.Index(spec.categories).get_indexer(pd.Index(frame[name].astype(object)))
            values = np.where(codes < 0, np.nan, codes)
        else:
            values = pd.to_numeric(frame[name]).to_numpy(dtype=float)
        matrix[:, position] = filled(values, spec)
    return matrix


def json_value(value: object, spec: FeatureConfig) -> object:
    """Return a cell as JSON holds it: missing as None, whole numbers without a point.

    >>> json_value(41.0, FeatureConfig(type="int")), json_value(1.0, FeatureConfig(type="bool"))
    (41, True)
    """
    if spec.type == "category":
        return word(value)
    found = number(value)
    if found is None or not np.isfinite(found):
        return None
    return {"int": int, "bool": bool, "float": float}[spec.type](found)
