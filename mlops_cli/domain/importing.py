"""From the columns and words of a published table to those of config.yaml."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.config.imports import ImportConfig, RowTimeConfig
from mlops_cli.domain.columns import word
from mlops_cli.errors import InputError

ROW, FILE = "row", "file"


def translated(
    frame: pd.DataFrame, imports: ImportConfig, entity: str, stamps: Iterable[str], source: str,
    file: str | NDArray[np.object_] = "",
) -> pd.DataFrame:  # fmt: skip
    """Return a table of the user's in our columns and words, with its ids and times.

    Args:
        frame: As it was read; its index holds the numbers of the rows, from 0.
        imports: The mapping.
        entity: Our column of the ids, made from `row_id` where the table has none.
        stamps: Our columns of times, made from `row_time` where the table has none.
        source: What errors call the table.
        file: The name of its file without the ending, or one for each row; empty for a query.

    Raises:
        InputError: An id or a time is to be made of a column that the table does not have, or two
            columns are called the same.

    >>> words = {"sex": {"0": "female"}}
    >>> mapping = ImportConfig(columns={"sex": "SEX"}, words=words, row_id="p{row}")
    >>> translated(pd.DataFrame({"SEX": ["0.0", "?"]}), mapping, "id", [], "a.csv")
          sex  id
    0  female  p0
    1       ?  p1
    """
    made = {}
    if imports.row_id is not None:
        made[entity] = _ids(frame, imports.row_id, source, file)
    if imports.row_time is not None:
        made |= dict.fromkeys(stamps, _times(frame, imports.row_time, source))
    ours = frame.rename(columns={theirs: name for name, theirs in imports.columns.items()})
    if len(set(ours.columns)) != len(ours.columns):
        twice = next(name for name in ours.columns if list(ours.columns).count(name) > 1)
        raise InputError(f"{source}: two columns are called {twice!r} by imports.columns")
    columns = {name: _column(ours[name], imports, str(name)) for name in ours.columns}
    return pd.DataFrame({**columns, **{k: v for k, v in made.items() if k not in columns}})


def _column(cells: pd.Series, imports: ImportConfig, name: str) -> pd.Series:
    """Replace what means missing, and their words by ours; each distinct cell is looked at once."""
    absent = [*imports.missing, *imports.sentinels.get(name, ())]
    words = imports.words.get(name, {})
    if not absent and not words:
        return cells
    codes, distinct = pd.factorize(cells.astype(object))
    said = [_said(cell, absent, words) for cell in distinct]
    table = np.array([*said, None], dtype=object)
    return pd.Series(table[codes], index=cells.index, name=cells.name)


def _said(cell: object, absent: list[str], words: dict[str, str]) -> object:
    if any(_alike(cell, each) for each in absent):
        return None
    return next((ours for theirs, ours in words.items() if _alike(cell, theirs)), cell)


def _alike(cell: object, said: str) -> bool:
    text = word(cell)
    if text == said:
        return True
    try:
        return float(text or "") == float(said)
    except ValueError:
        return False


def numbers_only(template: str | None) -> bool:
    """Tell whether ids are made of the row's number alone, so that every file has the same.

    >>> numbers_only("p-{row}"), numbers_only("{file}-{row}"), numbers_only(None)
    (True, False, False)
    """
    return template is not None and set(re.findall(r"\{([^{}]+)\}", template)) <= {ROW}


def _ids(
    frame: pd.DataFrame, template: str, source: str, file: str | NDArray[np.object_]
) -> pd.Series:
    """Fill a template with the row's number, the file's name and with columns of the table."""
    names = re.findall(r"\{([^{}]+)\}", template)
    own = {ROW, FILE} if len(file) else {ROW}
    _known(frame, [name for name in names if name not in own], source)
    parts = {name: frame[name].map(word) for name in names if name in frame.columns}
    parts.setdefault(FILE, pd.Series(file, index=frame.index, dtype=object))
    parts.setdefault(ROW, pd.Series(frame.index.astype(str), index=frame.index))
    ids = pd.Series("", index=frame.index, dtype=object)
    for piece in re.split(r"(\{[^{}]+\})", template):
        ids = ids + (parts[piece[1:-1]] if piece.startswith("{") else piece)
    return ids


def _times(frame: pd.DataFrame, times: RowTimeConfig, source: str) -> pd.Series:
    order = pd.Series(frame.index, index=frame.index)
    if times.order is not None:
        _known(frame, [times.order], source)
        rank = pd.to_numeric(frame[times.order], errors="coerce").rank(method="first")
        if rank.isna().any():
            raise InputError(f"{source}: column {times.order!r} holds something but numbers")
        order = rank.astype("int64") - 1
    return pd.Timestamp(times.start) + order * pd.Timedelta(times.step)


def _known(frame: pd.DataFrame, names: Iterable[str], source: str) -> None:
    for name in names:
        if name not in frame.columns:
            found = ", ".join(map(str, frame.columns[:20]))
            raise InputError(f"{source}: no column {name!r}", f"columns found: {found}")
