"""`features validate`: do the source tables hold what config.yaml says, and what they held?"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mlops_cli.backends import files, table_checks
from mlops_cli.config import Config, FeatureConfig, ModelConfig
from mlops_cli.domain.columns import readable
from mlops_cli.domain.merging import label_spec
from mlops_cli.domain.results.tables import TableComparison, TableFinding
from mlops_cli.domain.subjects import Identity, ReadView, newest_rows
from mlops_cli.domain.table_changes import column_changes, independent, type_changes, value_changes
from mlops_cli.errors import InputError, NotFoundError

#: The findings in feature views that several models share, which are looked for once.
Known = dict[str, list[TableFinding]]
_HINT = "a reference is a folder with tables called as the sources, or one table with the features"


@dataclass(frozen=True)
class ValidationResult:
    """The findings in the tables of one model."""

    model: str
    tables: int
    """How many were checked."""
    unread: tuple[str, ...]
    """Views of a Feast repository whose source is no file: nothing is known of them."""
    findings: tuple[TableFinding, ...]
    comparisons: tuple[TableComparison, ...]
    """The tables that were held against the reference, if there is one."""
    conclusive: bool
    """False where a view was not read, or a table could not be compared with the reference."""
    min_rows: int
    """Fewer entities than these are not compared."""


@dataclass(frozen=True)
class _Source:
    """A table of a model; the labels are one with a single column."""

    name: str
    path: Path
    identity: Identity
    features: Mapping[str, FeatureConfig]
    is_view: bool = True
    table: pd.DataFrame | None = None
    """Where it has been read already."""

    def read(self) -> pd.DataFrame:
        """Return the rows."""
        return files.read_source(self.path) if self.table is None else self.table

    @property
    def columns(self) -> tuple[str, ...]:
        """All that config.yaml names."""
        return (*self.identity.columns, *self.features)


@dataclass(frozen=True)
class _Reference:
    """A table as it was."""

    path: Path
    frame: pd.DataFrame
    single: bool
    """Whether it is one table for all sources, and not an earlier state of this one."""


def validate(
    config: Config,
    name: str,
    known: Known,
    against: Path | None = None,
    repository: ReadView | None = None,
) -> ValidationResult:
    """Check every view and the labels of a model against types, ranges and categories.

    Args:
        config: The project.
        name: The model.
        known: What has been found in views of other models; those of this one are added.
        against: Also compare with a reference: a folder with tables named as the sources, or one
            table with columns of the features.
        repository: Reads the views that a Feast repository of the user's own defines.

    Raises:
        NotFoundError: There is no such table.
        InputError: A table cannot be read, or the reference has nothing to compare.
    """
    model = config.models[name]
    findings: list[TableFinding] = []
    comparisons: list[TableComparison] = []
    sources, unread = _sources(model, repository)
    for source in sources:
        if against is None and source.name in known and source.is_view:
            findings += known[source.name]
            continue
        frame = source.read()
        findings += _checked(model, source, frame, known)
        if against is not None:
            changed, compared = _compared(config, model, source, frame, against)
            findings += changed
            comparisons += compared
    if against is not None and not any(each.reference_rows for each in comparisons):
        wanted = ", ".join(list(model.stored)[:5])
        raise InputError(f"{against} has no row of a feature of {name}", f"features: {wanted}, ...")
    return ValidationResult(
        model=name,
        tables=len(sources),
        unread=tuple(unread),
        findings=tuple(findings),
        comparisons=tuple(comparisons),
        conclusive=not unread and all(each.conclusive for each in comparisons),
        min_rows=model.drift.min_rows,
    )


def _sources(model: ModelConfig, repository: ReadView | None) -> tuple[list[_Source], list[str]]:
    """Return the tables that can be checked, and the views that cannot."""
    views, unread = [], []
    for name, view in model.feature_views.items():
        if view.source is not None:
            identity = Identity.of_view(model, name)
            views.append(_Source(name, Path(view.source), identity, view.features))
        elif repository and (found := repository(model, name)):
            source = _Source(name, found.path, found.identity, view.features, table=found.frame)
            views.append(source)
        else:
            unread.append(name)
    # As a truth value a class is compared by its share, as a drift check does.
    two = model.task == "classification"
    label = FeatureConfig(type="bool") if two else label_spec(model)
    place = Path(model.labels.source)
    columns = {model.labels.column: label}
    labels = _Source("labels", place, Identity.of_labels(model), columns, is_view=False)
    return [*views, labels], unread


def _checked(
    model: ModelConfig, source: _Source, frame: pd.DataFrame, known: Known
) -> list[TableFinding]:
    """Hold a table against the configuration, a view only where no other model has done so."""
    if not source.is_view:
        if model.task == "multiclass":
            return table_checks.check("labels", frame, source.identity, source.features)
        return table_checks.check_labels(frame, source.identity, model.labels.column, model.task)
    if source.name not in known:
        known[source.name] = table_checks.check(
            source.name, frame, source.identity, source.features
        )
    return known[source.name]


def _compared(
    config: Config, model: ModelConfig, source: _Source, frame: pd.DataFrame, against: Path
) -> tuple[list[TableFinding], list[TableComparison]]:
    """Hold a table against its reference; labels only where the reference has them."""
    reference = _reference(source, against)
    if reference is None:
        nothing = TableComparison(source.name, str(against), 0, 0, conclusive=False)
        return [], [nothing] if source.is_view else []
    (was, unread), (values, _) = (
        readable(newest_rows(each, source.identity.unit, source.identity.stamps), source.features)
        for each in (reference.frame, frame)
    )
    found = _columns_compared(source, reference, frame, unread)
    rows, reference_rows = len(values), len(was)
    conclusive = min(rows, reference_rows) >= model.drift.min_rows
    if conclusive:
        both = {name: each for name, each in source.features.items() if name in was.columns}
        common = {name: each for name, each in both.items() if name in values.columns}
        limits = independent(len(common), model.drift, len(model.stored) + 1)
        found += value_changes(source.name, was, values, common, limits, config.seed)
    place = str(reference.path)
    return found, [TableComparison(source.name, place, rows, reference_rows, conclusive)]


def _columns_compared(
    source: _Source, reference: _Reference, now: pd.DataFrame, unread: Mapping[str, str]
) -> list[TableFinding]:
    """Compare the columns themselves; a CSV file has no types to compare."""
    before = reference.frame
    if reference.single:
        now = now[[name for name in source.features if name in now]]
    found = column_changes(source.name, before, now, source.columns)
    odd = [name for name, problem in unread.items() if problem != "no column"]
    has_types = reference.path.suffix == source.path.suffix != ".csv"
    return found + type_changes(source.name, before if has_types else before[:0], now, odd)


def _reference(source: _Source, against: Path) -> _Reference | None:
    """Read what to compare with, None if there is nothing.

    In a folder it is the table whose path ends most like the source's. One table may hold the
    columns of several views, and need not hold ids and times.

    Raises:
        NotFoundError: There is no table for a feature view.
        InputError: It is the source itself, in which nothing can have changed.
    """
    path = _place(source, against)
    if path is None:
        return None
    if source.path.exists() and path.samefile(source.path):
        raise InputError(f"{path} is the source of {source.name} itself", _HINT)
    before = files.read_source(path)
    if path != against:
        return _Reference(path, before, single=False)
    present = [name for name in source.columns if name in before]
    if set(present).isdisjoint(source.features):
        return None
    return _Reference(path, before[present], single=True)


def _place(source: _Source, against: Path) -> Path | None:
    """Return the table to compare with; labels need not have one."""
    if against.is_file() or files.is_table_folder(against):
        return against
    if not against.is_dir():
        raise NotFoundError(f"no file or folder {against}", _HINT)
    parts = source.path.parts
    for start in range(1, len(parts)):
        if (path := against.joinpath(*parts[start:])).exists():
            return path
    if source.is_view:
        raise NotFoundError(f"{against} has no {source.path.name} for view {source.name}", _HINT)
    return None
