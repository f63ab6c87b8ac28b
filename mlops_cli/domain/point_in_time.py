"""The point-in-time join: for each label, the feature row that was known at that moment."""

from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def last_known(
    keys: NDArray[np.object_],
    events: Rows,
    created: Rows | None,
    label_keys: NDArray[np.object_],
    label_times: Rows,
    ttl: timedelta | None = None,
) -> Rows:
    """Return for each label the position of its feature row, or -1 where nothing was known.

    A row is known from the later of its event time and its created time on: a correction
    that was written after the label's time is not used. Among the known rows the one with the
    latest event time counts, then the latest created time, then the later row of the table.
    It counts only if it is not older than `ttl` (an age of exactly `ttl` is still good).

    Args:
        keys: Entity of each feature row, shape (n,).
        events: Event time of each feature row in microseconds since the epoch, shape (n,).
        created: Time each feature row was written, same unit and shape; None if not recorded.
        label_keys: Entity of each label, shape (m,).
        label_times: Time of each label in microseconds, shape (m,).
        ttl: Largest age of a usable value; None for no limit.

    Returns:
        Positions into the feature rows, shape (m,).

    >>> last_known(np.array(["a", "a", "b"]), np.array([1, 5, 3]), None,
    ...            np.array(["a", "a", "b", "c"]), np.array([4, 5, 2, 9]))
    array([ 0,  1, -1, -1])
    """
    if not len(keys):
        return np.full(len(label_keys), -1, dtype=np.int64)
    codes, known = pd.factorize(np.asarray(keys, dtype=object), sort=False)
    label_codes = pd.Index(known).get_indexer(pd.Index(np.asarray(label_keys, dtype=object)))
    written = events if created is None else created
    best_first = np.lexsort((written, events, codes))
    rank = np.empty(len(codes), dtype=np.int64)
    rank[best_first] = np.arange(len(codes))
    available = np.maximum(events, written)
    timeline = np.lexsort((rank, available, codes))
    best_so_far = np.maximum.accumulate(rank[timeline])
    position = _last_at_or_before(codes[timeline], available[timeline], label_codes, label_times)
    # Rows without a key have code -1, and so have labels of unseen entities: no match.
    found = (position >= 0) & (label_codes >= 0) & (codes[timeline[position]] == label_codes)
    rows = np.where(found, best_first[best_so_far[position]], -1)
    if ttl is not None:
        oldest = label_times - round(ttl.total_seconds() * 1_000_000)
        rows = np.where((rows >= 0) & (events[rows] < oldest), -1, rows)
    return rows


def _last_at_or_before(codes: Rows, times: Rows, wanted_codes: Rows, wanted_times: Rows) -> Rows:
    """Return the last position whose (code, time) does not exceed each wanted pair, or -1.

    `codes` and `times` are sorted together; the wanted pairs are merged into them by one sort.
    """
    size = len(codes)
    merged = np.lexsort(
        (
            np.repeat([0, 1], [size, len(wanted_codes)]),
            np.concatenate([times, wanted_times]),
            np.concatenate([codes, wanted_codes]),
        )
    )
    seen = np.maximum.accumulate(np.where(merged < size, merged, -1))
    result = np.empty(len(wanted_codes), dtype=np.int64)
    wanted = merged >= size
    result[merged[wanted] - size] = seen[wanted]
    return result
