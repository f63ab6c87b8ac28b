"""One view's part of a training set: which of its rows each label gets, and their values."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from feast.feature_view import FeatureView

from mlops_cli.backends.feature_store.keys import entity_codes, whole
from mlops_cli.backends.feature_store.sources import Source, microseconds, utc
from mlops_cli.domain.columns import word
from mlops_cli.domain.point_in_time import LastKnown, last_known
from mlops_cli.domain.results.tables import ViewCoverage

_CORES = os.cpu_count() or 1
"""Columns read at a time."""


@dataclass(frozen=True)
class Joined:
    """Where each label finds its row of a view, and the view's source to take it from.

    The features are read one by one, and only when they are asked for: no more of the source than
    a few columns is in memory at a time.
    """

    view: str
    source: Source
    features: dict[str, str]
    """What a column is called in the training set: what it is called in the view."""
    labels: int
    """How many there are."""
    find: Callable[[], LastKnown]
    """Finds the rows."""

    @cached_property
    def found(self) -> LastKnown:
        """The row of each label."""
        return self.find()

    @property
    def names(self) -> list[str]:
        """The columns in the training set."""
        return list(self.features)

    def columns(self) -> tuple[dict[str, pa.Array], ViewCoverage]:
        """Return the features as Arrow columns, aligned with the labels, and count them."""
        taken = pa.array(self.found.rows, mask=self.found.rows < 0)

        def gather(stored: str) -> pa.Array:
            return whole(self._column(stored)).take(taken)

        with ThreadPoolExecutor(_CORES) as threads:  # Arrow works without Python's lock
            columns = dict(
                zip(self.features, threads.map(gather, self.features.values()), strict=True)
            )
        empty = {name: _empty(column) for name, column in columns.items()}
        return columns, self._coverage(empty)

    def frame(self) -> tuple[pd.DataFrame, ViewCoverage]:
        """Return the features as pandas columns, aligned with the labels, and count them.

        Numbers are gathered into one block, which pandas then takes as it is. It is laid out while
        the rows are found: memory that is touched for the first time costs as much as the join.
        """
        numbers = [name for name in self.names if self._kind(name) == pa.float64()]
        with ThreadPoolExecutor(1) as thread:
            laid_out = thread.submit(np.full, (len(numbers), self.labels), np.nan)
            absent = self.found.rows < 0
        block = laid_out.result()
        rows = np.where(absent, 0, self.found.rows)
        taken = pa.array(self.found.rows, mask=absent)
        empty: dict[str, int] = {}

        def gather(name: str) -> pd.Series | None:
            column = self._column(self.features[name])
            if name not in numbers:
                values = whole(column).take(taken)
                empty[name] = _empty(values)
                return values.to_pandas()
            line = block[numbers.index(name)]
            if len(column):
                np.take(column.to_numpy(), rows, out=line, mode="clip")
            line[absent] = np.nan
            empty[name] = int(np.isnan(line).sum())
            return None

        with ThreadPoolExecutor(_CORES) as threads:
            others = dict(zip(self.names, threads.map(gather, self.names), strict=True))
        frame = pd.DataFrame(block.T, columns=numbers, copy=False)
        if len(numbers) < len(self.features):
            rest = pd.DataFrame({n: each for n, each in others.items() if each is not None})
            frame = pd.concat([frame, rest], axis=1)[self.names]
        return frame, self._coverage(empty)

    def _kind(self, name: str) -> pa.DataType:
        return self.source.kind(self.features[name])

    def _column(self, stored: str) -> pa.ChunkedArray:
        return self.source.columns([stored])[stored]

    def _coverage(self, empty: dict[str, int]) -> ViewCoverage:
        """Count for how many labels the view had a usable row, and which cells of it were empty."""
        total, known = len(self.found.rows), int((self.found.rows >= 0).sum())
        expired = int(self.found.expired.sum())
        return ViewCoverage(
            view=self.view,
            rows=total,
            known=known,
            expired=expired,
            unknown=total - known - expired,
            missing={name: empty[name] - (total - known) for name in self.names},
        )


def _empty(column: pa.Array) -> int:
    """Count the cells without a value; what is no number is none."""
    return int(pc.sum(pc.is_null(column, nan_is_null=True)).as_py() or 0)


def last_rows(
    source: Source,
    view: FeatureView,
    wanted: Callable[[], pa.Table],
    time: str,
    by_created: bool,
) -> LastKnown:
    """Find for each label the row of a view that was known at its time.

    Args:
        source: The files behind the view.
        view: The view.
        wanted: Gives the keys and the time of each label, once the source has been read.
        time: What the column of times is called there.
        by_created: Whether a row is known from its created time on only.
    """
    stored = view.batch_source
    keys = [column.name for column in view.entity_columns]
    stamps = [stored.timestamp_field, *filter(None, [stored.created_timestamp_column])]
    table = source.timed(keys, stamps)
    labels = wanted()
    codes, label_codes = entity_codes(
        [table[key] for key in keys], [labels[key] for key in label_keys(view)]
    )
    events, timed = microseconds(table[stamps[0]])
    times, asked = microseconds(utc(labels[time]))
    return last_known(
        codes if timed.all() else np.where(timed, codes, -1),
        events,
        microseconds(table[stamps[1]])[0] if by_created and stamps[1:] else None,
        label_codes if asked.all() else np.where(asked, label_codes, -1),
        times,
        view.ttl or None,
    )


def requested(view: FeatureView, references: list[str], full_names: bool) -> dict[str, str]:
    """Return which features of a view are asked for: their name in the training set, and in it."""
    called = view.projection.name_to_use()
    names = [ref.removeprefix(f"{called}:") for ref in references if ref.startswith(f"{called}:")]
    return {f"{called}__{name}" if full_names else name: name for name in names}


def label_keys(view: FeatureView) -> list[str]:
    """Return what the keys of a view are called among the labels."""
    return [view.projection.join_key_map.get(key.name, key.name) for key in view.entity_columns]


def arrow_table(frame: pd.DataFrame) -> pa.Table:
    """Return a frame as Arrow holds it; a column of mixed kinds as text."""
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError):
        mixed = frame.select_dtypes(object).columns
        plain = frame.assign(**{name: frame[name].map(word) for name in mixed})
        return pa.Table.from_pandas(plain, preserve_index=False)
