"""`mlops features validate | stats`: what the source tables hold."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_cli.commands.features.group import app
from mlops_cli.commands.session import Answer, Session, command, for_each
from mlops_cli.commands.views import age, digits, number, percent, spark, table
from mlops_cli.errors import ExitCode, most_severe

if TYPE_CHECKING:
    from mlops_cli.domain.results.tables import TableComparison
    from mlops_cli.domain.subjects import ReadView
    from mlops_cli.domain.summary import FeatureSummary
    from mlops_cli.services.feature_stats import ModelStats, ViewStats
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

    With --against also against their earlier state, by the limits under `drift`
    in config.yaml; exit 5 on too few entities to compare. A view of a Feast
    repository whose source is no file is not checked: exit 5.

    No id is shown, nor a word that fewer than five entities have.
    """
    names = session.models(models)
    from mlops_cli.services import validation

    known: validation.Known = {}
    repository = _repository(session)
    results, failures = for_each(
        names,
        lambda name: validation.validate(session.config, name, known, against, repository),
        session,
    )
    done = [each for each in results if isinstance(each, validation.ValidationResult)]
    return Answer(
        {"results": results},
        lambda: _findings(done, against),
        most_severe(_code(each) for each in done),
        failures,
    )


def _repository(session: Session) -> "ReadView | None":
    """Return what reads the views of a Feast repository, where the project has one."""
    if session.config.feature_store.repo is None:
        return None
    from mlops_cli.services import repository  # it loads Feast, which nothing else here needs

    return partial(repository.source_table, session.config)


def _code(result: "ValidationResult") -> ExitCode:
    if result.findings:
        return ExitCode.FINDING
    return ExitCode.OK if result.conclusive else ExitCode.INCONCLUSIVE


def _findings(results: "list[ValidationResult]", against: Path | None) -> list[Any]:
    """Return the findings, of a view that several models share once, and what is undecided."""
    rows: dict[tuple[str, str, str], tuple[object, ...]] = {}
    undecided = {name: _unread(name) for result in results for name in result.unread}
    for result in results:
        labels = {"labels": f"labels of {result.model}"}
        for found in result.findings:
            said = "too few rows to quote" if found.examples is None else "\n".join(found.examples)
            cells = (labels.get(found.table, found.table), found.column, found.rule)
            rows.setdefault(cells, (*cells, found.rows, percent(found.share), said))
        for each in result.comparisons:
            if not each.conclusive:
                name = labels.get(each.table, each.table)
                undecided[name] = _undecided(name, each, result.min_rows)
    parts: list[Any] = []
    if rows:
        columns = ("table", "column", "what should be so", "rows", "share", "seen")
        parts += table("Findings", columns, rows.values())
    if not rows and not undecided and (tables := sum(each.tables for each in results)):
        said = "1 table is" if tables == 1 else f"{tables} tables are"
        parts.append(f"{said} as configured" + (f" and as in {against}" if against else ""))
    return [*parts, *undecided.values()]


def _unread(view: str) -> str:
    return f"inconclusive: {view} was not checked: its source in the Feast repository is no file"


def _undecided(name: str, compared: "TableComparison", min_rows: int) -> str:
    if not compared.reference_rows:
        return f"inconclusive: {compared.reference} has no rows of {name}"
    return (
        f"inconclusive: {name} has {compared.rows} entities, its reference"
        f" {compared.reference_rows}; drift.min_rows is {min_rows}"
    )


@command(app)
def stats(session: Session, models: ModelsArgument = None) -> Answer:
    """Describe the source tables: missing values, spread and words of every feature.

    Derived features are computed from the newest row of each entity. A view of a
    Feast repository whose source is no file is not described: exit 5.

    No id is shown, nor an unlisted word that fewer than five entities have. A number that fewer
    than five have is rounded, to two digits at the ends.
    """
    names = session.models(models)
    from mlops_cli.services import feature_stats

    known: dict[str, ViewStats] = {}
    now = datetime.now(UTC)
    repository = _repository(session)
    results, failures = for_each(
        names,
        lambda name: feature_stats.stats(session.config, name, now, known, repository),
        session,
    )
    done = [each for each in results if isinstance(each, feature_stats.ModelStats)]
    code = ExitCode.INCONCLUSIVE if any(each.unread for each in done) else ExitCode.OK
    return Answer({"results": results}, lambda: _stats(done), code, failures)


def _stats(results: "list[ModelStats]") -> list[Any]:
    """Return the tables of every view, once, and of what each model derives."""
    parts: list[Any] = []
    for view in {view.view: view for result in results for view in result.views}.values():
        parts += _features(_title(view), view.features)
    for result in results:
        if result.derived:
            entities = max(each.rows for each in result.derived)
            title = f"derived by {result.model}: newest rows of {entities:,} entities"
            parts += _features(title, result.derived)
    return [*parts, *{_unread(view): None for result in results for view in result.unread}]


def _title(view: "ViewStats") -> str:
    each = f" ({number(view.rows_per_entity)} each)" if view.rows_per_entity else ""
    title = f"{view.view}: {view.rows:,} rows of {view.entities:,} {', '.join(view.keys)}{each}"
    if view.first and view.last:
        title += f"\n{view.first:%Y-%m-%d %H:%M} to {view.last:%Y-%m-%d %H:%M} UTC"
    if view.expired is not None:
        title += f", {percent(view.expired)} older than {age(view.ttl)} (ttl)"
    return title


def _features(title: str, features: "Sequence[FeatureSummary]") -> list[Any]:
    """Return a table of the numbers, and one of the words and of what cannot be read."""
    numbers = [_number_row(each) for each in features if each.histogram]
    others = [_word_row(each) for each in features if not each.histogram]
    start = ("feature", "type", "missing", "distinct")
    parts: list[Any] = []
    if numbers:
        columns = (*start, "min", "p5", "median", "p95", "max", "spread")
        parts += table(title, columns, numbers, narrow=True)
    if others:
        title = "" if numbers else title
        parts += table(title, (*start, "spread", "words"), others, narrow=True)
    return parts


def _start(each: "FeatureSummary") -> tuple[object, ...]:
    return (each.feature, each.type, percent(each.missing), each.distinct)


def _number_row(each: "FeatureSummary") -> tuple[object, ...]:
    drawn = spark(each.histogram.counts) if each.histogram else ""
    numbers = (each.min, each.p5, each.median, each.p95, each.max)
    return (*_start(each), *map(digits, numbers), drawn)


def _word_row(each: "FeatureSummary") -> tuple[object, ...]:
    said = [f"{word.word} {percent(word.share)}" for word in each.words]
    if each.other_rows:
        said.append(f"others in {each.other_rows:,} rows")
    if not said:
        said = [each.problem or ("too few rows to quote" if each.distinct else "no value")]
    return (*_start(each), spark([word.rows for word in each.words]), ", ".join(said))
