"""The point-in-time join of this project against Feast's duckdb store: seconds and memory.

Both run through `FeatureStore.get_historical_features` on the same Parquet file of 13 features,
each in a process of its own; the memory is the most that the join has held over what the process
held before it (Linux: the kernel's high-water mark is reset before the clock starts).

    python benchmarks/point_in_time.py [rows]             default: 1200000 labels and rows
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64, String

STORES = {
    "ours": "mlops_cli.backends.feature_store.offline_store.PointInTimeOfflineStore",
    "duckdb": "duckdb",
}
FEATURES = [f"f{n}" for n in range(13)]
MONTHS = 12
ROUNDS = 5


def write(folder: Path, rows: int) -> None:
    """Write shuffled features and labels, 12 of each for every patient."""
    generator = np.random.default_rng(7)
    for name, columns in (("features", FEATURES), ("labels", [])):
        number = generator.permutation(rows)
        ids = np.char.add("PT", np.char.zfill((number // MONTHS).astype(str), 7))
        month = np.datetime64("2025-01-01", "us") + (number % MONTHS) * np.timedelta64(30, "D")
        times = month + generator.integers(0, 86_400, rows) * np.timedelta64(1, "s")
        table = pa.table(
            {
                "patient_id": ids,
                "event_timestamp": pa.array(times, pa.timestamp("us", "UTC")),
                **{column: generator.normal(size=rows) for column in columns},
            }
        )
        pq.write_table(table, folder / f"{name}.parquet")


def join(folder: Path, kind: str) -> None:
    """Join once to warm up and once for the clock; print seconds, MiB and a checksum as JSON."""
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=str(folder / f"{kind}.db"),
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            offline_store={"type": STORES[kind]},
            entity_key_serialization_version=3,
            repo_path=folder,
        )
    )
    patient = Entity(name="patient_id", value_type=ValueType.STRING)
    schema = [
        Field(name="patient_id", dtype=String),
        *[Field(name=f, dtype=Float64) for f in FEATURES],
    ]
    view = FeatureView(
        name="vitals",
        entities=[patient],
        ttl=timedelta(days=45),
        schema=schema,
        source=FileSource(path=str(folder / "features.parquet"), timestamp_field="event_timestamp"),
    )
    store.apply([patient, view])
    labels = pd.read_parquet(folder / "labels.parquet")
    asked = [f"vitals:{name}" for name in FEATURES]
    store.get_historical_features(labels.head(100), features=asked).to_df()
    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    before = resident("VmRSS")
    started = time.perf_counter()
    found = store.get_historical_features(labels, features=asked).to_df()
    seconds = time.perf_counter() - started
    memory = resident("VmHWM") - before
    total = float(found[FEATURES].sum().sum())
    kept = found["patient_id"].tolist() == labels["patient_id"].tolist()
    print(json.dumps([seconds, memory, len(found), round(total, 3), kept]))


def resident(which: str) -> float:
    """Return the memory of this process in MiB: VmRSS for now, VmHWM for the most so far."""
    line = next(s for s in Path("/proc/self/status").read_text().splitlines() if which in s)
    return int(line.split()[1]) / 1024


def measure(folder: str, kind: str) -> list[float]:
    """Join in a process of its own and return what it printed."""
    command = [sys.executable, __file__, "join", folder, kind]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return list(json.loads(answer.splitlines()[-1]))


def main() -> None:
    if sys.argv[1:2] == ["join"]:
        join(Path(sys.argv[2]), sys.argv[3])
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_200_000
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch), rows)
        rounds = [{kind: measure(scratch, kind) for kind in STORES} for _ in range(ROUNDS)]
    print(f"{'store':<8} {'seconds':>8} {'MiB':>7} {'rows':>10} order kept (median of {ROUNDS})")
    middle: dict[str, tuple[float, float]] = {}
    for kind in STORES:
        seconds, memory = (statistics.median(each[kind][n] for each in rounds) for n in (0, 1))
        middle[kind] = (seconds, memory)
        _, _, count, _, kept = rounds[0][kind]
        print(f"{kind:<8} {seconds:>8.2f} {memory:>7,.0f} {count:>10,} {kept}")
    assert all(each["ours"][2:4] == each["duckdb"][2:4] for each in rounds), "the two disagree"
    ratios = [middle["ours"][n] / middle["duckdb"][n] for n in (0, 1)]
    print(f"ours / duckdb: time {ratios[0]:.2f}, memory {ratios[1]:.2f}")


if __name__ == "__main__":
    main()
