"""What an online store should hold of a view, so that only changes are written to it."""

import hashlib
import json
import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureStore, FeatureView
from numpy.typing import NDArray

from mlops_cli.config import Config
from mlops_cli.domain.digest import row_digests

_DIGESTS = ("mlops_high", "mlops_low")
Flags = NDArray[np.bool_]


class Remembered:
    """The keys and the digest of every row that was written, and until when.

    What cannot be read any more counts as nothing: then everything is written again.
    """

    def __init__(self, config: Config, store: FeatureStore, view: FeatureView) -> None:
        """Read what is remembered of a view in this store, by its present definition."""
        place = [
            store.config.project,
            store.config.online_store.model_dump_json(),
            sorted(
                (field.name, str(field.dtype)) for field in [*view.features, *view.entity_columns]
            ),
        ]
        mark = hashlib.sha256(json.dumps(place).encode()).hexdigest()[:16]
        self._folder, self._view = Path(config.state) / "online", view.name
        self._path = self._folder / f"{view.name}-{mark}.parquet"
        self._keys = [column.name for column in view.entity_columns]
        self.rows: pa.Table | None = None
        self.until: datetime | None = None
        try:
            if self._path.exists():
                table = pq.read_table(self._path, page_checksum_verification=True)
                self.rows = table.select([*self._keys, *_DIGESTS])
                said = (table.schema.metadata or {}).get(b"until")
                self.until = datetime.fromisoformat(said.decode()) if said else None
        except (pa.ArrowException, OSError, ValueError, KeyError):
            self.rows, self.until = None, None

    def holds(self, digests: NDArray[np.uint64]) -> Flags:
        """Tell which rows the store should have already, by their digests, shape (rows, 2)."""
        if self.rows is None or not len(self.rows):
            return np.zeros(len(digests), dtype=bool)
        known = np.column_stack([np.asarray(self.rows[name]) for name in _DIGESTS])
        known = known[np.argsort(known[:, 0])]
        found = np.minimum(np.searchsorted(known[:, 0], digests[:, 0]), len(known) - 1)
        return np.asarray((known[found] == digests).all(axis=1))

    def gone(self, keys: pa.Table) -> pa.Table:
        """Return the keys that the store should have and that are no longer among these."""
        if self.rows is None:
            return keys.slice(0, 0)
        ours = self.rows.select(self._keys)
        known, now = (row_digests(each.to_pandas())[:, 0] for each in (ours, keys))
        return ours.filter(pa.array(~np.isin(known, now)))

    def rows_of(self, keys: pa.Table, digests: NDArray[np.uint64]) -> pa.Table:
        """Return rows to remember."""
        table = keys.select(self._keys)
        for position, name in enumerate(_DIGESTS):
            table = table.append_column(name, pa.array(digests[:, position]))
        return table

    def save(self, rows: pa.Table, until: datetime | None) -> None:
        """Replace what is remembered, whole or not at all, and forget earlier definitions."""
        self._folder.mkdir(parents=True, exist_ok=True)
        rows = rows.replace_schema_metadata({"until": until.isoformat()} if until else {})
        temporary = self._folder / f".{self._path.name}.{os.getpid()}.tmp"
        pq.write_table(rows, temporary, write_page_checksum=True)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(self._path)
        for other in self._folder.glob(f"{self._view}-*.parquet"):
            if other != self._path:
                other.unlink(missing_ok=True)
