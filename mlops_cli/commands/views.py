"""What people look at: tables, figures with intervals, ages, bars."""

import math
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

NUMERIC = {
    "rows", "n", "positives", "version", "value", "limit", "versions", "features", "share",
    "missing", "distinct", "min", "p5", "median", "p95", "max",
}  # fmt: skip


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], narrow: bool = False
) -> list[Any]:
    """Return a title, if any, and a Rich table; empty cells show as a dash, numbers stand right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0 if narrow else (0, 1))
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in NUMERIC else "left",
            overflow="fold",
            no_wrap=column in {"spread", "run"},
        )
    for row in rows:
        made.add_row(*(Text(_cell(cell), style=STYLES.get(str(cell), "")) for cell in row))
    return [Text(title, style="bold"), made] if title else [made]


STYLES = {
    "pass": "green", "ok": "green", "promoted": "bold green", "yes": "green",
    "fail": "bold red", "drift": "bold red", "refused": "bold red", "DRIFT": "bold red",
    "inconclusive": "yellow", "waiting": "yellow", "approval_required": "yellow",
}  # fmt: skip


def _cell(cell: object) -> str:
    if cell is None or cell == "":
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return number(cell)
    if isinstance(cell, timedelta):
        return age(cell)
    return str(cell)


def number(value: float | None) -> str:
    """Write a number with as many digits as it has meaning.

    >>> number(0.87654), number(41.0), number(1234.56), number(None)
    ('0.877', '41', '1235', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    if float(value).is_integer():
        return str(int(value))
    # Adding 0.0 turns -0.0 into 0.0.
    return f"{round(value, 3) + 0.0:.3f}" if abs(value) < 100 else f"{value:.0f}"


def percent(share: float | None) -> str:
    """Write a share; one that is not quite none, or not quite all, shows as such.

    >>> percent(0.187), percent(0.0001), percent(0.9999), percent(1.0), percent(0.0)
    ('18.7%', '<0.1%', '>99.9%', '100%', '0%')
    """
    if share is None or not math.isfinite(share):
        return "-"
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{100 * share:.1f}%".replace(".0%", "%")


def digits(value: float | None) -> str:
    """Write a number in three digits, or more where it has more before the point.

    >>> [digits(value) for value in (0.0, -0.01234, 27.1, 246.72, 1139951.0, None)]
    ['0', '-0.0123', '27.1', '247', '1139951', '-']
    """
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """Write an estimate with its 95 % interval.

    >>> interval(0.87654, 0.85, 0.9)
    '0.877 [0.850, 0.900]'
    """
    if low is None or high is None or not math.isfinite(low + high):
        return number(value)
    return f"{number(value)} [{round(low, 3) + 0.0:.3f}, {round(high, 3) + 0.0:.3f}]"


def age(value: timedelta | None) -> str:
    """Write an age in the unit a person would use.

    >>> age(timedelta(minutes=90)), age(timedelta(days=3, hours=2)), age(timedelta(seconds=5))
    ('1.5 h', '3.1 d', '5 s')
    """
    if value is None:
        return "-"
    seconds = value.total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}".replace(".0 ", " ")
    return f"{seconds:.0f} s"


def bar(value: float, largest: float, width: int = 16) -> str:
    """Draw a contribution: its length against the largest, and its direction.

    >>> bar(-0.5, 1.0, 4), bar(1.0, 1.0, 4)
    ('--', '++++')
    """
    length = round(width * abs(value) / largest) if largest else 0
    return ("+" if value >= 0 else "-") * length


def spark(counts: Sequence[int]) -> str:
    """Draw a histogram: a gap for none, and a block at least for any.

    >>> spark([0, 1, 50, 100])
    ' ▁▄█'
    """
    most = max(counts, default=0)
    return "".join(" ▁▂▃▄▅▆▇█"[math.ceil(8 * count / most) if most else 0] for count in counts)
