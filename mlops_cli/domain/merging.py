"""A user's rows as rows of our tables: which belong where, what is wrong, and what they replace."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd

from mlops_cli.config import FeatureConfig, ModelConfig
from mlops_cli.config.features import WindowConfig
from mlops_cli.domain.columns import Checked, checked, checked_ids, checked_times, require
from mlops_cli.domain.rejection import Wrong
from mlops_cli.errors import InputError


@dataclass(frozen=True)
class Target:
    """One table of a model that rows are imported into: a view's, or the labels."""

    source: str
    keys: tuple[str, ...]
    """The columns that identify what a row is about."""
    stamps: tuple[str, ...]
    """The column of the event time, and maybe that of the time of writing."""
    imported: Mapping[str, FeatureConfig]
    """The columns that a file brings."""
    features: Mapping[str, FeatureConfig]
    """All of its columns but keys and stamps."""
    windows: Mapping[str, WindowConfig]

    @property
    def identity(self) -> list[str]:
        """The columns that no two rows agree in."""
        return [*self.keys, *self.stamps]


def label_spec(model: ModelConfig) -> FeatureConfig:
    """Return how the label column is read: a number, or the words of the classes."""
    if model.task != "multiclass":
        return FeatureConfig(type="float")
    return FeatureConfig(type="category", categories=tuple(model.labels.positions))


def targets(model: ModelConfig) -> list[Target]:
    """Return the tables of a model."""
    label = {model.labels.column: label_spec(model)}
    labels = Target(
        model.labels.source, model.keys, (model.labels.timestamp,), label, label, {}
    )  # fmt: skip
    views = [
        Target(
            view.source,
            model.view_keys(name),
            (view.timestamp, *filter(None, [view.created])),
            view.imported,
            view.features,
            view.windows,
        )
        for name, view in model.feature_views.items()
        if view.source
    ]
    return [*views, labels]


def wanted(model: ModelConfig, frame: pd.DataFrame, name: str) -> list[Target]:
    """Return the tables that a table of the user's has columns for.

    Raises:
        InputError: There is none, or two of them would be the same file.
    """
    found = [t for t in targets(model) if not set(t.imported).isdisjoint(frame.columns)]
    if not found:
        if set(model.keys).isdisjoint(frame.columns):
            raise _without(model.entity, frame, name)
        require(frame, [key for t in targets(model) for key in t.imported], name)
    sources = [target.source for target in found]
    if twice := [place for place in sources if sources.count(place) > 1]:
        raise InputError(
            f"{twice[0]} is the source of two tables", "give each view and the labels its own"
        )
    return found


def rows_of(
    target: Target, frame: pd.DataFrame, time: datetime | None, name: str
) -> tuple[pd.DataFrame, list[Wrong]]:
    """Return the rows of one target in its types, and the cells that are wrong.

    Args:
        target: Where they belong.
        frame: In our columns and words; its index holds the numbers of the rows, from 0.
        time: Used where there is no column of event times.
        name: What errors call the table.

    Raises:
        InputError: A column is missing.
    """
    for key in target.keys:
        if key not in frame.columns:
            raise _without(key, frame, name)
    require(frame, target.imported, name)
    columns = {key: checked_ids(frame[key]) for key in target.keys}
    columns |= {stamp: _moments(frame, stamp, target, time, name) for stamp in target.stamps}
    columns |= {key: checked(frame[key], spec) for key, spec in target.imported.items()}
    numbers = frame.index.to_numpy(np.int64)
    wrong = [replace(w, rows=numbers[w.rows]) for each in columns.values() for w in each.wrong]
    return pd.DataFrame({key: each.values for key, each in columns.items()}), wrong


def _moments(
    frame: pd.DataFrame, stamp: str, target: Target, time: datetime | None, name: str
) -> Checked:
    """Return a column of times, to the microsecond that our tables hold."""
    if stamp in frame.columns:
        found = checked_times(frame[stamp])
        return Checked(found.values.dt.as_unit("us"), found.wrong)
    if stamp != target.stamps[0]:
        raise InputError(f"{name}: no column {stamp!r} with the time each row was written")
    if time is None:
        raise InputError(
            f"{name}: no column {stamp!r} with the time of each row",
            "name a time for all rows with --time 2026-01-31",
        )
    return Checked(pd.Series(pd.Timestamp(time).as_unit("us"), index=frame.index))


