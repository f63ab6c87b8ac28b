"""The digest of a training set against reading the same table and against pandas' own row hashes.

One table of 16 columns: an id, a time, nine numbers, two counts, a flag, a word and a label.
The best of several rounds, in which the ways take turns. pandas' way is a plain sum of
`hash_pandas_object`: 64 bits, which depend on the order of the columns.

    python benchmarks/dataset_digest.py [rows] [distinct ids]      default: 1200000 100000
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_cli.domain.digest import row_digests, table_digests

ROUNDS = 7
KEYS = ("patient_id", "event_timestamp")


def write(path: Path, rows: int, distinct: int) -> None:
    generator = np.random.default_rng(7)
    numbers = np.arange(rows) % distinct
    ids = np.char.add("PT", np.char.zfill(np.arange(distinct).astype(str), 7))
    hours = np.arange(rows) // distinct * np.timedelta64(720, "h")
    times = np.datetime64("2025-01-01", "us") + hours
    table = {
        "patient_id": pa.array(ids).take(pa.array(numbers)),
        "event_timestamp": pa.array(times.astype("datetime64[us]"), pa.timestamp("us", "UTC")),
        **{f"f{number}": generator.normal(size=rows) for number in range(9)},
        "visits": generator.integers(0, 9, rows),
        "pills": generator.integers(0, 20, rows),
        "smoker": generator.random(rows) < 0.2,
        "ward": generator.choice(["a", "b", "c", "d"], rows),
        "label": generator.integers(0, 2, rows).astype(float),
    }
    pq.write_table(pa.table(table), path, write_page_checksum=True)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_200_000
    distinct = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "table.parquet"
        write(path, rows, distinct)
        frame = pq.read_table(path).to_pandas()
        ways: dict[str, Callable[[], object]] = {
            "read the Parquet file": lambda: pq.read_table(path).to_pandas(),
            "pandas' hashes, summed": lambda: pd.util.hash_pandas_object(frame, index=False).sum(),
            "table_digests": lambda: table_digests(frame, KEYS),
            "row_digests": lambda: row_digests(frame),
        }
        best = dict.fromkeys(ways, float("inf"))
        for _ in range(ROUNDS):
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                best[name] = min(best[name], time.perf_counter() - started)
    ours = best["table_digests"]
    print(f"{rows:,} rows x {len(frame.columns)}, {distinct:,} ids\n")
    print(f"{'way':<24} {'seconds':>8} {'table_digests takes':>20}")
    for name, seconds in best.items():
        print(f"{name:<24} {seconds:>8.3f} {f'x{ours / seconds:.2f}':>20}")


if __name__ == "__main__":
    main()
