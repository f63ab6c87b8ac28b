"""From what a file says to what a feature means."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.derived import evaluate
from mlops_cli.domain.rejection import NO_ID, NO_TIME, Wrong
from mlops_cli.errors import InputError

_FLAGS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
_FLAGS |= {"yes": 1.0, "no": 0.0}
_ARTICLES = {"int": "a whole number", "float": "a number", "bool": "true or false"}
_NUMBERS = {"integer", "floating", "mixed-integer-float"}
_LARGEST_WHOLE = 2.0**53
"""Beyond it a float64 leaves out whole numbers."""


@dataclass(frozen=True)
class Checked:
    """A column as it is meant, and its cells that cannot be."""

    values: pd.Series
    """A wrong cell is missing, or whatever it was read as."""
    wrong: tuple[Wrong, ...] = ()
    """Rows are counted from 0 in the column."""

    def sure(self, source: str) -> pd.Series:
        """Return the column, or raise InputError about its first wrong cell."""
        if self.wrong:
            first = min(self.wrong, key=lambda each: int(each.rows[0]))
            raise InputError(f"{source}: {first.sentence()}")
        return self.values


def typed(frame: pd.DataFrame, features: Mapping[str, FeatureConfig], source: str) -> pd.DataFrame:
    """Return the feature columns with their types: numbers as float64, categories as str or None.

    Empty cells and infinite numbers are missing. Columns that are no features are left out. Derived
    features are computed from the others, also where the table has a column of their name.

    Raises:
        InputError: A column is missing, or a cell is not of its feature's type.

    >>> features = {"age": FeatureConfig(type="int"), "smoker": FeatureConfig(type="bool")}
    >>> typed(pd.DataFrame({"age": ["41", ""], "smoker": ["yes", "0"]}), features, "a.csv")
        age  smoker
    0  41.0     1.0
    1   NaN     0.0
    """
    stored = {name: spec for name, spec in features.items() if spec.expression is None}
    require(frame, stored, source)
    columns = {name: checked(frame[name], spec).sure(source) for name, spec in stored.items()}
    for name, spec in features.items():
        if spec.expression is not None:
            known = {key: column.to_numpy() for key, column in columns.items()}
            values = evaluate(spec.expression, known, len(frame))
            derived = pd.Series(values, index=frame.index, name=name)
            columns[name] = checked(derived, spec).sure(f"{source}, derived")
    return pd.DataFrame(columns, index=frame.index)[list(features)]


def readable(
    frame: pd.DataFrame, features: Mapping[str, FeatureConfig]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the features that can be read, typed, and in a word why the others cannot.

    >>> features = {"age": FeatureConfig(type="int"), "bmi": FeatureConfig(type="float")}
    >>> readable(pd.DataFrame({"age": ["old"]}), features)[1]
    {'age': 'not int', 'bmi': 'no column'}
    """
    found: dict[str, pd.Series] = {}
    problems = {}
    for name, spec in features.items():
        try:
            found[name] = typed(frame, {name: spec}, "")[name]
        except InputError:
            problems[name] = f"not {spec.type}" if name in frame.columns else "no column"
    return pd.DataFrame(found, index=frame.index), problems


def require(frame: pd.DataFrame, names: Iterable[str], source: str) -> None:
    """Raise InputError where a table lacks a column."""
    if missing := [name for name in names if name not in frame.columns]:
        raise InputError(
            f"{source}: column {missing[0]!r} is missing"
            + (f", with {len(missing) - 1} more" if len(missing) > 1 else ""),
            f"columns found: {', '.join(map(str, frame.columns[:20]))}",
        )


def checked(values: pd.Series, spec: FeatureConfig) -> Checked:
    """Return a feature column with its type, and the cells that are not of it."""
    if spec.type == "category":
        said = pd.Series(words(values), index=values.index, name=values.name, dtype=object)
        return Checked(said, _lines(said))
    if values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) in _NUMBERS:
        values = pd.to_numeric(values)
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = np.zeros(len(numbers), dtype=bool)
    else:
        read = _flag if spec.type == "bool" else number
        cells = [read(cell) for cell in values.astype(object)]
        wrong = np.array([cell is None for cell in cells], dtype=bool)
        numbers = np.array(cells, dtype=np.float64)
    finite = np.isfinite(numbers)
    if spec.type == "int":
        whole = np.where(finite, numbers, 0)
        wrong |= (whole % 1 != 0) | (np.abs(whole) > _LARGEST_WHOLE)
    if spec.type == "bool":
        wrong |= finite & (numbers != 0) & (numbers != 1)
    typed = pd.Series(np.where(finite, numbers, np.nan), index=values.index, name=values.name)
    return Checked(typed, _wrong(values, f"not {_ARTICLES[spec.type]}", wrong))


def _wrong(values: pd.Series, reason: str, mask: NDArray[np.bool_]) -> tuple[Wrong, ...]:
    return (Wrong(str(values.name), reason, np.flatnonzero(mask)),) if mask.any() else ()


