"""`mlops promote`, `approve`, `reject` and `rollback`."""

from typing import TYPE_CHECKING, Annotated

import typer

from mlops_cli.commands.session import Answer, Session, command, for_each
from mlops_cli.commands.views import interval, table
from mlops_cli.domain.results.judging import Decision
from mlops_cli.errors import ExitCode, InputError, NotFoundError, most_severe

if TYPE_CHECKING:
    from mlops_cli.services.promotion import ChampionChange, PromotionResult

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Name in config.yaml.")]
ReasonOption = Annotated[str, typer.Option(help="Why, for the record.")]
VersionOption = Annotated[int | None, typer.Option(help="The version that was reviewed.")]

CODES = {
    Decision.PROMOTED: ExitCode.OK,
    Decision.APPROVAL_REQUIRED: ExitCode.APPROVAL_REQUIRED,
    Decision.REFUSED: ExitCode.FINDING,
    Decision.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Decision.NO_CHALLENGER: ExitCode.NOT_FOUND,
}


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for function in (promote, approve, reject, rollback):
        command(app)(function)


def promote(
    session: Session,
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Names in config.yaml.")
    ] = None,
    challenger: Annotated[
        bool, typer.Option("--challenger", help="Promote the version with alias challenger.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the decision and change nothing.")
    ] = False,
) -> Answer:
    """Judge challengers on unseen entities and promote those that pass every gate.

    Without MODEL: each model that has a challenger. Exit 3 refused, 4 approval required,
    5 too little data to decide.
    """
    if not challenger:
        raise InputError("say what to promote", "as `mlops promote --challenger`")
    names = session.models(models)
    from mlops_cli.services import promotion

    results, failures = for_each(
        names, lambda name: promotion.promote(session.config, name, dry_run), session
    )
    done = [each for each in results if isinstance(each, promotion.PromotionResult)]
    if not models:
        done = [each for each in done if each.decision is not Decision.NO_CHALLENGER]
        results = [each for each in results if each in done or isinstance(each, dict)]
    failures += [
        NotFoundError(f"{each.model} has no challenger", f"`mlops train {each.model}` makes one")
        for each in done
        if each.decision is Decision.NO_CHALLENGER
    ]
    code = most_severe(CODES[each.decision] for each in done)
    return Answer({"results": results}, lambda: _view(done, bool(results)), code, failures)


def _view(results: "list[PromotionResult]", some: bool) -> list[object]:
    parts: list[object] = []
    for result in results:
        against = f"champion {result.champion}" if result.champion else "no champion"
        title = f"{result.model}: challenger {result.challenger or '-'} against {against}"
        rows = [
            (gate.name, gate.verdict, interval(gate.value, gate.low, gate.high), gate.limit)
            for gate in result.gates
        ]
        if rows:
            parts.append(table(title, ("gate", "verdict", "value [95 %]", "limit"), rows))
        parts += [f"{gate.name}: {gate.message}" for gate in result.gates if not gate.passed]
        parts.append(f"{result.model}: {str(result.decision).replace('_', ' ')}")
        if result.decision is Decision.APPROVAL_REQUIRED:
            parts.append(f"next: `mlops approve {result.model} --reason TEXT`, or reject")
    return parts if some else ["no model has a challenger"]


def approve(
    session: Session, model: ModelArgument, reason: ReasonOption, version: VersionOption = None
) -> Answer:
    """Promote a challenger that has passed its gates and waits for a person."""
    session.model(model)
    from mlops_cli.services import promotion

    return _changed(promotion.approve(session.config, model, version, reason), "approved")


def reject(
    session: Session, model: ModelArgument, reason: ReasonOption, version: VersionOption = None
) -> Answer:
    """Turn down a challenger that waits for a person."""
    session.model(model)
    from mlops_cli.services import promotion

    return _changed(promotion.reject(session.config, model, version, reason), "rejected")


def rollback(
    session: Session,
    model: ModelArgument,
    reason: ReasonOption,
    to: Annotated[int | None, typer.Option(help="An earlier champion. Default: the last.")] = None,
) -> Answer:
    """Make an earlier champion champion again."""
    session.model(model)
    from mlops_cli.services import promotion

    return _changed(promotion.rollback(session.config, model, to, reason), "rolled back to")


def _changed(change: "ChampionChange", verb: str) -> Answer:
    return Answer(
        vars(change),
        lambda: (
            f"{verb} {change.model} version {change.version};"
            f" champion was {change.previous or '-'}, is {change.champion or '-'}"
        ),
    )
