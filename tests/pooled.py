"""Work for processes: a module of its own, as they have to import it."""

import os
import signal
from collections.abc import Callable

from mlops_cli.errors import InputError


def work(name: str, say: Callable[[object], None], count: int = 3) -> str:
    for number in range(count):
        say(f"{name} {number}")
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "wrong":
        raise InputError("it is wrong", "put it right")
    if name == "bug":
        raise ZeroDivisionError("by zero")
    return name.upper()


class ToldToEnd:
    """Is told to end in a finalizer, from which no exception gets out."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def told_to_end(name: str, _say: Callable[[str], None]) -> str:
    ToldToEnd()
    return name
