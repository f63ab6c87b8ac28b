"""Whether a challenger may become champion: the conditions, the evidence for each, the decision.

Challenger and champion are compared on the same held-out rows, and a difference counts only as far
as its interval does: with equal models, a plain "better by 0.02" on 200 rows promotes one in five.
"""

from collections.abc import Iterable, Mapping
from math import ceil, isnan

import numpy as np

from mlops_cli.config.limits import GatesConfig
from mlops_cli.config.model import ModelConfig
from mlops_cli.domain.fairness import assess
from mlops_cli.domain.labels import said
from mlops_cli.domain.metrics import Array, MetricDefinition
from mlops_cli.domain.resampling import intervals, paired_difference
from mlops_cli.domain.results.judging import Decision, FairnessGap, Gate, Interval, Verdict

NOTHING_ASKED = "there is no champion to compare with and no floor: set gates.floor in config.yaml"

#: Fewer entities than this in the holdout decide nothing.
MIN_ENTITIES = 20


def decide(gates: Iterable[Gate], approval: bool) -> Decision:
    """Return what the gates come to: one failure refuses, one doubt leaves it open.

    Args:
        gates: the conditions, as `judge` found them.
        approval: whether a person has to approve what passed.

    >>> decide([Gate("floor:f1", Verdict.PASS, ""), Gate("x", Verdict.INCONCLUSIVE, "")], False)
    <Decision.INCONCLUSIVE: 'inconclusive'>
    >>> decide([], approval=True)
    <Decision.APPROVAL_REQUIRED: 'approval_required'>
    """
    verdicts = {gate.verdict for gate in gates}
    if Verdict.FAIL in verdicts:
        return Decision.REFUSED
    if Verdict.INCONCLUSIVE in verdicts:
        return Decision.INCONCLUSIVE
    return Decision.APPROVAL_REQUIRED if approval else Decision.PROMOTED


def judge(  # noqa: PLR0913
    config: ModelConfig,
    truth: Array,
    challenger: Array,
    champion: Array | None,
    entities: Array,
    groups: Mapping[str, Array],
    seed: int,
    *,
    thresholds: tuple[float, float],
    metrics: Mapping[str, MetricDefinition],
) -> tuple[Gate, ...]:
    """Hold a challenger against every condition of the configuration, on the held-out rows.

    - `floor:METRIC`: the value itself meets the floor.
    - `improvement:METRIC`: see `_improvement`; only where there is a champion.
    - `not_worse:METRIC`: see `_not_worse`; only where there is a champion.
    - `fairness:ATTRIBUTE:METRIC`: the verdict of `fairness.assess` on the challenger.
    - `evidence`: alone, where there are too few entities, a single class, or no condition at all:
      nothing is decided.

    Args:
        config: the model's section.
        truth: labels, `(n,)`.
        challenger: its predictions, probabilities of 1 or numbers, `(n,)`; of each class
            `(n, classes)`.
        champion: predictions of the champion on the same rows, likewise; None if there is none.
        entities: what each row is about, `(n,)`; the resampling unit.
        groups: for each protected attribute the group of each row, `(n,)`.
        seed: the same seed gives the same gates.
        thresholds: the challenger's and the champion's own.
        metrics: every metric that the section may name, by name.

    Raises:
        InputError: lengths differ, a value is not finite, or a class label is none.
    """
    if shortage := _shortage(config, np.asarray(truth), np.asarray(entities)):
        return (Gate("evidence", Verdict.INCONCLUSIVE, shortage),)
    gaps = assess(
        config.task,
        truth,
        challenger,
        groups,
        entities,
        metrics=config.fairness_metrics,
        limit=config.fairness.limit,
        min_group_rows=config.fairness.min_group_rows,
        threshold=thresholds[0],
        seed=seed,
        own={name: metrics[name] for name in config.metrics},
        positive=config.positive,
    )
    floors = {name: metrics[name] for name in config.gates.floor}
    compared = {name: metrics[name] for name in (config.metric, *config.gates.not_worse)}
    gates = (
        *_floors(config, floors, truth, challenger, entities, thresholds[0], seed),
        *_comparisons(config, compared, truth, challenger, champion, entities, thresholds, seed),
        *map(_fairness, gaps),
    )
    return gates or (Gate("evidence", Verdict.INCONCLUSIVE, NOTHING_ASKED),)


def _shortage(config: ModelConfig, truth: Array, entities: Array) -> str | None:
    """Say why the holdout cannot decide anything, or None."""
    count = len(set(entities.tolist()))
    if count < MIN_ENTITIES:
        return (
            f"the holdout has {len(truth):,} rows of {count} entities: "
            f"at least {MIN_ENTITIES} entities are needed"
        )
    if config.task != "regression" and len(set(truth.tolist())) < 2:
        return (
            f"all {len(truth):,} labels of the holdout are {said(config, truth[0])}: "
            f"{'two' if config.labels.classes else 'both'} classes are needed"
        )
    return None


def _floors(
    config: ModelConfig,
    metrics: Mapping[str, MetricDefinition],
    truth: Array,
    challenger: Array,
    entities: Array,
    threshold: float,
    seed: int,
) -> list[Gate]:
    """Return one gate for each floor."""
    if not metrics:
        return []
    found = intervals(metrics, truth, challenger, entities, threshold, seed)
    return [_floor(metrics[name], found[name], limit) for name, limit in config.gates.floor.items()]


