"""`mlops features generate | import | validate`: the source tables."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mlops_cli.commands.features.group import ModelArgument, app
from mlops_cli.commands.session import Answer, Session, command, for_each
from mlops_cli.commands.views import table
from mlops_cli.errors import ExitCode


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
    file: Annotated[Path, typer.Argument(help="CSV, Parquet or JSONL.")],
    time: Annotated[
        datetime | None, typer.Option(help="Time of all rows, if there is no time column.")
    ] = None,
) -> Answer:
    """Add a table of your own to a model's feature views and labels; the same rows only once."""
    from mlops_cli.services import importing

    session.model(model)
    moment = time.replace(tzinfo=UTC) if time else None
    written = importing.import_table(session.config, model, file, moment)
    rows = [(each.path, each.rows) for each in written]
    return Answer({"tables": written}, lambda: table("Written", ("table", "rows"), rows))


@command(app)
def validate(
    session: Session,
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Names in config.yaml. Default: all."),
    ] = None,
) -> Answer:
    """Check the source tables against types, ranges and categories; exit 3 on a finding."""
    from mlops_cli.services import validation

    results, failures = for_each(
        session.models(models), lambda name: validation.validate(session.config, name), session
    )
    done = [each for each in results if isinstance(each, validation.ValidationResult)]
    rows = [
        (each.model, finding.table, finding.column, finding.rule, finding.rows)
        for each in done
        for finding in each.findings
    ]
    tables = sum(each.tables for each in done)
    return Answer(
        {"results": results},
        lambda: (
            table("Findings", ("model", "table", "column", "rule", "rows"), rows)
            if rows
            else f"{tables} tables are as configured"
        ),
        ExitCode.FINDING if rows else ExitCode.OK,
        failures,
    )
