"""Entity keys as numbers: text or whole numbers, one column or several, numbered from 0."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_cli.domain.columns import word
from mlops_cli.domain.point_in_time import Int64s


def entity_codes(
    ours: list[pa.ChunkedArray], theirs: list[pa.ChunkedArray] | None = None
) -> tuple[Int64s, Int64s]:
    """Number the keys of our rows from 0 and give their rows the same numbers; -1 for no key.

    Args:
        ours: One column for each part of the key.
        theirs: The same parts for the labels; a key that ours does not have becomes -1.
    """
    codes, others = _key_codes(ours[0], theirs[0] if theirs else None)
    for position in range(1, len(ours)):
        part, other = _key_codes(ours[position], theirs[position] if theirs else None)
        size = int(part.max(initial=-1)) + 1
        whole = np.where((codes < 0) | (part < 0), -1, codes * size + part)
        asked = np.where((others < 0) | (other < 0), -1, others * size + other)
        distinct = np.unique(whole[whole >= 0])
        codes, others = _position(distinct, whole), _position(distinct, asked)
    return codes, others


def _position(distinct: Int64s, values: Int64s) -> Int64s:
    """Return where each value stands among the distinct ones, -1 where it does not."""
    if not len(distinct):
        return np.full(len(values), -1, dtype=np.int64)
    found = np.minimum(np.searchsorted(distinct, values), len(distinct) - 1)
    return np.where(distinct[found] == values, found, -1)


def _key_codes(ours: pa.ChunkedArray, theirs: pa.ChunkedArray | None) -> tuple[Int64s, Int64s]:
    ours, theirs = _comparable(ours), None if theirs is None else _comparable(theirs)
    if theirs is not None and ours.type != theirs.type:
        ours, theirs = _text(ours), _text(theirs)
    encoded = _pieces(ours.dictionary_encode())
    codes = _numbers([piece.indices for piece in encoded])
    if theirs is None:
        return codes, np.empty(0, dtype=np.int64)
    distinct = encoded[0].dictionary if encoded else pa.array([], ours.type)  # one for all pieces
    return codes, _numbers(_pieces(pc.index_in(theirs, value_set=distinct, skip_nulls=True)))


def _pieces(column: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]


def _numbers(pieces: list[pa.Array]) -> Int64s:
    """Return indices as numbers, -1 for none."""
    none = np.empty(0, dtype=np.int64)
    return np.concatenate([none, *(np.asarray(pc.fill_null(each, -1)) for each in pieces)])


def _comparable(keys: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return keys as whole numbers or as text, whichever they are."""
    if pa.types.is_dictionary(keys.type):
        keys = keys.cast(keys.type.value_type)
    if pa.types.is_integer(keys.type):
        return keys.cast(pa.int64())
    return keys.cast(pa.string()) if pa.types.is_large_string(keys.type) else _text(keys)


def _text(keys: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return keys as text, each distinct one written once."""
    if pa.types.is_string(keys.type):
        return keys
    encoded = whole(keys).dictionary_encode()
    words = pa.array([word(key) for key in encoded.dictionary.to_pylist()], pa.string())
    return words.take(encoded.indices)


def whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece: rows are then taken from it at the speed of memory."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
