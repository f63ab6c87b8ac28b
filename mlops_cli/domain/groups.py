"""The groups of a protected attribute."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlops_cli.config import ModelConfig

UNKNOWN = "unknown"


def spelled(value: Any) -> str:
    """Write a value as the name of a group, whichever type it was stored as.

    >>> [spelled(value) for value in (1, 1.0, True, "f", 2.5)]
    ['1', '1', '1', 'f', '2.5']
    """
    return f"{float(value):g}" if isinstance(value, (bool, int, float, np.generic)) else str(value)


def groups_of(values: "pd.Series[Any]", bins: tuple[float, ...]) -> npt.NDArray[np.object_]:
    """Return the name of the group of each row, `(n,)`.

    Args:
        values: the protected attribute; missing values are the group `unknown`.
        bins: ascending limits between groups of a number, each the first value of the group above
            it; none for words and truth values.

    >>> groups_of(pd.Series([44.9, 45, 60, None]), (45.0, 60.0)).tolist()
    ['under 45', '45 to 60', '60 and over', 'unknown']
    >>> groups_of(pd.Series(["f", "m", None]), ()).tolist()
    ['f', 'm', 'unknown']
    """
    if bins:
        limits = [spelled(limit) for limit in bins]
        between = [f"{low} to {high}" for low, high in pairwise(limits)]
        names = np.array([f"under {limits[0]}", *between, f"{limits[-1]} and over"], dtype=object)
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        named = names[np.searchsorted(bins, np.nan_to_num(numbers), side="right")]
        return np.where(np.isnan(numbers), UNKNOWN, named)
    codes, distinct = pd.factorize(values.astype(object))
    return np.array([*map(spelled, distinct), UNKNOWN], dtype=object)[codes]


def protected_groups(model: ModelConfig, rows: pd.DataFrame) -> dict[str, npt.NDArray[np.object_]]:
    """Return the group of each row for every protected attribute that the rows have."""
    return {
        name: groups_of(rows[name], protected.bins)
        for name, protected in model.protected.items()
        if name in rows
    }
