"""Pandera: checks of a source table, built from config.yaml."""

import os
from collections.abc import Mapping, Sequence

os.environ.setdefault("DISABLE_PANDERA_IMPORT_WARNING", "True")

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from mlops_cli.config import FeatureConfig
from mlops_cli.config.tasks import Task
from mlops_cli.domain.columns import word
from mlops_cli.domain.results import TableFinding

_KINDS = {"int": "Int64", "float": float, "bool": "boolean", "category": object}


def check(
    table: str,
    frame: pd.DataFrame,
    keys: Sequence[str],
    features: Mapping[str, FeatureConfig],
) -> list[TableFinding]:
    """Return what is wrong with a feature table: columns, types, ranges, categories, keys.

    Args:
        table: What the findings call it.
        frame: The table.
        keys: The columns of the entity, of the time, and maybe of the time of writing: no two
            rows may agree in all of them.
        features: The other columns.
    """
    columns = {name: _column(spec) for name, spec in features.items()}
    words = {name for name, spec in features.items() if spec.type == "category"}
    said = {name: frame[name].astype(object).map(word) for name in words & set(frame.columns)}
    return _findings(table, frame.assign(**said), keys, columns)


def check_labels(
    frame: pd.DataFrame, keys: Sequence[str], column: str, task: Task
) -> list[TableFinding]:
    """Return what is wrong with a label table; a class must be 0 or 1."""
    rule = [pa.Check.isin([0, 1], error="is 0 or 1")] if task == "classification" else []
    return _findings("labels", frame, keys, {column: pa.Column(float, rule, coerce=True)})


def _findings(
    table: str, frame: pd.DataFrame, keys: Sequence[str], columns: dict[str, pa.Column]
) -> list[TableFinding]:
    entity, *stamps = keys
    wanted = {
        entity: pa.Column(str, coerce=True),
        **{stamp: pa.Column("datetime64[us, UTC]", coerce=True) for stamp in stamps},
        **columns,
    }
    found = [
        TableFinding(table, name, "the column is there", len(frame))
        for name in wanted
        if name not in frame
    ]
    if set(keys) <= set(frame.columns) and (twice := int(frame.duplicated([*keys], False).sum())):
        found.append(TableFinding(table, ", ".join(keys), "no two rows agree in these", twice))
    present = {name: column for name, column in wanted.items() if name in frame}
    try:
        pa.DataFrameSchema(present).validate(frame, lazy=True)
    except SchemaErrors as error:
        found += _grouped(table, error.failure_cases, len(frame))
    return found


def _grouped(table: str, cases: pd.DataFrame, rows: int) -> list[TableFinding]:
    """Return one finding for each column and rule; where the type is wrong, only that."""
    found: dict[tuple[str, str], set[object]] = {}
    rules = cases["check"].astype(str)
    typed = rules.str.startswith(("coerce_dtype(", "dtype("))
    mistyped = set(cases["column"][typed])
    for column, rule, row, is_type in zip(
        cases["column"], rules, cases["index"], typed, strict=True
    ):
        if is_type or column not in mistyped:
            said = "has its type" if is_type else _RULES.get(rule, rule)
            found.setdefault((str(column), said), set()).add(row)
    return [
        # Pandera gives no row where it could not convert the column at all.
        TableFinding(table, column, rule, len(which - {None}) or rows)
        for (column, rule), which in found.items()
    ]


_RULES = {"not_nullable": "is not missing"}


def _column(spec: FeatureConfig) -> pa.Column:
    rules = []
    if spec.range is not None:
        rules.append(pa.Check.in_range(*spec.range, error=f"in range {_span(spec.range)}"))
    if spec.categories:
        rules.append(pa.Check.isin(spec.categories, error="is a known category"))
    return pa.Column(_KINDS[spec.type], rules, nullable=not spec.required, coerce=True)


def _span(limits: tuple[float, float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g}"
