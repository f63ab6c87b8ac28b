"""Reading the newest values online: this project's reader against Feast's own SDK.

Both read the same store in one process, turn by turn: with Feast open already, and as a whole call
that opens Feast's registry first. Then each reads one entity in processes of its own.

    python benchmarks/online_read.py [online_store section as YAML]

The default is SQLite. With a server of your own, for example:
    python benchmarks/online_read.py "{type: redis, connection_string: 'localhost:6379'}"
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from materialize import project, write

from mlops_cli.backends import feature_store
from mlops_cli.backends.feature_store import reading
from mlops_cli.backends.feature_store.connection import references, speaking
from mlops_cli.config import Config

OURS = dict(reading.READERS)
TURNS = {1: 200, 100: 50, 10_000: 5}
PROCESSES = 5
OPEN = """
import sys
from pathlib import Path
from mlops_cli.config import load_config
path = Path(sys.argv[1])
config = load_config(path).model_copy(update={"state": str(path.with_suffix(""))})
model, key = config.models["risk"], {"patient_id": "PT0000000"}
"""
FEASTS = """
from mlops_cli.backends import feature_store
from mlops_cli.backends.feature_store import reading
reading.READERS.clear()
assert feature_store.online(config, model, [key])[0]
"""
OWN = """
from mlops_cli.backends import online_rows
assert online_rows.latest(config, model, key)
"""
Pair = tuple[float, float]


def keys(count: int) -> list[dict[str, str]]:
    return [{"patient_id": f"PT{number:07}"} for number in range(count)]


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def medians(turns: int, feasts: Callable[[], object], ours: Callable[[], object]) -> Pair:
    feasts(), ours()
    pairs = [(seconds(feasts), seconds(ours)) for _ in range(turns)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def reads(config: Config, count: int) -> Pair:
    """Measure with the store open."""
    model, asked = config.models["risk"], keys(count)
    with speaking(config) as store:
        view = store.get_feature_view("vitals")
        return medians(
            TURNS[count],
            lambda: store.get_online_features(references(model), asked).to_dict(True),
            lambda: reading.latest(store, view, list(model.stored), asked),
        )


def feasts_online(config: Config, asked: list[dict[str, str]]) -> object:
    """Make the whole call as for a store that only Feast can read."""
    reading.READERS.clear()
    found = feature_store.online(config, config.models["risk"], asked)
    reading.READERS.update(OURS)
    return found


def calls(config: Config, count: int) -> Pair:
    """Measure the whole call, registry included."""
    model, asked = config.models["risk"], keys(count)
    assert feasts_online(config, asked) == feature_store.online(config, model, asked)
    return medians(
        max(3, TURNS[count] // 5),
        lambda: feasts_online(config, asked),
        lambda: feature_store.online(config, model, asked),
    )


def processes(path: Path) -> Pair:
    """Measure new processes that read one entity, from their start to their end."""

    def run(code: str) -> object:
        return subprocess.run([sys.executable, "-c", OPEN + code, path], check=True)  # noqa: S603

    return medians(PROCESSES, lambda: run(FEASTS), lambda: run(OWN))


def main() -> None:
    online = sys.argv[1] if len(sys.argv) > 1 else "{type: sqlite}"
    results: list[tuple[int, str, Pair]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder, max(TURNS))
        config = project(folder, "read", online)
        feature_store.materialize(config, datetime.now(UTC))
        for count in TURNS:
            results.append((count, "read", reads(config, count)))
            results.append((count, "whole call", calls(config, count)))
        results.append((1, "new process", processes(folder / "read.yaml")))
    print(f"{'entities':>8}  {'measured':<12} {'Feast ms':>10} {'ours ms':>10} {'ratio':>6}")
    for count, what, (feasts, ours) in results:
        print(
            f"{count:>8}  {what:<12} {feasts * 1000:>10.2f} {ours * 1000:>10.2f} "
            f"{feasts / ours:>6.1f}"
        )


if __name__ == "__main__":
    main()
