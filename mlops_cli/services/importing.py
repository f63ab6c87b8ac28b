"""`features import`: a table of the user's becomes rows of the feature views and the labels."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from mlops_cli.backends import files, queries, tables
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain import merging, rejection
from mlops_cli.domain.importing import translated
from mlops_cli.domain.merging import Target
from mlops_cli.domain.rejection import Rejected, Wrong
from mlops_cli.domain.windows import window_columns
from mlops_cli.errors import InputError


@dataclass(frozen=True)
class Source:
    """Where the rows come from: a file or folder, or a query."""

    path: Path | None
    url: str = ""
    query: str = ""

    @property
    def name(self) -> str:
        """What people call it; a URL may hold a password."""
        return str(self.path) if self.path else "the query"


@dataclass(frozen=True)
class Choices:
    """How an import is to be done."""

    time: datetime | None = None
    """The event time of all rows, where the table has no column of it."""
    dry_run: bool = False
    """Read, check and count only."""
    reject: bool = False
    """Import the rows that are right when others are wrong."""
    rejects: Path | None = None
    """Where the others go; default: a file under the state folder."""


@dataclass(frozen=True)
class ImportedTable:
    """One table of the project after an import."""

    path: str
    rows: int
    new: int
    """Rows whose key and time were not there before."""
    replaced: int
    """Rows whose key and time were there, or twice in the import: the last one counts."""
    moved: str | None
    """Where a folder has gone that somebody had filled by hand."""


@dataclass(frozen=True)
class Imported:
    """What an import has done, or why it has done nothing."""

    tables: tuple[ImportedTable, ...]
    rows: int
    """Rows of the user's table that were right."""
    rejected: tuple[Rejected, ...]
    rejects: str | None
    """The file with the rows that were not."""
    failure: InputError | None = None
    """Rows were wrong, and nothing was written."""


Months = dict[str, list[pd.DataFrame]]


@dataclass
class _Intake:
    """What has been read: rows by target and month, and what is wrong."""

    parts: dict[str, tuple[Target, Months]] = field(default_factory=dict)
    rows: int = 0
    wrong: list[Wrong] = field(default_factory=list)
    lines: list[pd.DataFrame] = field(default_factory=list)
    """The rows that are wrong, as they were read."""


def import_table(config: Config, name: str, source: Source, choices: Choices) -> Imported:
    """Add a table of the user's to the sources of one model: its views and its labels.

    A view gets the rows if the table has its columns, the labels if it has the label column; a
    table with some columns of a view and not the others is refused. Rows that are there already,
    by key and time, are replaced, so that importing a file again changes nothing. Nothing is
    written before every part of the table has been read and checked.

    Raises:
        InputError: A column is missing, or there are no rows.
    """
    intake = _read(config.models[name], source, choices.time)
    found = rejection.report(intake.wrong)
    if found and not choices.reject:
        return Imported((), intake.rows, found, None, _failure(intake, source.name))
    with files.lock(config.state, "features"), ExitStack() as ready:
        done = []
        for place, (target, months) in intake.parts.items():
            parts = ready.enter_context(files.rewriting(Path(place)))
            done.append(_bring(target, months, parts, choices.dry_run))
        if choices.dry_run:
            return Imported(tuple(done), intake.rows, found, None)
        rejects = choices.rejects or _place(config, name)
        if found:
            ready.enter_context(
                files.written(rejects, rejection.rejects(intake.lines, intake.wrong))
            )
        told = source.path.name if source.path else "query"
        sources = {v: view.source for v, view in config.models[name].feature_views.items()}
        views = [view for view, place in sources.items() if place in intake.parts]
        details = {"file": told, "rows": intake.rows, "tables": len(done), "views": views}
        if found:
            details |= {"rejected": sum(map(len, intake.lines)), "rejects": str(rejects)}
        tables.append(config, "features.imported", name, details=details)
    return Imported(tuple(done), intake.rows, found, str(rejects) if found else None)


def _read(model: ModelConfig, source: Source, time: datetime | None) -> _Intake:
    """Read the rows piece by piece and put them into the columns, words and types of ours."""
    intake, broken = _Intake(), list[files.BrokenLine]()
    stamps = {view.timestamp for view in model.feature_views.values()} | {model.labels.timestamp}
    for raw in _pieces(model, source, broken):
        frame = translated(raw, model.imports, model.entity, sorted(stamps), source.name)
        _sort(model, raw, frame, time, source.name, intake)
    for reason in dict.fromkeys(line.reason for line in broken):
        rows = [line.row for line in broken if line.reason == reason]
        intake.wrong.append(Wrong(None, reason, np.array(rows)))
    if broken:
        cells = [line.cells for line in broken]
        intake.lines.append(pd.DataFrame(cells, [line.row for line in broken], dtype=object))
    if not intake.rows and not intake.wrong:
        raise InputError(f"{source.name} has no rows")
    return intake


