"""Jinja2: the page people read about a training."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mlops_cli.domain.results.judging import FairnessGap, Interval
from mlops_cli.domain.results.training import SiteValue


def render(facts: Mapping[str, Any], pictures: Mapping[str, str], style: str) -> str:
    """Return one HTML page that loads nothing from anywhere; every word in it is escaped.

    Args:
        facts: what `templates/report.html` names; a name that is missing is an error.
        pictures: SVG elements by name, taken as they are.
        style: the CSS that they need.
    """
    page = _ENVIRONMENT.get_template("report.html")
    drawn = {name: Markup(svg) for name, svg in pictures.items()}  # noqa: S704 - escaped where drawn
    return page.render(**facts, pictures=drawn, plot_style=Markup(style))  # noqa: S704 - a constant


def _number(value: float | None) -> str:
    """Write a number in three digits after the point, or as it is where it is large or whole.

    >>> _number(0.87654), _number(41.0), _number(1234.56), _number(float("nan"))
    ('0.877', '41', '1235', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    if float(value).is_integer():
        return f"{value:.0f}"
    return _end(value)


def _interval(of: Interval | FairnessGap | SiteValue, *, signed: bool = False) -> str:
    """Write an estimate with its 95 % interval, where it has one.

    >>> _interval(Interval(0.01234, -0.001, 1.0), signed=True)
    '+0.012 [-0.001, 1.000]'
    """
    value = _number(of.value)
    value = f"+{value}" if signed and of.value and of.value > 0 else value
    if of.low is None or of.high is None or not math.isfinite(of.low + of.high):
        return value
    return f"{value} [{_end(of.low)}, {_end(of.high)}]"


def _end(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}" if abs(value) < 100 else f"{value:.0f}"


def _digits(value: float) -> str:
    """Write a loss, whose last digits matter.

    >>> _digits(0.65432), _digits(12.34567), _digits(0.00001)
    ('0.6543', '12.35', '<0.0001')
    """
    if 0 < value < 0.00005:
        return "<0.0001"
    return f"{round(value, 4) + 0.0:.4f}" if abs(value) < 10 else f"{value:.4g}"


def _percent(share: float) -> str:
    """Write a share.

    >>> _percent(0.848), _percent(1.0), _percent(0.9999)
    ('84.8 %', '100 %', '>99.9 %')
    """
    if 0.9995 <= share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %".replace(".0 %", " %")


def _short(value: object) -> object:
    """Write a parameter without the digits that say nothing.

    >>> _short(0.9026024435304022), _short(30), _short("platt")
    ('0.902602', 30, 'platt')
    """
    return f"{value:.6g}" if isinstance(value, float) else value


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(
    number=_number, interval=_interval, digits=_digits, percent=_percent, short=_short
)
