"""Quotes in a CSV file: whether there are any, and one that is there by mistake."""

import codecs
import csv
import io
import re
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

from mlops_cli.errors import InputError


def check_quotes(path: Path, encoding: str, delimiter: str, header: bool) -> bool:
    """Tell whether a CSV file has quotes, and refuse one in which a stray quote swallows rows.

    All rows from there to the next quote, or to the end, would be one cell, and whoever they are
    about would be lost.

    Args:
        path: The file.
        encoding: Of the file.
        delimiter: Between its cells.
        header: Whether its first line holds column names.

    Raises:
        InputError: A quote is never closed, or each line of a cell is a row by itself.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as text:
        if text.find(b'"') < 0:
            return False
        if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
            stray = _stray(text[:].decode(encoding).encode(), delimiter)
        else:
            stray = _stray(text, delimiter)
    if stray is None:
        return True
    known = io.StringIO(stray.before.decode("latin-1") + "x", newline="")
    row = sum(1 for cells in csv.reader(known, delimiter=delimiter) if cells) - header
    place = f"{path}: {f'row {row}' if row else 'the header'} opens a quote"
    if not stray.rows:
        raise InputError(
            f"{place} that is never closed",
            "all that follows would be one cell: close it, or remove it",
        )
    lines = "1 more line that looks like a row is" if stray.rows == 1 else ""
    raise InputError(
        f"{place}, and {lines or f'{stray.rows} more lines that look like rows are'} in that cell",
        "close it where the cell ends, or remove it and the next one",
    )


_LINE_END = re.compile(rb"[\n\r]")


@dataclass(frozen=True)
class _Stray:
    """A quote that opens a cell by mistake."""

    before: bytes
    """All that stands before it."""
    rows: int
    """How many more rows it would swallow; 0 where it is never closed, and swallows them all."""


def _stray(text: bytes | mmap, delimiter: str) -> _Stray | None:
    r"""Return the first quote that opens a cell by mistake, None where there is none.

    A quote opens a cell only as its first character, and two in there are one that is meant.

    >>> _stray(b'5" tall,"a ""b"" c",1', ","), _stray(b'5" tall,"b', ",")
    (None, _Stray(before=b'5" tall,', rows=0))
    >>> _stray(b'id,at,note\n1,2,"a\n3,4,b"\n', ",")
    _Stray(before=b'id,at,note\n1,2,', rows=1)
    """
    between = re.escape(delimiter.encode())
    literal = rb"(?<=[^\n\r" + between + rb"])(?<!\A" + codecs.BOM_UTF8 + rb')"'
    in_a_line = rb'"[^"\n\r]*+(?:""[^"\n\r]*+)*+"'
    plain = re.compile(rb'(?:[^"]++|' + literal + rb"|" + in_a_line + rb")*+")
    quoted = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
    start = len(codecs.BOM_UTF8) if text[:3] == codecs.BOM_UTF8 else 0
    columns, place, before = 0, start, start
    while True:
        found = plain.match(text, place)
        place = found.end() if found else place
        if place == len(text):
            return None
        cell = quoted.match(text, place)
        if cell is None:
            return _Stray(bytes(text[start:place]), 0)
        columns = columns or _width(_lines(text, start, start, start)[0], delimiter)
        lines = _lines(text, before, place, cell.end())
        if columns > 2 and all(_is_row(line, columns, delimiter) for line in lines):
            return _Stray(bytes(text[start:place]), len(lines) - 1)
        before, place = place, cell.end()


def _lines(text: bytes | mmap, since: int, start: int, end: int) -> list[bytes]:
    """Return the whole lines of which something stands between `start` and `end`.

    The first one begins not before `since`, which keeps the search for its beginning short.
    """
    first = max(since, text.rfind(b"\n", since, start) + 1, text.rfind(b"\r", since, start) + 1)
    last = _LINE_END.search(text, end)
    return bytes(text[first : last.start() if last else len(text)]).splitlines()


def _width(line: bytes, delimiter: str) -> int:
    """Return how many cells a line has by itself, its quotes heeded."""
    return len(next(csv.reader([line.decode("latin-1")], delimiter=delimiter), []))


def _is_row(line: bytes, columns: int, delimiter: str) -> bool:
    """Tell whether a line has so many cells by itself, its quotes heeded or not."""
    if line.count(delimiter.encode()) + 1 == columns:
        return True
    return b'"' in line and _width(line, delimiter) == columns
