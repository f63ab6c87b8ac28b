"""What has changed between two states of a source table: its columns, and what they hold."""

from collections.abc import Collection, Iterable, Iterator, Mapping

import pandas as pd

from mlops_cli.config import FeatureConfig
from mlops_cli.config.limits import DriftConfig
from mlops_cli.domain.drift import check_columns, check_extremes
from mlops_cli.domain.quoting import SHARED_BY
from mlops_cli.domain.results.judging import DriftCheck
from mlops_cli.domain.results.tables import TableFinding

_KINDS = {
    "integer": "number", "floating": "number", "mixed-integer-float": "number",
    "decimal": "number", "boolean": "truth value", "string": "text", "categorical": "text",
    "datetime64": "time", "datetime": "time", "date": "time", "mixed": "mixed",
    "mixed-integer": "mixed",
}  # fmt: skip
_RULES = {
    "missing_share": "missing as seldom as before",
    "unseen_category": "unknown words as seldom as before",
    "beyond_reference": "in the range before",
    "empty_column": "has values, as before",
    "constant_column": "varies, as before",
}
SAME = "values as before"


def column_changes(
    table: str, reference: pd.DataFrame, current: pd.DataFrame, configured: Collection[str]
) -> list[TableFinding]:
    """Return which columns are gone or new.

    Args:
        table: What the findings call it.
        reference: The table as it was.
        current: The table as it is.
        configured: Columns whose absence now is another check's finding.

    >>> before, now = pd.DataFrame({"age": [41], "sex": ["f"]}), pd.DataFrame({"age": [41]})
    >>> [(each.column, each.rule) for each in column_changes("vitals", before, now, {"age"})]
    [('sex', 'still is a column')]
    """
    rows, was, now = len(current), [*map(str, reference.columns)], [*map(str, current.columns)]
    gone = [name for name in was if name not in now and name not in configured]
    new = [name for name in now if name not in was]
    found = [TableFinding(table, name, "still is a column", rows, 1.0) for name in gone]
    return found + [TableFinding(table, name, "was a column before", rows, 1.0) for name in new]


def type_changes(
    table: str, reference: pd.DataFrame, current: pd.DataFrame, unreadable: Iterable[str]
) -> list[TableFinding]:
    """Return which columns are of another type.

    Whole and other numbers are one type: a single empty cell turns the one into the other.

    Args:
        table: What the findings call it.
        reference: The table as it was.
        current: The table as it is.
        unreadable: Features that were not of their type before.

    >>> before, now = pd.DataFrame({"age": [41, None]}), pd.DataFrame({"age": ["41", "52"]})
    >>> [(each.column, each.examples) for each in type_changes("vitals", before, now, ())]
    [('age', ('number before, text now',))]
    """
    found = {}
    for name in (str(name) for name in current.columns if name in reference):
        before, now = _kind(reference[name]), _kind(current[name])
        if before and now and before != now:
            found[name] = f"{before} before, {now} now"
    found |= {name: "of another type before" for name in unreadable if name not in found}
    return [
        TableFinding(table, name, "type as before", len(current), 1.0, (said,))
        for name, said in found.items()
    ]


def _kind(values: pd.Series) -> str | None:
    """Return what a column holds, None where every cell is empty."""
    found = pd.api.types.infer_dtype(values, skipna=True)
    return None if found == "empty" or values.isna().all() else _KINDS.get(found, found)


def value_changes(
    table: str,
    reference: pd.DataFrame,
    current: pd.DataFrame,
    features: Mapping[str, FeatureConfig],
    limits: DriftConfig,
    seed: int,
) -> list[TableFinding]:
    """Return which features are distributed otherwise, by the rules of a drift check.

    Without a change, at most `limits.alpha` of the calls find one. In place of the range of the
    configuration, which the table has to keep anyway, that of the reference counts here.

    Args:
        table: What the findings call it.
        reference: One row for each entity, typed, with a column for each feature.
        current: The same, now.
        features: Specifications by column.
        limits: When a change matters.
        seed: The same seed gives the same thresholds.
    """
    specs = {name: spec.model_copy(update={"range": None}) for name, spec in features.items()}
    checks = [*check_columns(reference, current, specs, limits, len(reference), seed)]
    numbers = [name for name, spec in specs.items() if spec.type in {"int", "float"}]
    # A third of a column's false alarms is for its range, as in `check_columns`.
    alpha = limits.alpha / max(1, len(specs)) / 6
    for name in numbers:
        before, now = (side[name].dropna().to_numpy(float) for side in (reference, current))
        if len(before) and len(now):
            checks.append(check_extremes(name, before, now, alpha, limits.range_jump))
    return list(_findings(table, reference, current, checks))


def _findings(
    table: str, reference: pd.DataFrame, current: pd.DataFrame, checks: list[DriftCheck]
) -> Iterator[TableFinding]:
    for check in checks:
        if check.drifted and check.column is not None:
            sides = [int(side[check.column].notna().sum()) for side in (reference, current)]
            shares = check.method in {"missing_share", "unseen_category", "beyond_reference"}
            looked_at = len(current) if check.method == "missing_share" else sides[1]
            share = check.statistic if shares else 1.0
            rule = _RULES.get(check.method, SAME)
            rows = round(share * looked_at)
            # A mean of a few is close to one of them.
            told = shares or check.kind == "quality" or min(sides) >= SHARED_BY
            said = (check.message.removeprefix(f"{check.column}: "),) if told else None
            yield TableFinding(table, check.column, rule, rows, share, said)


def independent(features: int, limits: DriftConfig, family: int) -> DriftConfig:
    """Return the limits of some of a family of tests, which share alpha equally.

    >>> independent(1, DriftConfig(alpha=0.25), 2).alpha
    0.125
    """
    return limits.model_copy(update={"alpha": limits.alpha * features / family})
