"""How much memory a training takes, known before it begins."""

from collections.abc import Iterable

TOLERANCE = 0.25
"""How far the peak was from the estimate at most (benchmarks/memory.py, 0.2 to 5 million rows)."""
_LIBRARIES = 530e6
_LABEL, _CELL = 270.0, 33.0
_ROW, _STORED = 60.0, 2.0


def needed(labels: int, features: int, views: Iterable[tuple[int, int]]) -> int:
    """Return the bytes that a training takes at its peak, within `TOLERANCE`.

    Of a label the ids and times take most, as text and as numbers; of its features, the joined
    table and its copies. The peak is in the join, where XGBoost holds nothing yet, so that its
    external memory would not lower it. The constants are measured.

    Args:
        labels: rows of the table of labels.
        features: features of the model.
        views: rows and features of each view that is joined.

    >>> [round(needed(rows, 13, [(rows, 13)]) / 1e9, 1) for rows in (0, 1_000_000, 20_000_000)]
    [0.5, 1.3, 16.2]
    """
    joined = sum(rows * (_ROW + _STORED * columns) for rows, columns in views)
    return round(_LIBRARIES + labels * (_LABEL + _CELL * features) + joined)
