"""Picture of how a model does at places that it has not seen."""

from collections.abc import Sequence
from math import isfinite

from mlops_cli.backends.plots.canvas import Sheet, dots, line, names, numbers, picture, spans
from mlops_cli.domain.results.judging import Interval
from mlops_cli.domain.results.training import SiteValue


def sites(found: Sequence[SiteValue], held: Interval) -> str:
    """Draw the metric at each site that was left out, the largest site at the top.

    Args:
        found: as they were measured; those without a figure are left out.
        held: the metric of the model itself on its held out rows, the dashed line.
    """
    drawn = [(each, each.value) for each in reversed(found) if each.value is not None]
    values = [value for _, value in drawn]
    lows, highs = ([_known(getattr(each, end)) for each, _ in drawn] for end in ("low", "high"))
    places = [float(place) for place in range(len(drawn))]
    sheet = Sheet(
        numbers(found[0].metric, [*values, *lows, *highs, held.value], margin=0.05),
        names([each.site for each, _ in drawn]),
        height=100 + 24 * len(drawn),
    )
    marks = [
        line(sheet, [held.value] * 2, [-0.6, len(drawn) - 0.4], "guide"),
        spans(sheet, lows, highs),
        dots(sheet, values, places),
    ]
    figure = f"{held.value:.3f}" if abs(held.value) < 100 else f"{held.value:.0f}"
    note = f"dashed: {figure}, the held out entities" if isfinite(held.value) else ""
    return picture("Trained on the other sites", note, sheet, marks)


def _known(value: float | None) -> float:
    return float("nan") if value is None else value
