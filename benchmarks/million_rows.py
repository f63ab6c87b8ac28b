"""Import, join and materialize at 0.12, 1.2 and 12 million rows: seconds, memory, growth.

Each step is a process of its own, as a user runs it. Patients have 12 monthly rows of 13 features
and one label each. The features are once a single file and once a folder with a file for each
month; into the folder, the last month is then imported again.

    python benchmarks/million_rows.py [patients ...]      default: 10000 100000 1000000
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

MONTHS, FLOATS = 12, 9
CONFIG = """\
project: scale
models:
  risk:
    task: classification
    entity: patient_id
    feature_views:
      vitals:
        source: data/{source}
        features:
          {floats}
          visits: {{type: int}}
          pills: {{type: int}}
          smoker: {{type: bool}}
          ward: {{type: category, categories: [a, b, c, d]}}
    labels: {{source: data/labels.parquet, column: label}}
"""
JOIN = """
from mlops_cli.backends import feature_store, files
from mlops_cli.config import load_config
from mlops_cli.domain.labels import checked_labels
from pathlib import Path
config = load_config(Path("config.yaml"))
model = config.models["risk"]
labels = checked_labels(files.read_source(Path(model.labels.source)), model, "labels")
known = feature_store.historical(config, model, labels)
assert len(known.frame) == len(labels)
assert known.frame.notna().all().all()
"""


def write_project(folder: Path, patients: int, source: str) -> None:
    """Write config.yaml, the table month by month, and the labels."""
    floats = "\n          ".join(f"f{n}: {{type: float}}" for n in range(FLOATS))
    (folder / "config.yaml").write_text(CONFIG.format(floats=floats, source=source))
    generator = np.random.default_rng(7)
    ids = pa.array(np.char.add("PT", np.char.zfill(np.arange(patients).astype(str), 7)))
    first = np.datetime64("2025-01-01", "us")
    writer = None
    for month in range(MONTHS):
        day = (first.astype("datetime64[M]") + month).astype("datetime64[us]")
        columns = {
            "patient_id": ids,
            "event_timestamp": pa.array(np.full(patients, day), pa.timestamp("us", tz="UTC")),
            **{f"f{n}": generator.normal(size=patients) for n in range(FLOATS)},
            "visits": generator.integers(0, 9, patients),
            "pills": generator.integers(0, 20, patients),
            "smoker": generator.random(patients) < 0.2,
            "ward": pa.array(generator.choice(["a", "b", "c", "d"], patients)),
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(folder / "vitals.parquet", table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    pq.write_table(table, folder / "last.parquet")
    (folder / "data").mkdir()
    labels = {
        "patient_id": ids.to_pandas(),
        "event_timestamp": pd.Timestamp("2025-11-15", tz="UTC"),
        "label": generator.integers(0, 2, patients),
    }
    pd.DataFrame(labels).to_parquet(folder / "data/labels.parquet", index=False)


def measure(folder: Path, *arguments: str) -> tuple[float, float]:
    """Run a process and return its seconds and its largest resident memory in MiB."""
    started = time.monotonic()
    child = subprocess.Popen([sys.executable, *arguments], cwd=folder, stdout=subprocess.DEVNULL)  # noqa: S603
    _, status, spent = os.wait4(child.pid, 0)
    assert status == 0, arguments
    return time.monotonic() - started, spent.ru_maxrss / 1024


IMPORT = ("-m", "mlops_cli", "features", "import", "risk")
START = {
    "import": ("-c", "import mlops_cli.services.importing"),
    "": ("-c", "import mlops_cli.backends.feature_store"),
}
STEPS = {
    "import": (*IMPORT, "vitals.parquet"),
    "import last": (*IMPORT, "last.parquet"),
    "apply": ("-m", "mlops_cli", "features", "apply"),
    "join": ("-c", JOIN),
    "materialize": ("-m", "mlops_cli", "features", "materialize"),
}


def measure_all(patients: int, source: str, before: dict[str, float]) -> None:
    """Print a line for each step; `before` holds the seconds per row of the size before."""
    kind = "file" if source.endswith(".parquet") else "folder"
    with tempfile.TemporaryDirectory() as scratch:
        write_project(Path(scratch), patients, source)
        starts = {name: measure(Path(scratch), *words)[0] for name, words in START.items()}
        for name, arguments in STEPS.items():
            rows = patients * (1 if name == "import last" else MONTHS)
            seconds, memory = measure(Path(scratch), *arguments)
            own = seconds - starts[name.partition(" ")[0] if "import" in name else ""]
            # What takes less than the noise of a start says nothing about growth.
            growth = f"x{own / rows / before[name]:.2f}" if name in before else "-"
            if own > 0.5:
                before[name] = own / rows
            line = f"{kind:<7} {name:<12} {rows:>11,} {seconds:>8.1f} {memory:>7,.0f}  {growth}"
            print(line, flush=True)


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or [10_000, 100_000, 1_000_000]
    head = f"{'source':<7} {'step':<12} {'rows':>11} {'seconds':>8} {'MiB':>7}"
    print(f"{head}  growth per row (start excluded)")
    for source in ("vitals.parquet", "vitals"):
        before: dict[str, float] = {}
        for patients in sizes:
            measure_all(patients, source, before)


if __name__ == "__main__":
    main()
