"""Pictures of several classes: which is taken for which, and each against the rest."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mlops_cli.backends.plots.canvas import (
    Axis,
    Sheet,
    cell,
    legend,
    line,
    numbers,
    picture,
)
from mlops_cli.domain.curves import Outcomes

_COLOURS = ("main", "other", "third", "fourth", "fifth")
_KINDS = (*_COLOURS, *(f"{colour} dashed" for colour in _COLOURS))
_LONGEST = 14
_FEW = 6

Found = Mapping[str, tuple[Outcomes, float]]
"""What every threshold on the probability of a class finds, and a figure to say beside it."""


def confusion(counts: NDArray[np.float64], classes: Sequence[str]) -> str:
    """Draw how many rows of each class (down) are predicted as each (across), with their share.

    More than six classes are numbered across, and only their shares are written.

    Args:
        counts: rows, `(true, predicted)`.
        classes: their words.
    """
    last, few = len(classes) - 1, len(classes) <= _FEW
    words = [_short(word) if few else f"{_short(word)} {n + 1}" for n, word in enumerate(classes)]
    above = words if few else [str(n + 1) for n in range(len(classes))]
    across = Axis("predicted", -0.5, last + 0.5, tuple((float(n), w) for n, w in enumerate(above)))
    down = Axis("true", -0.5, last + 0.5, tuple((float(last - n), w) for n, w in enumerate(words)))
    sheet = Sheet(across, down, height=110 + (46 if few else 24) * len(classes))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    marks = [
        cell(sheet, x, last - y, share, [f"{count:.0f}", f"{share:.0%}"] if few else [_bare(share)])
        for y, rows in enumerate(zip(counts.tolist(), shares.tolist(), strict=True))
        for x, (count, share) in enumerate(zip(*rows, strict=True))
    ]
    right = float(np.trace(counts) / counts.sum())
    of = "shares" if few else "numbers are %"
    note = f"{right:.1%} are right; {of} of the rows of a true class"
    return picture("Confusion", note, sheet, marks)


def _bare(share: float) -> str:
    return f"{100 * share:.0f}"


def roc_of_each(every: Found) -> str:
    """Draw for each class the share found against the share of the rest named, with its AUC."""
    found, note = _first(every)
    sheet = Sheet(_share("rest that is named (false positive rate)"), _share("class that is found"))
    marks = [line(sheet, [0, 1], [0, 1], "guide")]
    marks += [
        line(sheet, each.false_alarms, each.recall, kind)
        for kind, (each, _) in zip(_kinds(found), found.values(), strict=True)
    ]
    marks.append(legend(sheet, _entries(found, "AUC"), right=True))
    return picture("ROC, each class against the rest", note or "dashed: chance", sheet, marks)


def precision_recall_of_each(every: Found) -> str:
    """Draw for each class its share among the named against the share found."""
    found, note = _first(every)
    sheet = Sheet(_share("class that is found (recall)"), _share("class among the named"))
    curves = list(found.values())
    marks = [
        line(sheet, each.recall, each.precision, kind)
        for kind, (each, _) in zip(_kinds(found), curves, strict=True)
    ]
    # Where fewer points of the curves are: above on the right, or below on the left.
    over = sum(int(((each.recall > 0.6) & (each.precision > 0.75)).sum()) for each, _ in curves)
    under = sum(int(((each.recall < 0.5) & (each.precision < 0.25)).sum()) for each, _ in curves)
    high = over < under
    marks.append(legend(sheet, _entries(found, "of the rows"), right=high, high=high))
    note = note or "share of the rows: what chance would do"
    return picture("Precision and recall, each class", note, sheet, marks)


def _first(every: Found) -> tuple[Found, str]:
    """Return as many classes as there are kinds of lines, and in a word that there are more."""
    most = len(_KINDS)
    if len(every) <= most:
        return every, ""
    return dict(list(every.items())[:most]), f"the first {most} of {len(every)} classes"


def _entries(found: Found, what: str) -> list[tuple[str, str]]:
    return [
        (kind, f"{_short(word)}: {figure:.2f} {what}")
        for kind, (word, (_, figure)) in zip(_kinds(found), found.items(), strict=True)
    ]


def _kinds(found: Found) -> list[str]:
    return list(_KINDS[: len(found)])


def _short(word: str) -> str:
    return word if len(word) <= _LONGEST else f"{word[: _LONGEST - 1]}…"


def _share(label: str) -> Axis:
    return numbers(label, [0.0, 1.0])
