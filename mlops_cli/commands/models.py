"""`mlops models`: the registry from the shell."""

from typing import Annotated

import typer

from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import table

app = typer.Typer(no_args_is_help=True, help="The models, their versions and their history.")

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Name in config.yaml.")]


@command(app, "list")
def list_(session: Session) -> Answer:
    """List every model with its champion and challenger."""
    from mlops_cli.services import models

    found = models.listing(session.config)
    columns = ("model", "task", "champion", "challenger", "versions")
    rows = [(m.name, m.task, m.champion, m.challenger, m.versions) for m in found]
    return Answer({"models": found}, lambda: table("Models", columns, rows))


@command(app)
def show(session: Session, model: ModelArgument) -> Answer:
    """Show the versions of a model with the figures of their runs."""
    from mlops_cli.services import models

    metric = session.model(model).metric
    found = models.show(session.config, model)
    rows = [
        (
            each.number,
            ", ".join([*each.aliases, *(["waiting"] if each.waiting else [])]),
            f"{each.created:%Y-%m-%d}",
            each.metrics.get(metric),
            each.run_id,
        )
        for each in found
    ]
    columns = ("version", "alias", "registered", metric, "run")
    return Answer(
        {"model": model, "versions": found}, lambda: table(model, columns, rows, narrow=True)
    )


@command(app)
def history(session: Session, model: ModelArgument) -> Answer:
    """Show who decided what about a model, and why."""
    from mlops_cli.services import models

    session.model(model)
    changes = models.history(session.config, model)
    found = [
        {
            "time": each.time,
            "actor": each.actor,
            "action": each.action,
            "from": each.previous,
            "to": each.version,
            "reason": each.reason,
        }
        for each in changes
    ]
    columns = ("time (UTC)", "actor", "action", "from", "to", "reason")
    rows = [
        (f"{c.time[:10]} {c.time[11:16]}", c.actor, c.action, c.previous, c.version, c.reason)
        for c in changes
    ]
    return Answer({"events": found}, lambda: table(model, columns, rows))
