"""What rows have in common in one feature: a word, a truth value, a quartile, or no value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.split import Mask

MIN_ROWS = 30
WORDS = 20


@dataclass(frozen=True)
class Condition:
    """Rows that one feature has in common."""

    feature: str
    name: str
    rows: Mask


def conditions(
    frame: pd.DataFrame, features: Mapping[str, FeatureConfig], min_rows: int = MIN_ROWS
) -> list[Condition]:
    """Return the words, truth values or quartiles of each feature, and where it is missing.

    Conditions of fewer than `min_rows`, or of all but fewer, are left out; of a feature of many
    words the 20 most frequent ones remain.

    >>> frame = pd.DataFrame({"age": np.arange(200.0)})
    >>> [each.name for each in conditions(frame, {"age": FeatureConfig(type="float")})]
    ['age < 49.75', 'age 49.75 to 99.5', 'age 99.5 to 149.25', 'age >= 149.25']
    """
    found: list[Condition] = []
    for name, spec in features.items():
        values = frame[name]
        gaps = values.isna().to_numpy(dtype=bool)
        parts = [*_parts(name, values[~gaps], spec)]
        for label, inside in parts:
            rows = np.zeros(len(frame), dtype=bool)
            rows[~gaps] = inside
            found.append(Condition(name, label, rows))
        found.append(Condition(name, f"{name} missing", gaps))
    return [each for each in found if min_rows <= each.rows.sum() <= len(frame) - min_rows]


def _parts(name: str, values: "pd.Series", spec: FeatureConfig) -> Iterator[tuple[str, Mask]]:
    if spec.type in {"category", "bool"}:
        for value in values.value_counts(sort=True).index[:WORDS]:
            word = value if spec.type == "category" else str(bool(value)).lower()
            yield f"{name} = {word}", (values == value).to_numpy(dtype=bool)
        return
    numbers = values.to_numpy(dtype=np.float64)
    if 1 < len(distinct := np.unique(numbers)) <= 4:
        yield from ((f"{name} = {each:.5g}", numbers == each) for each in distinct)
        return
    if not len(numbers):
        return
    limits = np.unique(np.quantile(numbers, (0.25, 0.5, 0.75)))
    part = np.searchsorted(limits, numbers, side="right")
    said = [f"{each:.5g}" for each in limits]
    names = [f"{name} < {said[0]}"]
    names += [f"{name} {low} to {high}" for low, high in pairwise(said)]
    for number, label in enumerate([*names, f"{name} >= {said[-1]}"]):
        yield label, part == number
