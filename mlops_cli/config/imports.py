"""How a file of the user's is read: its column names, its words, its signs for "missing"."""

import codecs
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from mlops_cli.config.section import Section
from mlops_cli.config.values import Column, Duration


def as_utc(value: datetime) -> datetime:
    """Read a time without a zone as UTC."""
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class RowTimeConfig(Section):
    """Times for a file without any: a device that keeps an order, not a fact about the rows."""

    start: Annotated[datetime, AfterValidator(as_utc)] = Field(
        description="time of the first row, as 2000-01-01"
    )
    step: Duration = Field(description="from one row to the next, as 1h")
    order: Column | None = Field(
        None,
        description="their column of numbers that the rows are ordered by; default: as they are",
    )


class ImportConfig(Section):
    """The way from a file as it was published to the columns of config.yaml.

    Cells are compared as words, and as numbers where both are numbers: '0' is also 0.0.
    """

    columns: dict[Column, Column] = Field(
        default_factory=dict, description="ours: theirs, where the names differ"
    )
    header: tuple[Column, ...] = Field(
        (), description="the column names of a CSV file without a header line"
    )
    missing: tuple[str, ...] = Field(
        (), description="cells that mean missing in every column, as '?'; empty cells always do"
    )
    sentinels: dict[Column, tuple[str, ...]] = Field(
        default_factory=dict,
        description="cells that mean missing in one of our columns, as {insulin: ['0']}",
    )
    words: dict[Column, dict[str, str]] = Field(
        default_factory=dict, description="theirs: ours, by our column, as {sex: {'0': female}}"
    )
    row_id: str | None = Field(
        None,
        description="ids made of their columns, the row's number and the file's name without its "
        "ending, as pima-{row} or {file}-{row}",
    )
    row_time: RowTimeConfig | None = Field(
        None, description="times made of the row's number, for a file without any"
    )
    delimiter: str = Field(
        ",", min_length=1, max_length=1, description="between the cells of a CSV"
    )
    encoding: str = Field("utf-8", description="of a CSV file; a byte order mark is understood")

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        try:
            codecs.lookup(self.encoding)
        except LookupError as error:
            raise ValueError(
                f"encoding {self.encoding!r} is unknown, use utf-8 or latin-1"
            ) from error
        if len(set(self.header)) != len(self.header):
            raise ValueError("a column is named twice in header")
        return self
