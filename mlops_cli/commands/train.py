"""`mlops train` and `mlops register`."""

import json
import re
from typing import Annotated

import typer

from mlops_cli.commands.session import Answer, Session, command, for_each
from mlops_cli.commands.views import interval, table
from mlops_cli.domain.results import Baseline, Reproduction, TrainResult, ViewCoverage
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
    """Train models, measure them on unseen entities and register them as challengers."""
    if reproduce is not None:
        return _reproduce(session, models or [], reproduce, every or no_register or learning_curve)
    if bool(models) == every:
        raise InputError(
            "name the models to train, or else --all", "as `mlops train heart_disease`"
        )
    names = session.models(models)
    from mlops_cli.services import registration, training

    register = None if no_register else registration.register
    results, failures = for_each(
        names,
        lambda name: training.train(
            session.config, name, session.say, register, learning_curve=learning_curve
        ),
        session,
    )
    trained = [each for each in results if isinstance(each, TrainResult)]
    return Answer(
        {"results": results} if every or len(names) > 1 else vars(results[0]),
        lambda: [_view(each) for each in trained],
        failures=failures,
    )


def _reproduce(session: Session, models: list[str], run_id: str, more: bool) -> Answer:
    if len(models) != 1 or more:
        raise InputError(
            "--reproduce takes one model and no other option: it stores nothing",
            "as `mlops train heart_disease --reproduce RUN_ID`",
        )
    (name,) = session.models(models)
    from mlops_cli.services import training

    result = training.reproduce(session.config, name, run_id, session.say)
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
    views: list[object] = [
        table(title, ("metric", "held out entities [95 %]", "cross-validation"), metrics)
    ]
    if gaps:
        columns = ("attribute", "metric", "gap [95 %]", "limit", "verdict")
        views.append(table("Fairness", columns, gaps))
    views += _compared_with(result)
    gone = [_absent(view) for view in result.views if view.expired or view.unknown]
    gone += [
        f"{name}: missing for {count} labels, which were left out (missing: refuse)"
        for name, count in result.left_out.items()
    ]
    last = f"run {result.run_id}, {result.evals} trials, {result.seconds:.0f} s"
    return [*views, *gone, last, f"report {result.report}"]


def _compared_with(result: TrainResult) -> list[object]:
    """Return the model beside simpler ones, where it is weak, and whether more data would help."""
    rows = [
        (
            each.name,
            interval(*vars(each.metrics[each.metric]).values()),
            interval(*vars(each.difference).values()),
            each.beaten,
        )
        for each in result.baselines
    ]
    metric = next((each.metric for each in result.baselines), "")
    columns = ("baseline", f"its {metric} [95 %]", "ours is better by", "beaten")
    views: list[object] = [table("Baselines", columns, rows)]
    views += [_beside(each) for each in result.baselines if not each.beaten]
    views += [
        f"weaker where {each.name} ({each.rows} rows): loss higher by "
        f"{interval(*vars(each.excess).values())}"
        for each in result.slices
    ]
    return views + ([result.learning_curve.message] if result.learning_curve else [])


def _beside(baseline: Baseline) -> str:
    if baseline.difference.high < 0:
        return f"worse than the {baseline.name} baseline: use the simpler model"
    return f"not shown to beat the {baseline.name} baseline: a simpler model may do as well"


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
