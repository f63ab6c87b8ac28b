"""The small types that config.yaml is made of: names, durations, places."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?![0-9]{6}w)([0-9]{1,6})([smhdw])")  # so that six digits hold it in days
_SQLITE_FILE = re.compile(r"(?P<prefix>sqlite(\+\w+)?:///)(?!:memory:|file:)(?P<file>.+)")


def parse_duration(value: object) -> timedelta:
    """Read `30s`, `15m`, `26h`, `45d` or `2w`.

    >>> parse_duration("26h")
    datetime.timedelta(days=1, seconds=7200)
    """
    if isinstance(value, timedelta):
        return value
    if match := _DURATION.fullmatch(str(value)):
        return timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    raise ValueError(f"{value!r} is not a duration: write a number and a unit, as 15m, 26h or 45d")


def format_duration(value: timedelta) -> str:
    """Write a duration in the largest unit that holds it exactly.

    >>> format_duration(timedelta(days=45)), format_duration(timedelta(hours=26))
    ('45d', '26h')
    """
    seconds = int(value.total_seconds())
    unit = next(unit for unit in ("d", "h", "m", "s") if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def parse_moment(value: object) -> datetime:
    """Read a day or a time in ISO 8601; without a zone it is in UTC.

    >>> parse_moment("2026-01-01").isoformat(), parse_moment("2026-01-01T02:00+02:00").isoformat()
    ('2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')
    """
    try:
        read = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{value!r} is not a day or time, as 2026-01-01") from error


def as_word(value: object) -> object:
    """Write a number or truth value as the table of a feature has it: 7 and 7.0 as 7, true as 1."""
    if isinstance(value, (int, float)):
        return str(int(value)) if float(value).is_integer() else str(value)
    return value


def locate(value: str, info: ValidationInfo) -> str:
    """Make a relative path or SQLite URL relative to the folder of the config file.

    Other URLs (PostgreSQL, S3, an MLflow server) stay as they are. Cron starts commands
    in another folder, so nothing may depend on the working directory.
    """
    return located(value, Path((info.context or {}).get("root", ".")))


def located(value: str, root: Path) -> str:
    """Make a relative path or SQLite URL relative to a folder.

    >>> located("sqlite:///logs.db", Path("/srv")), located("s3://bucket/a", Path("/srv"))
    ('sqlite:////srv/logs.db', 's3://bucket/a')
    """
    if match := _SQLITE_FILE.fullmatch(value):
        return match["prefix"] + str((root / match["file"]).absolute())
    return value if "://" in value else str((root / value).absolute())


def refuse_url(value: str) -> str:
    """Refuse a URL where only a file of this machine will do."""
    if "://" in value:
        raise ValueError("this has to be a path on this machine, not a URL")
    return value


def refuse_path(value: str) -> str:
    """Refuse a plain path where a database is named by an SQLAlchemy URL."""
    if "://" not in value:
        raise ValueError("this has to be an SQLAlchemy URL, as sqlite:///logs.db")
    return value


def refuse_flag(value: object) -> object:
    """Refuse true and false where a number belongs; pydantic would read 1 and 0."""
    if value is True or value is False:
        raise ValueError(f"{str(value).lower()} is not a number")
    return value


def refuse_twice(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list that names something twice."""
    if twice := [name for n, name in enumerate(names) if name in names[:n]]:
        raise ValueError(f"{twice[0]!r} is named twice")
    return names


Integer = Annotated[int, BeforeValidator(refuse_flag)]
"""A whole number."""

Number = Annotated[float, BeforeValidator(refuse_flag)]
"""A finite number."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""A name of ours: lower case letters, digits, underscores; safe as a path, table or metric."""

Function = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")
]
"""A function in a file of the project, as clinic:net_benefit."""

Column = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""The name of a column in a table of the user's."""

Keys = Annotated[
    tuple[Column, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    AfterValidator(refuse_twice),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""The columns of an entity key: one name, or a list for a key of several columns."""

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,6}[smhdw]$"}),
]

Moment = Annotated[
    datetime,
    BeforeValidator(parse_moment),
    PlainSerializer(datetime.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A point in time, in UTC."""

Word = Annotated[str, BeforeValidator(as_word)]
"""A value of a category or a key; ids that are numbers need no quotes."""

Place = Annotated[str, StringConstraints(min_length=1), AfterValidator(locate)]
"""A path or URL; relative paths are relative to the config file."""

LocalPlace = Annotated[Place, AfterValidator(refuse_url)]
"""A path on this machine, relative to the config file."""

Database = Annotated[Place, AfterValidator(refuse_path)]
"""An SQLAlchemy URL; the file of an SQLite database is relative to the config file."""
