"""The point-in-time join: for each label, the feature row that was known at that moment.

Entities are numbers here, and an entity with its time is packed into one integer, so that the
join is a sort and a binary search over integers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
_LARGEST = 2**62


@dataclass(frozen=True)
class LastKnown:
    """Where the value of each label is found."""

    rows: Int64s
    """Positions into the feature rows, shape (m,); -1 where there is no usable row."""
    expired: NDArray[np.bool_]
    """Whether a row was known and too old, shape (m,)."""


def since_epoch(moment: datetime) -> int:
    """Return a time in microseconds since the epoch.

    >>> since_epoch(datetime.fromisoformat("1970-01-01T00:00:01.000002Z"))
    1000002
    """
    return round(moment.timestamp() * 1_000_000)


def last_known(
    codes: Int64s,
    events: Int64s,
    created: Int64s | None,
    label_codes: Int64s,
    label_times: Int64s,
    ttl: timedelta | None = None,
) -> LastKnown:
    """Return for each label the position of its feature row, or -1 where nothing was known.

    A row is known from the later of its event time and its created time on: a correction
    that was written after the label's time is not used. Among the known rows the one with the
    latest event time counts, then the latest created time, then the later row of the table.
    It counts only if it is not older than `ttl` (an age of exactly `ttl` is still good).

    Args:
        codes: Entity of each feature row, shape (n,); negative: nobody's.
        events: Event time of each feature row in microseconds since the epoch, shape (n,).
        created: Time each feature row was written, same unit and shape; None if not recorded.
        label_codes: Entity of each label, shape (m,); negative: no entity of the table.
        label_times: Time of each label in microseconds, shape (m,).
        ttl: Largest age of a usable value; None for no limit.

    >>> last_known(np.array([0, 0, 1]), np.array([1, 5, 3]), None,
    ...            np.array([0, 0, 1, -1]), np.array([4, 5, 2, 9])).rows
    array([ 0,  1, -1, -1])
    """
    if not len(codes) or not len(label_codes):
        nothing = np.full(len(label_codes), -1, dtype=np.int64)
        return LastKnown(nothing, np.zeros(len(label_codes), dtype=bool))
    available = events if created is None else np.maximum(events, created)
    line, wanted = _packed(codes, available, label_codes, label_times)
    if created is None:
        timeline, line = _in_order(line)
        best = timeline
    else:
        best_first = _best_last(codes, events, created)
        rank = np.empty(len(codes), dtype=np.int64)
        rank[best_first] = np.arange(len(codes))
        order, line = _in_order(line[best_first])
        timeline = best_first[order]
        best = best_first[np.maximum.accumulate(rank[timeline])]
    position = _last_at_or_before(line, wanted)
    found = (position >= 0) & (label_codes >= 0)
    found &= codes[timeline[position]] == label_codes
    rows = np.where(found, best[position], -1)
    expired = np.zeros(len(rows), dtype=bool)
    if ttl is not None:
        oldest = label_times - round(ttl.total_seconds() * 1_000_000)
        expired = found & (events[rows] < oldest)
        rows[expired] = -1
    return LastKnown(rows, expired)


def newest(codes: Int64s, events: Int64s, created: Int64s | None = None) -> Int64s:
    """Return the position of the newest row of each entity, in the order of the table.

    The newest has the latest event time, then the latest created time, then it is the later row.
    Rows of nobody, with a negative code, are left out.

    >>> newest(np.array([0, 1, 0, -1]), np.array([5, 2, 4, 9]))
    array([0, 1])
    """
    order = _best_last(codes, events, created)
    ends = np.ones(len(order), dtype=bool)
    ends[:-1] = codes[order][1:] != codes[order][:-1]
    last = order[ends]
    return np.sort(last[codes[last] >= 0])


def _best_last(codes: Int64s, events: Int64s, created: Int64s | None) -> Int64s:
    """Return the order by entity, then event time, then created time, then row."""
    line = _packed(codes, events)[0]
    if created is None:
        return _in_order(line)[0]
    by_created = _in_order(created - created.min(initial=0))[0]
    return by_created[_in_order(line[by_created])[0]]


def _packed(
    codes: Int64s,
    times: Int64s,
    label_codes: Int64s | None = None,
    label_times: Int64s | None = None,
) -> tuple[Int64s, Int64s]:
    """Return (entity, time) as one integer each for rows and labels; entity weighs more.

    Times are counted in their largest common unit. Where they still do not fit beside the
    entity, they are replaced by their rank.
    """
    none = np.empty(0, dtype=np.int64)
    if not len(codes):
        return none, none
    first, last = int(times.min()), int(times.max())
    slots = times - first
    unit = max(int(np.gcd.reduce(slots)), 1)
    entities = int(codes.max()) + 2
    if ((last - first) // unit + 2) * entities < _LARGEST:
        size = (last - first) // unit + 2
        slots //= unit
        slots += 1
        asked = none if label_times is None else (label_times - first) // unit + 1
    else:
        distinct, ranks = np.unique(times, return_inverse=True)
        size, slots = len(distinct) + 1, ranks + 1
        asked = none if label_times is None else np.searchsorted(distinct, label_times, "right")
    slots += codes * size
    if label_codes is None:
        return slots, none
    wanted = np.clip(asked, 0, size - 1)
    wanted += label_codes * size
    return slots, wanted


def _last_at_or_before(line: Int64s, wanted: Int64s) -> Int64s:
    """Return the last position in a sorted line whose value does not exceed each wanted one.

    The wanted values are looked up in their order: the search then stays in the processor's cache.
    """
    order, ascending = _in_order(wanted)
    position = np.empty(len(wanted), dtype=np.int64)
    position[order] = np.searchsorted(line, ascending, side="right") - 1
    return position


def _in_order(numbers: Int64s) -> tuple[Int64s, Int64s]:
    """Return the stable order of the numbers, and the numbers in that order.

    Where a number leaves room for its position, both are sorted as one integer: a plain sort of
    integers is about ten times as fast as an argsort.

    >>> order, numbers = _in_order(np.array([5, -1, 5]))
    >>> order.tolist(), numbers.tolist()
    ([1, 0, 2], [-1, 5, 5])
    """
    bits = (len(numbers) - 1).bit_length() if len(numbers) else 0
    largest = max(int(numbers.max(initial=0)), -int(numbers.min(initial=0)))
    if largest.bit_length() + bits > 63:
        order = np.argsort(numbers, kind="stable")
        return order, numbers[order]
    both = numbers << bits
    both |= np.arange(len(numbers))
    both.sort()
    order = both & (2**bits - 1)
    both >>= bits
    return order, both
