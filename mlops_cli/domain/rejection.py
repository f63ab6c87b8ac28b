"""Rows of a user's table that cannot be taken: where, and why; never what a cell says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NO_ID, NO_TIME = "no id", "no time"
_SHOWN = 3


@dataclass(frozen=True)
class Wrong:
    """The cells of a column that are wrong for one reason."""

    column: str | None
    """None where the whole line is no row."""
    reason: str
    rows: NDArray[np.int64]
    """Numbers of the rows, from 0, ascending; at least one."""

    def sentence(self) -> str:
        """Say what is wrong with the first of the rows; people count from 1.

        No cell is quoted: it may be an id, or say something about a person.

        >>> Wrong("age", "not a number", np.array([2, 5])).sentence()
        "column 'age', row 3 is not a number"
        >>> Wrong("patient_id", NO_ID, np.array([0])).sentence()
        'row 1 has no patient_id'
        """
        row = f"row {int(self.rows[0]) + 1}"
        if self.reason in {NO_ID, NO_TIME}:
            return f"{row} has no {self.column}"
        if self.column is None:
            return f"{row} is {self.reason}"
        return f"column {self.column!r}, {row} is {self.reason}"


@dataclass(frozen=True)
class Rejected:
    """How many rows were wrong in one column for one reason."""

    column: str | None
    reason: str
    rows: int
    first: tuple[int, ...]
    """Numbers of the first of them, from 1."""


def report(wrong: Iterable[Wrong]) -> tuple[Rejected, ...]:
    """Return one entry for each column and reason, in the order in which they first occurred."""
    found: dict[tuple[str | None, str], list[NDArray[np.int64]]] = {}
    for each in sorted(wrong, key=lambda one: int(one.rows[0])):
        found.setdefault((each.column, each.reason), []).append(each.rows)
    entries = []
    for (column, reason), parts in found.items():
        rows = np.unique(np.concatenate(parts))
        first = tuple(int(row) + 1 for row in rows[:_SHOWN])
        entries.append(Rejected(column, reason, len(rows), first))
    return tuple(entries)


def rejects(lines: Sequence[pd.DataFrame], wrong: Sequence[Wrong]) -> pd.DataFrame:
    """Return the rows that are wrong, as they were read, with their numbers and the reasons.

    Args:
        lines: The rows, indexed by their numbers from 0.
        wrong: What is wrong with them.
    """
    rows = pd.concat(lines).sort_index()
    said = reasons(wrong)[rows.index].to_numpy()
    return rows.assign(mlops_row=rows.index + 1, mlops_reason=said)


def reasons(wrong: Sequence[Wrong]) -> pd.Series:
    """Return what is wrong with each row, by its number from 0, ascending.

    >>> reasons([Wrong("a", "not a number", np.array([4])), Wrong("id", NO_ID, np.array([1, 4]))])
    1                     id: no id
    4    a: not a number; id: no id
    dtype: object
    """
    said: dict[int, list[str]] = {}
    for each in wrong:
        text = f"{each.column}: {each.reason}" if each.column else each.reason
        for row in each.rows.tolist():
            known = said.setdefault(row, [])
            if text not in known:
                known.append(text)
    return pd.Series({row: "; ".join(said[row]) for row in sorted(said)}, dtype=object)
