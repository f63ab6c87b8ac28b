"""`mlops train` and `mlops register`."""

import json
import math
import re
from typing import Annotated

import typer

from mlops_cli.commands.session import Answer, Session, command, for_each
from mlops_cli.commands.training_view import trained as training_view
from mlops_cli.commands.views import table
from mlops_cli.domain.results.reproduction import Reproduction
from mlops_cli.domain.results.training import TrainResult
from mlops_cli.errors import ExitCode, InputError


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "train")(train)
    command(app, "register")(register_run)


def train(
    session: Session,
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Names in config.yaml.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every model of config.yaml.")] = False,
    no_register: Annotated[
        bool, typer.Option("--no-register", help="Stop at the run; make no version.")
    ] = False,
    trials: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Parameter sets to try. Default: search.trials."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="Time to try them, for each model. Default: search.minutes."),
    ] = None,
    learning_curve: Annotated[
        bool,
        typer.Option(
            "--learning-curve",
            help="Also fit the final parameters on parts of the data: would more data help?",
        ),
    ] = False,
    reproduce: Annotated[
        str | None,
        typer.Option(
            metavar="RUN_ID",
            help="Train a run once more, compare digest by digest and store nothing.",
        ),
    ] = None,
) -> Answer:
    """Train models, measure them on unseen entities and register them as challengers.

    The search ends with whichever comes first, its trials or its minutes. One that was killed goes
    on where it was when the same command is run again.
    """
    budget = {"trials": trials, "minutes": minutes}
    asked = {key: value for key, value in budget.items() if value is not None}
    if reproduce is not None:
        more = bool(every or no_register or asked or learning_curve)
        return _reproduce(session, models or [], reproduce, more)
    if minutes is not None and not 0 < minutes < math.inf:
        raise InputError(f"--minutes is {minutes:g}", "give it more than 0, as --minutes 2.5")
    if bool(models) == every:
        raise InputError(
            "name the models to train, or else --all", "as `mlops train heart_disease`"
        )
    names = session.models(models)
    from mlops_cli.commands.progress import progress
    from mlops_cli.config import budgeted
    from mlops_cli.services import registration, training

    register = None if no_register else registration.register
    config = budgeted(session.config, names, **asked)
    with progress(session) as say:
        results, failures = for_each(
            names,
            lambda name: training.train(config, name, say, register, learning_curve=learning_curve),
            session,
        )
    trained = [each for each in results if isinstance(each, TrainResult)]
    for each in trained:
        for text in each.warnings:
            session.warn(f"{each.model}: {text}")
    unsent = [each.unsent.problem for each in trained if each.unsent]
    for problem in unsent:
        session.fail(problem)
    return Answer(
        {"results": results} if every or len(names) > 1 else vars(results[0]),
        lambda: [training_view(each) for each in trained],
        failures=[*failures, *unsent],
    )


def _reproduce(session: Session, models: list[str], run_id: str, more: bool) -> Answer:
    if len(models) != 1 or more:
        raise InputError(
            "--reproduce takes one model and no other option: it stores nothing",
            "as `mlops train heart_disease --reproduce RUN_ID`",
        )
    (name,) = session.models(models)
    from mlops_cli.commands.progress import progress
    from mlops_cli.services import training

    with progress(session) as say:
        result = training.reproduce(session.config, name, run_id, say)
    if result.unknown:
        session.warn(f"not compared, as run {run_id} does not say: {', '.join(result.unknown)}")
    return Answer(
        vars(result),
        lambda: _compared(result),
        ExitCode.OK if result.reproduced else ExitCode.FINDING,
    )


def _compared(result: Reproduction) -> list[object]:
    last = f"run {result.run_id}"
    if result.reproduced:
        said = "reproduced, the same bytes"
    elif result.model_digest.now is None:
        said = "not reproduced, the training set is another one"
        last += ", nothing was trained"
    elif result.model_digest.now == result.model_digest.then:
        said = "not reproduced, the same bytes have other figures"
    else:
        said = "not reproduced, the same training set gives another model"
    title = f"{result.model}: {said}"
    rows = [(d.kind, d.name, _short(d.then), _short(d.now)) for d in result.differences]
    head = table(title, ("kind", "what differs", "then", "now"), rows) if rows else [title]
    return [*head, last]


def _short(value: object) -> str | None:
    """Cut a digest to what tells it apart at a glance; write what is no text as YAML has it."""
    if value is None or isinstance(value, str):
        return value[:12] if value and re.fullmatch("[0-9a-f]{16,}", value) else value
    return json.dumps(value)


def register_run(
    session: Session,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name in config.yaml.")],
    run: Annotated[str, typer.Option("--run", metavar="RUN_ID", help="A finished run.")],
) -> Answer:
    """Make a version, and the challenger, from a finished and whole run.

    A run that is a version already stays that version.
    """
    session.model(model)
    from mlops_cli.services import registration

    version = registration.register(session.config, model, run)
    return Answer(
        {"model": model, "run_id": run, "version": version},
        lambda: f"{model} version {version} is registered",
        ExitCode.OK,
    )
