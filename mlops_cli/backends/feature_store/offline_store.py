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
import pyarrow.dataset as ds
from feast.feature_view import FeatureView
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from numpy.typing import NDArray

from mlops_cli.domain.columns import word
from mlops_cli.domain.point_in_time import LastKnown, Rows, last_known, newest
from mlops_cli.domain.results import ViewCoverage
from mlops_cli.errors import InputError, NotFoundError, first_line

MICROSECONDS = pa.timestamp("us", tz="UTC")


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
    times, asked = microseconds(_utc(labels[time_column]))
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
        columns = list(threads.map(lambda name: _whole(table[name]).take(taken), names))
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


def entity_codes(
    ours: list[pa.ChunkedArray], theirs: list[pa.ChunkedArray] | None = None
) -> tuple[Rows, Rows]:
    """Number the keys of our rows from 0 and give their rows the same numbers; -1 for no key.

    Args:
        ours: One column for each part of the key.
        theirs: The same parts for the labels; a key that ours does not have becomes -1.
    """
    codes, others = _key_codes(ours[0], theirs[0] if theirs else None)
    for position in range(1, len(ours)):
        part, other = _key_codes(ours[position], theirs[position] if theirs else None)
        size = int(part.max(initial=-1)) + 1
        whole = np.where((codes < 0) | (part < 0), -1, codes * size + part)
        asked = np.where((others < 0) | (other < 0), -1, others * size + other)
        distinct = np.unique(whole[whole >= 0])
        codes, others = _position(distinct, whole), _position(distinct, asked)
    return codes, others


def _position(distinct: Rows, values: Rows) -> Rows:
    """Return where each value stands among the distinct ones, -1 where it does not."""
    if not len(distinct):
        return np.full(len(values), -1, dtype=np.int64)
    found = np.minimum(np.searchsorted(distinct, values), len(distinct) - 1)
    return np.where(distinct[found] == values, found, -1)


def _key_codes(ours: pa.ChunkedArray, theirs: pa.ChunkedArray | None) -> tuple[Rows, Rows]:
    ours, theirs = _comparable(ours), None if theirs is None else _comparable(theirs)
    if theirs is not None and ours.type != theirs.type:
        ours, theirs = _text(ours), _text(theirs)
    encoded = ours.dictionary_encode()
    codes = np.asarray(pc.fill_null(encoded.indices, -1), dtype=np.int64)
    if theirs is None:
        return codes, np.empty(0, dtype=np.int64)
    found = pc.index_in(theirs, value_set=encoded.dictionary, skip_nulls=True)
    return codes, np.asarray(pc.fill_null(found, -1), dtype=np.int64)


def _comparable(keys: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return keys as whole numbers or as text, whichever they are."""
    keys = _whole(keys)
    if pa.types.is_dictionary(keys.type):
        keys = keys.cast(keys.type.value_type)
    if pa.types.is_integer(keys.type):
        return keys.cast(pa.int64())
    return keys.cast(pa.string()) if pa.types.is_large_string(keys.type) else _text(keys)


def _text(keys: pa.Array) -> pa.Array:
    """Return keys as text, each distinct one written once."""
    if pa.types.is_string(keys.type):
        return keys
    encoded = keys.dictionary_encode()
    words = pa.array([word(key) for key in encoded.dictionary.to_pylist()], pa.string())
    return words.take(encoded.indices)


def _table(entity_df: pd.DataFrame) -> pa.Table:
    """Return the labels as Arrow holds them; a column of mixed kinds as text."""
    try:
        return pa.Table.from_pandas(entity_df, preserve_index=False)
    except (pa.ArrowException, TypeError):
        mixed = entity_df.select_dtypes(object).columns
        plain = entity_df.assign(**{name: entity_df[name].map(word) for name in mixed})
        return pa.Table.from_pandas(plain, preserve_index=False)


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece: rows are then taken from it at the speed of memory."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _utc(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Read times without a zone as UTC, days as their midnight, and all in microseconds."""
    if not pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us"))
    if column.type.tz is None:
        column = pc.assume_timezone(column, "UTC")
    return column.cast(MICROSECONDS, safe=False)


def microseconds(column: pa.Array | pa.ChunkedArray) -> tuple[Rows, NDArray[np.bool_]]:
    """Return microseconds since the epoch, and which of the times are known; others are 0."""
    numbers = np.asarray(pc.fill_null(column.cast(pa.int64()), 0), dtype=np.int64)
    return numbers, ~np.asarray(column.is_null())
