"""Versions of a folder of ours: a new one is built beside, then the name is swung over to it.

The name is a link to the version that counts: `vitals -> .vitals-7`. A new version is built of new
files and of links to those that stay. The version before stays until the next time, for a reader
who is in the middle of it.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlops_cli.backends.files.atomic import sync
from mlops_cli.errors import InputError


@contextmanager
def new_version(
    path: Path, known: Mapping[str, Path], written: Mapping[str, Path], aside: Path | None
) -> Iterator[Path]:
    """Yield a new folder that takes the place of the one before when the block ends well.

    Args:
        path: the name that will stand for it.
        known: the parts there are; those that are not written anew are linked into it.
        written: the parts that are written, in the folder, when the block ends.
        aside: where a folder that is no version of ours is moved to.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = path.parent / f".{path.name}-{max([0, *_versions(path)]) + 1}"
        folder.mkdir()
    try:
        yield folder
        with writing(path):
            for name, file in known.items():
                if name not in written:
                    _link(file, folder / file.name)
            for each in (*folder.iterdir(), folder):
                sync(each)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    with writing(path):
        _swing(path, folder, aside)


def _swing(path: Path, folder: Path, aside: Path | None) -> None:
    """Let the name stand for a new folder, and delete the versions before the last one."""
    before = version_of(path)
    waiting = next_link(path)
    waiting.symlink_to(folder.name)
    if aside is not None:
        path.rename(aside)
    elif path.is_dir() and not path.is_symlink():
        path.rmdir()
    waiting.replace(path)
    sync(path.parent)
    for number, version in _versions(path).items():
        if version != folder and number != before:
            shutil.rmtree(version, ignore_errors=True)


def finish_swing(path: Path) -> None:
    """Do what a killed `_swing` has left: the new name is dropped, or put where one is missing."""
    waiting = next_link(path)
    if waiting.is_symlink():
        if waiting.exists() and not path.exists():
            waiting.replace(path)
        else:
            waiting.unlink()


def refuse_dangling(path: Path) -> None:
    """Stop where a name stands for a folder that is gone.

    Raises:
        InputError: It does.
    """
    if path.is_symlink() and not path.exists():
        raise InputError(
            f"{path} is a link to {path.readlink()}, which is not there",
            "bring the folder back, or remove the link to start anew",
        )


def place_aside(path: Path) -> Path | None:
    """Return where a folder that is no version of ours is moved to, None where there is none."""
    if path.is_symlink() or not path.is_dir() or not any(path.iterdir()):
        return None
    place, number = path.with_name(f"{path.name}.original"), 1
    while place.exists():
        number += 1
        place = path.with_name(f"{path.name}.original-{number}")
    return place


def next_link(path: Path) -> Path:
    """Return the link that is about to become the name."""
    return path.with_name(f".{path.name}.next")


def version_of(path: Path, link: Path | None = None) -> int | None:
    """Return which version of ours a name stands for, None where it is no link of ours."""
    link = link or path
    target = link.readlink().name if link.is_symlink() else ""
    return next((n for n, each in _versions(path).items() if each.name == target), None)


def _versions(path: Path) -> dict[int, Path]:
    """Return the folders of versions beside a name, by number."""
    form = re.compile(re.escape(f".{path.name}-") + r"([0-9]{1,9})")
    beside = path.parent.iterdir() if path.parent.is_dir() else []
    return {int(m[1]): each for each in beside if (m := form.fullmatch(each.name))}


def _link(known: Path, place: Path) -> None:
    try:
        place.hardlink_to(known)
    except OSError:  # a file system without them
        shutil.copy2(known, place)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell what could not be written, as an `InputError`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error
