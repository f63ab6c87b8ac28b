"""What was found in a table, and where one was written."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TableFinding:
    """One rule that a source table breaks; cells may be personal data (see `domain/quoting.py`)."""

    table: str
    column: str
    """Empty where it is about the whole table."""
    rule: str
    """What should be so."""
    rows: int
    """How many rows break it."""
    share: float
    """Of the rows that were looked at."""
    examples: tuple[str, ...] | None = ()
    """What may be said of the cells, largest first; None: too few entities have one."""


@dataclass(frozen=True)
class TableComparison:
    """How a source table was held against its reference."""

    table: str
    reference: str
    rows: int
    """Entities that were compared, each with its newest row."""
    reference_rows: int
    conclusive: bool
    """False where one side has too few of them; then no values were compared."""


@dataclass(frozen=True)
class ViewCoverage:
    """For how many rows of a training set a feature view had values."""

    view: str
    rows: int
    known: int
    """Rows with a usable value: known + expired + unknown = rows."""
    expired: int
    """Rows whose last value was older than the view's ttl, so that it counts as missing."""
    unknown: int
    """Rows of entities of which nothing was known at that time."""
    missing: dict[str, int]
    """Empty cells among the known rows, by feature."""


@dataclass(frozen=True)
class Written:
    """A table that was written."""

    path: str
    rows: int
