"""The files behind a source of ours, and replacing them all at once.

A source that ends in a format is one file. Any other is a folder of Parquet files, one for each
month, and its name is a link to the version that counts: `vitals -> .vitals-7`. A new version is
built beside it, of new files and of links to those that stay; then the name is swung over. The
version before stays until the next time, for a reader who is in the middle of it.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_cli.backends.files.atomic import replacing, sync
from mlops_cli.backends.files.formats import MONTH, is_file_source, parquet_files
from mlops_cli.backends.files.reading import read_table, translating
from mlops_cli.backends.files.stored_windows import stored_windows
from mlops_cli.backends.files.writing import write_as
from mlops_cli.config import FeatureConfig
from mlops_cli.config.features import WindowConfig
from mlops_cli.errors import InputError

_WHOLE = ""


class Parts:
    """The files of a source by name, and those that will take their place.

    A source that is one file has one part, whose name is empty. The parts of a folder are called
    after the month of their rows, as `2026-01`.
    """

    def __init__(
        self, path: Path, known: dict[str, Path], by_hand: list[Path], place: Callable[[str], Path],
        kept: bool = False,
    ) -> None:  # fmt: skip
        """Take what is there; `place` says where a part of some name waits for the others."""
        self.path = path
        self.known = known
        self.by_hand = by_hand
        """Files of a folder that somebody else has filled; their rows have to be written again."""
        self.kept = kept
        """Whether those files stay somewhere with all that they hold."""
        self.aside = None if is_file_source(path) else _aside(path)
        """Where such a folder is moved to; it is never deleted."""
        self.written: dict[str, Path] = {}
        self._place = place

    @property
    def names(self) -> list[str]:
        """The parts there are and will be, oldest month first."""
        return sorted({*self.known, *self.written})

    def columns(self, name: str) -> list[str]:
        """Return the columns of a part."""
        path = self._file(name)
        if path.suffix.lower() in {".csv", ".jsonl"}:
            return [str(column) for column in read_table(path).columns]
        with translating(path):
            return list(pq.read_schema(path).names)

    def rows(self, name: str) -> int:
        """Return how many rows a part has."""
        path = self._file(name)
        if path.suffix.lower() in {".csv", ".jsonl"}:
            return len(read_table(path))
        with translating(path):
            return int(pq.read_metadata(path).num_rows)

    def read(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Read a part as it is now, or as it will be if it was written."""
        path = self._file(name)
        if columns is None and name not in self.written:
            return read_table(path)
        with translating(path):
            return pq.read_table(path, columns=columns, page_checksum_verification=True).to_pandas()

    def windows(self, name: str) -> dict[str, str]:
        """Return how the windows of a part were computed, by feature, as far as that is known."""
        return stored_windows(self._file(name))

    def read_all(self, columns: list[str], words: list[str]) -> pd.DataFrame:
        """Read some columns of all parts, one after the other; `words` become categories."""
        tables = []
        for name in self.names:
            with translating(self._file(name)):
                tables.append(
                    pq.read_table(
                        self._file(name), columns=columns,
                        read_dictionary=words, page_checksum_verification=True,
                    )
                )  # fmt: skip
        return pa.concat_tables(tables, promote_options="permissive").to_pandas()

    def write(
        self, name: str, frame: pd.DataFrame, features: Mapping[str, FeatureConfig],
        windows: Mapping[str, WindowConfig] | None = None,
    ) -> None:  # fmt: skip
        """Write a part, maybe with its windows, to where it waits for the others."""
        if name not in self.written:
            self.written[name] = self._place(name)
        with _writing(self.path):
            write_as(self.path.suffix, self.written[name], frame, features, windows)

    def _file(self, name: str) -> Path:
        return self.written.get(name) or self.known[name]


@contextmanager
def rewriting(path: Path, dry_run: bool = False) -> Iterator[Parts]:
    """Yield the parts of a source; what is written takes its place when the block ends well.

    A link to a file stays one: the file that it stands for is replaced. Nothing is made before the
    first part is written. Nobody else may write the source meanwhile. A dry run writes none, and
    leaves what a killed import has left.

    Raises:
        InputError: It cannot be written, or a file stands where a folder belongs.
    """
    with ExitStack() as stack:
        if is_file_source(path):
            real = path.resolve() if path.is_symlink() else path
            known = {_WHOLE: real} if real.exists() else {}
            yield Parts(path, known, [], lambda _: stack.enter_context(replacing(real)))
            return
        link = path
        if dry_run and _waiting(path).exists() and not path.exists():
            link = _waiting(path)
        elif not dry_run:
            with _writing(path):
                _finish_swing(path)
        _refuse_dangling(link)
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file", "a source that is one ends in .parquet")
        found = [Path(each) for each in parquet_files(link.resolve())] if link.is_dir() else []
        # A version of ours that somebody has put another file into is no longer one.
        number = _version(path, link)
        ours = number is not None and all(MONTH.fullmatch(each.name) for each in found)
        known = {each.stem: each for each in found} if ours else {}
        by_hand = [] if ours else found
        staged: list[Path] = []

        def place(name: str) -> Path:
            if not staged:
                staged.append(stack.enter_context(_new_version(path, parts)))
            return staged[0] / f"{name}.parquet"

        parts = Parts(path, known, by_hand, place, kept=number is None)
        yield parts


@contextmanager
def _new_version(path: Path, parts: Parts) -> Iterator[Path]:
    """Yield a new folder that takes the place of the one before when the block ends well."""
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = path.parent / f".{path.name}-{max([0, *_versions(path)]) + 1}"
        folder.mkdir()
    try:
        yield folder
        with _writing(path):
            for name, known in parts.known.items():
                if name not in parts.written:
                    _link(known, folder / known.name)
            for each in (*folder.iterdir(), folder):
                sync(each)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    with _writing(path):
        _swing(path, folder, parts.aside)


def _swing(path: Path, folder: Path, aside: Path | None) -> None:
    """Let the name stand for a new folder, and delete the versions before the last one."""
    before = _version(path)
    waiting = _waiting(path)
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


def _finish_swing(path: Path) -> None:
    """Do what a killed `_swing` has left: the new name is dropped, or put where one is missing."""
    waiting = _waiting(path)
    if waiting.is_symlink():
        if waiting.exists() and not path.exists():
            waiting.replace(path)
        else:
            waiting.unlink()


def _refuse_dangling(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        raise InputError(
            f"{path} is a link to {path.readlink()}, which is not there",
            "bring the folder back, or remove the link to start anew",
        )


def _aside(path: Path) -> Path | None:
    """Return where a folder that is no version of ours is moved to, None where there is none."""
    if path.is_symlink() or not path.is_dir() or not any(path.iterdir()):
        return None
    place, number = path.with_name(f"{path.name}.original"), 1
    while place.exists():
        number += 1
        place = path.with_name(f"{path.name}.original-{number}")
    return place


def _waiting(path: Path) -> Path:
    return path.with_name(f".{path.name}.next")


def _version(path: Path, link: Path | None = None) -> int | None:
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
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error
