"""`mlops features generate | import`: the source tables."""

from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_cli.commands.features.group import ModelArgument, app
from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import table
from mlops_cli.errors import ExitCode, InputError

if TYPE_CHECKING:
    from mlops_cli.services import importing


class OnError(Enum):
    """What is done where rows are wrong."""

    FAIL = "fail"
    REJECT = "reject"


@command(app)
def generate(
    session: Session,
    patients: Annotated[int, typer.Option(min=20, max=1_000_000, help="Patients.")] = 1000,
    months: Annotated[int, typer.Option(min=2, max=120, help="Monthly snapshots of each.")] = 12,
    drift: Annotated[
        bool, typer.Option("--drift", help="Also write a batch of patients that has drifted.")
    ] = False,
    end: Annotated[
        datetime | None, typer.Option(help="Time of the last snapshot, UTC. Default: now.")
    ] = None,
) -> Answer:
    """Write the sample hospital's tables, always the same for the same seed."""
    from mlops_cli.services import sample

    last = end.replace(tzinfo=UTC) if end else None
    written = sample.generate(session.config, patients, months, drift, last)
    rows = [(each.path, each.rows) for each in written]
    return Answer({"tables": written}, lambda: table("Written", ("table", "rows"), rows))


@command(app, "import")
def import_(
    session: Session,
    model: ModelArgument,
    file: Annotated[
        Path | None, typer.Argument(help="CSV, Parquet or JSONL, or a folder of them.")
    ] = None,
    *,
    time: Annotated[
        datetime | None, typer.Option(help="Time of all rows, if there is no time column.")
    ] = None,
    sql: Annotated[
        str | None, typer.Option(metavar="URL", help="Read from a database (SQLAlchemy URL).")
    ] = None,
    query: Annotated[str | None, typer.Option(help="What to read from it: SELECT ...")] = None,
    windows: Annotated[
        bool,
        typer.Option(
            "--windows", help="Compute the windows anew from the rows there are; no file."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read, check and count; write nothing.")
    ] = False,
    on_error: Annotated[
        OnError,
        typer.Option(help="Where rows are wrong: write nothing, or import the others and exit 3."),
    ] = OnError.FAIL,
    rejects: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV for the rejected rows. Default: a new file under the state folder.",
        ),
    ] = None,
) -> Answer:
    """Add a table of your own to a model's feature views and labels; the same rows only once.

    How its columns and words become those of config.yaml is said under `imports`.

    Of rows with one key and time the last one counts, the others count as replaced.

    A row is wrong if it has no id, no time, or a cell of another type than its
    feature. Values out of range and unknown categories are not wrong here: they are
    imported, and `mlops features validate` finds them.
    """
    if [file is not None, sql is not None, windows].count(True) != 1 or (
        (sql is None) != (query is None)
    ):
        raise InputError(
            "name a file, or else --sql URL with --query, or --windows",
            "as features import M a.csv",
        )
    if rejects is not None and on_error is OnError.FAIL:
        raise InputError("--rejects belongs to --on-error reject", "add it, or leave both out")
    from mlops_cli.services import importing

    session.model(model)
    moment = time.replace(tzinfo=UTC) if time else None
    source = importing.Source(file, sql or "", query or "")
    choices = importing.Choices(moment, dry_run, on_error is OnError.REJECT, rejects)
    if windows:
        done = importing.compute_windows(session.config, model, dry_run)
    else:
        done = importing.import_table(session.config, model, source, choices)
    for each in done.tables:
        if each.added:
            names = ", ".join(each.added)
            session.warn(f"{each.path} had no column of {names}: missing in the rows that it had")
        if each.moved:
            session.warn(f"{each.path} was filled by hand: it goes on in {each.moved}, unused")
    if done.failure:
        session.fail(done.failure)
    return Answer(
        {
            "tables": done.tables, "rows": done.rows, "dry_run": dry_run,
            "rejected": done.rejected, "rejects": done.rejects,
        },
        lambda: _import_view(done, dry_run),
        ExitCode.FINDING if done.rejected else ExitCode.OK,
        [done.failure] if done.failure else [],
    )  # fmt: skip


def _import_view(done: "importing.Imported", dry_run: bool) -> list[Any]:
    view: list[Any] = []
    if done.tables:
        rows = [(each.path, each.rows, each.new, each.replaced) for each in done.tables]
        title = "Would be written" if dry_run else "Written"
        view += table(title, ("table", "rows", "new", "replaced"), rows)
    if done.rejected:
        wrong = [
            (each.column, each.reason, each.rows, ", ".join(map(str, each.first)))
            for each in done.rejected
        ]
        view += table("Wrong", ("column", "reason", "rows", "first in row"), wrong)
    if done.rejects:
        view.append(f"rejected rows are in {done.rejects}")
    return view
