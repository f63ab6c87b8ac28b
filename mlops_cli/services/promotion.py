"""`promote`, `approve`, `reject` and `rollback`: who is champion, and why.

Every change holds the model's lock, writes its intent to the audit log before and its outcome
after, and moves the alias by one upsert. Killed anywhere, the champion is the old one or the new
one, and the same command run again finishes the job: an intent whose version is champion and that
has no outcome is what a kill leaves behind, and the next command writes the outcome.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from mlops_cli.backends import estimator, files, own_metrics, registry, tables
from mlops_cli.backends.registry import CHALLENGER, CHAMPION, Version
from mlops_cli.config import Config
from mlops_cli.domain import comparison, gates
from mlops_cli.domain.groups import protected_groups
from mlops_cli.domain.records import Event
from mlops_cli.domain.results.judging import Decision, Gate
from mlops_cli.errors import ConflictError, NotFoundError

WAITING = "mlops.approval"
PROMOTED = "mlops.promoted"
ABANDONED = "mlops.rolled_back"
MOVES = tuple(
    f"{verb}.{stage}"
    for verb in ("promotion", "approval", "rollback")
    for stage in ("intent", "done")
)


@dataclass(frozen=True)
class PromotionResult:
    """The decision on one model's challenger, with the evidence."""

    model: str
    decision: Decision
    challenger: int | None
    champion: int | None
    """The champion that the challenger was judged against; None for a first champion."""
    gates: tuple[Gate, ...]


@dataclass(frozen=True)
class ChampionChange:
    """What approve, reject and rollback did."""

    model: str
    version: int
    previous: int | None
    champion: int | None
    actor: str
    reason: str
    event: int


def promote(config: Config, name: str, dry_run: bool = False) -> PromotionResult:
    """Judge the challenger against the champion, and promote it if every gate passes."""
    with _lock(config, name):
        recovered = None if dry_run else _recover(config, name)
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
        _move(config, "promotion", name, number, champion, details)
    elif decision is Decision.APPROVAL_REQUIRED:
        waiting = {WAITING: f"waiting champion={champion}"}
        if challenger.tags.get(WAITING) != waiting[WAITING]:
            tables.append(config, "approval.requested", name, number, details)
            registry.set_tags(config, name, number, waiting)
    else:
        tables.append(config, f"promotion.{decision}", name, number, details)
        if challenger.tags.get(WAITING):
            registry.set_tags(config, name, number, {WAITING: ""})


def _move(
    config: Config,
    action: str,
    name: str,
    number: int,
    champion: int | None,
    details: Mapping[str, object],
) -> Event:
    """Make a version champion and return the event that says so.

    Raises:
        ConflictError: The champion is not the one that the decision was made against.
    """
    details = {"champion": champion, **details}
    tables.append(config, f"{action}.intent", name, number, details)
    if (now := registry.aliases(config, name).get(CHAMPION)) != champion:
        raise ConflictError(
            f"the champion of {name} has moved from {champion} to {now}",
            "run the command again to decide against the new one",
        )
    registry.set_alias(config, name, CHAMPION, number)
    if (now := registry.aliases(config, name).get(CHAMPION)) != number:
        raise ConflictError(f"the champion of {name} is {now} although {number} was promoted")
    event = _record(config, action, name, number, details)
    _end_challenge(config, name)
    return event


def _record(
    config: Config, action: str, name: str, number: int, details: Mapping[str, object]
) -> Event:
    """Note on the version and in the audit log that it has become champion."""
    now = datetime.now(UTC).isoformat()
    registry.set_tags(config, name, number, {PROMOTED: now, WAITING: "", ABANDONED: ""})
    if (left := details.get("from")) is not None:
        registry.set_tags(config, name, int(str(left)), {ABANDONED: now})
    return tables.append(config, f"{action}.done", name, number, details)


def _end_challenge(config: Config, name: str) -> None:
    """Take the alias `challenger` from a version that has become champion."""
    aliases = registry.aliases(config, name)
    if CHALLENGER in aliases and aliases[CHALLENGER] == aliases.get(CHAMPION):
        registry.drop_alias(config, name, CHALLENGER)


