"""`mlops sync`."""

from functools import partial

import typer

from mlops_cli.commands.session import Answer, Session, command


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "sync")(sync)


def sync(session: Session) -> Answer:
    """Send finished runs that MLflow could not take when they were trained.

    Each becomes a version if its training would have made it one, and the challenger unless one
    that was trained later is there. Run it as often as you like: no run is sent twice, and each is
    kept until MLflow has given it back whole.
    """
    from mlops_cli.services import registration, training

    config = session.config
    result = training.sync(config, session.say, partial(registration.register, late=True))
    problems = list(dict.fromkeys(each.problem for each in result.waiting))
    for problem in problems:
        session.fail(problem)
    done = [
        f"{each.model}: run {each.run_id}, "
        + (f"version {each.version}" if each.version else "not registered")
        for each in result.sent
    ]
    count = len(result.waiting)
    left = [f"{count} finished run{'s' if count > 1 else ''} still waiting"] if count else []
    return Answer(
        vars(result),
        lambda: "\n".join([*done, *left]) or "no finished run is waiting",
        failures=problems,
    )
