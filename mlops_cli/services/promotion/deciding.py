"""`approve`, `reject` and `rollback`: what a person decides, with a reason."""

from dataclasses import dataclass

from mlops_cli.backends import estimator, registry, tables
from mlops_cli.backends.registry import CHALLENGER, CHAMPION, Version
from mlops_cli.config import Config
from mlops_cli.domain.records import Event
from mlops_cli.errors import ConflictError, NotFoundError
from mlops_cli.services.promotion.moving import (
    ABANDONED,
    PROMOTED,
    WAITING,
    lock,
    move,
    recover,
)


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


def approve(config: Config, name: str, number: int | None, reason: str) -> ChampionChange:
    """Promote a challenger whose gates have passed and that waits for a person.

    Raises:
        NotFoundError: Nothing waits for approval.
        ConflictError: The champion has changed since the gates were judged.
    """
    with lock(config, name):
        done = recover(config, name)
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
        return _changed(move(config, "approval", name, version.number, champion, details))


def reject(config: Config, name: str, number: int | None, reason: str) -> ChampionChange:
    """Turn down a challenger that waits for a person; the champion stays."""
    with lock(config, name):
        recover(config, name)
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
    with lock(config, name):
        done = recover(config, name)
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
        return _changed(move(config, "rollback", name, target.number, champion, details))


def _changed(event: Event) -> ChampionChange:
    """Tell what an event of approve or rollback has changed."""
    version, details = int(event.version or 0), event.details
    return ChampionChange(
        str(event.model), version, details["champion"], version, event.actor, details["reason"],
        event.seq,
    )  # fmt: skip
