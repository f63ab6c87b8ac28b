"""`features import`: a table of the user's becomes rows of the feature views and the labels."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlops_cli.backends import files, tables
from mlops_cli.config import Config
from mlops_cli.domain import merging, rejection
from mlops_cli.domain.importing import numbers_only
from mlops_cli.domain.rejection import Rejected
from mlops_cli.errors import InputError
from mlops_cli.services.importing.intake import Intake, Source, read
from mlops_cli.services.importing.storing import ImportedTable, bring

__all__ = ["Choices", "Imported", "ImportedTable", "Source", "compute_windows", "import_table"]


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


def import_table(config: Config, name: str, source: Source, choices: Choices) -> Imported:
    """Add a table of the user's to the sources of one model: its views and its labels.

    A view gets the rows if the table has its columns, the labels if it has the label column; a
    table with some columns of a view and not the others is refused. Rows that are there already,
    by key and time, are replaced, so that importing a file again changes nothing. Nothing is
    written before every part of the table has been read and checked.

    Raises:
        InputError: A column is missing, or there are no rows.
    """
    model = config.models[name]
    intake = read(model, source, choices.time)
    found = rejection.report(intake.wrong)
    if found and not choices.reject:
        return Imported((), intake.rows, found, None, _failure(intake, source.name))
    with files.lock(config.state, "features"), ExitStack() as ready:
        done = []
        for place, (target, months) in intake.parts.items():
            parts = ready.enter_context(files.rewriting(Path(place), choices.dry_run))
            numbered = numbers_only(model.imports.row_id) and model.entity in target.keys
            done.append(bring(target, months, parts, choices.dry_run, numbered))
        if choices.dry_run:
            return Imported(tuple(done), intake.rows, found, None)
        rejects = choices.rejects or _place(config, name)
        if found:
            ready.enter_context(
                files.written(rejects, rejection.rejects(intake.lines, intake.wrong), private=True)
            )
        told = source.path.name if source.path else "query"
        sources = {v: view.source for v, view in model.feature_views.items()}
        views = [view for view, place in sources.items() if place in intake.parts]
        details = {"file": told, "rows": intake.rows, "tables": len(done), "views": views}
        if found:
            details |= {"rejected": sum(map(len, intake.lines)), "rejects": str(rejects)}
        tables.append(config, "features.imported", name, details=details)
    return Imported(tuple(done), intake.rows, found, str(rejects) if found else None)


def compute_windows(config: Config, name: str, dry_run: bool) -> Imported:
    """Compute the windows of a model anew from the rows that are there.

    Raises:
        InputError: There are none to compute.
    """
    model = config.models[name]
    found = [each for each in merging.targets(model) if each.windows]
    with files.lock(config.state, "features"), ExitStack() as ready:
        done = []
        for target in found:
            parts = ready.enter_context(files.rewriting(Path(target.source), dry_run))
            if parts.known or parts.by_hand:
                done.append(bring(target, {}, parts, dry_run))
        if not done:
            raise InputError(
                f"model {name!r} has no table with windows",
                f"`mlops features import {name} FILE` brings rows, and computes them",
            )
        if not dry_run:
            sources = {each.path for each in done}
            views = [view for view, of in model.feature_views.items() if of.source in sources]
            details = {"file": "--windows", "rows": 0, "tables": len(done), "views": views}
            tables.append(config, "features.imported", name, details=details)
    return Imported(tuple(done), 0, (), None)


def _failure(intake: Intake, name: str) -> InputError:
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