def _pieces(
    model: ModelConfig, source: Source, broken: list[files.BrokenLine]
) -> Iterator[pd.DataFrame]:
    if source.path is None:
        yield queries.read_query(source.url, source.query)
        return
    pieces = files.batches(source.path, model.imports, broken)
    if model.imports.row_time is None or model.imports.row_time.order is None:
        yield from pieces
    elif found := list(pieces):
        yield pd.concat(found)  # a row's place among all others has to be known


def _sort(
    model: ModelConfig, raw: pd.DataFrame, frame: pd.DataFrame, time: datetime | None, name: str,
    intake: _Intake,
) -> None:  # fmt: skip
    """Put rows that are right where they belong, and set the others aside."""
    parts = [
        (target, *merging.rows_of(target, frame, time, name))
        for target in merging.wanted(model, frame, name)
    ]
    wrong = [each for _, _, found in parts for each in found]
    numbers = [each.rows for each in wrong]
    bad = np.isin(frame.index, np.concatenate(numbers)) if wrong else np.zeros(len(frame), bool)
    intake.rows += len(frame) - int(bad.sum())
    intake.wrong += wrong
    if wrong:
        intake.lines.append(raw[bad])
    for target, rows, _ in parts:
        good = rows[~bad] if wrong else rows
        whole = files.is_file_source(Path(target.source))
        split = {"": good} if whole else merging.by_month(good, target.stamps[0])
        _, months = intake.parts.setdefault(target.source, (target, {}))
        for month, part in split.items():
            if len(part):
                months.setdefault(month, []).append(part)


def _bring(target: Target, months: Months, parts: files.Parts, dry_run: bool) -> ImportedTable:
    """Merge rows into the parts of one table; only parts that get any are written again."""
    for name in parts.known:
        merging.check_columns(target, parts.columns(name), str(parts.path))
    by_hand = _by_hand(target, parts)
    sizes = {name: parts.rows(name) for name in parts.known if name not in months}
    given = new = 0
    for name in sorted({*months, *by_hand}):
        old = by_hand.pop(name, None)
        if name in parts.known:
            old = merging.known_rows(target, parts.read(name), str(parts.path))
        fresh = months.pop(name, [])
        given += sum(map(len, fresh))
        whole, more = merging.merged(target, old, fresh)
        sizes[name], new = len(whole), new + more
        if not dry_run:
            parts.write(name, whole, target.features)
    if target.windows and parts.written:
        _add_windows(target, parts)
    moved = str(parts.aside) if parts.aside else None
    return ImportedTable(str(parts.path), sum(sizes.values()), new, given - new, moved)


def _by_hand(target: Target, parts: files.Parts) -> dict[str, pd.DataFrame]:
    """Return by month what somebody has put into the folder of a source."""
    found = [
        merging.known_rows(target, files.read_table(path), str(path)) for path in parts.by_hand
    ]
    if not found:
        return {}
    return merging.by_month(pd.concat(found, ignore_index=True), target.stamps[0])


def _add_windows(target: Target, parts: files.Parts) -> None:
    """Compute the windows from all rows, and write again the parts in which one is different."""
    names = list(target.windows)
    needed = [*target.identity, *{window.of for window in target.windows.values()}]
    everything = parts.read_all(needed, list(target.keys))
    made = window_columns(everything, target.keys, target.stamps, target.windows)
    start = 0
    for name in parts.names:
        end = start + parts.rows(name)
        rows = pd.DataFrame({key: values[start:end] for key, values in made.items()})
        start = end
        if set(names) <= set(parts.columns(name)):
            stored = parts.read(name, names).astype(np.float64)
            if stored.equals(rows):
                continue
        whole = parts.read(name).assign(**{key: rows[key] for key in names})
        parts.write(name, whole[[*target.identity, *target.features]], target.features)


def _failure(intake: _Intake, name: str) -> InputError:
    first = min(intake.wrong, key=lambda each: int(each.rows[0]))
    count = sum(map(len, intake.lines))
    return InputError(
        f"{name}: {count} of {intake.rows + count} rows {'is' if count == 1 else 'are'} wrong: "
        f"{first.sentence()}",
        "nothing was written; `--on-error reject` imports the others",
    )


def _place(config: Config, name: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    return Path(config.state) / "rejects" / f"{name}-{stamp}.csv"
