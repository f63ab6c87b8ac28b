"""How busy the machine was: processor, memory, disk and network, under MLflow's own names."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.environment_variables import MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

from mlops_cli.backends.registry.finished import Sample

PREFIX = "system/"
_SECONDS = 10.0
"""Between two readings, as in MLflow, which lets MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL say."""


@contextmanager
def watching(wanted: bool) -> Iterator[list[Sample]]:
    """Read the machine while the block runs, at its start and at its end too.

    MLflow's own watcher would need a run to write to, which there is only afterwards.
    """
    samples = list[Sample]()
    if not wanted:
        yield samples
        return
    monitors = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]

    def read() -> None:
        values: dict[str, float] = {}
        for monitor in monitors:
            monitor.collect_metrics()
            values |= {PREFIX + key: value for key, value in monitor.aggregate_metrics().items()}
            monitor.clear_metrics()
        samples.append(Sample(round(time.time() * 1000), values))

    over = threading.Event()

    def watch() -> None:
        while not over.wait(MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL.get() or _SECONDS):
            read()

    read()
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield samples
    finally:
        over.set()
        watcher.join()
        read()
