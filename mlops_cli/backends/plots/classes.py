"""Pictures of a classification: how well it ranks, how honest its probabilities are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlops_cli.backends.plots.canvas import (
    Axis,
    Sheet,
    columns,
    dots,
    line,
    mark,
    numbers,
    picture,
    whiskers,
)
from mlops_cli.domain.curves import Outcomes, Tenth


def roc(found: Outcomes, at: Outcomes, threshold: float) -> str:
    """Draw the share of 1s found against the share of 0s named, for every threshold."""
    sheet = Sheet(_share("0s that are named (false positive rate)"), _share("1s that are found"))
    here = f"at {threshold:g}: {at.recall[0]:.2f} of the 1s, {at.false_alarms[0]:.2f} of the 0s"
    marks = [
        line(sheet, [0, 1], [0, 1], "guide"),
        line(sheet, found.false_alarms, found.recall),
        mark(sheet, at.false_alarms[0], at.recall[0]),
    ]
    return picture("ROC", here, sheet, marks)


def precision_recall(found: Outcomes, at: Outcomes, threshold: float, prevalence: float) -> str:
    """Draw the share of 1s among the named against the share of 1s found."""
    sheet = Sheet(_share("1s that are found (recall)"), _share("1s among the named (precision)"))
    named = f"precision {at.precision[0]:.2f}" if np.isfinite(at.precision[0]) else "none is named"
    marks = [
        line(sheet, [0, 1], [prevalence, prevalence], "guide"),
        line(sheet, found.recall, found.precision),
        mark(sheet, at.recall[0], at.precision[0]),
    ]
    note = f"at {threshold:g}: {named}; dashed: {prevalence:.2f}, the share of 1s"
    return picture("Precision and recall", note, sheet, marks)


def calibration(
    tenths: Sequence[Tenth],
    predictions: NDArray[np.float64],
    happened: str = "observed share of 1s",
) -> str:
    """Draw what happened against what was predicted, above how often each was predicted."""
    sheet = Sheet(_share("predicted probability"), _share(happened))
    counts, edges = np.histogram(predictions, bins=20, range=(0.0, 1.0))
    seen = [each.observed for each in tenths]
    places = [each.predicted for each in tenths]
    marks = [
        columns(sheet, edges, 0.25 * counts / counts.max(), "pale"),
        line(sheet, [0, 1], [0, 1], "guide"),
        whiskers(sheet, places, [each.low for each in seen], [each.high for each in seen]),
        line(sheet, places, [each.value for each in seen], "thin"),
        dots(sheet, places, [each.value for each in seen]),
    ]
    note = "tenths of the rows with 95 % intervals; bars: how often"
    return picture("Calibration", note, sheet, marks)


def gain(found: Outcomes, at: Outcomes, threshold: float) -> str:
    """Draw the share of 1s found by naming so many rows, the highest predictions first.

    The upper dashed line is what nobody can do better, the lower one is chance.
    """
    sheet = Sheet(_share("rows that are named"), _share("1s that are found"))
    ones = float(found.precision[-1])
    marks = [
        line(sheet, [0, 1], [0, 1], "guide"),
        line(sheet, [0, ones, 1], [0, 1, 1], "guide"),
        line(sheet, found.share, found.recall),
        mark(sheet, at.share[0], at.recall[0]),
    ]
    note = f"at {threshold:g}: {at.share[0]:.0%} of the rows hold {at.recall[0]:.0%} of the 1s"
    return picture("Gain", note, sheet, marks)


def lift(found: Outcomes, at: Outcomes, threshold: float) -> str:
    """Draw how many times more 1s there are among the named than among all."""
    share, recall = found.share[1:], found.recall[1:]
    times = recall / share
    high = float(times[share >= min(0.02, float(share[-1]))].max())
    sheet = Sheet(_share("rows that are named"), numbers("times the share of 1s", [0.0, high, 1.1]))
    here = float(at.recall[0] / at.share[0]) if at.share[0] else np.nan
    marks = [
        line(sheet, [0, 1], [1, 1], "guide"),
        line(sheet, share, times),
        mark(sheet, at.share[0], here),
    ]
    note = f"at {threshold:g}: {here:.2f} times" if np.isfinite(here) else "none is named"
    return picture("Lift", note, sheet, marks)


def _share(label: str) -> Axis:
    return numbers(label, [0.0, 1.0])
