"""`mlops features lineage`: where features come from and which versions use them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_cli.commands.features.group import app
from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.commands.views import age, table

if TYPE_CHECKING:
    from mlops_cli.domain.lineage import FeatureLineage, ViewLineage
    from mlops_cli.services.feature_lineage import Lineage


@command(app)
def lineage(
    session: Session,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[FEATURE|VIEW|MODEL]", help="Default: every feature."),
    ] = None,
) -> Answer:
    """Show where features come from and which champions and challengers use them.

    `mlops audit lineage` follows one prediction.
    """
    from mlops_cli.services import feature_lineage

    found = feature_lineage.trace(session.config, name)
    for each in found.unreadable:
        session.warn(f"what it uses is not known: {each}")
    root = session.config.root.absolute()
    return Answer(vars(found), lambda: _view(found, root))


def _view(found: "Lineage", root: Path) -> list[object]:
    shown: list[object] = []
    if all(each.feature == found.name for each in found.features):
        for each in found.features:
            title = f"{each.feature} of {', '.join(each.models) or each.used_by[0].model}"
            shown += table(title, ("", ""), _facts(each, root))
    else:
        rows = [(each.feature, _place(each), _uses(each)) for each in found.features]
        shown += table(found.name or "Features", ("feature", "from", "used by"), rows)
    sources = [(each.view, _source(each, root)) for each in found.views]
    return shown + (table("Sources", ("view", "what has come into it"), sources) if sources else [])


def _facts(each: "FeatureLineage", root: Path) -> list[tuple[str, str]]:
    """Return what is known of one feature, in words, leaving out what there is none of."""
    facts = {
        "from": _place(each),
        "type": each.type,
        "made of": "\n".join(
            f"{origin.feature} of {origin.view}, {_path(origin.source, root)}"
            for origin in each.origins
            if each.computed_from
        ),
        "goes into": ", ".join(each.goes_into),
        "protected in": ", ".join(each.protected_in),
        "used by": _uses(each) or "no champion or challenger",
    }
    return [(name, value) for name, value in facts.items() if value]


def _place(each: "FeatureLineage") -> str:
    if each.view is None:
        return "no longer in config.yaml"
    if each.window:
        return f"{each.view}: {each.window}"
    return f"= {each.expression}" if each.expression else each.view


def _uses(each: "FeatureLineage") -> str:
    lines = []
    for use in each.used_by:
        aside = "" if use.input else ", not as an input"
        then = "" if use.as_configured or each.view is None else ", defined otherwise"
        lines.append(f"{use.model} {use.version} ({use.alias}){aside}{then}")
    return "\n".join(lines)


def _path(source: str | None, root: Path) -> str:
    """Return a source as it is written in config.yaml: relative to it where it is below it."""
    if source is None:
        return "Feast's own"
    path = Path(source)
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _source(each: "ViewLineage", root: Path) -> str:
    stamps = each.timestamp + (f", written {each.created}" if each.created else "")
    limit = f", ttl {age(each.ttl)}" if each.ttl else ""
    lines = [_path(each.source, root), f"by {', '.join(each.keys)} and {stamps}{limit}"]
    if last := each.imported:
        lines.append(f"imported {_time(last.time)}: {last.rows} rows of {last.file}")
    if online := each.materialized:
        lines.append(f"materialized {_time(online.time)}")
    return "\n".join(lines)


def _time(stamp: str) -> str:
    return f"{stamp[:10]} {stamp[11:16]}"
