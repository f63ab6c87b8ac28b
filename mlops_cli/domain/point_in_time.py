"""The point-in-time join: for each label, the feature row that was known at that moment.

Entities are numbers here, and an entity with its time is packed into one integer, so that the
join is a sort and a binary search over integers.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
_LARGEST_BITS = 62
_HALF, _LOW = 31, 2**31 - 1
"""Half the bits of a number, and the mask of them."""
_BLOCK = 65_536


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
    rows = np.full(len(label_codes), -1, dtype=np.int64)
    expired = np.zeros(len(rows), dtype=bool)
    if not len(codes) or not len(rows):
        return LastKnown(rows, expired)
    available = events if created is None else np.maximum(events, created)
    scale = _Scale.of(codes, available := _available(events, created))
    wanted = scale.packed(label_codes, label_times)
    best_last = None if created is None else _best_last(codes, events, created)
    line = scale.packed(codes, available)
    timeline = _Timeline.of(line, best_last, int(wanted.max()))
    asked = _Ordered.of(wanted)
    for part in _blocks(len(rows)):
        label, until = asked.part(part)
        row, of_whom = timeline.last(until)
        found = (until >= 0) & (of_whom >> scale.bits == until >> scale.bits)
        if ttl is not None:
            age = round(ttl.total_seconds() * 1_000_000)
            old = found & (events[row] < label_times[label] - age)
            expired[label[old]] = True
            found &= ~old
        rows[label] = np.where(found, row, -1)
    return LastKnown(rows, expired)


@dataclass(frozen=True)
class _Timeline:
    """The rows by entity, and by the time from which they are known."""

    line: "_Ordered"
    """(entity, time) of each row, shape (n,)."""
    best: Int64s | None
    """Of the rows known by then the one that counts; None where it is the last."""

    @classmethod
    def of(cls, line: Int64s, best_last: Int64s | None, sought: int) -> Self:
        """Order the rows; `best_last` is their order by what counts, where that is another."""
        if best_last is None:
            return cls(_Ordered.of(line, sought), None)
        ordered = _Ordered.of(line[best_last], sought)
        rank, _ = ordered.part(slice(None))
        return cls(ordered, best_last[np.maximum.accumulate(rank)])

    def last(self, until: Int64s) -> tuple[Int64s, Int64s]:
        """Return the row that counts at each value, and the last value not above it.

        That is -1 if there is none. Values in their order are the quickest: the search then stays
        in the processor's cache.
        """
        place = self.line.last_at_or_before(until)
        row, number = self.line.part(place)
        number = np.where(place < 0, -1, number)
        return (row if self.best is None else self.best[place]), number


@dataclass(frozen=True)
class _Ordered:
    """Numbers in order, each with the position it came from; equal ones by their position.

    Where a number leaves room for its position, both are sorted as one integer: a plain sort of
    integers is about ten times as fast as an argsort, and takes no memory beside.
    """

    numbers: Int64s
    """Each with its position in its lowest bits, shape (n,)."""
    bits: int
    """How many bits these are; 0 where there was no room for them."""
    positions: Int64s | None
    """Where the numbers do not hold them."""

    @classmethod
    def of(cls, numbers: Int64s, sought: int = 0) -> Self:
        """Order numbers; `sought` is the largest that will be looked up among them.

        >>> position, number = _Ordered.of(np.array([5, -1, 5])).part(slice(None))
        >>> position.tolist(), number.tolist()
        ([1, 0, 2], [-1, 5, 5])
        """
        bits = max(len(numbers) - 1, 1).bit_length()
        largest = max(int(numbers.max(initial=sought + 1)), -int(numbers.min(initial=0)))
        if largest.bit_length() + bits <= 63:
            both = numbers << bits
            both |= np.arange(len(numbers))
            both.sort()
            return cls(both, bits, None)
        by_low, _ = cls.of(numbers & _LOW).part(slice(None))
        by_high, _ = cls.of(numbers[by_low] >> _HALF).part(slice(None))
        order = by_low[by_high]
        return cls(numbers[order], 0, order)

    def part(self, places: Int64s | slice) -> tuple[Int64s, Int64s]:
        """Return the positions and the numbers at some places of the order."""
        here = self.numbers[places]
        if self.positions is not None:
            return self.positions[places], here
        return here & ((1 << self.bits) - 1), here >> self.bits

    def last_at_or_before(self, wanted: Int64s) -> Int64s:
        """Return the last place whose number does not exceed each wanted one, -1 if there is none.

        >>> _Ordered.of(np.array([5, -1, 5])).last_at_or_before(np.array([-2, 4, 5]))
        array([-1,  0,  2])
        """
        return np.searchsorted(self.numbers, (wanted + 1) << self.bits) - 1


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


def _available(events: Int64s, created: Int64s | None) -> Int64s:
    """Return from when on each row is known."""
    return events if created is None else np.maximum(events, created)


def _best_last(codes: Int64s, events: Int64s, created: Int64s | None) -> Int64s:
    """Return the order by entity, then event time, then created time, then row."""
    line = _Scale.of(codes, events).packed(codes, events)
    if created is None:
        return _order(line)
    by_created = _order(created - created.min(initial=0))
    return by_created[_order(line[by_created])]


def _order(numbers: Int64s) -> Int64s:
    return _Ordered.of(numbers).part(slice(None))[0]


@dataclass(frozen=True)
class _Scale:
    """How an entity and a time are one integer, in which the entity weighs more.

    Times are counted in their largest common unit. Where they still do not fit beside the
    entity, they are replaced by their rank.
    """

    first: int
    """The earliest time."""
    last: int
    """The latest."""
    unit: int
    ranked: Int64s | None
    """The distinct times, where they are replaced."""
    bits: int
    """How many of the integer are the time's."""

    @classmethod
    def of(cls, codes: Int64s, times: Int64s) -> Self:
        """Find a scale for the entities and times of some rows."""
        first, last, unit = int(times.min(initial=0)), int(times.max(initial=0)), 0
        if len(times):
            first, last = int(times.min()), int(times.max())
        for part in _blocks(len(times)):
            unit = math.gcd(unit, int(np.gcd.reduce(times[part] - first)))
        unit = max(unit, 1)
        bits = ((last - first) // unit + 1).bit_length()
        if bits + int(codes.max(initial=0)).bit_length() <= _LARGEST_BITS:
            return cls(first, last, unit, None, bits)
        distinct = np.unique(times)
        return cls(first, last, 1, distinct, len(distinct).bit_length())

    def packed(self, codes: Int64s, times: Int64s) -> Int64s:
        """Return one integer for each entity and time, negative where the entity is.

        A time between two of the scale becomes the earlier, one before all of them 0.
        """
        numbers = np.empty(len(codes), dtype=np.int64)
        for part in _blocks(len(codes)):
            if self.ranked is None:
                since = np.clip(times[part], self.first - 1, self.last) - self.first
                place = since // self.unit + 1
            else:
                place = np.searchsorted(self.ranked, times[part], "right")
            numbers[part] = (codes[part] << self.bits) + place
        return numbers


def _blocks(count: int) -> list[slice]:
    """Return slices of so many rows, each small enough for the processor's cache."""
    return [slice(start, start + _BLOCK) for start in range(0, count, _BLOCK)]
