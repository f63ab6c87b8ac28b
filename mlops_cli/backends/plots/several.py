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

_KINDS = ("main", "other", "third", "fourth", "fifth")
_LONGEST = 14

Found = Mapping[str, tuple[Outcomes, float]]
"""What every threshold on the probability of a class finds, and a figure to say beside it."""


def confusion(counts: NDArray[np.float64], classes: Sequence[str]) -> str:
    """Draw how many rows of each class (down) are predicted as each (across), with their share.

    Args:
        counts: rows, `(true, predicted)`.
        classes: their words.
    """
    last, words = len(classes) - 1, [_short(word) for word in classes]
    across = Axis("predicted", -0.5, last + 0.5, tuple((float(n), w) for n, w in enumerate(words)))
    down = Axis("true", -0.5, last + 0.5, tuple((float(last - n), w) for n, w in enumerate(words)))
    sheet = Sheet(across, down, height=140 + 46 * len(classes))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    marks = [
        cell(sheet, x, last - y, share, _told(count, share, last))
        for y, rows in enumerate(zip(counts.tolist(), shares.tolist(), strict=True))
        for x, (count, share) in enumerate(zip(*rows, strict=True))
    ]
    right = float(np.trace(counts) / counts.sum())
    note = f"{right:.1%} are right; shares are of the rows of a true class"
    return picture("Confusion", note, sheet, marks)


def roc_of_each(found: Found) -> str:
    """Draw for each class the share found against the share of the rest named, with its AUC."""
    sheet = Sheet(_share("rest that is named (false positive rate)"), _share("class that is found"))
    marks = [line(sheet, [0, 1], [0, 1], "guide")]
    marks += [
        line(sheet, each.false_alarms, each.recall, kind)
        for kind, (each, _) in zip(_kinds(found), found.values(), strict=True)
    ]
    marks.append(legend(sheet, _entries(found, "AUC"), right=True))
    return picture("ROC, each class against the rest", "dashed: chance", sheet, marks)


def precision_recall_of_each(found: Found) -> str:
    """Draw for each class its share among the named against the share found."""
    sheet = Sheet(_share("class that is found (recall)"), _share("class among the named"))
    marks = [
        line(sheet, each.recall, each.precision, kind)
        for kind, (each, _) in zip(_kinds(found), found.values(), strict=True)
    ]
    marks.append(legend(sheet, _entries(found, "of the rows"), right=False))
    return picture(
        "Precision and recall, each class", "share of the rows: what chance would do", sheet, marks
    )


def _told(count: float, share: float, last: int) -> list[str]:
    return [f"{count:.0f}", f"{share:.0%}"] if last < 10 else [f"{count:.0f}"]


def _entries(found: Found, what: str) -> list[tuple[str, str]]:
    return [
        (kind, f"{_short(word)}: {figure:.2f} {what}")
        for kind, (word, (_, figure)) in zip(_kinds(found), found.items(), strict=True)
    ]


def _kinds(found: Found) -> list[str]:
    return [_KINDS[n % len(_KINDS)] for n in range(len(found))]


def _short(word: str) -> str:
    return word if len(word) <= _LONGEST else f"{word[: _LONGEST - 1]}…"


def _share(label: str) -> Axis:
    return numbers(label, [0.0, 1.0])
