"""The audit log as a hash chain: every event seals all the events before it.

`hash = sha256(hash of the previous event + canonical bytes of this one)`, the first event following
`GENESIS`. Changing, inserting, removing or moving an event breaks the chain from there on. Cutting
off the end cannot be seen from the rows alone: compare `head` with a copy kept elsewhere.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from mlops_cli.errors import InputError

#: What the first event follows.
GENESIS = "0" * 64

Row = tuple[int, str, bytes, str]


@dataclass(frozen=True)
class ChainProblem:
    """An event that does not fit its place in the chain."""

    seq: int
    problem: str


@dataclass(frozen=True)
class Verification:
    """What reading the whole chain showed."""

    intact: bool
    events: int
    head: str
    """Hash of the last event; `GENESIS` where there is none."""
    problems: tuple[ChainProblem, ...]


def canonical(body: Mapping[str, Any]) -> bytes:
    """Return the one byte string that stands for an event.

    JSON with sorted keys, no spaces, UTF-8. Reading the bytes and writing them again gives the same
    bytes, which is what `verify` checks.

    Raises:
        InputError: the event holds NaN, infinity, two keys that read the same, or no JSON at all.

    >>> canonical({"model": "heart", "action": "promote"})
    b'{"action":"promote","model":"heart"}'
    """
    try:
        text = _dumps(body)
        data = text.encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"the event cannot be written as JSON: {error}") from error
    if _dumps(json.loads(text)) != text:
        raise InputError("the event has keys that are no strings: it would not read back the same")
    return data


def _dumps(value: object) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def link(previous: str, body: bytes) -> str:
    """Return the hash of an event, 64 hex digits, from the hash before it and its canonical bytes.

    >>> link(GENESIS, b"{}")[:16]
    '5508d2b710e64bc4'
    """
    return sha256(previous.encode() + body).hexdigest()


def verify(rows: Iterable[Row]) -> Verification:
    """Check every event of a chain: `(seq, previous, body, hash)` in order of seq, from 1.

    Goes on after a problem, taking the stored hash as the one to follow, so that one changed event
    is one problem and not a report on everything after it.

    >>> first = canonical({"action": "train"})
    >>> verify([(1, GENESIS, first, link(GENESIS, first))]).intact
    True
    >>> verify([(1, GENESIS, b"{}", link(GENESIS, first))]).problems
    (ChainProblem(seq=1, problem='the hash does not fit the content'),)
    """
    problems: list[ChainProblem] = []
    seq, head, events = 0, GENESIS, 0
    for row in rows:
        problems += (ChainProblem(row[0], text) for text in _problems_of(row, seq, head))
        seq, head, events = row[0], row[3], events + 1
    return Verification(not problems, events, head, tuple(problems))


def _problems_of(row: Row, last: int, head: str) -> Iterator[str]:
    seq, previous, body, stored = row
    if seq != last + 1:
        yield f"expected event {last + 1}: events are missing, repeated or out of order"
    if previous != head:
        yield "it does not follow the event before it"
    if stored != link(previous, body):
        yield "the hash does not fit the content"
    if not _is_canonical(body):
        yield "the content is not canonical JSON"


def _is_canonical(body: bytes) -> bool:
    try:
        value = json.loads(body)
        return isinstance(value, dict) and _dumps(value).encode() == body
    except (ValueError, RecursionError):
        return False
