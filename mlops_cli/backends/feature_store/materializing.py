"""Bringing the newest values online: only what has changed since the last time.

What the store holds is remembered as one 128-bit number for each row. It is forgotten *before* a
changed row is written and remembered after, so that a run that was killed is made good by the next.
"""

import contextlib
import hashlib
import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from feast import FeatureStore, FeatureView
from feast.types import Bool, Float64, Int64, String
from numpy.typing import NDArray

from mlops_cli.backends.feature_store.bulk import WRITERS, NewestRows
from mlops_cli.backends.feature_store.connection import online_store, speaking
from mlops_cli.backends.feature_store.keys import entity_codes
from mlops_cli.backends.feature_store.reading import latest
from mlops_cli.backends.feature_store.sources import microseconds, read
from mlops_cli.config import Config
from mlops_cli.domain.digest import row_digests
from mlops_cli.domain.point_in_time import newest
from mlops_cli.errors import InputError, NotFoundError

Say = Callable[[str], None]
_SAMPLE = 20
_BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)
_SAID = {
    pa.int64(): "a whole number", pa.float64(): "a number",
    pa.bool_(): "true or false", pa.string(): "text",
}  # fmt: skip
_ARROW = {Int64: pa.int64(), Float64: pa.float64(), Bool: pa.bool_(), String: pa.string()}


@dataclass(frozen=True)
class Materialized:
    """What a run has brought online in one view."""

    until: datetime
    newest: datetime | None
    """The latest event time of a value; None where there is none, or Feast does not say."""
    entities: int | None
    """Entities with a value; None where Feast itself has written and does not say."""
    written: int | None
    """Entities whose row was new or had changed."""
    seconds: float


def materialize(
    config: Config, end: datetime, full: bool = False, say: Say = lambda _: None
) -> dict[str, Materialized]:
    """Bring the newest value of every entity up to `end` online.

    The newest rows are taken from the whole source, so a late arrival is never missed and an
    old window never overwrites a newer value.

    Args:
        config: The project.
        end: Values known at this time: event time, and created time where there is one.
        full: Write every row, whatever the store should hold already.
        say: Is told how far the work is.

    Raises:
        NotFoundError: A view of config.yaml is not in Feast's registry.
        InputError: A cell is not of its feature's type, or the store holds later values than `end`.
    """
    names = sorted({name for model in config.models.values() for name in model.feature_views})
    with speaking(config) as store, contextlib.redirect_stderr(io.StringIO()):
        views = {view.name: view for view in store.list_feature_views()}
        if missing := set(names) - set(views):
            raise NotFoundError(
                f"feature view {min(missing)!r} is not in Feast's registry",
                "run `mlops features apply`",
            )
        return {name: _view(config, store, views[name], end, full, say) for name in names}


def _view(
    config: Config, store: FeatureStore, view: FeatureView, end: datetime, full: bool, say: Say
) -> Materialized:
    started = time.monotonic()
    kinds = {field.dtype for field in view.features}
    keys = {column.dtype for column in view.entity_columns}
    kind = str(store.config.online_store.type)
    if kind not in WRITERS or not kinds <= set(_ARROW) or not keys <= {String, Int64}:
        store.materialize(_BEGINNING, end, feature_views=[view.name])
        return Materialized(end, None, None, None, time.monotonic() - started)
    state = _State(config, store, view)
    if state.until and end < state.until:
        raise InputError(
            f"feature view {view.name!r} is online as of {state.until:%Y-%m-%d %H:%M:%S}, "
            f"{end:%Y-%m-%d %H:%M:%S} is earlier",
            "old values never replace newer ones; `mlops features get --at` shows earlier values",
        )
    rows = _newest(store, view, end)
    digests = row_digests(rows.table.to_pandas())
    known = state.holds(digests)
    if full or _emptied(store, view, rows, known):
        known[:] = False
    changed = int((~known).sum())
    if changed:
        online_store(store).update(store.config, [], [view], [], [], partial=True)
        state.save(digests[known], state.until)
        report = _Progress(view.name, changed, say)
        fresh = NewestRows(
            rows.table.filter(pa.array(~known)), rows.keys, rows.features, rows.event, rows.created
        )
        WRITERS[kind](store, view, fresh, report)
    store.registry.apply_materialization(view, store.config.project, state.until or _BEGINNING, end)
    state.save(digests, end)
    latest = pc.max(rows.table[rows.event]).as_py()
    return Materialized(end, latest, len(digests), changed, time.monotonic() - started)


