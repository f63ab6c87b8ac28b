"""`mlops drift`: has the world moved away from the training data?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_cli.commands.session import Answer, Session, command, for_each
from mlops_cli.commands.views import table
from mlops_cli.errors import ExitCode, InputError, NotFoundError, most_severe

if TYPE_CHECKING:
    from mlops_cli.services.drift import DriftResult

app = typer.Typer(no_args_is_help=True, help="Compare current data with the training data.")


@command(app)
def check(
    session: Session,
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Names in config.yaml.")
    ] = None,
    days: Annotated[float, typer.Option(min=0.01, help="Window of the inference log.")] = 7,
    current: Annotated[
        Path | None, typer.Option(help="A file in place of the inference log.")
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Also write Evidently's HTML report.")
    ] = False,
) -> Answer:
    """Check data, predictions and labels for drift; exit 3 on drift, 5 on too few rows.

    Without MODEL: every model that has a champion.
    """
    names = session.models(models)
    from mlops_cli.services import drift

    if not models:
        names = drift.with_champion(session.config)
    if not names:
        raise NotFoundError("no model has a champion", "`mlops promote --challenger` makes one")
    if current and len(names) != 1:
        raise InputError("--current needs one model", f"one of {', '.join(names)}")
    render = None
    if report:
        from mlops_cli.services import drift_page

        render = drift_page.render
    results, failures = for_each(
        names, lambda name: drift.check(session.config, name, days, current, render), session
    )
    done = [each for each in results if isinstance(each, drift.DriftResult)]
    return Answer(
        {"results": results},
        lambda: [_view(each) for each in done],
        most_severe(_code(each) for each in done),
        failures,
    )


def _code(result: "DriftResult") -> ExitCode:
    if not result.conclusive:
        return ExitCode.INCONCLUSIVE
    return ExitCode.FINDING if result.drifted else ExitCode.OK


def _view(result: "DriftResult") -> object:
    title = (
        f"{result.model} version {result.version}: {result.window.rows} rows"
        f" ({result.window.source}) against {result.reference.rows} training rows"
    )
    if not result.conclusive:
        return f"{title}\ninconclusive: fewer rows than drift.min_rows ({result.min_rows})"
    found = [each for each in result.checks if each.drifted]
    if not found:
        numbers = [each for each in result.checks if each.column and each.method == "wasserstein"]
        worst = max((each.threshold for each in numbers), default=None)
        seen = f"; a shift of {worst:.2f} sd in one column would have been seen" if worst else ""
        return f"{title}\nno drift{seen}"
    rows = [(each.kind, each.message) for each in found]
    return table(f"DRIFT in {title}", ("kind", "what has changed"), rows)


@command(app)
def history(
    session: Session,
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Default: every model.")
    ] = None,
) -> Answer:
    """List the earlier checks."""
    if model:
        session.model(model)
    from mlops_cli.services import drift

    events = drift.history(session.config, model)
    rows = [
        (
            f"{event.time[:10]} {event.time[11:16]}",
            event.model,
            event.version,
            _word(event.details),
            event.details["rows"],
            ", ".join(event.details["columns"]),
        )
        for event in events
    ]
    columns = ("time (UTC)", "model", "version", "verdict", "rows", "columns")
    checks = [
        {"time": event.time, "model": event.model, "version": event.version, **event.details}
        for event in events
    ]
    return Answer({"checks": checks}, lambda: table("Drift checks", columns, rows))


def _word(details: object) -> str:
    seen = dict(details)  # type: ignore[call-overload]
    return "inconclusive" if not seen["conclusive"] else "drift" if seen["drifted"] else "ok"


@command(app)
def report(
    session: Session,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name in config.yaml.")],
) -> Answer:
    """Print where the newest HTML report of a model is."""
    session.model(model)
    from mlops_cli.services import drift

    path = drift.report(session.config, model)
    return Answer({"model": model, "report": path}, lambda: str(path))
