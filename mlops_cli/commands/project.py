"""`mlops init` and `mlops status`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import age, table
from mlops_cli.errors import ExitCode

if TYPE_CHECKING:
    from mlops_cli.services.models import ModelState


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "init")(init)
    command(app, "status")(status)


def init(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to.")] = Path(),
    example: Annotated[str, typer.Option(help="healthcare or uci_heart.")] = "healthcare",
) -> Answer:
    """Write a project to start from: a config.yaml that works and can be edited."""
    from mlops_cli.services import project

    made = project.init(folder, example)
    step = "`mlops features generate`" if example == "healthcare" else "see README.md"
    return Answer(
        {"folder": made.folder, "files": made.files, "example": made.example},
        lambda: f"wrote {', '.join(made.files)} to {made.folder}\nnext, in that folder: {step}",
    )


def status(
    session: Session,
    max_age: Annotated[
        str | None,
        typer.Option(help="Exit 7 if a drift check or materialize is older, as 26h."),
    ] = None,
) -> Answer:
    """Show every model on one screen: versions, approvals, freshness, drift."""
    from mlops_cli.config.values import parse_duration
    from mlops_cli.errors import InputError
    from mlops_cli.services import models

    try:
        limit = parse_duration(max_age) if max_age else None
    except ValueError as error:
        raise InputError(f"--max-age: {error}") from error
    states = models.status(session.config, limit)
    overdue = [state for state in states if state.overdue]
    rows = [
        (
            state.name,
            state.champion,
            f"{state.challenger} waits for approval" if state.waiting else state.challenger,
            f"{state.drift}, {age(state.drift_age)} ago" if state.drift else "never checked",
            _freshness(state),
        )
        for state in states
    ]
    columns = ("model", "champion", "challenger", "drift", "features online")
    late = [f"overdue: {state.name} {job}" for state in overdue for job in state.overdue]
    return Answer(
        {"models": states},
        lambda: [table(session.config.project, columns, rows), *late],
        ExitCode.STALE if overdue else ExitCode.OK,
    )


def _freshness(state: "ModelState") -> str:
    """Say how old the newest value online is, and where that is not known when it was written."""
    if state.features_age is None:
        return "never"
    return f"{age(state.data_age)} old" if state.data_age else f"{age(state.features_age)} ago"
