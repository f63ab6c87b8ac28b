"""Writing the newest values online: this project's bulk writer against Feast's own loop.

Both write the same table of 13 features into an empty store in one process, one after the other.

    python benchmarks/materialize.py [entities] [online_store section as YAML]

The default is 20000 entities into SQLite. With a server of your own, for example:
    python benchmarks/materialize.py 20000 "{type: redis, connection_string: 'localhost:6379'}"
"""

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_cli.backends import feature_store
from mlops_cli.backends.feature_store import materializing
from mlops_cli.config import Config, load_config

FLOATS = [f"f{n}" for n in range(9)]
CONFIG = """\
project: {project}
feature_store: {{online_store: {online}}}
models:
  risk:
    task: classification
    entity: patient_id
    feature_views:
      vitals:
        source: vitals.parquet
        features: {{{floats}, visits: {{type: int}}, pills: {{type: int}}, smoker: {{type: bool}},
          ward: {{type: category, categories: [a, b, c, d]}}}}
    labels: {{source: labels.parquet, column: label}}
"""


def write(folder: Path, entities: int) -> None:
    generator = np.random.default_rng(7)
    table = {
        "patient_id": np.char.add("PT", np.char.zfill(np.arange(entities).astype(str), 7)),
        "event_timestamp": pa.array(
            np.datetime64("2026-01-01", "us")
            + generator.integers(0, 86_400, entities) * np.timedelta64(1, "s"),
            pa.timestamp("us", "UTC"),
        ),
        **{name: generator.normal(size=entities) for name in FLOATS},
        "visits": generator.integers(0, 9, entities),
        "pills": generator.integers(0, 20, entities),
        "smoker": generator.random(entities) < 0.2,
        "ward": generator.choice(["a", "b", "c", "d"], entities),
    }
    pq.write_table(pa.table(table), folder / "vitals.parquet")


def project(folder: Path, name: str, online: str) -> Config:
    floats = ", ".join(f"{feature}: {{type: float}}" for feature in FLOATS)
    path = folder / f"{name}.yaml"
    path.write_text(CONFIG.format(project=name, online=online, floats=floats))
    config = load_config(path).model_copy(update={"state": str(folder / name)})
    feature_store.apply(config)
    return config


def measure(config: Config) -> float:
    started = time.perf_counter()
    feature_store.materialize(config, datetime.now(UTC))
    return time.perf_counter() - started


def main() -> None:
    entities = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    online = sys.argv[2] if len(sys.argv) > 2 else "{type: sqlite, path: PATH}"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder, entities)
        ours = project(folder, "ours", online.replace("PATH", f"{scratch}/ours.db"))
        first, again = measure(ours), measure(ours)
        feasts = project(folder, "feasts", online.replace("PATH", f"{scratch}/feasts.db"))
        materializing.WRITERS.clear()
        loop = measure(feasts)
        people = [
            {"patient_id": f"PT{number:07}"}
            for number in range(0, entities, max(entities // 50, 1))
        ]
        model = ours.models["risk"]
        assert feature_store.online(ours, model, people) == feature_store.online(
            feasts, model, people
        )
    print(f"{'writer':<18} {'seconds':>8} {'entities/s':>11}")
    for name, seconds in (("Feast's loop", loop), ("bulk", first), ("bulk, unchanged", again)):
        print(f"{name:<18} {seconds:>8.2f} {entities / seconds:>11,.0f}")
    print(f"Feast / bulk: {loop / first:.1f}")


if __name__ == "__main__":
    main()
