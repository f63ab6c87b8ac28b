"""Pandera: checks of a source table, built from config.yaml."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

os.environ.setdefault("DISABLE_PANDERA_IMPORT_WARNING", "True")

import numpy as np
import pandas as pd
import pandera.pandas as pa
from numpy.typing import NDArray
from pandera.errors import SchemaErrors

from mlops_cli.config import FeatureConfig
from mlops_cli.config.tasks import Task
from mlops_cli.domain.columns import words
from mlops_cli.domain.quoting import examples, ids_of
from mlops_cli.domain.results.tables import TableFinding
from mlops_cli.domain.subjects import Codes, Identity, subjects

_KINDS = {"int": "Int64", "float": float, "bool": "boolean", "category": object}
_TYPE = "has its type"
_PRESENT = "is not missing"


def check(
    table: str, frame: pd.DataFrame, identity: Identity, features: Mapping[str, FeatureConfig]
) -> list[TableFinding]:
    """Return what is wrong with a feature table: columns, types, ranges, categories, keys.

    Args:
        table: What the findings call it.
        frame: The table.
        identity: Its columns of ids and times: no two rows may agree in all of them.
        features: The other columns.
    """
    columns = {name: _column(spec) for name, spec in features.items()}
    worded = [name for name, spec in features.items() if spec.type == "category" and name in frame]
    said = {name: words(frame[name]) for name in worded}
    return _Table(table, frame.assign(**said), identity).findings(columns)


def check_labels(
    frame: pd.DataFrame, identity: Identity, column: str, task: Task
) -> list[TableFinding]:
    """Return what is wrong with a label table; a class must be 0 or 1."""
    rule = [pa.Check.isin([0, 1], error="is 0 or 1")] if task == "classification" else []
    columns = {column: pa.Column(float, rule, coerce=True)}
    return _Table("labels", frame, identity).findings(columns)


@dataclass(frozen=True)
class _Table:
    """A table under its name."""

    name: str
    frame: pd.DataFrame
    identity: Identity

    def findings(self, columns: dict[str, pa.Column]) -> list[TableFinding]:
        """Hold the table against the rules of its columns."""
        rows, keys = len(self.frame), list(self.identity.columns)
        wanted = {
            **dict.fromkeys(self.identity.keys, pa.Column(str, coerce=True)),
            **dict.fromkeys(self.identity.stamps, pa.Column("datetime64[us, UTC]", coerce=True)),
            **columns,
        }
        absent = [name for name in wanted if name not in self.frame]
        found = [TableFinding(self.name, name, "the column is there", rows, 1.0) for name in absent]
        if not rows:
            found.append(TableFinding(self.name, "", "has rows", 0, 0.0))
        if set(keys) <= set(self.frame) and (
            twice := int(self.frame.duplicated(keys, False).sum())
        ):
            rule = "no two rows agree in these"
            found.append(TableFinding(self.name, ", ".join(keys), rule, twice, twice / rows))
        present = {name: column for name, column in wanted.items() if name in self.frame}
        frame = self.frame.reset_index(drop=True)
        try:
            pa.DataFrameSchema(present).validate(frame, lazy=True)
        except SchemaErrors as error:
            found += [self.broken(*each) for each in _grouped(error.failure_cases, frame)]
        return found

    def broken(self, column: str, rule: str, rows: NDArray[np.int64]) -> TableFinding:
        """Return the finding that these rows, by position, break a rule."""
        said: tuple[str, ...] | None = ()
        if rule != _PRESENT and column not in self.identity.columns:
            said = examples(self.frame[column].iloc[rows], self.who[rows], self.ids)
        return TableFinding(self.name, column, rule, len(rows), len(rows) / len(self.frame), said)

    @cached_property
    def who(self) -> Codes:
        """The entity of each row."""
        return subjects(self.frame, self.identity.unit)

    @cached_property
    def ids(self) -> set[str | None]:
        """Every id in the table."""
        return ids_of(self.frame, self.identity.keys)


def _grouped(
    cases: pd.DataFrame, frame: pd.DataFrame
) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    """Yield each column and rule with the rows that break it, of a wrong type only that."""
    rules = cases["check"].astype(str)
    typed = rules.str.startswith(("coerce_dtype(", "dtype("))
    rules = rules.mask(typed, _TYPE).replace("not_nullable", _PRESENT)
    told = typed | ~cases["column"].isin(cases["column"][typed])
    for (column, rule), part in cases[told].groupby(["column", rules[told]], sort=False):
        rows = part["index"].dropna().unique().astype(np.int64)
        yield str(column), str(rule), np.sort(rows) if len(rows) else _fractions(frame[str(column)])


def _fractions(values: pd.Series) -> NDArray[np.int64]:
    """Return the rows that are no whole number, or else all.

    Pandera names no row of a column that it could not convert as a whole.
    """
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    rows = np.flatnonzero(np.nan_to_num(numbers) % 1)
    return rows if len(rows) else np.arange(len(values))


def _column(spec: FeatureConfig) -> pa.Column:
    rules = []
    if spec.range is not None:
        rules.append(pa.Check.in_range(*spec.range, error=f"in range {_span(spec.range)}"))
    if spec.categories:
        rules.append(pa.Check.isin(spec.categories, error="is a known category"))
    return pa.Column(_KINDS[spec.type], rules, nullable=not spec.required, coerce=True)


def _span(limits: tuple[float, float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g}"
