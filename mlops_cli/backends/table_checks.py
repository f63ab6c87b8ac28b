"""Pandera: checks of a source table, built from config.yaml."""

import os
from collections.abc import Mapping

os.environ.setdefault("DISABLE_PANDERA_IMPORT_WARNING", "True")

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from mlops_cli.config import FeatureConfig
from mlops_cli.config.tasks import Task
from mlops_cli.domain.results import TableFinding


def check(
    table: str,
    frame: pd.DataFrame,
    keys: tuple[str, str],
    features: Mapping[str, FeatureConfig],
) -> list[TableFinding]:
    """Return what is wrong with a feature table: columns, types, ranges, categories, keys."""
    columns = {name: _column(spec) for name, spec in features.items()}
    return _findings(table, frame, keys, columns)


def check_labels(
    frame: pd.DataFrame, keys: tuple[str, str], column: str, task: Task
) -> list[TableFinding]:
    """Return what is wrong with a label table; a class must be 0 or 1."""
    rule = [pa.Check.isin([0, 1], name="is 0 or 1")] if task == "classification" else []
    return _findings("labels", frame, keys, {column: pa.Column(float, rule, coerce=True)})


def _findings(
    table: str, frame: pd.DataFrame, keys: tuple[str, str], columns: dict[str, pa.Column]
) -> list[TableFinding]:
    entity, stamp = keys
    wanted = {
        entity: pa.Column(str, coerce=True),
        stamp: pa.Column("datetime64[us, UTC]", coerce=True),
        **columns,
    }
    schema = pa.DataFrameSchema(wanted, unique=[entity, stamp])
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        cases["column"] = cases["column"].fillna(cases["failure_case"]).astype(str)
        grouped = cases.groupby(["column", "check"], sort=False).size()
        return [TableFinding(table, str(c), str(rule), int(n)) for (c, rule), n in grouped.items()]
    return []


def _column(spec: FeatureConfig) -> pa.Column:
    rules = []
    if spec.range is not None:
        rules.append(pa.Check.in_range(*spec.range, name=f"in range {_span(spec.range)}"))
    if spec.categories:
        rules.append(pa.Check.isin(spec.categories, name="is a known category"))
    kinds = {"int": "Int64", "float": float, "bool": "boolean", "category": object}
    return pa.Column(kinds[spec.type], rules, nullable=not spec.required, coerce=True)


def _span(limits: tuple[float, float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g}"
