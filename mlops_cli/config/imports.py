"""How a file of the user's is read: its column names, its words, its signs for "missing"."""

from pydantic import Field

from mlops_cli.config.section import Section
from mlops_cli.config.values import Column


class ImportConfig(Section):
    """The way from a file as it was published to the columns of config.yaml."""

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
        description="cells that mean missing in one column, as {insulin: ['0']}",
    )
    words: dict[Column, dict[str, str]] = Field(
        default_factory=dict, description="theirs: ours, by column, as {sex: {'0': female}}"
    )
    row_id: str | None = Field(
        None, description="ids for a file without any, as pima-{row}; rows count from 0"
    )
    delimiter: str = Field(
        ",", min_length=1, max_length=1, description="between the cells of a CSV"
    )
    encoding: str = Field("utf-8", description="of a CSV or JSONL file; a BOM is always understood")
