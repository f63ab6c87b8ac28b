"""A Feast offline store on Parquet that loses no row, keeps the order and does not leak.

Feast's own file store drops rows whose features are missing or expired and breaks ties at
random, so training sets are joined here, through Feast's own extension point: with this class
as `offline_store.type`, `FeatureStore.get_historical_features` works as Feast users know it.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from feast.feature_view import FeatureView
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel, RepoConfig

from mlops_cli.domain.columns import word
from mlops_cli.domain.point_in_time import Rows, last_known
from mlops_cli.errors import InputError, NotFoundError, first_line

MICROSECONDS = pa.timestamp("us", tz="UTC")
_NEVER, _ALWAYS = np.iinfo(np.int64).max, np.iinfo(np.int64).min


class PointInTimeOfflineStoreConfig(FeastConfigBaseModel):
    """The `offline_store` section that selects this store."""

    type: Literal["mlops_cli.backends.feast_offline.PointInTimeOfflineStore"] = (
        "mlops_cli.backends.feast_offline.PointInTimeOfflineStore"
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
            table = pa.Table.from_pandas(entity_df, preserve_index=False)
            for view in feature_views:
                names = _requested(view, feature_refs)
                columns = _join(config, view, names, entity_df, time_column, by_created)
                for name, column in zip(names, columns, strict=True):
                    if name in entity_df and not full_feature_names:
                        raise InputError(f"{name!r} is a feature and a column of the labels")
                    label = f"{view.projection.name_to_use()}__{name}"
                    table = table.append_column(label if full_feature_names else name, column)
            return table

        keys = sorted(set(entity_df.columns) - {time_column})
        metadata = RetrievalMetadata(feature_refs, keys)
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        return TableJob(build, metadata, full_feature_names, on_demand)

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
            keys = pd.factorize(_keys(table.select(join_key_columns).to_pandas()))[0]
            times = [_microseconds(table[stamp], _ALWAYS) for stamp in reversed(stamps)]
            order = np.lexsort((*times, keys))
            ends = np.ones(len(order), dtype=bool)
            ends[:-1] = keys[order][1:] != keys[order][:-1]
            return table.take(pa.array(np.sort(order[ends]), pa.int64()))

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


def read(config: RepoConfig, source: Any, columns: list[str], stamps: list[str]) -> pa.Table:
    """Read columns of a Parquet file or folder, verifying page checksums, times in UTC.

    Args:
        config: Feast's configuration.
        source: Where the file is, and what its columns are called.
        columns: The columns to read.
        stamps: The column of the event time, and maybe that of the created time; where a row does
            not say when it was written, that was at its event time.

    Raises:
        NotFoundError: There is no such file.
        InputError: It is damaged, a column is missing, or `stamps` holds something but times.
    """
    if not isinstance(source, FileSource):
        raise InputError(f"feature source {source.name!r} is not a file of ours to read")
    path = source.get_uri_for_file_path(config.repo_path, source.path)
    stored = {new: old for old, new in source.field_mapping.items()}
    asked = [*columns, *stamps]
    checked = ds.ParquetFileFormat(
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    )
    try:
        data = ds.dataset(path, format=checked)
        names = [stored.get(name, name) for name in asked]
        if missing := [name for name in names if name not in data.schema.names]:
            found = ", ".join(data.schema.names[:20])
            raise InputError(f"{path}: no column {missing[0]!r}", f"columns found: {found}")
        table = data.to_table(names).rename_columns(asked)
    except FileNotFoundError as error:
        raise NotFoundError(f"no file {path}", "check `source` in config.yaml") from error
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read: {first_line(error)}") from error
    for index, stamp in enumerate(stamps, len(columns)):
        if not pa.types.is_temporal(table[stamp].type) or pa.types.is_time(table[stamp].type):
            kind = table[stamp].type
            raise InputError(f"{path}: column {stored.get(stamp, stamp)!r} holds {kind}, not times")
        known = _utc(table[stamp])
        if stamp != stamps[0]:
            known = pc.coalesce(known, table[stamps[0]])
        table = table.set_column(index, stamp, known)
    return table


def _join(
    config: RepoConfig,
    view: FeatureView,
    names: list[str],
    entity_df: pd.DataFrame,
    time_column: str,
    by_created: bool,
) -> list[pa.ChunkedArray]:
    """Return one column for each feature, aligned with the rows of `entity_df`."""
    source = view.batch_source
    keys = [column.name for column in view.entity_columns]
    wanted = [view.projection.join_key_map.get(key, key) for key in keys]
    stamps = [source.timestamp_field, *filter(None, [source.created_timestamp_column])]
    table = read(config, source, [*keys, *names], stamps)
    times = _utc(pa.array(pd.to_datetime(entity_df[time_column], utc=True)))
    created = _microseconds(table[stamps[1]], _ALWAYS) if by_created and stamps[1:] else None
    ours, theirs = _alike(table.select(keys).to_pandas(), entity_df[wanted])
    rows = last_known(
        _keys(ours),
        _microseconds(table[stamps[0]], _NEVER),
        created,
        _keys(theirs),
        _microseconds(times, _ALWAYS),
        view.ttl or None,
    )
    taken = pa.array(rows, mask=rows < 0)
    return [table[name].take(taken) for name in names]


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


def _keys(frame: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Return one hashable key a row: the value itself, or a tuple for a composite key."""
    if frame.shape[1] == 1:
        return frame.iloc[:, 0].to_numpy(dtype=object)
    keys = np.empty(len(frame), dtype=object)
    keys[:] = list(frame.itertuples(index=False, name=None))
    return keys


def _alike(ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two tables of keys as text where one holds numbers and the other text."""
    if list(ours.dtypes) == list(theirs.dtypes):
        return ours, theirs
    return ours.map(word), theirs.map(word)


def _utc(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Read times without a zone as UTC, days as their midnight, and all in microseconds."""
    if not pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us"))
    if column.type.tz is None:
        column = pc.assume_timezone(column, "UTC")
    return column.cast(MICROSECONDS, safe=False)


def _microseconds(column: pa.Array | pa.ChunkedArray, missing: int) -> Rows:
    """Return microseconds since the epoch; `missing` stands for a time that is not known."""
    return np.asarray(pc.fill_null(column.cast(pa.int64()), missing), dtype=np.int64)
