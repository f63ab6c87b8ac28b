"""Axes and marks as SVG: small, sharp at every size, in the colours of the page around it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64] | Sequence[float]

WIDTH, HEIGHT = 400, 320
_TOP, _RIGHT, _BOTTOM = 46, 14, 44
_LONGEST = 22
_LETTER = 6.2  # its width, about

STYLE = """
.plot { --ink: #1f2933; --soft: #66727f; --rule: #d9dee3; --main: #2f6fb2; --other: #c2571a;
  --fill: #2f6fb2; --paper: #ffffff; --third: #2a8a57; --fourth: #7b4fb3; --fifth: #8a6d00 }
@media (prefers-color-scheme: dark) { .plot { --ink: #e6e9ec; --soft: #9aa5b1; --rule: #3a444e;
  --main: #7fb3e6; --other: #f0a36b; --fill: #5b93cc; --paper: #171c21; --third: #6fcf97;
  --fourth: #c3a3ee; --fifth: #e0c45c } }
@media print { .plot { --ink: #1f2933; --soft: #66727f; --rule: #d9dee3; --main: #2f6fb2;
  --other: #c2571a; --fill: #2f6fb2; --paper: #ffffff; --third: #2a8a57; --fourth: #7b4fb3;
  --fifth: #8a6d00 } }
.plot text { font: 11px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--soft) }
.plot .title { font-size: 14px; font-weight: 600; fill: var(--ink) }
.plot .rule { stroke: var(--rule); stroke-width: 1; fill: none }
.plot .main { stroke: var(--main); stroke-width: 2; fill: none; stroke-linejoin: round }
.plot .thin { stroke: var(--main); stroke-width: 1.2; fill: none }
.plot .other { stroke: var(--other); stroke-width: 2; fill: none; stroke-linejoin: round }
.plot .third { stroke: var(--third); stroke-width: 2; fill: none; stroke-linejoin: round }
.plot .fourth { stroke: var(--fourth); stroke-width: 2; fill: none; stroke-linejoin: round }
.plot .fifth { stroke: var(--fifth); stroke-width: 2; fill: none; stroke-linejoin: round }
.plot .dashed { stroke-dasharray: 7 3 }
.plot .paper { fill: var(--paper) }
.plot .ground { fill: var(--paper); opacity: .85 }
.plot .inside { fill: var(--ink) }
.plot .guide { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 3; fill: none }
.plot .cloud { stroke: var(--main); stroke-width: 4; stroke-linecap: round; opacity: .45 }
.plot .dots { stroke: var(--main); stroke-width: 6; stroke-linecap: round }
.plot .mark { fill: var(--other); stroke: var(--paper); stroke-width: 1.5 }
.plot .bars { fill: var(--fill); opacity: .8 }
.plot .pale { fill: var(--fill); opacity: .25 }
"""
"""Everything a picture looks like; a page that holds pictures needs it once."""


@dataclass(frozen=True)
class Axis:
    """Numbers along one side of a picture."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    """Where a number, or a word, stands."""

    def place(self, values: Numbers, start: float, end: float) -> NDArray[np.float64]:
        """Return where values stand between two pixels; those outside stand at the edge."""
        shares = (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)
        return np.asarray(start + np.clip(shares, 0.0, 1.0) * (end - start))


@dataclass(frozen=True)
class Sheet:
    """The area between two axes, in which marks are placed."""

    x: Axis
    y: Axis
    height: float = HEIGHT

    @property
    def left(self) -> float:
        """Where the area begins: beside the longest word of the vertical axis, and its label."""
        longest = max((len(word) for _, word in self.y.ticks), default=0)
        return _LETTER * longest + (32 if self.y.label else 16)

    def across(self, values: Numbers) -> NDArray[np.float64]:
        """Return the horizontal pixels of values."""
        return self.x.place(values, self.left, WIDTH - _RIGHT)

    def up(self, values: Numbers) -> NDArray[np.float64]:
        """Return the vertical pixels of values."""
        return self.y.place(values, self.height - _BOTTOM, _TOP)


def numbers(
    label: str, values: Numbers, *, zero: bool = False, margin: float = 0.0, whole: bool = False
) -> Axis:
    """Return an axis over all finite values, with round numbers on it.

    Args:
        label: what the numbers are.
        values: what the axis must reach.
        zero: it also reaches 0.
        margin: share of its length that is added at both ends.
        whole: only whole numbers are written on it.

    >>> [word for _, word in numbers("x", [0.0, 1.0]).ticks]
    ['0', '0.2', '0.4', '0.6', '0.8', '1']
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    low = min(low, 0.0) if zero else low
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-12):
        half = abs(high) / 10 or 0.5
        low, high = low - half, high + half
    low, high = low - margin * (high - low), high + margin * (high - low)
    step = 10.0 ** np.floor(np.log10((high - low) / 4))
    step *= next(each for each in (1, 2, 5, 10) if (high - low) / (each * step) <= 5.01)
    step = max(step, 1.0) if whole else step
    places = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step
    return Axis(label, low, high, tuple((float(p), f"{p + 0.0:.7g}") for p in places))


def names(words: Sequence[str]) -> Axis:
    """Return an axis with a word at each row, the first one lowest.

    Of a long one the middle is left out: what tells long names apart often stands at their end.

    >>> names(["sex", "mean_of_blood_pressure_in_90_days"]).ticks
    ((0.0, 'sex'), (1.0, 'mean_of_blo…in_90_days'))
    """
    ends = (_LONGEST // 2, 1 - _LONGEST // 2)
    cut = [w if len(w) <= _LONGEST else f"{w[: ends[0]]}…{w[ends[1] :]}" for w in words]
    ticks = tuple((float(place), word) for place, word in enumerate(cut))
    return Axis("", -0.6, len(words) - 0.4, ticks)


def line(sheet: Sheet, xs: Numbers, ys: Numbers, kind: str = "main") -> str:
    """Join points; those that are not finite are left out, and those on the same half pixel."""
    return f'<path class="{kind}" d="M{"L".join(_pixels(sheet, xs, ys))}"/>'


def dots(sheet: Sheet, xs: Numbers, ys: Numbers, kind: str = "dots") -> str:
    """Draw a round dot at each point."""
    places = dict.fromkeys(_pixels(sheet, xs, ys))
    return f'<path class="{kind}" d="{"".join(f"M{each}h0" for each in places)}"/>'


def mark(sheet: Sheet, x: float, y: float) -> str:
    """Draw the one point that matters; nothing where there is none."""
    if not np.isfinite([x, y]).all():
        return ""
    across, up = sheet.across([x])[0], sheet.up([y])[0]
    return f'<circle class="mark" cx="{across:.1f}" cy="{up:.1f}" r="5"/>'


def whiskers(sheet: Sheet, xs: Numbers, lows: Numbers, highs: Numbers) -> str:
    """Draw an interval above each place; nothing where it is not known."""
    known = np.isfinite(np.asarray(lows) + np.asarray(highs))
    ends = (sheet.across(xs), sheet.up(lows), sheet.up(highs))
    rows = zip(*(each[known] for each in ends), strict=True)
    return f'<path class="thin" d="{"".join(f"M{x:.1f} {a:.1f}V{b:.1f}" for x, a, b in rows)}"/>'


def spans(sheet: Sheet, lows: Numbers, highs: Numbers) -> str:
    """Draw an interval across each row, the first one lowest; nothing where it is not known."""
    known = np.isfinite(np.asarray(lows) + np.asarray(highs))
    middles = sheet.up(np.arange(len(known), dtype=np.float64))
    ends = (middles, sheet.across(lows), sheet.across(highs))
    rows = zip(*(each[known] for each in ends), strict=True)
    return f'<path class="thin" d="{"".join(f"M{a:.1f} {y:.1f}H{b:.1f}" for y, a, b in rows)}"/>'


def columns(sheet: Sheet, edges: Numbers, heights: Numbers, kind: str = "bars") -> str:
    """Draw a histogram: bars between neighbouring edges, from the bottom up."""
    sides, tops, ground = sheet.across(edges), sheet.up(heights), sheet.up([sheet.y.low])[0]
    return "".join(
        f'<rect class="{kind}" x="{a + 0.5:.1f}" y="{top:.1f}" '
        f'width="{max(b - a - 1, 0.5):.1f}" height="{ground - top:.1f}"/>'
        for a, b, top in zip(sides, sides[1:], tops, strict=False)
    )


def stripes(sheet: Sheet, lengths: Numbers) -> str:
    """Draw bars from the left, the first one lowest."""
    start, ends = sheet.across([sheet.x.low])[0], sheet.across(lengths)
    middles = sheet.up(np.arange(len(ends), dtype=np.float64))
    return "".join(
        f'<rect class="bars" x="{start:.1f}" y="{y - 6:.1f}" '
        f'width="{end - start:.1f}" height="12"/>'
        for end, y in zip(ends, middles, strict=True)
    )


def cell(sheet: Sheet, x: float, y: float, shade: float, words: Sequence[str]) -> str:
    """Draw a square around a place, one unit wide, its colour as strong as `shade` in [0, 1]."""
    sides = [*sheet.across([x - 0.5, x + 0.5]), *sheet.up([y + 0.5, y - 0.5])]
    left, right, top, bottom = (float(each) for each in sides)
    middle, first = (left + right) / 2, (top + bottom) / 2 - 7 * (len(words) - 1) + 4
    lines = (
        _text(middle, first + 14 * n, word, "middle", ' class="inside"')
        for n, word in enumerate(words)
    )
    place = (
        f'x="{left + 1:.1f}" y="{top + 1:.1f}" width="{right - left - 2:.1f}" '
        f'height="{bottom - top - 2:.1f}"'
    )
    return (
        f'<rect class="paper" {place}/>'
        f'<rect class="bars" style="opacity:{0.06 + 0.6 * shade:.2f}" {place}/>{"".join(lines)}'
    )


def legend(
    sheet: Sheet, entries: Sequence[tuple[str, str]], *, right: bool, high: bool = False
) -> str:
    """Name the lines in a corner, on a ground of its own: the kind of each, and its words."""
    width = 26 + 6.2 * max(len(words) for _, words in entries)
    left = WIDTH - _RIGHT - width - 6 if right else sheet.left + 6
    top = _TOP + 6 if high else sheet.height - _BOTTOM - 6 - 15 * len(entries)
    parts = [
        f'<rect class="ground" x="{left:.1f}" y="{top - 3:.1f}" width="{width:.1f}" '
        f'height="{15 * len(entries) + 3}"/>'
    ]
    for n, (kind, words) in enumerate(entries):
        y = top + 15 * n + 7
        parts.append(f'<path class="{kind}" d="M{left + 4:.1f} {y:.1f}h14"/>')
        parts.append(_text(left + 22, y + 4, words))
    return "".join(parts)


def picture(title: str, note: str, sheet: Sheet, marks: Iterable[str]) -> str:
    """Return a whole SVG element: what a page can hold as it is, and a file with `document`."""
    ground, right = sheet.height - _BOTTOM, WIDTH - _RIGHT
    parts = []
    for place, word in sheet.x.ticks:
        x = sheet.across([place])[0]
        parts.append(f'<path class="rule" d="M{x:.1f} {_TOP}V{ground}"/>')
        # A long word at the right end must not be cut.
        x = min(x, WIDTH - 2 - _LETTER / 2 * len(word))
        parts.append(_text(x, ground + 15, word, anchor="middle"))
    for place, word in sheet.y.ticks:
        y = sheet.up([place])[0]
        if not sheet.x.label or sheet.y.label:
            parts.append(f'<path class="rule" d="M{sheet.left} {y:.1f}H{right}"/>')
        parts.append(_text(sheet.left - 6, y + 4, word, anchor="end"))
    middle = (_TOP + ground) / 2
    turned = f' transform="rotate(-90 12 {middle:.0f})"'
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} '
        f'{sheet.height:g}" role="img" aria-label="{escape(f"{title}: {note}", quote=True)}">'
        f'<text class="title" x="8" y="18">{escape(title)}</text>'
        f"{_text(8, 34, note)}{''.join(parts)}{''.join(marks)}"
        f"{_text((sheet.left + right) / 2, sheet.height - 8, sheet.x.label, 'middle')}"
        f"{_text(12, middle, sheet.y.label, 'middle', turned)}</svg>"
    )


def document(svg: str) -> str:
    """Return a picture as a file of its own, with its colours and a ground to stand on."""
    style = f'<style>{STYLE}</style><rect width="100%" height="100%" fill="var(--paper)"/>'
    end = svg.index(">") + 1
    size = f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" '
    return f"{size}{svg[5:end]}{style}{svg[end:]}\n"


def _text(x: float, y: float, words: str, anchor: str = "start", more: str = "") -> str:
    if not words:
        return ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def _pixels(sheet: Sheet, xs: Numbers, ys: Numbers) -> list[str]:
    known = np.isfinite(np.asarray(xs, np.float64) + np.asarray(ys, np.float64))
    across, up = (np.round(each[known] * 2) / 2 for each in (sheet.across(xs), sheet.up(ys)))
    new = np.ones(len(across), dtype=bool)
    new[1:] = (np.diff(across) != 0) | (np.diff(up) != 0)
    return [f"{x:g} {y:g}" for x, y in zip(across[new], up[new], strict=True)]
