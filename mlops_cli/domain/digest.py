"""One number for the content of a table, whatever the order of its rows and columns.

A multiset hash: each row becomes 64 pseudorandom bits, and the rows are added modulo 2^64 (Bellare
and Micciancio 1997, AdHash), in two streams of different seeds. It tells accidental changes apart
as well as any 128-bit hash. Somebody who *wants* a collision can make one, so the sha256 of a file
stays beside it.
"""

from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Words = npt.NDArray[np.uint64]

#: Rows mixed at a time: the working set stays in the processor's cache.
BLOCK = 32_768
_MISSING = np.uint64(0x9E3779B97F4A7C15)


def table_digest(frame: pd.DataFrame) -> str:
    """Return 32 hex digits that depend on every value, type and column name, and on no order.

    All missing values of a column are the same, -0.0 is 0.0, and text is text whether its dtype is
    object, string or category. The index plays no part.

    >>> table = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    >>> table_digest(table) == table_digest(table.loc[[1, 0], ["b", "a"]])
    True
    >>> table_digest(table) == table_digest(table.astype({"a": float}))
    False
    """
    columns = [_column(str(name), series) for name, series in frame.items()]
    totals = [0, 0]
    for start in range(0, len(frame), BLOCK):
        block = slice(start, start + BLOCK)
        for stream in (0, 1):
            totals[stream] += int(_rows(columns, block, stream).sum(dtype=np.uint64))
    schema = sorted(label for label, _ in columns)
    summary = repr((schema, len(frame), [total % 2**64 for total in totals]))
    return blake2b(summary.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def row_digests(frame: pd.DataFrame) -> Words:
    """Return 128 bits for each row as two words, shape (rows, 2), which depend on every cell.

    >>> ones = row_digests(pd.DataFrame({"a": [1, 2, 1]}))
    >>> bool((ones[0] == ones[2]).all()), bool((ones[0] == ones[1]).any())
    (True, False)
    """
    columns = [_column(str(name), series) for name, series in frame.items()]
    digests = np.empty((len(frame), 2), dtype=np.uint64)
    for start in range(0, len(frame), BLOCK):
        block = slice(start, start + BLOCK)
        for stream in (0, 1):
            digests[block, stream] = _rows(columns, block, stream)
    return digests


def _rows(columns: list[tuple[str, tuple[Words, Words]]], block: slice, stream: int) -> Words:
    """Hash the rows of one block; the sum over columns ignores their order."""
    rows = np.zeros((), dtype=np.uint64)
    for label, cells in columns:
        rows = rows + _mix(cells[stream][block] ^ np.uint64(_text_hash(label)[stream]))
    return _mix(rows)


def _mix(words: Words) -> Words:
    """Scramble 64-bit words one to one (the finaliser of splitmix64, Steele et al. 2014)."""
    words = words ^ (words >> np.uint64(30))
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words


def _text_hash(text: str) -> tuple[int, int]:
    """Return two independent 64-bit hashes of a text."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def _column(name: str, series: "pd.Series[Any]") -> tuple[str, tuple[Words, Words]]:
    """Return what names the column (name and type), and its cells as 64-bit words per stream."""
    if series.dtype.kind in "biufmM" and not isinstance(series.dtype, pd.CategoricalDtype):
        words = _numbers(series)
        return f"{series.dtype}\0{name}", (words, words)
    values = np.asarray(series.astype(object), dtype=object)
    if pd.api.types.infer_dtype(values, skipna=True) not in {"string", "empty"}:
        values = _spelled(values)
        return f"object\0{name}", _texts(values)
    return f"text\0{name}", _texts(values)


def _numbers(series: "pd.Series[Any]") -> Words:
    """Return the bits of numbers, truth values and times; one bit pattern for all missing."""
    missing = series.isna().to_numpy()
    if series.dtype.kind == "f":
        values = series.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0  # -0.0 becomes 0.0
        words = values.view(np.uint64)
    elif series.dtype.kind in "mM":
        words = series.astype("int64").to_numpy().view(np.uint64)
    else:
        filled = series.fillna(0) if missing.any() else series
        words = filled.to_numpy().astype(np.uint64)
    return np.where(missing, _MISSING, words)


def _texts(values: npt.NDArray[np.object_]) -> tuple[Words, Words]:
    """Hash each distinct text once, and spread the hashes over the rows."""
    codes, distinct = pd.factorize(values)
    hashes = [_text_hash(text) for text in distinct]
    table = np.array([*hashes, (int(_MISSING),) * 2], dtype=np.uint64)  # code -1: missing
    return table[codes, 0], table[codes, 1]


def _spelled(values: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Write mixed objects as text with their type, so that 1, True and "1" differ."""
    missing = pd.isna(values)
    spelled = [
        None if absent else f"{type(value).__name__}:{value!r}"
        for value, absent in zip(values, missing, strict=True)
    ]
    return np.array(spelled, dtype=object)
