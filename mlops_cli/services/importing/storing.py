"""Merging what was read into the files of the project's tables."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlops_cli.backends import files
from mlops_cli.domain import merging
from mlops_cli.domain.merging import Target
from mlops_cli.domain.windows import window_columns
from mlops_cli.errors import InputError

Months = dict[str, list[pd.DataFrame]]


@dataclass(frozen=True)
class ImportedTable:
    """One table of the project after an import."""

    path: str
    rows: int
    new: int
    """Rows whose key and time were not there before."""
    replaced: int
    """Rows whose key and time were there, or twice in the import: of those the last one counts."""
    added: tuple[str, ...]
    """Features that it had no column of: missing in the rows that were there."""
    moved: str | None
    """Where a folder has gone that somebody had filled by hand."""


def bring(
    target: Target, months: Months, parts: files.Parts, dry_run: bool, numbered: bool = False
) -> ImportedTable:
    """Merge rows into the parts of one table; only parts that have to be are written again.

    Args:
        target: The table.
        months: The new rows by part.
        parts: Its files.
        dry_run: Count only.
        numbered: Whether ids are made of the rows' numbers alone.

    Raises:
        InputError: A column would be lost, or numbered rows would take the place of others.
    """
    lacking = _lacking(target, parts)
    by_hand = _by_hand(target, parts, lacking)
    again = {*months, *by_hand, *(name for name in parts.known if lacking.get(name))}
    sizes = {name: parts.rows(name) for name in parts.known if name not in again}
    given = new = 0
    for name in sorted(again):
        old = by_hand.pop(name, None)
        if name in parts.known:
            old = merging.known_rows(target, parts.read(name), str(parts.path))
        fresh = months.pop(name, [])
        given += sum(map(len, fresh))
        if numbered and old is not None and merging.replaces(target, old, fresh):
            raise InputError(
                f"{parts.path} has other rows with the ids that these would get",
                "the row's number alone is no id: name a column of theirs in imports.row_id, or "
                "{file}; or move the table away to start anew",
            )
        whole, more = merging.merged(target, old, fresh)
        sizes[name], new = len(whole), new + more
        if not dry_run:
            parts.write(name, whole, target.features)
    if target.windows and not dry_run:
        _add_windows(target, parts)
    moved = str(parts.aside) if parts.aside and parts.written else None
    added = [name for name in target.imported if any(name in each for each in lacking.values())]
    return ImportedTable(
        str(parts.path), sum(sizes.values()), new, given - new, tuple(added), moved
    )


def _lacking(target: Target, parts: files.Parts) -> dict[str, list[str]]:
    """Return the features that a part has no column of, and refuse to lose a column."""
    lacking = {}
    for name in parts.known:
        names = parts.columns(name)
        lacking[name] = merging.check_columns(target, names, str(parts.path))
        merging.check_kept(target, names, parts.windows(name), str(parts.path))
    return lacking


def _by_hand(
    target: Target, parts: files.Parts, lacking: dict[str, list[str]]
) -> dict[str, pd.DataFrame]:
    """Return by month what somebody has put into the folder of a source."""
    found = []
    for path in parts.by_hand:
        frame = files.read_table(path)
        lacking[str(path)] = merging.check_columns(target, frame.columns, str(path))
        if not parts.kept:
            windows = files.stored_windows(path)
            merging.check_kept(target, frame.columns, windows, str(path))
        found.append(merging.known_rows(target, frame, str(path)))
    if not found:
        return {}
    return merging.by_month(pd.concat(found, ignore_index=True), target.stamps[0])


def _add_windows(target: Target, parts: files.Parts) -> None:
    """Compute the windows from all rows, and write again the parts in which one is different."""
    if not parts.names:
        return
    names = list(target.windows)
    needed = [*target.identity, *{window.of for window in target.windows.values()}]
    everything = parts.read_all(needed, list(target.keys))
    made = window_columns(everything, target.keys, target.stamps, target.windows)
    said = {name: window.text for name, window in target.windows.items()}
    start = 0
    for name in parts.names:
        end = start + parts.rows(name)
        rows = pd.DataFrame({key: values[start:end] for key, values in made.items()})
        start = end
        if set(names) <= set(parts.columns(name)) and parts.windows(name) == said:
            stored = parts.read(name, names).astype(np.float64)
            if stored.equals(rows):
                continue
        whole = parts.read(name).assign(**{key: rows[key] for key in names})
        parts.write(
            name, whole[[*target.identity, *target.features]], target.features, target.windows
        )
