"""Pictures of a regression: what was predicted and what came, and what is left between them."""

import numpy as np
from numpy.typing import NDArray

from mlops_cli.backends.plots.canvas import Sheet, columns, dots, line, numbers, picture

MOST_DOTS = 1500

Vector = NDArray[np.float64]


def predicted_actual(truth: Vector, prediction: Vector) -> str:
    """Draw the label against the prediction; of many rows evenly many along the predictions."""
    order = np.argsort(prediction, kind="stable")
    if len(order) > MOST_DOTS:
        order = order[np.linspace(0, len(order) - 1, MOST_DOTS).astype(np.intp)]
    both = np.concatenate([truth[order], prediction[order]])
    sheet = Sheet(numbers("predicted", both, margin=0.03), numbers("actual", both, margin=0.03))
    ends = [both.min(), both.max()]
    parts = [
        each for each in np.array_split(np.argsort(prediction, kind="stable"), 10) if len(each)
    ]
    marks = [
        dots(sheet, prediction[order], truth[order], "cloud"),
        line(sheet, ends, ends, "guide"),
        line(
            sheet,
            [prediction[part].mean() for part in parts],
            [truth[part].mean() for part in parts],
            "other",
        ),
    ]
    return picture("Predicted and actual", "line: means of tenths of the rows", sheet, marks)


def residuals(truth: Vector, prediction: Vector) -> str:
    """Draw how often the label is so much above or below the prediction."""
    left = truth - prediction
    low, high = np.quantile(left, (0.005, 0.995))
    if high <= low:
        low, high = left.min() - 0.5, left.max() + 0.5
    counts, edges = np.histogram(np.clip(left, low, high), bins=30, range=(low, high))
    sheet = Sheet(numbers("actual - predicted", edges), numbers("rows", counts, zero=True))
    middle = float(left.mean())
    marks = [
        columns(sheet, edges, counts),
        line(sheet, [middle, middle], [0, counts.max()], "other"),
    ]
    note = f"mean {middle:.3g}; the outermost 1 % stand in the first and last bar"
    return picture("Residuals", note, sheet, marks)
