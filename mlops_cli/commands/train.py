"""`mlops train` and `mlops register`."""

import json
import math
import re
from typing import Annotated

import typer

from mlops_cli.commands.decisions import decisions
from mlops_cli.commands.session import Answer, Session, command, for_each
from mlops_cli.commands.views import interval, number, table
from mlops_cli.domain.results import (
    Reproduction,
    SearchSummary,
    SiteValue,
    TrainResult,
    ViewCoverage,
)
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
        return _reproduce(session, models or [], reproduce, bool(every or no_register or asked))
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
            names, lambda name: training.train(config, name, say, register), session
        )
    trained = [each for each in results if isinstance(each, TrainResult)]
    for each in trained:
        for text in each.warnings:
            session.warn(f"{each.model}: {text}")
    return Answer(
        {"results": results} if every or len(names) > 1 else vars(results[0]),
        lambda: [_view(each) for each in trained],
        failures=failures,
    )


def _reproduce(session: Session, models: list[str], run_id: str, more: bool) -> Answer:
    if len(models) != 1 or more:
        raise InputError(
            "--reproduce takes one model and no --all, --no-register, --trials or --minutes",
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


def _view(result: TrainResult) -> list[object]:
    version = f"version {result.version}, {result.alias}" if result.version else "not registered"
    title = f"{result.model}: {version} ({result.rows.train} rows trained, {result.rows.test} held)"
    metrics = [
        (name, interval(m.value, m.low, m.high), result.cross_validation.get(name))
        for name, m in result.metrics.items()
    ]
    gaps = [
        (gap.attribute, gap.metric, interval(gap.value, gap.low, gap.high), gap.limit, gap.verdict)
        for gap in result.fairness
    ]
    views = [table(title, ("metric", "held out entities [95 %]", "cross-validation"), metrics)]
    if gaps:
        columns = ("attribute", "metric", "gap [95 %]", "limit", "verdict")
        views.append(table("Fairness", columns, gaps))
    if result.sites:
        head = ("site", "rows", "positives", f"{result.sites[0].metric} [95 %]")
        views.append(table("Trained on the other sites", head, map(_at, result.sites)))
    gone = [f"held out: {result.held_out}", _split_by_rows(result)]
    gone += [_absent(view) for view in result.views if view.expired or view.unknown]
    gone += [
        f"{name}: missing for {count} labels, which were left out (missing: refuse)"
        for name, count in result.left_out.items()
    ]
    if result.set_aside:
        gone.append(
            f"{result.set_aside} more labels are of held out entities and were not trained on"
        )
    return [
        *views,
        *decisions(result),
        *gone,
        _searched(result.search),
        f"run {result.run_id}, {result.evals} trials, {result.seconds:.0f} s",
    ]


def _searched(search: SearchSummary) -> str:
    """Tell what the search has come to, and how much of it is luck."""
    count = search.fits + search.fits_saved
    said = f"{search.loss_name} of the best of {search.trials} trials {search.lowest_loss:.4f}"
    if search.optimism is not None:
        said += f", about {search.optimism:.4f} higher on new entities"
    if search.chosen != search.lowest:
        said += f"; a simpler one with {search.chosen_loss:.4f} was taken"
    said += f"; {search.fits} of {count} fits"
    if search.ended_by == "time":
        said += "; its minutes were over, so that another machine may find another model"
    return said


def _at(site: SiteValue) -> tuple[object, ...]:
    figure = site.problem or interval(site.value, site.low, site.high)
    return site.site, site.rows, site.positives, figure


def _split_by_rows(result: TrainResult) -> str:
    """Say what folds of rows would have claimed, in the first metric: the one people quote."""
    metric = next(iter(result.cross_validation))
    if result.naive is None:
        return "each entity has one row: a split by rows would have claimed the same"
    return (
        f"a split by rows would have claimed {metric} {number(result.naive[metric])}; "
        f"by entities it is {number(result.cross_validation[metric])}"
    )


def _absent(view: ViewCoverage) -> str:
    return (
        f"{view.view}: of {view.rows} labels {view.expired} have expired values and "
        f"{view.unknown} none at all; both count as missing"
    )


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
