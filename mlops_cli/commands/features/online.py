"""`mlops features materialize`: the online store."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from mlops_cli.commands.features.group import app
from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import table


@command(app)
def materialize(
    session: Session,
    at: Annotated[
        datetime | None, typer.Option(help="Values known at this time, UTC. Default: now.")
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Write every row: something else has written to the online store."
        ),
    ] = False,
) -> Answer:
    """Bring the newest value of every entity into the online store, as far as it has changed."""
    from mlops_cli.services import materialization

    session.say("bringing the newest values online")
    moment = at.replace(tzinfo=UTC) if at else None
    views = materialization.materialize(session.config, moment, full, session.say)
    rows = [
        (name, view.entities, view.written, f"{view.seconds:.1f} s") for name, view in views.items()
    ]
    columns = ("view", "entities", "written", "took")
    return Answer({"views": views}, lambda: table("Online", columns, rows))
