"""A version becomes champion: the alias, and the record of it that survives a kill.

Every change holds the model's lock, writes its intent to the audit log before and its outcome
after, and moves the alias by one upsert. Killed anywhere, the champion is the old one or the new
one, and the same command run again finishes the job: an intent whose version is champion and that
has no outcome is what a kill leaves behind, and the next command writes the outcome.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from mlops_cli.backends import files, registry, tables
from mlops_cli.backends.registry import CHALLENGER, CHAMPION
from mlops_cli.config import Config
from mlops_cli.domain.records import Event
from mlops_cli.errors import ConflictError

WAITING = "mlops.approval"
PROMOTED = "mlops.promoted"
ABANDONED = "mlops.rolled_back"
MOVES = tuple(
    f"{verb}.{stage}"
    for verb in ("promotion", "approval", "rollback")
    for stage in ("intent", "done")
)


def lock(config: Config, name: str) -> AbstractContextManager[None]:
    """Keep all others from changing the champion of a model."""
    return files.lock(config.state, f"model-{name}")


def move(
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


def recover(config: Config, name: str) -> Event | None:
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