def _emptied(
    store: FeatureStore, view: FeatureView, rows: NewestRows, known: NDArray[np.bool_]
) -> bool:
    """Tell whether rows that should be in the store are not there, by a sample of them."""
    held = np.flatnonzero(known)
    sample = held[:: max(len(held) // _SAMPLE, 1)]
    keys = rows.table.select(rows.keys).take(pa.array(sample)).to_pylist()
    return any(row is None for row in latest(store, view, rows.features[:1], keys))


def _newest(store: FeatureStore, view: FeatureView, end: datetime) -> NewestRows:
    """Read the source and keep the newest row of each entity that was known at `end`."""
    source = view.batch_source
    keys = [column.name for column in view.entity_columns]
    features = [field.name for field in view.features]
    stamps = [source.timestamp_field, *filter(None, [source.created_timestamp_column])]
    table = read(store.config, source, [*keys, *features], stamps)
    codes, _ = entity_codes([table[key] for key in keys])
    times = [microseconds(table[stamp]) for stamp in stamps]
    limit = round(end.timestamp() * 1_000_000)
    usable = times[0][1] & np.all([known <= limit for known, _ in times], axis=0)
    created = times[1][0] if times[1:] else None
    rows = newest(np.where(usable, codes, -1), times[0][0], created)
    table = table.take(pa.array(rows)).combine_chunks()
    for field in [*view.entity_columns, *view.features]:
        position = table.schema.get_field_index(field.name)
        typed = _typed(table[field.name], _ARROW[field.dtype])
        if isinstance(typed, int):
            raise InputError(
                f"{source.path}: column {field.name!r}, row {rows[typed] + 1} "
                f"is not {_SAID[_ARROW[field.dtype]]}"
            )
        table = table.set_column(position, field.name, typed)
    return NewestRows(table, keys, features, stamps[0], stamps[1] if stamps[1:] else None)


def _typed(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | int:
    """Return a column in the type of its feature, or the row of the first cell that is not of it.

    A number that is not finite is missing.
    """
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
        whole = pc.fill_null(pc.equal(pc.floor(column), column), True)
        if kind == pa.string() and pc.all(whole).as_py():
            column = column.cast(pa.int64())
        if kind == pa.bool_():
            whole = pc.fill_null(pc.is_in(column, pa.array([0.0, 1.0])), True)
        if kind in {pa.int64(), pa.bool_()} and not pc.all(whole).as_py():
            return int(pc.index(whole, False).as_py())
    try:
        return column.cast(kind)
    except pa.ArrowException:
        return next(row for row, cell in enumerate(column) if not _casts(cell, kind))


def _casts(cell: pa.Scalar, kind: pa.DataType) -> bool:
    try:
        cell.cast(kind)
    except pa.ArrowException:
        return False
    return True


class _Progress:
    """Tells at most once a second how many entities are written, and how fast."""

    def __init__(self, view: str, total: int, say: Say) -> None:
        self._view, self._total, self._say = view, total, say
        self._done, self._started, self._told = 0, time.monotonic(), time.monotonic()

    def __call__(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._told >= 1:
            self._told = now
            rate = self._done / (now - self._started)
            self._say(f"{self._view}: {self._done:,} of {self._total:,} entities, {rate:,.0f}/s")


class _State:
    """What the store should hold of a view: row digests, and until when."""

    def __init__(self, config: Config, store: FeatureStore, view: FeatureView) -> None:
        place = [
            store.config.project,
            store.config.online_store.model_dump_json(),
            sorted((field.name, str(field.dtype)) for field in view.features),
        ]
        mark = hashlib.sha256(json.dumps(place).encode()).hexdigest()[:16]
        self._path = Path(config.state) / "online" / f"{view.name}-{mark}.parquet"
        self._known = np.empty((0, 2), dtype=np.uint64)
        self.until: datetime | None = None
        if self._path.exists():
            table = pq.read_table(self._path, page_checksum_verification=True)
            self._known = np.column_stack([np.asarray(table[name]) for name in ("high", "low")])
            said = (table.schema.metadata or {}).get(b"until")
            self.until = datetime.fromisoformat(said.decode()) if said else None

    def holds(self, digests: np.ndarray) -> np.ndarray:
        """Tell which rows the store should have already."""
        if not len(self._known):
            return np.zeros(len(digests), dtype=bool)
        known = self._known[np.argsort(self._known[:, 0])]
        found = np.minimum(np.searchsorted(known[:, 0], digests[:, 0]), len(known) - 1)
        return (known[found] == digests).all(axis=1)

    def save(self, digests: np.ndarray, until: datetime | None) -> None:
        """Replace what is remembered, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.table({"high": digests[:, 0], "low": digests[:, 1]})
        if until:
            table = table.replace_schema_metadata({"until": until.isoformat()})
        temporary = self._path.with_suffix(".tmp")
        pq.write_table(table, temporary, write_page_checksum=True)
        temporary.replace(self._path)