def _without(key: str, frame: pd.DataFrame, name: str) -> InputError:
    found = ", ".join(map(str, frame.columns[:20]))
    return InputError(
        f"{name}: no column {key!r} with the entity of each row", f"columns found: {found}"
    )


def by_month(frame: pd.DataFrame, stamp: str) -> dict[str, pd.DataFrame]:
    """Split rows by the month of their time in UTC, each part in the order of the table.

    >>> times = pd.to_datetime(["2026-02-01", "2026-01-31"], utc=True)
    >>> [(name, len(part)) for name, part in by_month(pd.DataFrame({"at": times}), "at").items()]
    [('2026-01', 1), ('2026-02', 1)]
    """
    months = frame[stamp].dt.tz_localize(None).to_numpy("datetime64[M]")
    distinct, place = np.unique(months, return_inverse=True)
    order = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[order], np.arange(len(distinct) + 1))
    return {
        str(month): frame.iloc[order[bounds[n] : bounds[n + 1]]] for n, month in enumerate(distinct)
    }


def known_rows(target: Target, frame: pd.DataFrame, path: str) -> pd.DataFrame:
    """Return what a table of ours holds, without its windows and in the types of today.

    A feature that it has no column of yet is missing.

    Raises:
        InputError: A column is missing, or a cell is not of its type.
    """
    check_columns(target, frame.columns, path)
    columns = {key: checked_ids(frame[key]).sure(path) for key in target.keys}
    columns |= {
        stamp: checked_times(frame[stamp]).sure(path).dt.as_unit("us") for stamp in target.stamps
    }
    nothing = pd.Series(np.nan, index=frame.index)
    columns |= {
        key: checked(frame[key] if key in frame.columns else nothing.rename(key), spec).sure(path)
        for key, spec in target.imported.items()
    }
    return pd.DataFrame(columns)


def check_columns(target: Target, names: Iterable[str], path: str) -> list[str]:
    """Return the features that a table of ours has no column of, because they are new.

    Raises:
        InputError: A key or time is missing, or it has none of the features.
    """
    held = set(names)
    lacking = [name for name in target.imported if name not in held]
    needed = [*target.identity, *(lacking if len(lacking) == len(target.imported) else [])]
    for name in needed:
        if name not in held:
            raise InputError(f"{path} has no column {name!r}", "move it away to start anew")
    return lacking


def check_kept(target: Target, names: Iterable[str], windows: Iterable[str], path: str) -> None:
    """Raise InputError where writing a table of ours again would lose a column of it.

    Args:
        target: What is written.
        names: The columns of the table.
        windows: Those that were computed; without their definition they are not needed.
        path: What the error calls the table.
    """
    written = {*target.identity, *target.features, *windows}
    if lost := [name for name in names if name not in written]:
        raise InputError(
            f"{path} has a column {lost[0]!r} that config.yaml does not name: an import would "
            "drop it",
            f"name it in config.yaml, or move {path} away, import again and keep the old table",
        )


def replaces(target: Target, old: pd.DataFrame, new: list[pd.DataFrame]) -> bool:
    """Tell whether new rows say something else than the known ones of the same key and time."""
    both = pd.concat([old, *new], ignore_index=True).drop_duplicates()
    return bool(both.duplicated(target.identity).any())


def merged(
    target: Target, old: pd.DataFrame | None, new: list[pd.DataFrame]
) -> tuple[pd.DataFrame, int]:
    """Return old and new rows, and how many of them are additional.

    A new row replaces the one of the same key and time; so does a later one an earlier one.
    """
    known = [] if old is None else [old]
    before = sum(len(each) - int(each.duplicated(target.identity).sum()) for each in known)
    both = pd.concat([*known, *new], ignore_index=True)
    whole = both.drop_duplicates(target.identity, keep="last", ignore_index=True)
    return whole, len(whole) - before
