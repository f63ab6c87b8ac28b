"""Reading a table of the user's and putting its rows where they belong."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.backends import files, queries
from mlops_cli.config import ModelConfig
from mlops_cli.domain import merging
from mlops_cli.domain.importing import translated
from mlops_cli.domain.merging import Target
from mlops_cli.domain.rejection import Wrong
from mlops_cli.errors import InputError
from mlops_cli.services.importing.storing import Months


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


@dataclass
class Intake:
    """What has been read: rows by target and month, and what is wrong."""

    parts: dict[str, tuple[Target, Months]] = field(default_factory=dict)
    rows: int = 0
    wrong: list[Wrong] = field(default_factory=list)
    lines: list[pd.DataFrame] = field(default_factory=list)
    """The rows that are wrong, as they were read."""


def read(model: ModelConfig, source: Source, time: datetime | None) -> Intake:
    """Read the rows piece by piece and put them into the columns, words and types of ours."""
    intake, broken = Intake(), list[files.BrokenLine]()
    stamps = {view.timestamp for view in model.feature_views.values()} | {model.labels.timestamp}
    for file, raw in _pieces(model, source, broken):
        frame = translated(raw, model.imports, model.entity, sorted(stamps), source.name, file)
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
) -> Iterator[tuple[str | NDArray[np.object_], pd.DataFrame]]:
    """Yield the rows, and of which file they are."""
    if source.path is None:
        yield "", queries.read_query(source.url, source.query)
        return
    pieces = files.batches(source.path, model.imports, broken)
    if model.imports.row_time is None or model.imports.row_time.order is None:
        yield from pieces
    elif found := list(pieces):
        stems = [np.full(len(each), stem, dtype=object) for stem, each in found]
        # A row's place among all others has to be known.
        yield np.concatenate(stems), pd.concat([each for _, each in found])


def _sort(
    model: ModelConfig, raw: pd.DataFrame, frame: pd.DataFrame, time: datetime | None, name: str,
    intake: Intake,
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
