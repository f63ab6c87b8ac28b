"""The memory that `mlops train` takes, stage by stage, beside what it says beforehand.

A table of N rows and 13 features, one row an entity; no search (trials: 1, few trees: the number of
trees does not change the peak). The peak of each stage is that of the process (VmHWM, reset before
each). What is said beforehand should be within 25 % of the peak.

    python benchmarks/memory.py [rows ...] [features=N] [times=N]      default: 200000 1000000

`times` is how many rows of features there are for each label, an earlier one each month.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CONFIG = """\
project: scale
models:
  risk:
    task: classification
    entity: patient_id
    feature_views: {{v: {{source: data/v.parquet, features: {{{features}}}}}}}
    labels: {{source: data/labels.parquet, column: label}}
    search: {{trials: 1, repeats: 1, max_rounds: 20}}
"""
STAGES = ("build", "fit", "measure", "evaluate", "store")
CODE = f"""
import json, sys, time
from mlops_cli.main import main
import mlops_cli.services.training, mlops_cli.services.registration
from mlops_cli.services.training import runs
def status(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(key))
seen = {{"imports": (status("VmHWM"), status("VmRSS"), 0.0)}}
def watched(name, work):
    def measured(*args, **kwargs):
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        begun = time.monotonic()
        try:
            return work(*args, **kwargs)
        finally:
            seen[name] = (status("VmHWM"), status("VmRSS"), time.monotonic() - begun)
    return measured
for name in {STAGES!r}:
    setattr(runs, name, watched(name, getattr(runs, name)))
code = main(["train", "risk", "--json", *sys.argv[1:]])
print(json.dumps(seen))
sys.exit(code)
"""


def write(folder: Path, rows: int, columns: int = 13, times: int = 1) -> None:
    """Write the table and the labels in parts, so that this process stays small."""
    (folder / "data").mkdir(parents=True)
    features = ", ".join(f"f{n}: {{type: float}}" for n in range(columns))
    (folder / "config.yaml").write_text(CONFIG.format(features=features))
    generator, weights = np.random.default_rng(7), np.random.default_rng(1).normal(0, 0.7, columns)
    writers: list[pq.ParquetWriter] = []
    for start in range(0, rows, 500_000):
        count = min(500_000, rows - start)
        matrix = generator.normal(size=(count, columns))
        label = generator.random(count) < 1 / (1 + np.exp(-matrix @ weights))
        ids = pa.array(
            np.char.add("P", np.char.zfill(np.arange(start, start + count).astype(str), 9))
        )
        moments = [
            pa.array(np.full(count, np.datetime64(day, "us")), pa.timestamp("us", tz="UTC"))
            for day in ("2025-01-01", "2025-01-02")
        ]
        keys = [{"patient_id": ids, "event_timestamp": each} for each in moments]
        tables = (
            pa.table({**keys[0], **{f"f{n}": matrix[:, n] for n in range(columns)}}),
            pa.table({**keys[1], "label": label.astype(np.int64)}),
        )
        if not writers:
            places = (folder / "data/v.parquet", folder / "data/labels.parquet")
            writers = [pq.ParquetWriter(p, t.schema) for p, t in zip(places, tables, strict=True)]
        for writer, table in zip(writers, tables, strict=True):
            writer.write_table(table)
        for month in range(1, times):
            day = np.datetime64("2025-01-01", "us") - np.timedelta64(30 * month, "D")
            earlier = pa.array(np.full(count, day), pa.timestamp("us", tz="UTC"))
            writers[0].write_table(tables[0].set_column(1, "event_timestamp", earlier))
    for writer in writers:
        writer.close()
    subprocess.run(
        [sys.executable, "-m", "mlops_cli", "features", "apply", "--quiet"], cwd=folder, check=True
    )


def main() -> None:
    words = sys.argv[1:]
    sizes = [int(word) for word in words if word.isdigit()] or [200_000, 1_000_000]
    asked = dict(word.split("=") for word in words if "=" in word)
    columns, times = int(asked.get("features", 13)), int(asked.get("times", 1))
    for rows in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "p"
            write(folder, rows, columns, times)
            done = subprocess.run(  # noqa: S603
                [sys.executable, "-c", CODE],
                cwd=folder,
                check=False,
                capture_output=True,
                text=True,
            )
            answer, *rest = done.stdout.splitlines()
            assert done.returncode == 0, answer + done.stderr[-2000:]
            data, seen = json.loads(answer)["data"], json.loads(rest[-1])
            peak = max(high for high, _, _ in seen.values())
            said = data.get("memory_mib")
            print(
                f"{rows:,} rows: peak {peak:,.0f} MiB, said {said}, {data['seconds']} s,"
                f" digest {data['model_digest'][:8]}"
            )
            for name, (high, after, seconds) in seen.items():
                print(f"  {name:<9} peak {high:8,.0f}  after {after:8,.0f} MiB  {seconds:6.1f} s")


if __name__ == "__main__":
    main()
