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
from feast.saved_dataset import ValidationReference

from mlops_cli.backends.feature_store.joining import (
    Joined,
    arrow_table,
    label_keys,
    last_rows,
    requested,
)
from mlops_cli.backends.feature_store.keys import entity_codes
from mlops_cli.backends.feature_store.sources import MICROSECONDS, microseconds, opened, read
from mlops_cli.domain.point_in_time import newest
from mlops_cli.domain.results.tables import ViewCoverage
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


class JoinJob(TableJob):
    """A point-in-time join that is run when its table is asked for."""

    def __init__(self, join: Callable[[], list[Joined]], labels: pd.DataFrame, **more: Any) -> None:
        """Keep the labels, and the function that finds their features."""
        super().__init__(self._table, **more)
        self._join = join
        self._labels = labels
        self.coverage: tuple[ViewCoverage, ...] = ()

    def to_df(
        self, validation_reference: ValidationReference | None = None, timeout: int | None = None
    ) -> pd.DataFrame:
        """Return the labels with their features.

        Feast's own way goes through an Arrow table, which costs as much as the join.
        """
        if self._on_demand or validation_reference:
            return super().to_df(validation_reference, timeout)
        parts, self.coverage = zip(*[view.frame() for view in self._joined()], strict=True)
        whole = [self._labels.reset_index(drop=True), *parts]
        return pd.concat(whole, axis=1, copy=False)  # type: ignore[call-overload]  # stubs

    def _table(self) -> pa.Table:
        table = arrow_table(self._labels)
        views = [view.columns() for view in self._joined()]
        for columns, _ in views:
            for name, column in columns.items():
                table = table.append_column(name, column)
        self.coverage = tuple(coverage for _, coverage in views)
        return table

    def _joined(self) -> list[Joined]:
        views = self._join()
        for view in views:
            if taken := set(view.names) & set(self._labels.columns):
                raise InputError(f"{min(taken)!r} is a feature and a column of the labels")
        return views


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
        time = infer_event_timestamp_from_entity_df(dict(entity_df.dtypes))
        by_created = bool(options.get("filter_by_created_timestamp"))
        keys = {key for view in feature_views for key in label_keys(view)}

        def join() -> list[Joined]:
            labels = entity_df[[*sorted(keys), time]]
            sources = [opened(config, view.batch_source) for view in feature_views]
            thread = ThreadPoolExecutor(1)
            wanted = thread.submit(arrow_table, labels)  # while the first source is read
            thread.shutdown(wait=False)
            return [
                Joined(
                    view.name,
                    source,
                    requested(view, feature_refs, full_feature_names),
                    len(labels),
                    partial(last_rows, source, view, wanted.result, time, by_created),
                )
                for source, view in zip(sources, feature_views, strict=True)
            ]

        return JoinJob(
            join,
            entity_df,
            metadata=RetrievalMetadata(feature_refs, sorted(set(entity_df.columns) - {time})),
            full_feature_names=full_feature_names,
            on_demand=OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry),
        )

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


def _between(table: pa.Table, stamp: str, start: datetime | None, end: datetime | None) -> pa.Table:
    for limit, compare in ((start, pc.greater_equal), (end, pc.less_equal)):
        if limit is not None:
            utc = pd.Timestamp(limit)
            utc = utc.tz_localize("UTC") if utc.tzinfo is None else utc
            table = table.filter(compare(table[stamp], pa.scalar(utc, MICROSECONDS)))
    return table
