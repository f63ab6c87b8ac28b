"""One view's part of a training set: which of its rows each label gets, and their values."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from feast.feature_view import FeatureView
from feast.repo_config import RepoConfig

from mlops_cli.backends.feature_store.keys import entity_codes, whole
from mlops_cli.backends.feature_store.sources import microseconds, read, utc
from mlops_cli.domain.columns import word
from mlops_cli.domain.point_in_time import LastKnown, last_known
from mlops_cli.domain.results.tables import ViewCoverage


@dataclass(frozen=True)
class Joined:
    """A view's table, and where each label finds its row in it."""

    view: str
    table: pa.Table
    features: dict[str, str]
    """What a column is called in the training set: what it is called in the table."""
    found: LastKnown

    @property
    def names(self) -> list[str]:
        """The columns in the training set."""
        return list(self.features)

    def columns(self) -> dict[str, pa.Array]:
        """Return the features as Arrow columns, aligned with the labels."""
        taken = pa.array(self.found.rows, mask=self.found.rows < 0)
        with ThreadPoolExecutor() as threads:  # Arrow works without Python's lock
            columns = threads.map(
                lambda stored: whole(self.table[stored]).take(taken), self.features.values()
            )
            return dict(zip(self.features, columns, strict=True))

    def frame(self) -> pd.DataFrame:
        """Return the features as pandas columns, aligned with the labels.

        Numbers are gathered into one block, which pandas then takes as it is.
        """
        kinds = {name: self.table[stored].type for name, stored in self.features.items()}
        numbers = [name for name in self.features if kinds[name] == pa.float64()]
        absent = self.found.rows < 0
        rows = np.where(absent, 0, self.found.rows)
        block = np.full((len(numbers), len(rows)), np.nan)

        def gather(position: int) -> None:
            values = self.table[self.features[numbers[position]]].to_numpy()
            np.take(values, rows, out=block[position], mode="clip")
            block[position, absent] = np.nan

        if self.table.num_rows:
            with ThreadPoolExecutor() as threads:
                list(threads.map(gather, range(len(numbers))))
        frame = pd.DataFrame(block.T, columns=numbers, copy=False)
        if len(numbers) == len(self.features):
            return frame
        taken = pa.array(self.found.rows, mask=absent)
        others = {
            name: whole(self.table[stored]).take(taken).to_pandas()
            for name, stored in self.features.items()
            if name not in numbers
        }
        return pd.concat([frame, pd.DataFrame(others)], axis=1)[self.names]

    def coverage(self) -> ViewCoverage:
        """Count for how many labels the view had a usable row, and which cells of it were empty."""
        known, expired = self.found.rows[self.found.rows >= 0], int(self.found.expired.sum())
        total = len(self.found.rows)
        missing = {}
        for name, stored in self.features.items():
            gaps = np.asarray(pc.is_null(self.table[stored], nan_is_null=True))
            missing[name] = int(gaps[known].sum()) if gaps.any() else 0
        return ViewCoverage(
            view=self.view,
            rows=total,
            known=len(known),
            expired=expired,
            unknown=total - len(known) - expired,
            missing=missing,
        )


def joined(
    config: RepoConfig,
    view: FeatureView,
    names: list[str],
    full_names: bool,
    wanted: Callable[[], pa.Table],
    time: str,
    by_created: bool,
) -> Joined:
    """Find for each label the row of a view that was known at its time.

    Args:
        config: Feast's configuration.
        view: The view.
        names: Which of its features.
        full_names: Whether they are called `view__feature`.
        wanted: Gives the keys and the time of each label, once the source has been read.
        time: What the column of times is called there.
        by_created: Whether a row is known from its created time on only.
    """
    source = view.batch_source
    keys = [column.name for column in view.entity_columns]
    stamps = [source.timestamp_field, *filter(None, [source.created_timestamp_column])]
    table = read(config, source, [*keys, *names], stamps)
    labels = wanted()
    codes, label_codes = entity_codes(
        [table[key] for key in keys], [labels[key] for key in label_keys(view)]
    )
    events, timed = microseconds(table[stamps[0]])
    times, asked = microseconds(utc(labels[time]))
    found = last_known(
        codes if timed.all() else np.where(timed, codes, -1),
        events,
        microseconds(table[stamps[1]])[0] if by_created and stamps[1:] else None,
        label_codes if asked.all() else np.where(asked, label_codes, -1),
        times,
        view.ttl or None,
    )
    called = view.projection.name_to_use()
    features = {f"{called}__{name}" if full_names else name: name for name in names}
    return Joined(view.name, table, features, found)


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
