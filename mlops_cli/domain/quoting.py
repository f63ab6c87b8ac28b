"""What of a table may be quoted in a finding or a summary, which end up in logs and mails."""

from collections.abc import Iterable, Set

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.domain.columns import words

#: A value that so many entities share says nothing about one of them.
SHARED_BY = 5
MOST = 3
LONGEST = 24


def examples(
    cells: pd.Series, who: NDArray[np.int64], ids: Set[str | None] = frozenset()
) -> tuple[str, ...] | None:
    """Return what a finding may say about the cells that break a rule, or None for nothing.

    The rule, for every table and every kind of finding:

    1. A value is quoted only if at least five entities have it. Rows do not count: twelve visits
       of one patient are one patient.
    2. Of numbers the range is given as well, where at least five entities have one of them, and
       both ends are rounded to two digits: enough to see a unit, too little for an id.
    3. Text is quoted only as a word: up to 24 characters that can be printed, at most three words.
       Anything longer may be free text, of which nothing is quoted.
    4. An id of the table is never quoted, however many rows have it. One or two digits are a
       code, as 1 for female, whether or not somebody's id is 1.

    Ids, times and labels with a time are no cells of this function: they are never quoted.

    Args:
        cells: The cells, shape (n,).
        who: The entity of each, shape (n,); negative: nobody's, which never counts.
        ids: The ids of the table.

    >>> people = np.arange(6)
    >>> examples(pd.Series([0, 0, 0, 0, 0, 731]), people)
    ('0 (5 rows)', 'about 0 to 730')
    >>> examples(pd.Series(["?"] * 5 + ["Ada Lovelace"]), people)
    ('? (5 rows)',)
    >>> examples(pd.Series(["Ada Lovelace"] * 6), np.zeros(6, dtype=int)) is None
    True
    >>> examples(pd.Series(["H2"] * 6), people, {"H2"}) is None
    True
    """
    codes, distinct = pd.factorize(words(cells))
    rows = np.bincount(codes[codes >= 0], minlength=len(distinct))
    shared = entities_of_each(codes, who, len(distinct)) >= SHARED_BY
    order = [code for code in np.argsort(-rows, kind="stable") if shared[code]]
    said = [
        f"{distinct[code]} ({rows[code]:,} {'row' if rows[code] == 1 else 'rows'})"
        for code in order
        if is_word(distinct[code], ids)
    ]
    return (*said[:MOST], *_range(cells, who)) or None


def entities_of_each(
    codes: NDArray[np.int64], who: NDArray[np.int64], size: int
) -> NDArray[np.int64]:
    """Return how many entities have each value, shape (size,).

    >>> entities_of_each(np.array([0, 0, 0, 1, -1]), np.array([7, 7, 8, 7, 9]), 3)
    array([2, 1, 0])
    """
    counted = (codes >= 0) & (who >= 0)
    width = int(who.max(initial=0)) + 1
    pairs = np.unique(codes[counted] * width + who[counted])
    return np.bincount(pairs // width, minlength=size)


def ids_of(frame: pd.DataFrame, keys: Iterable[str]) -> set[str | None]:
    """Return every id in a table, as text."""
    columns = [frame[key] for key in keys if key in frame.columns]
    return {text for column in columns for text in words(pd.Series(column.unique()))}


def is_word(text: str, ids: Set[str | None]) -> bool:
    """Return whether a text is a word or a number, and nobody's id.

    >>> is_word("female", set()), is_word("lives alone, was seen in May", set())
    (True, False)
    >>> is_word("PT000123", {"PT000123"}), is_word("1", {"1"})
    (False, True)
    """
    short = len(text) <= LONGEST and len(text.split()) <= 3 and text.isprintable()
    code = text.isdigit() and len(text) <= 2
    return short and (code or text not in ids)


def _range(cells: pd.Series, who: NDArray[np.int64]) -> list[str]:
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if np.isnan(numbers).any() or len(np.unique(who[who >= 0])) < SHARED_BY:
        return []
    low, high = numbers.min(), numbers.max()
    return [] if low == high else [f"about {rough(low)} to {rough(high)}"]


def rough(value: float) -> str:
    """Write a number with two digits.

    >>> [rough(value) for value in (-3.0, 121.7, 19840312771.0, 0.01234)]
    ['-3', '120', '2e+10', '0.012']
    """
    return f"{float(f'{value:.2g}'):g}"
