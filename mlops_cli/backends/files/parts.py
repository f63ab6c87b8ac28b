"""The files behind a source of ours, and replacing them all at once.

A source that ends in a format is one file. Any other is a folder of Parquet files, one for each
month, in versions.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_cli.backends.files.atomic import replacing
from mlops_cli.backends.files.formats import MONTH, is_file_source, parquet_files
from mlops_cli.backends.files.reading import read_table, translating
from mlops_cli.backends.files.stored_windows import stored_windows
from mlops_cli.backends.files.versions import (
    finish_swing,
    new_version,
    next_link,
    place_aside,
    refuse_dangling,
    version_of,
    writing,
)
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
        self.aside = None if is_file_source(path) else place_aside(path)
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
        with writing(self.path):
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
        if dry_run and next_link(path).exists() and not path.exists():
            link = next_link(path)
        elif not dry_run:
            with writing(path):
                finish_swing(path)
        refuse_dangling(link)
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file", "a source that is one ends in .parquet")
        found = [Path(each) for each in parquet_files(link.resolve())] if link.is_dir() else []
        # A version of ours that somebody has put another file into is no longer one.
        number = version_of(path, link)
        ours = number is not None and all(MONTH.fullmatch(each.name) for each in found)
        known = {each.stem: each for each in found} if ours else {}
        by_hand = [] if ours else found
        staged: list[Path] = []

        def place(name: str) -> Path:
            if not staged:
                made = new_version(path, parts.known, parts.written, parts.aside)
                staged.append(stack.enter_context(made))
            return staged[0] / f"{name}.parquet"

        parts = Parts(path, known, by_hand, place, kept=number is None)
        yield parts
