"""`mlops audit`: who did what, is the record whole, is it fair, where did it come from."""

import json
from typing import Annotated

import typer

from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import interval, table
from mlops_cli.domain.results.judging import Verdict
from mlops_cli.errors import ExitCode

app = typer.Typer(no_args_is_help=True, help="The record: events, proof, fairness, lineage.")


@command(app)
def log(
    session: Session,
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Default: every model.")
    ] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only so many, the newest.")] = None,
) -> Answer:
    """Show the events of the audit log."""
    if model:
        session.model(model)
    from mlops_cli.services import audit

    events = audit.log(session.config, model, last)
    rows = [
        (e.seq, f"{e.time[:10]} {e.time[11:19]}", e.actor, e.action, e.model, e.version)
        for e in events
    ]
    columns = ("seq", "time (UTC)", "actor", "action", "model", "version")
    return Answer({"events": events}, lambda: table("Audit log", columns, rows))


@command(app)
def verify(session: Session) -> Answer:
    """Recompute the hash chain; exit 3 if an event was changed, removed or inserted."""
    from mlops_cli.services import audit

    found = audit.verify(session.config)
    rows = [(each.seq, each.problem) for each in found.problems]
    return Answer(
        vars(found),
        lambda: (
            f"intact: {found.events} events, head {found.head[:16]}"
            if found.intact
            else table("The audit log has been changed", ("seq", "problem"), rows)
        ),
        ExitCode.OK if found.intact else ExitCode.FINDING,
    )


@command(app)
def bias(
    session: Session,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name in config.yaml.")],
    version: Annotated[int | None, typer.Option(help="Default: the champion.")] = None,
) -> Answer:
    """Measure fairness on the held out entities; exit 3 over the limit, 5 on too little data."""
    session.model(model)
    from mlops_cli.services import bias as fairness

    found = fairness.measure(session.config, model, version)
    verdicts = {gap.verdict for gap in found.fairness}
    code = ExitCode.OK
    if Verdict.FAIL in verdicts:
        code = ExitCode.FINDING
    elif Verdict.INCONCLUSIVE in verdicts:
        code = ExitCode.INCONCLUSIVE
    rows = [
        (
            gap.attribute,
            gap.metric,
            interval(gap.value, gap.low, gap.high),
            gap.limit,
            gap.verdict,
            ", ".join(f"{g.group} {_share(g.value)} (n={g.rows})" for g in gap.groups),
        )
        for gap in found.fairness
    ]
    columns = ("attribute", "metric", "gap [95 %]", "limit", "verdict", "groups")
    title = f"{model} version {found.version} on {found.rows} held out rows"
    return Answer(vars(found), lambda: table(title, columns, rows), code)


def _share(value: float | None) -> str:
    return "too few" if value is None else f"{value:.2f}"


@command(app)
def lineage(
    session: Session,
    prediction_id: Annotated[
        str, typer.Argument(metavar="PREDICTION_ID", help="As `predict` prints it.")
    ],
) -> Answer:
    """Follow a prediction back to its version, run, training data and code."""
    from mlops_cli.services import audit

    found = audit.lineage(session.config, prediction_id)
    logged = found.prediction
    rows = [
        ("prediction", f"{logged.said} for {logged.entity or 'a row of a file'}"),
        ("made", logged.time.isoformat(timespec="seconds")),
        ("features", json.dumps(logged.features, ensure_ascii=False)),
        ("version", f"{logged.model} {found.version}"),
        ("run", found.run_id),
        ("model sha256", found.model_digest),
        ("dataset digest", found.dataset_digest),
        ("feature views", ", ".join(found.feature_views)),
        ("commit", found.commit),
        *((event.action, f"{event.time[:19]} by {event.actor}") for event in found.events),
    ]
    return Answer(vars(found), lambda: table(f"Prediction {prediction_id}", ("", ""), rows))
