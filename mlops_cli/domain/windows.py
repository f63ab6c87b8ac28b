"""Features over time: what a row says of the rows of its key before it.

A row knows what was written by the later of its event time and its time of writing: of each event
time the latest correction that was there by then. So a value that came in late never changes what
an earlier row could have known, and the order in which files are imported does not matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.config.features import WindowConfig
from mlops_cli.domain.point_in_time import Int64s

Numbers = NDArray[np.float64]
_AT_ONCE = 2**22
"""Pairs of a row and one before it that are held in memory together."""


@dataclass(frozen=True)
class Timeline:
    """The rows of a table by key, then event time, then time of writing; arrays of shape (n,)."""

    order: Int64s
    """Their positions in the table."""
    event: Int64s
    """Event times, microseconds."""
    known: Int64s
    """The later of event time and time of writing."""
    key: Int64s
    """Numbers of the keys, ascending."""
    key_start: Int64s
    """Where the rows of the same key begin."""
    event_start: Int64s
    """Where the rows of the same key and event time begin."""
    event_end: Int64s
    """Where they end; that row is no longer one of them."""


def window_columns(
    frame: pd.DataFrame,
    keys: Sequence[str],
    stamps: Sequence[str],
    windows: Mapping[str, WindowConfig],
) -> dict[str, Numbers]:
    """Return the window features of a table, each of shape (rows,), missing ones as NaN.

    Args:
        frame: All rows of a view.
        keys: The columns of its key.
        stamps: The column of the event time, and maybe that of the time of writing.
        windows: What to compute, by feature.
    """
    numbers = frame.groupby(list(keys), sort=False, observed=True).ngroup()
    codes = np.asarray(numbers, dtype=np.int64)
    times = [frame[stamp].astype("datetime64[us, UTC]") for stamp in stamps]
    micros = [time.fillna(times[0]).to_numpy("datetime64[us]").view(np.int64) for time in times]
    line = lined_up(codes, micros[0], micros[1] if micros[1:] else None)
    return {
        name: windowed(line, frame[window.of].to_numpy(np.float64, na_value=np.nan), window)
        for name, window in windows.items()
    }


def lined_up(codes: Int64s, events: Int64s, created: Int64s | None = None) -> Timeline:
    """Put the rows of a table in order.

    Args:
        codes: Number of each row's key, shape (n,).
        events: Event times in microseconds, shape (n,).
        created: Times of writing in microseconds, where the table has them.
    """
    order = np.lexsort((events, codes) if created is None else (created, events, codes))
    key, event = codes[order], events[order]
    known = event if created is None else np.maximum(event, created[order])
    rows = np.arange(len(order))
    new_key = np.append(True, key[1:] != key[:-1])[: len(order)]
    new_event = new_key | np.append(True, event[1:] != event[:-1])[: len(order)]
    starts = np.flatnonzero(new_event)
    lengths = np.diff(np.append(starts, len(order)))
    return Timeline(
        order=order,
        event=event,
        known=known,
        key=key,
        key_start=np.maximum.accumulate(np.where(new_key, rows, 0)),
        event_start=np.repeat(starts, lengths),
        event_end=np.repeat(starts + lengths, lengths),
    )


def windowed(line: Timeline, values: Numbers, window: WindowConfig) -> Numbers:
    """Return one window feature of every row, in the order of the table, shape (n,).

    `std` is that of a sample, and missing below two values; `count` is 0 where there are none, and
    everything else missing.

    >>> line = lined_up(np.array([7, 7, 7]), np.array([2, 1, 3]) * 86_400_000_000)
    >>> values = np.array([20.0, 10.0, 60.0])
    >>> windowed(line, values, WindowConfig(of="bmi", compute="change"))
    array([10., nan, 40.])
    >>> windowed(line, values, WindowConfig(of="bmi", compute="mean", over="2d"))
    array([15., 10., 40.])
    """
    values = values[line.order]
    if window.over is None:
        found = _previous(line, values)
        found = values - found if window.compute == "change" else found
    else:
        found = _over(line, values, window.compute, window.over)
    back = np.empty(len(found))
    back[line.order] = np.where(np.isfinite(found), found, np.nan)
    return back


def _previous(line: Timeline, values: Numbers) -> Numbers:
    """Return the value at the latest earlier event time that each row knows of."""
    at = line.event_start - 1
    unsettled = np.arange(len(at))
    while len(unsettled):  # one step back for what the row did not know of yet
        inside = at[unsettled] >= line.key_start[unsettled]
        unsettled = unsettled[inside]
        unsettled = unsettled[line.known[at[unsettled]] > line.known[unsettled]]
        at[unsettled] -= 1
    return np.where(at >= line.key_start, values[at], np.nan) if len(at) else values


def _over(line: Timeline, values: Numbers, compute: str, over: timedelta) -> Numbers:
    """Return an aggregate over the event times in (t - over, t] of every row."""
    starts = _window_starts(line, over)
    found = np.empty(len(values))
    odd = _odd(line)
    plain = np.flatnonzero(~odd)
    found[plain] = _aggregate(compute, values, starts[plain], plain + 1)
    for rows in _in_parts(np.flatnonzero(odd), line.event_end - starts):
        at, owner = _pairs(starts[rows], line.event_end[rows])
        seen = line.known[at] <= line.known[rows][owner]
        at, owner = at[seen], owner[seen]
        last = np.append((np.diff(owner) != 0) | (np.diff(line.event[at]) != 0), True)
        at, owner = at[last], owner[last]
        bounds = np.searchsorted(owner, np.arange(len(rows) + 1))
        found[rows] = _aggregate(compute, values[at], bounds[:-1], bounds[1:])
    return found


def _window_starts(line: Timeline, over: timedelta) -> Int64s:
    """Return where the window of each row begins."""
    moments, rank = np.unique(line.event, return_inverse=True)
    before = line.event - round(over.total_seconds() * 1_000_000)
    block = line.key * len(moments)
    first = np.searchsorted(moments, before, side="right")
    return np.searchsorted(block + rank, block + first)


def _odd(line: Timeline) -> NDArray[np.bool_]:
    """Tell which rows belong to a key with corrections, or with rows that were written late."""
    same = line.key[1:] == line.key[:-1]
    late = (line.event[1:] == line.event[:-1]) | (line.known[1:] < line.known[:-1])
    odd = np.zeros(len(line.key), dtype=bool)
    odd[line.key_start[1:][same & late]] = True
    return odd[line.key_start]


def _in_parts(rows: Int64s, lengths: Int64s) -> list[Int64s]:
    """Split rows so that the windows of each part have about `_AT_ONCE` rows together."""
    if not len(rows):
        return []
    part = np.cumsum(lengths[rows]) // _AT_ONCE
    return np.split(rows, np.flatnonzero(np.diff(part)) + 1)


def _pairs(starts: Int64s, ends: Int64s) -> tuple[Int64s, Int64s]:
    """Return the positions in each window, one after the other, and whose window that is."""
    lengths = ends - starts
    owner = np.repeat(np.arange(len(starts)), lengths)
    first = np.cumsum(lengths) - lengths
    return np.arange(len(owner)) + np.repeat(starts - first, lengths), owner


def _aggregate(compute: str, values: Numbers, starts: Int64s, ends: Int64s) -> Numbers:
    """Return an aggregate over slices of `values`, none of them empty."""
    if not len(starts):
        return np.empty(0)
    slices = np.column_stack([starts, ends]).ravel()
    if compute in {"min", "max"}:
        best = np.fmin if compute == "min" else np.fmax
        return best.reduceat(np.append(values, np.nan), slices)[::2]
    present = np.append(~np.isnan(values), False)
    counts = np.add.reduceat(present.astype(np.int64), slices)[::2].astype(np.float64)
    if compute == "count":
        return counts
    with np.errstate(all="ignore"):
        sums = np.add.reduceat(np.append(np.nan_to_num(values), 0.0), slices)[::2]
        if compute == "sum":
            return np.where(counts > 0, sums, np.nan)
        means = sums / counts
        if compute == "mean":
            return means
        squares = np.empty(len(starts))
        for rows in _in_parts(np.arange(len(starts)), ends - starts):
            at, owner = _pairs(starts[rows], ends[rows])
            off = np.nan_to_num(values[at] - means[rows][owner])
            squares[rows] = np.bincount(owner, off**2, len(rows))
        return np.where(counts > 1, np.sqrt(squares / (counts - 1)), np.nan)
