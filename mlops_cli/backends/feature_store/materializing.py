"""Bringing the newest values online: only what has changed since the last time.

What the store holds is remembered: the key of each row, and one 128-bit number. It is forgotten
*before* a changed row is written and remembered after, so that a run that was killed is made good
by the next.
"""

import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore, FeatureView
from feast.types import Bool, Float64, Int64, String
from numpy.typing import NDArray

from mlops_cli.backends.feature_store import wire
from mlops_cli.backends.feature_store.bulk import REMOVERS, WRITERS, NewestRows, uncollected
from mlops_cli.backends.feature_store.connection import online_store, speaking
from mlops_cli.backends.feature_store.definitions import require_applied
from mlops_cli.backends.feature_store.keys import entity_codes
from mlops_cli.backends.feature_store.reading import latest
from mlops_cli.backends.feature_store.remembered import Remembered
from mlops_cli.backends.feature_store.sources import microseconds, read
from mlops_cli.config import Config
from mlops_cli.domain.digest import row_digests
from mlops_cli.domain.point_in_time import newest, since_epoch
from mlops_cli.errors import InputError, MlopsError, NotFoundError

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
    removed: int | None
    """Entities that the source no longer has."""
    seconds: float


def materialize(
    config: Config, end: datetime, full: bool = False, say: Say = lambda _: None
) -> dict[str, Materialized | MlopsError]:
    """Bring the newest value of every entity up to `end` online.

    Each view stands for itself: what kept one from it does not stop the others.

    The newest rows are taken from the whole source, so a late arrival is never missed and an
    old window never overwrites a newer value.

    Args:
        config: The project.
        end: Values known at this time: event time, and created time where there is one.
        full: Write every row, whatever the store should hold already.
        say: Is told how far the work is.

    Raises:
        NotFoundError: A view of config.yaml is not in Feast's registry.
        UnavailableError: The registry or the store cannot be used.
    """
    names = sorted({name for model in config.models.values() for name in model.feature_views})
    with speaking(config) as store, contextlib.redirect_stderr(io.StringIO()):
        views = {view.name: view for view in store.list_feature_views()}
        if missing := set(names) - set(views):
            raise NotFoundError(
                f"feature view {min(missing)!r} is not in Feast's registry",
                "run `mlops features apply`",
            )
        done: dict[str, Materialized | MlopsError] = {}
        for name in names:
            try:
                done[name] = _view(config, store, views[name], end, full, say)
            except MlopsError as error:
                done[name] = error
        return done


def _view(
    config: Config, store: FeatureStore, view: FeatureView, end: datetime, full: bool, say: Say
) -> Materialized:
    """Bring one view online.

    Raises:
        ConfigError: The registry has another definition than config.yaml.
        NotFoundError: The source does not exist.
        InputError: A cell is not of its feature's type, the store holds later values than `end`, or
            most of what it holds is no longer in the source.
    """
    started = time.monotonic()
    require_applied(config, view)
    kinds = {field.dtype for field in view.features}
    keys = {column.dtype for column in view.entity_columns}
    kind = str(store.config.online_store.type)
    if kind not in WRITERS or not kinds <= set(_ARROW) or not keys <= {String, Int64}:
        store.materialize(_BEGINNING, end, feature_views=[view.name])
        return Materialized(end, None, None, None, None, time.monotonic() - started)
    held = Remembered(config, store, view)
    _refuse_earlier(view, held, end)
    rows = _newest(store, view, end)
    digests = row_digests(rows.table.to_pandas())
    known, gone = held.holds(digests), held.gone(rows.table.select(rows.keys))
    _refuse_loss(view, held, gone, full)
    # Redis lets an entity go unless it is written again.
    fading = bool(getattr(store.config.online_store, "key_ttl_seconds", None))
    if full or fading or _emptied(store, view, rows, known):
        known[:] = False
    changed = int((~known).sum())
    now = held.rows_of(rows.table, digests)
    if changed or len(gone):
        online_store(store).update(store.config, [], [view], [], [], partial=True)
        unwritten = held.rows_of(gone, np.zeros((len(gone), 2), dtype=np.uint64))
        held.save(pa.concat_tables([now.filter(pa.array(known)), unwritten]), held.until)
        report = _Progress(view.name, changed, say)
        fresh = rows.table.filter(pa.array(~known))
        newest = NewestRows(fresh, rows.keys, rows.features, rows.event, rows.created)
        with uncollected():
            WRITERS[kind](store, view, newest, report)
        REMOVERS[kind](store, view, rows.features, wire.table_keys(gone))
    store.registry.apply_materialization(view, store.config.project, held.until or _BEGINNING, end)
    held.save(now, end)
    latest_event = pc.max(rows.table[rows.event]).as_py()
    spent = time.monotonic() - started
    return Materialized(end, latest_event, len(digests), changed, len(gone), spent)


def _refuse_earlier(view: FeatureView, held: Remembered, end: datetime) -> None:
    if held.until and end < held.until:
        raise InputError(
            f"feature view {view.name!r} is online as of {held.until:%Y-%m-%d %H:%M:%S}, "
            f"{end:%Y-%m-%d %H:%M:%S} is earlier",
            "old values never replace newer ones; `mlops features get --at` shows earlier values",
        )


def _refuse_loss(view: FeatureView, held: Remembered, gone: pa.Table, full: bool) -> None:
    """Refuse to take most of a view offline: often its source is empty by mistake."""
    count = 0 if held.rows is None else len(held.rows)
    if not full and count >= _SAMPLE and 2 * len(gone) > count:
        raise InputError(
            f"feature view {view.name!r}: {len(gone)} of {count} entities that are online are no "
            "longer in the source",
            "check the source; `--full` removes them",
        )


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
    limit = since_epoch(end)
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
