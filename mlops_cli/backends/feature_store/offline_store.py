"""A Feast offline store on Parquet that loses no row, keeps the order and does not leak.

Feast's own file store drops rows whose features are missing or expired and breaks ties at
random, so training sets are joined here, through Feast's own extension point: with this class
as `offline_store.type`, `FeatureStore.get_historical_features` works as Feast users know it.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from feast.feature_view import FeatureView
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel, RepoConfig

from mlops_cli.backends.feature_store.keys import entity_codes, whole
from mlops_cli.backends.feature_store.sources import MICROSECONDS, microseconds, read, utc
from mlops_cli.domain.columns import word
from mlops_cli.domain.point_in_time import LastKnown, last_known, newest
from mlops_cli.domain.results import ViewCoverage
from mlops_cli.errors import InputError


class PointInTimeOfflineStoreConfig(FeastConfigBaseModel):
    """The `offline_store` section that selects this store."""

    type: Literal["mlops_cli.backends.feature_store.offline_store.PointInTimeOfflineStore"] = (
        "mlops_cli.backends.feature_store.offline_store.PointInTimeOfflineStore"
    )


class TableJob(RetrievalJob):
    """A retrieval that is run when its table is asked for."""

    def __init__(
        self,
        build: Callable[[], pa.Table],
        metadata: RetrievalMetadata | None = None,
        full_feature_names: bool = False,
        on_demand: list[OnDemandFeatureView] | None = None,
    ) -> None:
        """Keep the function that builds the table."""
        super().__init__()
        self.coverage: list[ViewCoverage] = []
        self._build = build
        self._metadata = metadata
        self._full_feature_names = full_feature_names
        self._on_demand = on_demand or []

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return self._build().to_pandas()

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return self._build()

    @property
    def full_feature_names(self) -> bool:
        """Whether columns are named `view__feature`."""
        return self._full_feature_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """Transformations that Feast applies to the table afterwards."""
        return self._on_demand

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """What Feast records about the retrieval."""
        return self._metadata


class PointInTimeOfflineStore(OfflineStore):
    """Point-in-time joins over Parquet files with pyarrow and numpy."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | None,
        registry: Any,
        project: str,
        full_feature_names: bool = False,
        **options: Any,
    ) -> RetrievalJob:
        """Join the features known at each row's time to `entity_df`: same rows, same order."""
        if not isinstance(entity_df, pd.DataFrame):
            raise InputError("training sets need a table of entities and times")
        time_column = infer_event_timestamp_from_entity_df(dict(entity_df.dtypes))
        by_created = bool(options.get("filter_by_created_timestamp"))

        def build() -> pa.Table:
            labels = table = _table(entity_df)
            job.coverage.clear()
            for view in feature_views:
                names = _requested(view, feature_refs)
                columns, coverage = _join(config, view, names, labels, time_column, by_created)
                job.coverage.append(coverage)
                for name, column in zip(names, columns, strict=True):
                    if name in entity_df and not full_feature_names:
                        raise InputError(f"{name!r} is a feature and a column of the labels")
                    label = f"{view.projection.name_to_use()}__{name}"
                    table = table.append_column(label if full_feature_names else name, column)
            return table

        keys = sorted(set(entity_df.columns) - {time_column})
        metadata = RetrievalMetadata(feature_refs, keys)
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        job = TableJob(build, metadata, full_feature_names, on_demand)
        return job

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: Any,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """Return the newest row of each entity within the two times, both included."""
        stamps = [timestamp_field, *filter(None, [created_timestamp_column])]
        columns = [*join_key_columns, *feature_name_columns]

        def build() -> pa.Table:
            table = read(config, data_source, columns, stamps)
            table = _between(table, timestamp_field, start_date, end_date)
            codes, _ = entity_codes([table[key] for key in join_key_columns])
            known = [microseconds(table[stamp]) for stamp in stamps]
            created = known[1][0] if known[1:] else None
            rows = newest(np.where(known[0][1], codes, -1), known[0][0], created)
            return table.take(pa.array(rows))

        return TableJob(build)

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: Any,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Return all rows within the two times, both included."""
        stamps = [timestamp_field, *filter(None, [created_timestamp_column])]
        columns = [*join_key_columns, *feature_name_columns]
        source = partial(read, config, data_source, columns, stamps)
        return TableJob(lambda: _between(source(), timestamp_field, start_date, end_date))


def _join(
    config: RepoConfig,
    view: FeatureView,
    names: list[str],
    labels: pa.Table,
    time_column: str,
    by_created: bool,
) -> tuple[list[pa.Array], ViewCoverage]:
    """Return one column for each feature, aligned with the rows of `labels`."""
    source = view.batch_source
    keys = [column.name for column in view.entity_columns]
    wanted = [view.projection.join_key_map.get(key, key) for key in keys]
    stamps = [source.timestamp_field, *filter(None, [source.created_timestamp_column])]
    table = read(config, source, [*keys, *names], stamps)
    codes, label_codes = entity_codes([table[key] for key in keys], [labels[key] for key in wanted])
    events, timed = microseconds(table[stamps[0]])
    times, asked = microseconds(utc(labels[time_column]))
    found = last_known(
        np.where(timed, codes, -1),
        events,
        microseconds(table[stamps[1]])[0] if by_created and stamps[1:] else None,
        np.where(asked, label_codes, -1),
        times,
        view.ttl or None,
    )
    taken = pa.array(found.rows, mask=found.rows < 0)
    with ThreadPoolExecutor() as threads:  # Arrow works without Python's lock
        columns = list(threads.map(lambda name: whole(table[name]).take(taken), names))
    return columns, _coverage(view, found, dict(zip(names, columns, strict=True)))


def _coverage(view: FeatureView, found: LastKnown, columns: dict[str, pa.Array]) -> ViewCoverage:
    """Count for how many labels the view had a usable row, and which cells of it were empty."""
    total, known = len(found.rows), int((found.rows >= 0).sum())
    expired = int(found.expired.sum())
    return ViewCoverage(
        view=view.name,
        rows=total,
        known=known,
        expired=expired,
        unknown=total - known - expired,
        missing={name: column.null_count - (total - known) for name, column in columns.items()},
    )


def _requested(view: FeatureView, feature_refs: list[str]) -> list[str]:
    prefix = f"{view.projection.name_to_use()}:"
    return [ref.removeprefix(prefix) for ref in feature_refs if ref.startswith(prefix)]


def _between(table: pa.Table, stamp: str, start: datetime | None, end: datetime | None) -> pa.Table:
    for limit, compare in ((start, pc.greater_equal), (end, pc.less_equal)):
        if limit is not None:
            utc = pd.Timestamp(limit)
            utc = utc.tz_localize("UTC") if utc.tzinfo is None else utc
            table = table.filter(compare(table[stamp], pa.scalar(utc, MICROSECONDS)))
    return table


def _table(entity_df: pd.DataFrame) -> pa.Table:
    """Return the labels as Arrow holds them; a column of mixed kinds as text."""
    try:
        return pa.Table.from_pandas(entity_df, preserve_index=False)
    except (pa.ArrowException, TypeError):
        mixed = entity_df.select_dtypes(object).columns
        plain = entity_df.assign(**{name: entity_df[name].map(word) for name in mixed})
        return pa.Table.from_pandas(plain, preserve_index=False)
