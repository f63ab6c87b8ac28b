"""The same work for several models, each in a process of its own, as many at a time as asked."""

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from mlops_cli.config import Config
from mlops_cli.errors import MlopsError, first_line

Say = Callable[[object], None]
Work = Callable[[str, Say], Any]

SMALL = 64 * 2**20
"""Bytes of a model's tables up to which it is trained beside others: larger ones need the memory
for themselves, and fill the cores better alone."""
PATIENCE = 15.0
"""Seconds that a process has to close what is open, once it was told to end."""


def jobs_for(config: Config, names: Sequence[str]) -> int:
    """Return how many of the models are best trained at a time: by their tables and the cores."""
    if any(_bytes_of(config, name) > SMALL for name in names):
        return 1
    return max(1, min(len(names), os.cpu_count() or 1))


def _bytes_of(config: Config, name: str) -> int:
    model = config.models[name]
    places = [model.labels.source, *(view.source for view in model.feature_views.values())]
    return sum(_size(Path(place)) for place in places if place is not None)


def _size(place: Path) -> int:
    parts = place.rglob("*") if place.is_dir() else [place]
    return sum(part.stat().st_size for part in parts if part.is_file())


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    model: str | None = None
    """What it works on."""


class Pool:
    """Processes that work, model after model; what they say and find comes to this one."""

    def __init__(
        self, work: Work, names: Sequence[str], jobs: int, say: Say, load: Sequence[str]
    ) -> None:
        """Take the names in order; `load` are the modules that every process needs."""
        self._context = multiprocessing.get_context("forkserver")
        # A process forked from one that has the libraries loaded begins at once.
        self._context.set_forkserver_preload(list(load))
        self._work, self._say, self._waiting = work, say, list(names)
        self._found: dict[str, object] = {}
        self._workers = [self._begun() for _ in range(min(jobs, len(names)))]

    def outcome(self, name: str) -> Any:
        """Wait for one model and return what was found for it, or raise what kept it from it.

        Raises:
            MlopsError: As the work does; its process was killed.
        """
        while name not in self._found:
            self._turn()
        found = self._found.pop(name)
        if isinstance(found, MlopsError):
            raise found
        return found

    def close(self, *, at_once: bool) -> None:
        """End every process; with `at_once` also those that work, as on SIGTERM."""
        for each in self._workers:
            if at_once:
                each.process.terminate()
            each.connection.close()
        for each in self._workers:
            each.process.join(PATIENCE)
            each.process.kill()

    def _begun(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._work), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _turn(self) -> None:
        """Give every idle process a model, and take what the others have to say."""
        for each in self._workers:
            if each.model is None and self._waiting:
                each.model = self._waiting.pop(0)
                with suppress(OSError):  # it has died: the next line of it says so
                    each.connection.send(each.model)
        busy = {each.connection: each for each in self._workers if each.model is not None}
        for ready in wait(list(busy)):
            self._take(busy[ready])  # type: ignore[index]

    def _take(self, worker: _Worker) -> None:
        try:
            kind, what = worker.connection.recv()
        except (EOFError, OSError):
            kind, what = "found", self._buried(worker)
        if kind == "said":
            self._say(what)
        else:
            self._found[str(worker.model)], worker.model = what, None

    def _buried(self, worker: _Worker) -> MlopsError:
        """Say how a process has ended, and put another in its place."""
        worker.process.join(PATIENCE)
        code = worker.process.exitcode
        self._workers[self._workers.index(worker)] = self._begun()
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return MlopsError(
            f"its process was ended by {how}",
            "if memory was short, train fewer at a time: `--jobs 1`",
        )


@contextmanager
def side_by_side(
    work: Work, names: Sequence[str], jobs: int, say: Say, load: Sequence[str]
) -> Iterator[Callable[[str], Any]]:
    """Yield what returns the result for a name, while `jobs` processes work on all of them.

    Args:
        work: called with a name and what to tell how far it is; a function of a module.
        names: of the models, in the order in which they are begun.
        jobs: how many processes.
        say: is given what the processes tell, a whole line at a time.
        load: modules that every process needs.
    """
    pool = Pool(work, names, jobs, say, load)
    try:
        yield pool.outcome
    except BaseException:
        pool.close(at_once=True)
        raise
    pool.close(at_once=False)


def _serve(connection: Connection, work: Work) -> None:
    """Work on the models that come through the connection, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; who has begun us decides
    signal.signal(signal.SIGTERM, _end)
    sys.unraisablehook = _end_all_the_same
    if not os.environ.get("MLOPS_DEBUG"):
        warnings.simplefilter("ignore")
    with suppress(EOFError, BrokenPipeError):
        while True:
            name = connection.recv()
            connection.send(("found", _found(work, name, connection)))


def _found(work: Work, name: str, connection: Connection) -> object:
    try:
        return work(name, lambda what: connection.send(("said", str(what))))
    except MlopsError as error:
        return error
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - a bug in one model is that model's failure
        return MlopsError(f"internal error: {type(error).__name__}: {first_line(error)}")


def _end_all_the_same(met: "sys.UnraisableHookArgs") -> None:
    """End where a finalizer has swallowed the exit; what else it swallows is Python's to tell."""
    if isinstance(met.exc_value, SystemExit):
        os._exit(143)
    sys.__unraisablehook__(met)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(143)
