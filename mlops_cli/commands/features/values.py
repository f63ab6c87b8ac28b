"""`mlops features get`: what is known of an entity."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from mlops_cli.commands.features.group import ModelArgument, app
from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import age, table


@command(app)
def get(
    session: Session,
    model: ModelArgument,
    entity: Annotated[
        str, typer.Argument(help="Id, as PT000123, or patient_id=PT1,hospital_id=H2.")
    ],
    at: Annotated[
        datetime | None,
        typer.Option(help="What was known at this time, UTC. Default: now, online."),
    ] = None,
) -> Answer:
    """Show the values a prediction would use now, their time and age."""
    from mlops_cli.services import online_values

    session.model(model)
    moment = at.replace(tzinfo=UTC) if at else None
    found = online_values.get(session.config, model, entity, moment)
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