def _lines(said: pd.Series) -> tuple[Wrong, ...]:
    """Find text of several lines, which a quote that was never meant makes of several rows."""
    codes, distinct = pd.factorize(said)
    several = np.array([*("\n" in cell or "\r" in cell for cell in distinct), False], dtype=bool)
    return _wrong(said, "not a word: it has several lines", several[codes])


def words(values: pd.Series) -> NDArray[np.object_]:
    """Return cells as text, each distinct one written once."""
    if pd.api.types.infer_dtype(values, skipna=True) != "string":  # 1, 1.0 and True are equal
        return np.array([*(word(cell) for cell in values), None], dtype=object)[:-1]
    codes, distinct = pd.factorize(values.astype(object))
    table = np.array([*distinct, None], dtype=object)
    table[table == ""] = None
    return table[codes]


def word(cell: Any) -> str | None:
    """Return a cell as text, None where it is empty; a whole number has no point.

    A gap in a column of whole numbers makes pandas give them one.

    >>> word("007"), word(7), word(7.0), word(float("nan"))
    ('007', '7', '7', None)
    """
    if isinstance(cell, str):
        return cell or None
    if cell is None or cell is pd.NA or cell is pd.NaT or cell != cell:  # noqa: PLR0124 - NaN
        return None
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def number(cell: Any) -> float | None:
    """Return the number of a cell, NaN where it is empty, None where it says something else."""
    if cell is None or cell is pd.NA or (isinstance(cell, str) and not cell.strip()):
        return np.nan
    if isinstance(cell, str) and "_" in cell:
        return None
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def _flag(cell: Any) -> float | None:
    """Return 1 or 0 for a word that says true or false; otherwise as `number`."""
    said = cell.strip().lower() if isinstance(cell, str) else ""
    return _FLAGS.get(said) if said else number(cell)


def checked_ids(values: pd.Series) -> Checked:
    """Return the ids of the rows as text, and the rows that have none."""
    ids = pd.Series(words(values), index=values.index, name=values.name, dtype=object)
    return Checked(ids, _wrong(values, NO_ID, ids.isna().to_numpy()) + _lines(ids))


def entities(values: pd.Series, source: str) -> pd.Series:
    """Return the ids of the rows as text.

    Raises:
        InputError: A row has none.
    """
    return checked_ids(values).sure(source)


def checked_times(values: pd.Series) -> Checked:
    """Return the times of the rows in UTC, which is what a time without a zone is in.

    A number is no time: its unit is unknown. Neither is a word, as "now". Times are kept to the
    microsecond, which has room for the years 1 to 9999.
    """
    found = moments(values)
    unread = found.isna().to_numpy()
    if not unread.any():
        return Checked(found)
    empty = unread & (values.isna() | (values.astype(object) == "")).to_numpy()
    wrong = _wrong(values, NO_TIME, empty)
    return Checked(found, wrong + _wrong(values, "not a time in ISO 8601", unread & ~empty))


def moments(values: pd.Series) -> pd.Series:
    """Return the times of the rows in UTC, in microseconds, and NaT where there is none.

    >>> moments(pd.Series(["1650-01-01", "9999-12-31T12:00-01:00", "now"])).tolist()[2]
    NaT
    """
    number = pd.api.types.is_numeric_dtype(values)
    text = pd.Series(pd.NaT, index=values.index) if number else values
    if pd.api.types.is_string_dtype(text):
        text = text.astype(object)
    if text.dtype == object:
        dated = [not isinstance(cell, str) or cell[:4].isdigit() for cell in text]
        text = text.where(np.array(dated, dtype=bool), None)
    found = pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601")
    found = found.dt.as_unit("us")
    found.name = values.name
    if text.dtype == object:  # pandas itself reads text to the nanosecond: 1677 to 2262
        unread = (found.isna() & text.notna()).to_numpy()
        known = {cell: _moment(cell) for cell in text[unread].unique()}
        read = found.dt.tz_localize(None).to_numpy("datetime64[us]").copy()
        read[unread] = [known[cell] for cell in text[unread]]
        found = pd.Series(read, index=found.index, name=found.name).dt.tz_localize("UTC")
    return found


def _moment(cell: object) -> np.datetime64:
    """Return a time of any year in UTC, NaT for what is none."""
    try:
        read = datetime.fromisoformat(str(cell))
        known = read if read.tzinfo else read.replace(tzinfo=UTC)
        return np.datetime64(known.astimezone(UTC).replace(tzinfo=None), "us")
    except (ValueError, OverflowError):
        return np.datetime64("NaT", "us")


def times(values: pd.Series, source: str) -> pd.Series:
    """Return the times of the rows in UTC.

    Raises:
        InputError: A cell is not a time in ISO 8601.
    """
    return checked_times(values).sure(source)
