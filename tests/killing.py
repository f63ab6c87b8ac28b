"""Commands in child processes that are killed at a random moment."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event

from mlops_cli.main import main

#: Children fork from a process that has the libraries loaded: what is killed is the work.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["killing", "mlops_cli.backends.feature_store", "pandas"])


def _work(begun: Event, environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    os.environ.clear()  # that of the process it forked from may be another test's
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    begun.set()
    raise SystemExit(main([*arguments]))


def _start(arguments: tuple[str, ...]) -> ForkServerProcess:
    begun = _SERVER.Event()
    child = _SERVER.Process(target=_work, args=(begun, dict(os.environ), arguments))
    child.start()
    assert begun.wait(60)
    return child


def finish(*arguments: str) -> float:
    """Run a command to its good end and return the seconds it took."""
    child = _start(arguments)
    started = time.monotonic()
    child.join()
    assert child.exitcode == 0, arguments
    return time.monotonic() - started


def kill(seconds: float, watch: Callable[[], None], *arguments: str) -> bool:
    """Run a command, watch what readers see, and kill it; tell whether it was still at work."""
    child = _start(arguments)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and child.is_alive():
        watch()
    if child.is_alive() and child.pid is not None:
        os.kill(child.pid, signal.SIGKILL)
    child.join()
    return child.exitcode == -signal.SIGKILL
