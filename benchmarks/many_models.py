"""`mlops train --all` on many small models: the cost of each, in order and side by side.

A config with one table of 800 patients and N models on it, no search (trials: 1). Measured is the
wall of the command with one model, with all of them in order, and with the default number of jobs;
one of the models is broken (its labels are gone). Flat: seconds of the last quarter of the models
against those of the second (the first one connects and loads).

    python benchmarks/many_models.py [models]      default: 100
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

HEAD = "project: many\nmodels:\n"
MODEL = """\
  m{number:03}:
    task: classification
    entity: patient_id
    feature_views:
      vitals:
        source: data/vitals.parquet
        features: {{a: {{type: float}}, b: {{type: float}}, c: {{type: int}}, d: {{type: float}}}}
    labels: {{source: data/{labels}.parquet, column: label}}
    search: {{trials: 1, repeats: 1}}
"""


def write(folder: Path, models: int) -> None:
    """Write the project; the model in the middle is broken."""
    (folder / "data").mkdir(parents=True)
    texts = [
        MODEL.format(number=number, labels="gone" if number == models // 2 else "labels")
        for number in range(models)
    ]
    (folder / "config.yaml").write_text(HEAD + "".join(texts))
    generator, rows = np.random.default_rng(7), 800
    values = generator.normal(size=(rows, 3))
    time_ = pd.Timestamp("2025-01-01", tz="UTC")
    frame = pd.DataFrame(
        {
            "patient_id": [f"P{number:04}" for number in range(rows)],
            "event_timestamp": time_,
            "a": values[:, 0],
            "b": values[:, 1],
            "c": generator.integers(0, 9, rows),
            "d": values[:, 2],
        }
    )
    frame.to_parquet(folder / "data/vitals.parquet")
    label = generator.random(rows) < 1 / (1 + np.exp(-2 * values[:, 0]))
    frame[["patient_id"]].assign(
        event_timestamp=time_ + pd.Timedelta(days=1), label=label.astype(int)
    ).to_parquet(folder / "data/labels.parquet")
    mlops(folder, "features", "apply")


def mlops(folder: Path, *words: str, expected: int = 0) -> tuple[float, str]:
    """Run a command and return its seconds and what it has printed."""
    begun = time.perf_counter()
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "mlops_cli", *words],
        cwd=folder, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == expected, done.stderr[-3000:]
    return time.perf_counter() - begun, done.stdout


def start_up() -> float:
    """Return the seconds of a process that loads what training needs, and MLflow's store."""
    begun = time.perf_counter()
    code = (
        "import mlops_cli.services.training, mlops_cli.services.registration,"
        " mlflow.store.tracking.sqlalchemy_store"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603
    return time.perf_counter() - begun


def main() -> None:
    models = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "many"
        write(folder, models)
        mlops(folder, "train", "m000", "--json")  # makes MLflow's database
        start, (one, _) = start_up(), mlops(folder, "train", "m001", "--json")
        print(f"start-up {start:.2f} s, one model {one:.2f} s, one fit {one - start:.2f} s")
        bound = models * (one - start) + start
        for title, words in (("in order", ("--jobs", "1")), ("side by side", ())):
            wall, out = mlops(folder, "train", "--all", "--json", *words, expected=6)
            results = json.loads(out)["data"]["results"]
            spent = [each["seconds"] for each in results if "error" not in each]
            assert len(spent) == models - 1
            part = max(1, models // 4)
            flat = sum(spent[-part:]) / sum(spent[part : 2 * part])
            print(
                f"{title:<13} {wall:7.1f} s, {wall / bound:.2f} of {models} fits and a start-up,"
                f" last quarter / second quarter {flat:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
