"""One number for the content of a table, whatever the order of its rows and columns.

A multiset hash: each row becomes 64 pseudorandom bits, and the rows are added modulo 2^64 (Bellare
and Micciancio 1997, AdHash), in two streams. It tells accidental changes apart as well as any
128-bit hash, and those within one text as well as a 64-bit one. Somebody who *wants* a collision
can make one, so the sha256 of a file stays beside it.

A cell becomes 64 bits, one to one where it is a number or a time. In the first stream a row is the
sum of its cells, in the second each cell is multiplied by an odd number of its column before.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Words = npt.NDArray[np.uint64]

#: Rows mixed at a time: the working set stays in the processor's cache.
BLOCK = 32_768
_MISSING = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class TableDigests:
    """What tells whether a table is the same, and which of its columns are not."""

    whole: str
    """As `table_digest`."""
    columns: dict[str, str]
    """16 hex digits a column: its values, and the keys of the rows that they stand in."""


@dataclass(frozen=True)
class _Column:
    """A column as numbers, and what sets it apart from others with the same values."""

    name: str
    label: str
    """Type and name."""
    words: Words
    seed: np.uint64
    weight: np.uint64
    """Odd, so that nothing is lost where a cell is multiplied by it."""


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
    return table_digests(frame).whole


def table_digests(frame: pd.DataFrame, keys: Collection[str] = ()) -> TableDigests:
    """Return the digest of a table and one for each of its columns.

    Args:
        frame: The table.
        keys: The columns that say whose row it is. The digest of any other column also tells
            whether its values stand in the rows of the same keys; that of a key does not.

    >>> table = pd.DataFrame({"id": ["a", "b"], "x": [1, 2], "y": [3, 4]})
    >>> was, now = (table_digests(each, ["id"]).columns for each in (table, table.assign(y=[4, 3])))
    >>> [name for name in was if was[name] != now[name]]
    ['y']
    """
    columns = _columns(frame)
    ordered = sorted(columns, key=lambda column: column.name not in keys)
    totals, parts = np.zeros(2, np.uint64), np.zeros(len(ordered), np.uint64)
    for _, rows, sums in _blocks(ordered, sum(column.name in keys for column in columns)):
        totals += rows.sum(axis=1)
        parts += sums
    found = {c.name: _hex((c.label, int(part)), 8) for c, part in zip(ordered, parts, strict=True)}
    schema = sorted(column.label for column in columns)
    return TableDigests(
        whole=_hex((schema, len(frame), totals.tolist()), 16),
        columns={column.name: found[column.name] for column in columns},
    )


def row_digests(frame: pd.DataFrame) -> Words:
    """Return 128 bits for each row as two words, shape (rows, 2), which depend on every cell.

    >>> ones = row_digests(pd.DataFrame({"a": [1, 2, 1]}))
    >>> bool((ones[0] == ones[2]).all()), bool((ones[0] == ones[1]).any())
    (True, False)
    """
    digests = np.zeros((len(frame), 2), dtype=np.uint64)
    for block, rows, _ in _blocks(_columns(frame)):
        digests[block] = rows.T
    return digests


def _blocks(columns: list[_Column], keys: int = 0) -> Iterator[tuple[slice, Words, list[int]]]:
    """Yield blocks of rows: where, their digests, shape (2, rows), and a sum for each column.

    The first so many columns are keys. The cells of the others are weighed by the key of their row
    in the sum of their column. The digests are overwritten by the next block.
    """
    size = len(columns[0].words) if columns else 0
    memory = np.empty((2, 2, min(BLOCK, size)), dtype=np.uint64)
    for start in range(0, size, BLOCK):
        block = slice(start, min(start + BLOCK, size))
        rows, spare = memory[:, :, : block.stop - start]
        rows[:] = 0
        place: Words | np.uint64 = np.uint64(1)
        sums = []
        for number, column in enumerate(columns):
            if number == keys:
                place = _mix(rows[0].copy(), spare[1]) | np.uint64(1)
            cells = np.bitwise_xor(column.words[block], column.seed, out=spare[0])
            _mix(cells, spare[1])
            rows[0] += cells
            sums.append(np.multiply(cells, place, out=spare[1]).sum())
            rows[1] += np.multiply(cells, column.weight, out=spare[1])
        yield block, _mix(rows, spare), sums


def _mix(words: Words, spare: Words) -> Words:
    """Scramble 64-bit words in place (the finaliser of splitmix64, Steele et al. 2014).

    One to one; 0 stays 0. `spare` is memory of the same shape: new memory would take most of the
    time.
    """
    words ^= np.right_shift(words, np.uint64(30), out=spare)
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= np.right_shift(words, np.uint64(27), out=spare)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= np.right_shift(words, np.uint64(31), out=spare)
    return words


def _hex(content: object, size: int) -> str:
    return blake2b(_bytes(repr(content)), digest_size=size).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _columns(frame: pd.DataFrame) -> list[_Column]:
    """Return the columns of a table as numbers."""
    found = []
    for name, series in frame.items():
        kind, words = _words(series)
        label = f"{kind}\0{name}"
        digest = blake2b(_bytes(label), digest_size=16).digest()
        seed, weight = np.frombuffer(digest, dtype="<u8")
        found.append(_Column(str(name), label, words, seed, weight | np.uint64(1)))
    return found


def _words(series: "pd.Series[Any]") -> tuple[str, Words]:
    """Return what kind of values a column holds, and its cells as 64-bit words."""
    if series.dtype.kind in "biufmM" and not isinstance(series.dtype, pd.CategoricalDtype):
        return str(series.dtype), _numbers(series)
    values = np.asarray(series, dtype=object)
    if pd.api.types.infer_dtype(values, skipna=True) in {"string", "empty"}:
        return "text", _texts(values)
    return "object", _texts(_spelled(values))


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
    return np.where(missing, _MISSING, words) if missing.any() else words


def _texts(values: npt.NDArray[np.object_]) -> Words:
    """Hash each distinct text once (SipHash), and spread the hashes over the rows."""
    codes, distinct = pd.factorize(values)
    try:
        hashes = pd.util.hash_array(distinct, categorize=False)
    except UnicodeEncodeError:  # half a surrogate pair, which is no text in any file of ours
        encoded = np.array([*map(_bytes, distinct), None], dtype=object)[:-1]
        hashes = pd.util.hash_array(encoded, categorize=False)
    return np.append(hashes, _MISSING)[codes]  # code -1: missing


def _spelled(values: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Write mixed objects as text with their type, so that 1, True and "1" differ."""
    missing = pd.isna(values)
    spelled = [
        None if absent else f"{type(value).__name__}:{value!r}"
        for value, absent in zip(values, missing, strict=True)
    ]
    return np.array(spelled, dtype=object)
