"""`promote`: a challenger held against the champion, and what comes of it."""

from dataclasses import dataclass

from mlops_cli.backends import estimator, own_metrics, registry, tables
from mlops_cli.backends.registry import CHALLENGER, CHAMPION, Version
from mlops_cli.config import Config
from mlops_cli.domain import comparison, gates
from mlops_cli.domain.groups import protected_groups
from mlops_cli.domain.results.judging import Decision, Gate
from mlops_cli.services.promotion.moving import WAITING, lock, move, recover


@dataclass(frozen=True)
class PromotionResult:
    """The decision on one model's challenger, with the evidence."""

    model: str
    decision: Decision
    challenger: int | None
    champion: int | None
    """The champion that the challenger was judged against; None for a first champion."""
    gates: tuple[Gate, ...]


def promote(config: Config, name: str, dry_run: bool = False) -> PromotionResult:
    """Judge the challenger against the champion, and promote it if every gate passes."""
    with lock(config, name):
        recovered = None if dry_run else recover(config, name)
        aliases = registry.aliases(config, name)
        challenger, champion = aliases.get(CHALLENGER), aliases.get(CHAMPION)
        if challenger is None and recovered and recovered.action == "promotion.done":
            challenger = recovered.version
        if challenger is None:
            return PromotionResult(name, Decision.NO_CHALLENGER, None, champion, ())
        if challenger == champion:
            return PromotionResult(name, Decision.PROMOTED, challenger, champion, ())
        version = registry.version(config, name, challenger)
        evidence = _judge(config, name, version, champion)
        decision = gates.decide(evidence, config.models[name].gates.approval)
        if not dry_run:
            _act(config, version, champion, decision, evidence)
    return PromotionResult(name, decision, challenger, champion, evidence)


def _judge(
    config: Config, name: str, challenger: Version, champion: int | None
) -> tuple[Gate, ...]:
    """Score both models afresh on the challenger's frozen holdout rows."""
    model = config.models[name]
    new = estimator.load(*registry.files_of(config, challenger))
    rows = new.rows(estimator.HOLDOUT_FILE)
    old_scores, thresholds = None, (new.contract.threshold, new.contract.threshold)
    if champion is not None:
        version = registry.version(config, name, champion)
        old = estimator.load(*registry.files_of(config, version))
        rows = comparison.unseen(rows)
        if problem := comparison.obstacle(old.contract, new.contract, rows):
            return (problem,)
        old_scores = old.predict(rows)
        thresholds = (new.contract.threshold, old.contract.threshold)
    judged = gates.judge(
        model,
        rows["mlops_label"].to_numpy(float),
        new.predict(rows),
        old_scores,
        rows["mlops_entity"].to_numpy(),
        protected_groups(model, rows),
        config.seed,
        thresholds=thresholds,
        metrics=own_metrics.metrics_of(config, name),
    )
    return (*judged, *comparison.unmeasured(model, rows.columns))


def _act(
    config: Config,
    challenger: Version,
    champion: int | None,
    decision: Decision,
    evidence: tuple[Gate, ...],
) -> None:
    """Carry the decision out and put it on record, refusals included."""
    name, number = challenger.model, challenger.number
    details = {
        "champion": champion,
        "gates": [{"name": g.name, "verdict": g.verdict, "message": g.message} for g in evidence],
        "manifest_digest": challenger.tags["mlops.manifest_digest"],
    }
    if decision is Decision.PROMOTED:
        move(config, "promotion", name, number, champion, details)
    elif decision is Decision.APPROVAL_REQUIRED:
        waiting = {WAITING: f"waiting champion={champion}"}
        if challenger.tags.get(WAITING) != waiting[WAITING]:
            tables.append(config, "approval.requested", name, number, details)
            registry.set_tags(config, name, number, waiting)
    else:
        tables.append(config, f"promotion.{decision}", name, number, details)
        if challenger.tags.get(WAITING):
            registry.set_tags(config, name, number, {WAITING: ""})
