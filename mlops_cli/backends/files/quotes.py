"""Quotes in a CSV file: whether there are any, and one that is opened and never closed."""

import codecs
import csv
import io
import re
from mmap import ACCESS_READ, mmap
from pathlib import Path

from mlops_cli.errors import InputError


def check_quotes(path: Path, encoding: str, delimiter: str, header: bool) -> bool:
    """Tell whether a CSV file has quotes, and refuse one that ends inside a quoted cell.

    All rows from there on would be one cell, and whoever they are about would be lost.

    Args:
        path: The file.
        encoding: Of the file.
        delimiter: Between its cells.
        header: Whether its first line holds column names.

    Raises:
        InputError: A quote is never closed.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as text:
        if text.find(b'"') < 0:
            return False
        if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
            before = _before_open(text[:].decode(encoding).encode(), delimiter)
        else:
            before = _before_open(text, delimiter)
    if before is None:
        return True
    known = io.StringIO(before.decode("latin-1") + "x", newline="")
    row = sum(1 for cells in csv.reader(known, delimiter=delimiter) if cells) - header
    place = f"row {row}" if row else "the header"
    raise InputError(
        f"{path}: {place} opens a quote that is never closed",
        "all that follows would be one cell: close it, or remove it",
    )


def _before_open(text: bytes | mmap, delimiter: str) -> bytes | None:
    """Return what stands before a quoted cell that has no end, None where there is no such cell.

    A quote opens a cell only as its first character, and two in there are one that is meant.

    >>> _before_open(b'5" tall,"a ""b"" c",1', ","), _before_open(b'5" tall,"b', ",")
    (None, b'5" tall,')
    """
    between = re.escape(delimiter.encode())
    literal = rb"(?<=[^\n\r" + between + rb'])"'
    quoted = rb'"[^"]*+(?:""[^"]*+)*+"'
    start = len(codecs.BOM_UTF8) if text[:3] == codecs.BOM_UTF8 else 0
    with memoryview(text) as view, view[start:] as body:
        found = re.compile(rb'(?:[^"]++|' + literal + rb"|" + quoted + rb")*+").match(body)
        end = found.end() if found else 0
        del found  # it holds on to the file
        return None if end == len(body) else bytes(body[:end])
