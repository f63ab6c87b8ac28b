"""A training as people look at it."""

import textwrap

from mlops_cli.commands.decisions import decisions
from mlops_cli.commands.views import interval, number, table
from mlops_cli.domain.results.evaluation import Baseline
from mlops_cli.domain.results.tables import ViewCoverage
from mlops_cli.domain.results.training import SearchSummary, SiteValue, TrainResult

WIDTH = 80


def trained(result: TrainResult) -> list[object]:
    """Return what a person reads of a training, in the order they need it."""
    version = f"version {result.version}, {result.alias}" if result.version else "not registered"
    title = f"{result.model}: {version} ({result.rows.train} rows trained, {result.rows.test} held)"
    metrics = [
        (name, interval(m.value, m.low, m.high), result.cross_validation.get(name))
        for name, m in result.metrics.items()
    ]
    gaps = [
        (gap.attribute, gap.metric, interval(gap.value, gap.low, gap.high), gap.limit, gap.verdict)
        for gap in result.fairness
    ]
    views: list[object] = [
        table(title, ("metric", "held out entities [95 %]", "cross-validation"), metrics)
    ]
    if gaps:
        columns = ("attribute", "metric", "gap [95 %]", "limit", "verdict")
        views.append(table("Fairness", columns, gaps))
    views += _compared_with(result)
    if result.sites:
        head = ("site", "rows", "positives", f"{result.sites[0].metric} [95 %]")
        views.append(table("Trained on the other sites", head, map(_at, result.sites)))
    gone = [f"held out: {result.held_out}", _split_by_rows(result)]
    gone += [_absent(view) for view in result.views if view.expired or view.unknown]
    gone += [
        f"{name}: missing for {count} labels, which were left out (missing: refuse)"
        for name, count in result.left_out.items()
    ]
    if result.set_aside:
        gone.append(
            f"{result.set_aside} more labels are of held out entities and were not trained on"
        )
    return [
        *views,
        *decisions(result),
        *gone,
        _searched(result.search),
        f"run {result.run_id or 'not sent'}, {result.evals} trials, {result.seconds:.0f} s",
        f"report {result.report}",
    ]


def _searched(search: SearchSummary) -> str:
    """Tell what the search has come to, and how much of it is luck."""
    count = search.fits + search.fits_saved
    first = f"{search.loss_name} of the best of {search.trials} trials {search.lowest_loss:.4f}"
    if search.optimism is not None:
        first += f", about {search.optimism:.4f} higher on new entities"
    said = [first]
    if search.chosen != search.lowest:
        said.append(f"a simpler one with {search.chosen_loss:.4f} was taken")
    said.append(f"{search.fits} of {count} fits")
    if search.ended_by == "time":
        said.append("its minutes were over, so that another machine may find another model")
    return _wrapped("; ".join(said))


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _at(site: SiteValue) -> tuple[object, ...]:
    figure = site.problem or interval(site.value, site.low, site.high)
    return site.site, site.rows, site.positives, figure


def _split_by_rows(result: TrainResult) -> str:
    """Say what folds of rows would have claimed, in the first metric: the one people quote."""
    metric = next(iter(result.cross_validation))
    if result.naive is None:
        return "each entity has one row: a split by rows would have claimed the same"
    return (
        f"a split by rows would have claimed {metric} {number(result.naive[metric])}; "
        f"by entities it is {number(result.cross_validation[metric])}"
    )


def _compared_with(result: TrainResult) -> list[object]:
    """Return the model beside simpler ones, where it is weak, and whether more data would help."""
    rows = [
        (
            each.name,
            interval(*vars(each.metrics[each.metric]).values()),
            interval(*vars(each.difference).values()),
            each.beaten,
        )
        for each in result.baselines
    ]
    metric = next((each.metric for each in result.baselines), "")
    columns = ("baseline", f"its {metric} [95 %]", "ours is better by", "beaten")
    views: list[object] = [table("Baselines", columns, rows)]
    views += [_beside(each) for each in result.baselines if not each.beaten]
    views += [
        _wrapped(
            f"weaker where {each.name} ({each.rows} rows): loss higher by "
            f"{interval(*vars(each.excess).values())}"
        )
        for each in result.slices
    ]
    return views + ([_wrapped(result.learning_curve.message)] if result.learning_curve else [])


def _beside(baseline: Baseline) -> str:
    if baseline.difference.high < 0:
        return f"worse than the {baseline.name} baseline: use the simpler model"
    return f"not shown to beat the {baseline.name} baseline: a simpler model may do as well"


def _absent(view: ViewCoverage) -> str:
    return (
        f"{view.view}: of {view.rows} labels {view.expired} have expired values and "
        f"{view.unknown} none at all; both count as missing"
    )
