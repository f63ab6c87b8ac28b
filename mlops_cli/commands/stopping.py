"""Ctrl-C and SIGTERM: raised where the program is, so that what is open gets closed, and surely."""

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from mlops_cli.commands import session

AGAIN = 0.05
"""Seconds after which a stop that was swallowed is raised once more."""


class Terminated(BaseException):
    """SIGTERM, raised where the program is."""


_KINDS: dict[int, type[BaseException]] = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: Terminated,
}


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into exceptions that end the block.

    Python raises them between any two instructions of the main thread. In a finalizer or a callback
    of the garbage collector it prints and forgets them: here they are raised again soon after. What
    a library catches is raised again when the session is next told how far the work is.
    """
    handlers = {number: signal.signal(number, _stop) for number in _KINDS}
    hook, timers = sys.unraisablehook, list[threading.Timer]()

    def again(swallowed: Any) -> None:
        number = next((n for n, kind in _KINDS.items() if swallowed.exc_type is kind), None)
        if number is None:
            hook(swallowed)
            return
        timers.append(threading.Timer(AGAIN, _thread.interrupt_main, (number,)))
        timers[-1].daemon = True
        timers[-1].start()

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for timer in timers:
            timer.cancel()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    kind = _KINDS[number]
    session.current().stopped_by = kind
    raise kind