def _recover(config: Config, name: str) -> Event | None:
    """Finish a move that was killed after the alias; return the event that is its record.

    The intent holds all that the outcome says, the reason of a person included.
    """
    moves = tables.events(config, name, MOVES)
    aliases = registry.aliases(config, name)
    champion = aliases.get(CHAMPION)
    if champion is None or not moves or moves[-1].version != champion:
        return None
    event = moves[-1]
    if event.action.endswith(".intent"):
        details = {**event.details, "recovered": True}
        event = _record(config, event.action.removesuffix(".intent"), name, champion, details)
    elif aliases.get(CHALLENGER) != champion:
        return None
    _end_challenge(config, name)
    return event


def approve(config: Config, name: str, number: int | None, reason: str) -> ChampionChange:
    """Promote a challenger whose gates have passed and that waits for a person.

    Raises:
        NotFoundError: Nothing waits for approval.
        ConflictError: The champion has changed since the gates were judged.
    """
    with _lock(config, name):
        done = _recover(config, name)
        if done and done.action == "approval.done" and number in {None, done.version}:
            return _changed(done)
        version = _waiting(config, name, number)
        champion = registry.aliases(config, name).get(CHAMPION)
        if version.tags[WAITING] != f"waiting champion={champion}":
            raise ConflictError(
                f"the champion of {name} has changed since version {version.number} was judged",
                "run `mlops promote --challenger` again",
            )
        estimator.load(*registry.files_of(config, version))
        details = {"reason": reason}
        return _changed(_move(config, "approval", name, version.number, champion, details))


def reject(config: Config, name: str, number: int | None, reason: str) -> ChampionChange:
    """Turn down a challenger that waits for a person; the champion stays."""
    with _lock(config, name):
        _recover(config, name)
        version = _waiting(config, name, number)
        champion = registry.aliases(config, name).get(CHAMPION)
        event = tables.append(config, "approval.rejected", name, version.number, {"reason": reason})
        registry.set_tags(config, name, version.number, {WAITING: "rejected"})
        registry.drop_alias(config, name, CHALLENGER)
    return ChampionChange(
        name, version.number, champion, champion, tables.actor(), reason, event.seq
    )


def _waiting(config: Config, name: str, number: int | None) -> Version:
    version = registry.by_alias(config, name, CHALLENGER)
    if (
        version is None
        or not version.tags.get(WAITING, "").startswith("waiting")
        or number not in {None, version.number}
    ):
        asked = name if number is None else f"version {number} of {name}"
        raise NotFoundError(
            f"nothing of {asked} waits for approval",
            "`mlops promote --challenger` asks for one where gates.approval is true",
        )
    return version


def rollback(config: Config, name: str, to: int | None, reason: str) -> ChampionChange:
    """Make an earlier champion champion again: by default the one before this one.

    Raises:
        NotFoundError: There is no earlier champion, or the version was never one.
    """
    with _lock(config, name):
        done = _recover(config, name)
        if done and done.action == "rollback.done" and to in {None, done.version}:
            return _changed(done)
        champion = registry.aliases(config, name).get(CHAMPION)
        former = [
            version
            for version in registry.versions(config, name)
            if version.tags.get(PROMOTED) and version.number != champion
        ]
        # Rolling back twice goes back two steps, not to the version just abandoned.
        chosen = [v for v in former if to == v.number or (to is None and not v.tags.get(ABANDONED))]
        if champion is None or not chosen:
            wanted = (
                f"version {to} of {name} was never" if to is not None else f"{name} has no earlier"
            )
            known = ", ".join(str(version.number) for version in former)
            raise NotFoundError(
                f"{wanted} champion", f"earlier champions: {known}" if known else None
            )
        target = max(chosen, key=lambda version: version.tags[PROMOTED])
        estimator.load(*registry.files_of(config, target))
        details = {"reason": reason, "from": champion}
        return _changed(_move(config, "rollback", name, target.number, champion, details))


def _changed(event: Event) -> ChampionChange:
    """Tell what an event of approve or rollback has changed."""
    version, details = int(event.version or 0), event.details
    return ChampionChange(
        str(event.model), version, details["champion"], version, event.actor, details["reason"],
        event.seq,
    )  # fmt: skip


def _lock(config: Config, name: str) -> AbstractContextManager[None]:
    return files.lock(config.state, f"model-{name}")
