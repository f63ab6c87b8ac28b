"""From what a file says to what a feature means, and on to the numbers a model reads."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.config import FeatureConfig
from mlops_cli.errors import InputError

_BOOLEANS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
_BOOLEANS |= {"yes": 1.0, "no": 0.0}


def typed(frame: pd.DataFrame, features: Mapping[str, FeatureConfig], source: str) -> pd.DataFrame:
    """Return the feature columns with their types: numbers as float64, categories as str or None.

    Empty cells and infinite numbers are missing. Columns that are no features are left out.

    Raises:
        InputError: A column is missing, or a cell is not of its feature's type.

    >>> features = {"age": FeatureConfig(type="int"), "smoker": FeatureConfig(type="bool")}
    >>> typed(pd.DataFrame({"age": ["41", ""], "smoker": ["yes", "0"]}), features, "a.csv")
        age  smoker
    0  41.0     1.0
    1   NaN     0.0
    """
    if missing := [name for name in features if name not in frame.columns]:
        raise InputError(
            f"{source}: column {missing[0]!r} is missing"
            + (f", with {len(missing) - 1} more" if len(missing) > 1 else ""),
            f"columns found: {', '.join(map(str, frame.columns[:20]))}",
        )
    return pd.DataFrame(
        {name: _column(frame[name], spec, source) for name, spec in features.items()},
        index=frame.index,
    )


def _column(values: pd.Series, spec: FeatureConfig, source: str) -> pd.Series:
    if spec.type == "category":
        return values.astype(object).where(values.notna() & (values.astype(str) != ""), None)
    text = values.map(_plain) if values.dtype == object or spec.type == "bool" else values
    numbers = text.map(_BOOLEANS) if spec.type == "bool" else pd.to_numeric(text, errors="coerce")
    numbers = numbers.astype(float)
    given = values.notna() & (values.astype(str) != "")
    wrong = given & numbers.isna() & (values.astype(str).str.lower() != "nan")
    if spec.type == "int":
        wrong |= numbers.notna() & np.isfinite(numbers) & (numbers % 1 != 0)
    if wrong.any():
        row = int(np.argmax(wrong.to_numpy()))
        raise InputError(
            f"{source}: column {values.name!r}, row {row + 1}: "
            f"{str(values.iloc[row])[:40]!r} is not {_ARTICLES[spec.type]}"
        )
    return numbers.where(np.isfinite(numbers))


_ARTICLES = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def _plain(value: object) -> object:
    """Return text in lower case without spaces around it, and True and False as text."""
    return str(value).strip().lower() if isinstance(value, str | bool | np.bool_) else value


def encode(frame: pd.DataFrame, features: Mapping[str, FeatureConfig]) -> NDArray[np.float32]:
    """Return the matrix that XGBoost reads, shape (rows, input features).

    A category is the position of its word in the configured list; an unknown word is missing.

    >>> encode(pd.DataFrame({"sex": ["m", "f", None]}),
    ...        {"sex": FeatureConfig(type="category", categories=("f", "m"))}).ravel()
    array([ 1.,  0., nan], dtype=float32)
    """
    inputs = {name: spec for name, spec in features.items() if spec.input}
    matrix = np.empty((len(frame), len(inputs)), dtype=np.float32)
    for position, (name, spec) in enumerate(inputs.items()):
        if spec.type == "category":
            codes = pd.Index(spec.categories).get_indexer(pd.Index(frame[name].astype(object)))
            matrix[:, position] = np.where(codes < 0, np.nan, codes)
        else:
            matrix[:, position] = pd.to_numeric(frame[name]).astype(float)
    return matrix


def json_value(value: object, spec: FeatureConfig) -> object:
    """Return a cell as JSON holds it: missing as None, whole numbers without a point.

    >>> json_value(41.0, FeatureConfig(type="int")), json_value(1.0, FeatureConfig(type="bool"))
    (41, True)
    """
    if value is None or (isinstance(value, float) and not np.isfinite(value)) or value is pd.NA:
        return None
    if spec.type == "category":
        return str(value)
    number = float(value)  # type: ignore[arg-type]
    return {"int": int, "bool": bool, "float": float}[spec.type](number)
