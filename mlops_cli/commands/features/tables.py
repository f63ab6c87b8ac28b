"""`mlops features generate | import`: the source tables."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mlops_cli.commands.features.group import ModelArgument, app
from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import table
from mlops_cli.errors import InputError


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
    time: Annotated[
        datetime | None, typer.Option(help="Time of all rows, if there is no time column.")
    ] = None,
    sql: Annotated[
        str | None, typer.Option(metavar="URL", help="Read from a database (SQLAlchemy URL).")
    ] = None,
    query: Annotated[str | None, typer.Option(help="What to read from it: SELECT ...")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read, check and count; write nothing.")
    ] = False,
) -> Answer:
    """Add a table of your own to a model's feature views and labels; the same rows only once.

    How its columns and words become those of config.yaml is said under `imports` there.
    """
    if (file is None) == (sql is None) or (sql is None) != (query is None):
        raise InputError(
            "name a file, or else --sql URL with --query", "as features import M a.csv"
        )
    from mlops_cli.services import importing

    session.model(model)
    moment = time.replace(tzinfo=UTC) if time else None
    source = importing.Source(file, sql or "", query or "")
    done = importing.import_table(session.config, model, source, moment, dry_run)
    rows = [(each.path, each.rows, each.new, each.replaced) for each in done]
    title = "Would be written" if dry_run else "Written"
    columns = ("table", "rows", "new", "replaced")
    return Answer({"tables": done, "dry_run": dry_run}, lambda: table(title, columns, rows))
