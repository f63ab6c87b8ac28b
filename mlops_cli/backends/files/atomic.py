"""Whole or not at all: locks, and files that take their place when they are complete."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mlops_cli.errors import ConfigError, InputError, UnavailableError


@contextmanager
def lock(folder: str, name: str, seconds: float = 30) -> Iterator[None]:
    """Hold a lock that other processes respect; it goes with the process, however it ends.

    Raises:
        UnavailableError: Another process holds the lock for longer than `seconds`.
    """
    path = Path(folder) / "locks" / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(path)
        held.acquire(timeout=seconds)
    except Timeout as error:
        raise UnavailableError(
            f"another mlops process holds the lock '{name}'", "try again when it has finished"
        ) from error
    except OSError as error:
        raise ConfigError(f"state: {path.parent} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        held.release()


@contextmanager
def replacing(path: Path, private: bool = False) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` when the block ends well, and vanishes if not.

    What is private can be read by its owner only.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o600 if private else _mode(path))
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """Return the permissions of the file that is replaced, or else those of a new file."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on disk when this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