def _comparisons(
    config: ModelConfig,
    metrics: Mapping[str, MetricDefinition],
    truth: Array,
    challenger: Array,
    champion: Array | None,
    entities: Array,
    thresholds: tuple[float, float],
    seed: int,
) -> list[Gate]:
    """Return the gates that compare with the champion; none where there is none."""
    if champion is None:
        return []
    gates, rows = config.gates, len(truth)
    found = {
        name: paired_difference(metric, truth, challenger, champion, entities, thresholds, seed)
        for name, metric in metrics.items()
    }
    return [
        _improvement(gates, config.metric, found[config.metric], rows),
        *(_not_worse(name, loss, found[name], rows) for name, loss in gates.not_worse.items()),
    ]


def _gate(name: str, found: Interval, limit: float, verdict: Verdict, message: str) -> Gate:
    """Put a gate together; where there is no interval, nothing is decided."""
    if isnan(found.value) or isnan(found.low):
        message = f"{name.partition(':')[2]} is undefined on these rows"
        return Gate(name, Verdict.INCONCLUSIVE, message, limit=limit)
    return Gate(name, verdict, message, found.value, found.low, found.high, limit)


def _between(found: Interval) -> str:
    return f"(95 % interval {found.low:.4g} to {found.high:.4g})"


def _floor(metric: MetricDefinition, found: Interval, limit: float) -> Gate:
    name, sign = metric.name, metric.sign
    met = sign * found.value >= sign * limit
    word = "at least" if sign > 0 else "at most"
    message = f"{name} is {found.value:.4g} {_between(found)}, must be {word} {limit:.4g}"
    return _gate(f"floor:{name}", found, limit, Verdict.PASS if met else Verdict.FAIL, message)


def _improvement(gates: GatesConfig, metric: str, found: Interval, rows: int) -> Gate:
    """Ask whether the challenger is better than the champion by more than `min_improvement`.

    PASS if the lower bound of the paired difference exceeds it. FAIL if the upper bound does not,
    or if the interval is no wider than +- `detectable`: the data could have seen an improvement of
    that size and did not. Otherwise the rows are too few, and the message says how many it takes:
    n (half width / detectable)^2, as intervals shrink with the root of n.
    """
    limit, detectable = gates.min_improvement, gates.detectable
    shown = f"{metric} is better by {found.value:.4g} {_between(found)}"
    if found.low == found.high == 0:
        verdict, message = (
            Verdict.FAIL,
            "it does exactly as the champion does: is it the same model?",
        )
    elif found.low > limit:
        verdict, message = Verdict.PASS, f"{shown}, more than {limit:.4g}"
    elif found.high <= limit or found.half_width <= detectable:
        verdict, message = Verdict.FAIL, f"{shown}, not shown to be more than {limit:.4g}"
    else:
        needed = _rows_needed(rows, found.half_width / detectable)
        verdict = Verdict.INCONCLUSIVE
        message = f"{shown}: {rows:,} rows cannot tell, about {needed} rows could"
    return _gate(f"improvement:{metric}", found, limit, verdict, message)


def _rows_needed(rows: int, shrink: float) -> str:
    """Write how many rows it takes to make an interval `shrink` times narrower.

    >>> _rows_needed(200, 2.5)
    '1,250'
    """
    return "no number of" if isnan(shrink) else f"{ceil(rows * shrink**2):,}"


def _not_worse(metric: str, margin: float, found: Interval, rows: int) -> Gate:
    """Ask whether the challenger loses at most `margin` (non-inferiority).

    PASS if the lower bound of the paired difference is above -margin, FAIL if the upper bound is
    below it, else INCONCLUSIVE.
    """
    shown = f"{metric} is better by {found.value:.4g} {_between(found)}"
    if found.low > -margin:
        verdict, message = Verdict.PASS, f"{shown}: a loss of {margin:.4g} is ruled out"
    elif found.high < -margin:
        verdict, message = Verdict.FAIL, f"{shown}: the loss is over {margin:.4g}"
    else:
        verdict = Verdict.INCONCLUSIVE
        message = f"{shown}: {rows:,} rows cannot rule out a loss of {margin:.4g}"
    return _gate(f"not_worse:{metric}", found, -margin, verdict, message)


def _fairness(gap: FairnessGap) -> Gate:
    name = f"fairness:{gap.attribute}:{gap.metric}"
    if gap.value is None:
        message = f"fewer than two groups of {gap.attribute} have enough rows for {gap.metric}"
        return Gate(name, gap.verdict, message, limit=gap.limit)
    known = [group for group in gap.groups if group.value is not None]
    message = (
        f"{gap.metric} differs by {gap.value:.4g} between groups of {gap.attribute}, "
        f"limit {gap.limit:.4g}"
    )
    if gap.verdict is Verdict.INCONCLUSIVE:
        rows = sum(group.rows for group in known)
        doubt = "chance" if gap.value > gap.limit else "a gap over the limit"
        message += f", but {rows:,} rows cannot rule out {doubt}"
    return Gate(name, gap.verdict, message, gap.value, gap.low, gap.high, gap.limit)
