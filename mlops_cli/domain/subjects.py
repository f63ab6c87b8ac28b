"""Whom the rows of a table are about, and the newest row of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.config import ModelConfig
from mlops_cli.domain.columns import moments as read_moments
from mlops_cli.domain.point_in_time import newest

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Identity:
    """What tells the rows of a table apart."""

    keys: tuple[str, ...]
    """The columns of the ids."""
    stamps: tuple[str, ...]
    """The column of the event time, and maybe that of the time of writing: no two rows of the
    table agree in all of the keys and these."""
    unit: tuple[str, ...]
    """The columns that tell one entity from another: the model's entity, if it is a key. A patient
    seen in three hospitals is one patient, also in a table of patients and hospitals."""

    @classmethod
    def of_view(cls, model: ModelConfig, name: str) -> Self:
        """Return that of a feature view's source."""
        view = model.feature_views[name]
        stamps = (view.timestamp, *filter(None, [view.created]))
        return cls.of(model, model.view_keys(name), stamps)

    @classmethod
    def of_labels(cls, model: ModelConfig) -> Self:
        """Return that of the label table."""
        return cls.of(model, model.keys, (model.labels.timestamp,))

    @classmethod
    def of(cls, model: ModelConfig, keys: tuple[str, ...], stamps: tuple[str, ...]) -> Self:
        """Return that of a table of the model with these columns of ids and times."""
        return cls(keys, stamps, (model.entity,) if model.entity in keys else keys)

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.keys, *self.stamps)


@dataclass(frozen=True)
class SourceTable:
    """All rows of the table behind a feature view."""

    path: Path
    identity: Identity
    frame: pd.DataFrame


ReadView = Callable[[ModelConfig, str], SourceTable | None]
"""Reads the table of a view by its name; None where it is no file of ours to read."""


def subjects(frame: pd.DataFrame, columns: Sequence[str]) -> Codes:
    """Return a number for the entity of each row, shape (n,); -1 where an id is missing.

    Without these columns each row is an entity of its own.

    >>> subjects(pd.DataFrame({"who": ["a", "b", None, "a"]}), ["who"])
    array([ 0,  1, -1,  0])
    >>> subjects(pd.DataFrame({"age": [41, 41]}), ["who"])
    array([0, 1])
    """
    if not set(columns) <= set(frame.columns):
        return np.arange(len(frame))
    codes = np.zeros(len(frame), dtype=np.int64)
    for column in columns:
        found, distinct = pd.factorize(frame[column])
        together = np.where((codes < 0) | (found < 0), -1, codes * len(distinct) + found)
        codes, _ = pd.factorize(np.where(together < 0, np.nan, together))
    return codes


def count(who: Codes) -> int:
    """Return how many entities there are.

    >>> count(np.array([3, -1, 3, 0]))
    2
    """
    seen = np.zeros(who.max(initial=-1) + 1, dtype=bool)
    seen[who[who >= 0]] = True
    return int(seen.sum())


def newest_rows(frame: pd.DataFrame, columns: Sequence[str], stamps: Sequence[str]) -> pd.DataFrame:
    """Return the newest row of each entity, in the order of the table.

    Args:
        frame: The table.
        columns: What tells one entity from another, as for `subjects`.
        stamps: The columns of the event time and maybe of the time of writing. A time that is
            missing or cannot be read is the oldest.

    >>> visits = pd.DataFrame({"who": ["a", "a", "b"], "at": ["2026-02-01", "2026-01-01", "?"]})
    >>> newest_rows(visits, ["who"], ["at"])
      who          at
    0   a  2026-02-01
    1   b           ?
    """
    event, *created = (_microseconds(frame, stamp) for stamp in stamps)
    rows = newest(subjects(frame, columns), event, created[0] if created else None)
    return frame.iloc[rows].reset_index(drop=True)


def moments(frame: pd.DataFrame, column: str) -> "pd.Series[pd.Timestamp]":
    """Return a column of times in UTC, NaT where a cell is no time; numbers are none."""
    if column not in frame.columns:
        return pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    return read_moments(frame[column])


def _microseconds(frame: pd.DataFrame, column: str) -> Codes:
    times = moments(frame, column)
    known = times.notna().to_numpy()
    numbers = times.dt.tz_localize(None).to_numpy(dtype="datetime64[us]").astype(np.int64)
    return np.where(known, numbers, numbers[known].min() if known.any() else 0)
