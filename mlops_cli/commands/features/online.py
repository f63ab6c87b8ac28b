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
    done = materialization.materialize(session.config, moment, full, session.say)
    for name, failure in done.failures.items():
        failure.message = f"{name}: {failure.message}"
        session.fail(failure)
    failed = {name: {"error": failure.told()} for name, failure in done.failures.items()}
    rows = [
        (name, view.entities, view.written, view.removed, f"{view.seconds:.1f} s")
        for name, view in done.views.items()
    ]
    columns = ("view", "entities", "written", "removed", "took")
    return Answer(
        {"views": done.views | failed},
        lambda: table("Online", columns, rows) if rows else [],
        failures=list(done.failures.values()),
    )
