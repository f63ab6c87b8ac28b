"""`mlops features`: sample data, imports, checks, Feast's registry, the online store."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mlops_cli.commands.session import Answer, Session, command, for_each
from mlops_cli.commands.views import age, table
from mlops_cli.errors import ExitCode

app = typer.Typer(no_args_is_help=True, help="Feature tables, Feast's registry, the online store.")

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Name in config.yaml.")]


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


@command(app)
def apply(session: Session) -> Answer:
    """Write the feature definitions of config.yaml to Feast's registry."""
    from mlops_cli.services import features

    views = features.apply(session.config)
    return Answer({"views": views}, lambda: f"registered {', '.join(views)}")


@command(app)
def materialize(session: Session) -> Answer:
    """Bring the newest value of every entity into the online store."""
    from mlops_cli.services import features

    session.say("bringing the newest values online")
    until = features.materialize(session.config)
    return Answer(
        {"views": until},
        lambda: f"online: {', '.join(until)}",
    )


@command(app, "list")
def list_(session: Session) -> Answer:
    """List the feature views and whether Feast's registry has them."""
    from mlops_cli.services import features

    views = features.listing(session.config)
    rows = [
        (view.name, ", ".join(view.models), view.features, view.ttl, view.registered)
        for view in views
    ]
    columns = ("view", "models", "features", "ttl", "registered")
    return Answer({"views": views}, lambda: table("Feature views", columns, rows))


@command(app)
def get(
    session: Session,
    model: ModelArgument,
    entity: Annotated[str, typer.Argument(help="Id, as PT000123.")],
) -> Answer:
    """Show the values a prediction would use now, their time and age."""
    from datetime import timedelta

    from mlops_cli.services import features

    session.model(model)
    found = features.get(session.config, model, entity)
    rows = [
        (
            name,
            value.value,
            value.event_time and f"{value.event_time:%Y-%m-%d %H:%M}",
            age(None if value.age_seconds is None else timedelta(seconds=value.age_seconds))
            + (" (expired)" if value.stale else ""),
            value.view,
        )
        for name, value in found.features.items()
    ]
    columns = ("feature", "value", "time (UTC)", "age", "view")
    return Answer(
        {"entity": found.entity, "features": found.features}, lambda: table(entity, columns, rows)
    )
