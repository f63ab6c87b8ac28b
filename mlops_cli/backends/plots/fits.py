"""Pictures of how a model came to be: its search, its features, its hunger for data."""

from collections.abc import Mapping, Sequence

import numpy as np

from mlops_cli.backends.plots.canvas import (
    Sheet,
    dots,
    line,
    names,
    numbers,
    picture,
    stripes,
    whiskers,
)
from mlops_cli.domain.results.evaluation import LearningCurve

MOST_FEATURES = 20


def search(losses: Sequence[float]) -> str:
    """Draw the loss of each trial and the best one so far."""
    values = np.asarray(losses, dtype=np.float64)
    best = np.fmin.accumulate(values)
    trials = np.arange(1.0, len(values) + 1)
    known = values[np.isfinite(values)]
    # One bad trial must not press all others onto one line.
    high = float(np.quantile(known, 0.9)) if len(known) > 10 else float(known.max())
    shown = numbers("validation loss", [known.min(), max(high, float(known.min()))], margin=0.05)
    sheet = Sheet(numbers("trial", trials, margin=0.02, whole=True), shown)
    kind = "dots" if len(values) <= 100 else "cloud"
    marks = [line(sheet, trials, best, "other"), dots(sheet, trials, values, kind)]
    note = f"line: the best so far, {known.min():.4g} after trial {int(np.nanargmin(values)) + 1}"
    note += "; worse ones stand at the top" if known.max() > shown.high else ""
    return picture("Search", note, sheet, marks)


def importance(shares: Mapping[str, float]) -> str:
    """Draw each feature's share of the total gain, the largest at the top."""
    largest = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    shown = largest[:MOST_FEATURES][::-1]
    sheet = Sheet(
        numbers("share of the total gain", [share for _, share in shown], zero=True),
        names([name for name, _ in shown]),
        height=100 + 20 * len(shown),
    )
    more = len(largest) - len(shown)
    note = f"the {len(shown)} largest; {more} more are not shown" if more else "all inputs"
    return picture("Importance", note, sheet, [stripes(sheet, [share for _, share in shown])])


def learning_curve(curve: LearningCurve) -> str:
    """Draw the metric on the held out rows against how many entities were learnt from."""
    points = curve.points
    entities = [float(each.entities) for each in points]
    values = [[getattr(each.metric, end) for each in points] for end in ("value", "low", "high")]
    sheet = Sheet(
        numbers("entities learnt from", [0.0, 1.02 * max(entities)]),
        numbers(curve.metric, np.concatenate(values), margin=0.05),
    )
    marks = [
        whiskers(sheet, entities, values[1], values[2]),
        line(sheet, entities, values[0]),
        dots(sheet, entities, values[0]),
    ]
    return picture("Learning curve", f"{curve.metric} with 95 % intervals", sheet, marks)
