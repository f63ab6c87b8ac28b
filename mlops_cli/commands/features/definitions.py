"""`mlops features apply | list`: Feast's registry."""

from typing import Annotated

import typer

from mlops_cli.commands.features.group import app
from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import table


@command(app)
def apply(
    session: Session,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; change nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Also remove what config.yaml no longer defines.")
    ] = False,
) -> Answer:
    """Write the feature definitions of config.yaml to Feast's registry."""
    from mlops_cli.services import features

    done = features.apply(session.config, dry_run, yes)
    rows = [(each.action, each.kind, each.name, "\n".join(each.details)) for each in done.plan]
    title = "Would change" if dry_run else "Changed"
    return Answer(
        vars(done),
        lambda: (
            table(title, ("action", "what", "name", "how"), rows)
            if rows
            else "the registry is as config.yaml defines it"
        ),
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
