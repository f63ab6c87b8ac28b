"""The errors a user can meet, and the exit codes that scripts rely on.

    MlopsError
    ├── ConfigError       2  config.yaml is wrong
    ├── InputError        2  an argument or an input file is wrong
    ├── IntegrityError    3  stored bytes are not what was recorded
    ├── NotFoundError     6  no such model, run, version, entity or report
    ├── StaleError        7  the features are older than their limit
    ├── UnavailableError 75  a store cannot be reached or a lock is held: try again
    └── ConflictError    75  somebody else changed the same thing: look and try again

A check that ran and said no is a result, not an error.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit status of every command means."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    FINDING = 3
    APPROVAL_REQUIRED = 4
    INCONCLUSIVE = 5
    NOT_FOUND = 6
    STALE = 7
    TEMPORARY = 75
    INTERRUPTED = 130
    TERMINATED = 143


#: With several models in one command, the first of these that occurred is the exit code.
SEVERITY = (
    ExitCode.INTERNAL,
    ExitCode.USAGE,
    ExitCode.TEMPORARY,
    ExitCode.NOT_FOUND,
    ExitCode.FINDING,
    ExitCode.STALE,
    ExitCode.APPROVAL_REQUIRED,
    ExitCode.INCONCLUSIVE,
    ExitCode.OK,
)


def most_severe(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the exit code that stands for several results.

    >>> most_severe([ExitCode.OK, ExitCode.INCONCLUSIVE, ExitCode.FINDING])
    <ExitCode.FINDING: 3>
    >>> most_severe([])
    <ExitCode.OK: 0>
    """
    return min(codes, key=SEVERITY.index, default=ExitCode.OK)


class MlopsError(Exception):
    """Something that stops the command: what happened, with which value, and what to do next."""

    code = "internal"
    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Keep the message and, where there is one, the next step."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def told(self) -> dict[str, str | None]:
        """Return the `error` of a JSON answer."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class ConfigError(MlopsError):
    """config.yaml cannot be used as it is."""

    code = "config"
    exit_code = ExitCode.USAGE


class InputError(MlopsError):
    """An argument or an input file cannot be used as it is."""

    code = "input"
    exit_code = ExitCode.USAGE


class IntegrityError(MlopsError):
    """Stored bytes differ from their recorded digest, so nothing is done with them."""

    code = "integrity"
    exit_code = ExitCode.FINDING


class NotFoundError(MlopsError):
    """The thing that was named does not exist."""

    code = "not_found"
    exit_code = ExitCode.NOT_FOUND

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str], place: str) -> "NotFoundError":
        """Say that `name` is unknown, and name the nearest match or everything there is.

        >>> error = NotFoundError.among("model", "heart", ["heart_disease"], "config.yaml")
        >>> error.message, error.hint
        ("no model 'heart' in config.yaml", "did you mean 'heart_disease'?")
        """
        return cls(f"no {kind} {name!r} in {place}", nearest(name, known))


class StaleError(MlopsError):
    """Features are older than the limit their view sets, and the caller asked for fresh ones."""

    code = "stale"
    exit_code = ExitCode.STALE


class UnavailableError(MlopsError):
    """A store cannot be reached or a lock is held: the same command may work later."""

    code = "unavailable"
    exit_code = ExitCode.TEMPORARY


class ConflictError(MlopsError):
    """Somebody else changed the same thing in the meantime."""

    code = "conflict"
    exit_code = ExitCode.TEMPORARY


def first_line(error: BaseException) -> str:
    r"""Return the first line of an outside tool's message, cut to what fits in one of ours.

    >>> first_line(ValueError("no such table: runs\n[SQL: SELECT 1]")), first_line(OSError())
    ('no such table: runs', 'OSError')
    """
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return a hint that names the closest known word, or else all of them.

    >>> nearest("tran", ["train", "promote"])
    "did you mean 'train'?"
    >>> nearest("xyz", ["train", "promote"])
    'known: promote, train'
    >>> nearest("xyz", []) is None
    True
    """
    words = sorted(known)
    if close := get_close_matches(name, words, n=1, cutoff=0.4):
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(words)}" if words else None
