"""`mlops features skew`: what predictions were made from, and what was known then."""

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_cli.commands.features.group import ModelArgument, app
from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import age, interval, number, table
from mlops_cli.errors import ExitCode

if TYPE_CHECKING:
    from mlops_cli.services.skew import SkewResult

WHY = {
    "missing": "not online yet: served as missing",
    "older": "newer one not online yet: an older value",
    "unknown": "not in the source: removed, or past a new ttl",
    "other": "overwritten: the source never held it",
    "inputs": "computed from a feature that differs",
    "definition": "computed by another expression",
}


@command(app)
def skew(
    session: Session,
    model: ModelArgument,
    days: Annotated[float, typer.Option(min=0.01, help="Window of the inference log.")] = 7,
    version: Annotated[int | None, typer.Option(help="Its predictions only.")] = None,
    files: Annotated[
        bool, typer.Option("--files", help="Also rows of files that name their entity.")
    ] = False,
) -> Answer:
    """Compare what predictions were made from with what was known at their time.

    That is what a training row of that time would hold. Exit 3 where more
    predictions differ than drift.max_skew allows, 5 on too few predictions.
    """
    views = session.model(model).feature_views
    from mlops_cli.services import skew as service

    found = service.check(session.config, model, days, version, files)
    code = ExitCode.OK if found.conclusive else ExitCode.INCONCLUSIVE
    undated = {view for view, spec in views.items() if spec.created is None}
    return Answer(
        vars(found), lambda: _view(found, undated), ExitCode.FINDING if found.skewed else code
    )


def _view(found: "SkewResult", undated: Collection[str]) -> list[object]:
    differing = [each for each in found.features if each.differing]
    differing.sort(key=lambda each: (not each.skewed, -each.differing))
    rows = [
        (
            each.feature,
            f"{each.differing} of {each.rows}",
            interval(each.share, each.low, each.high),
            "\n".join(f"{count} {WHY[reason]}" for reason, count in each.reasons.items()),
        )
        for each in differing
    ]
    columns = ("feature", "differs", "share [95 %]", "why")
    shown: list[object] = [table(_title(found), columns, rows) if rows else _title(found)]
    for view in found.views:
        median, most = (age(timedelta(seconds=s)) for s in (view.median_seconds, view.max_seconds))
        shown.append(f"{view.view}: served {median} older than known (median), at most {most}")
        if view.view in undated:
            shown.append("  rows imported late look as if they were known: record `created`")
    return [*shown, *_left_out(found)]


def _title(found: "SkewResult") -> str:
    made = f"{found.model}: {found.compared} predictions since {found.window.start:%Y-%m-%d %H:%M}"
    if found.skewed:
        return f"SKEW in {made}"
    if not found.conclusive:
        few = f"{found.effective_rows} independent rows, drift.min_rows is {found.min_rows}"
        return f"{made}\ninconclusive: {few}"
    seen = f"a share of {number(found.detectable)} would have been seen"
    return f"{made}\nno skew above drift.max_skew ({number(found.limit)}): {seen}"


def _left_out(found: "SkewResult") -> list[str]:
    counts = {
        "rows of files without entity": found.skipped.no_entity,
        "rows of files (compare them with --files)": found.skipped.from_files,
        "made under other definitions": found.skipped.not_readable,
    }
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return [f"not compared: {said}"] if said else []
