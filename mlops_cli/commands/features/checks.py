"""`mlops features validate | stats`: what the source tables hold."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_cli.commands.features.group import app
from mlops_cli.commands.session import Answer, Session, command, for_each
from mlops_cli.commands.views import percent, table
from mlops_cli.errors import ExitCode, most_severe

if TYPE_CHECKING:
    from mlops_cli.services.validation import ValidationResult

ModelsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[MODEL]...", help="Names in config.yaml. Default: all."),
]


@command(app)
def validate(
    session: Session,
    models: ModelsArgument = None,
    against: Annotated[
        Path | None,
        typer.Option(help="Also compare with these: a folder of earlier tables, or one table."),
    ] = None,
) -> Answer:
    """Check the source tables against types, ranges and categories; exit 3 on a finding.

    With --against also against their earlier state, by the limits of `drift` in config.yaml; exit
    5 where there are too few entities to compare. No id is shown, nor a value that fewer than
    five entities have.
    """
    names = session.models(models)
    from mlops_cli.services import validation

    known: validation.Known = {}
    results, failures = for_each(
        names, lambda name: validation.validate(session.config, name, known, against), session
    )
    done = [each for each in results if isinstance(each, validation.ValidationResult)]
    return Answer(
        {"results": results},
        lambda: _findings(done, against),
        most_severe(_code(each) for each in done),
        failures,
    )


def _code(result: "ValidationResult") -> ExitCode:
    if result.findings:
        return ExitCode.FINDING
    return ExitCode.OK if result.conclusive else ExitCode.INCONCLUSIVE


def _findings(results: "list[ValidationResult]", against: Path | None) -> list[Any]:
    """Return the findings, of a view that several models share once, and what is undecided."""
    rows: dict[tuple[str, str, str], tuple[object, ...]] = {}
    for result in results:
        for found in result.findings:
            name = f"labels of {result.model}" if found.table == "labels" else found.table
            said = "too few rows to quote" if found.examples is None else "\n".join(found.examples)
            cells = (name, found.column, found.rule)
            rows.setdefault(cells, (*cells, found.rows, percent(found.share), said))
    parts: list[Any] = []
    if rows:
        columns = ("table", "column", "what should be so", "rows", "share", "seen")
        parts += table("Findings", columns, rows.values())
    undecided = {
        each.table: f"inconclusive: {each.table} has {each.rows} entities, its reference"
        f" {each.reference_rows}; drift.min_rows is {result.min_rows}"
        for result in results
        for each in result.comparisons
        if not each.conclusive
    }
    if not rows and not undecided:
        tables = sum(each.tables for each in results)
        return [
            f"{tables} tables are as configured" + (f", and as in {against}" if against else "")
        ]
    return [*parts, *undecided.values()]
