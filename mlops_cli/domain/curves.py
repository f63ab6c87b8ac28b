"""What the plots of a model show, in numbers, before anything is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from mlops_cli.domain.metrics import Array, Vector, ratio
from mlops_cli.domain.results.judging import Interval, Verdict
from mlops_cli.domain.split import Mask, entity_codes, in_holdout
from mlops_cli.errors import InputError

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)


@dataclass(frozen=True)
class Outcomes:
    """What naming the rows from the highest prediction down finds, from none to all of them.

    Rows with the same prediction are named together. All of shape (distinct predictions + 1,).
    """

    share: Vector
    """Share of the rows that are named."""
    recall: Vector
    """Share of the 1s among them: of all 1s."""
    false_alarms: Vector
    """Share of the 0s among them: of all 0s."""
    precision: Vector
    """Share of 1s among the named; nan where none is named."""


@dataclass(frozen=True)
class Tenth:
    """Rows with predictions alike: what was predicted and what happened."""

    rows: int
    predicted: float
    """Mean prediction."""
    observed: Interval
    """Share of 1s with Wilson's 95 % interval; an entity counts once, however many rows it has."""


def outcomes(truth: Array, prediction: Array) -> Outcomes:
    """Return what every threshold would find.

    Raises:
        InputError: There are only 1s, or only 0s, so that nothing can be found or told apart.

    >>> found = outcomes(np.array([0.0, 1, 1]), np.array([0.2, 0.9, 0.2]))
    >>> found.recall.tolist(), found.false_alarms.tolist(), found.precision.round(2).tolist()
    ([0.0, 0.5, 1.0], [0.0, 0.0, 1.0], [nan, 1.0, 0.67])
    """
    ones = float(truth.sum())
    if not 0 < ones < len(truth):
        raise InputError(f"every held out label is {truth[0]:g}" if len(truth) else "no rows")
    order = np.argsort(-prediction, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(prediction[order])), len(order) - 1)
    named = np.append(0.0, ends + 1.0)
    hits = np.append(0.0, np.cumsum(truth[order])[ends])
    return Outcomes(
        share=named / len(truth),
        recall=hits / ones,
        false_alarms=(named - hits) / (len(truth) - ones),
        precision=ratio(hits, named),
    )


def operating_point(truth: Array, prediction: Array, threshold: float) -> Outcomes:
    """Return what the threshold in use finds, each of shape (1,).

    >>> at = operating_point(np.array([0.0, 1, 1]), np.array([0.2, 0.9, 0.2]), 0.5)
    >>> at.recall.tolist(), at.false_alarms.tolist()
    ([0.5], [0.0])
    """
    named = prediction >= threshold
    counts = {
        "share": (named.sum(), len(truth)),
        "recall": ((named * truth).sum(), truth.sum()),
        "false_alarms": ((named * (1 - truth)).sum(), (1 - truth).sum()),
        "precision": ((named * truth).sum(), named.sum()),
    }
    return Outcomes(
        **{key: ratio(np.array([a], float), np.array([b], float)) for key, (a, b) in counts.items()}
    )


def calibration(
    truth: Array, prediction: Array, entities: Array, parts: int = 10
) -> tuple[Tenth, ...]:
    """Return predicted and observed shares in tenths of the rows, lowest predictions first.

    Equal predictions stay together, so that there may be fewer parts, down to one.

    >>> (one,) = calibration(np.array([0.0, 1, 1, 0]), np.full(4, 0.4), np.array(list("abcd")))
    >>> one.rows, one.predicted, one.observed.value, round(one.observed.low, 3)
    (4, 0.4, 0.5, 0.15)
    """
    edges = np.unique(np.quantile(prediction, np.linspace(0, 1, parts + 1)[1:-1]))
    number = np.searchsorted(edges, prediction, side="left")
    codes, _ = entity_codes(entities)
    return tuple(
        Tenth(
            rows=int(part.sum()),
            predicted=float(prediction[part].mean()),
            observed=wilson(float(truth[part].mean()), len(np.unique(codes[part]))),
        )
        for part in (number == each for each in np.unique(number))
    )


def wilson(share: float, units: int) -> Interval:
    """Return a share with its 95 % interval (Wilson 1927): never empty, never outside 0 and 1.

    >>> wilson(0.0, 10).low, round(wilson(0.0, 10).high, 3)
    (0.0, 0.278)
    """
    z = float(ndtri(0.975))
    centre = (share + z**2 / (2 * units)) / (1 + z**2 / units)
    half = z / (1 + z**2 / units) * np.sqrt(share * (1 - share) / units + (z / (2 * units)) ** 2)
    return Interval(share, max(0.0, float(centre - half)), min(1.0, float(centre + half)))


def nested(entities: Array, seed: int, shares: Sequence[float] = SHARES) -> list[Mask]:
    """Return for each share which rows belong to about so many of the entities, `(n,)`.

    A smaller part lies within a larger one, and an entity is in it whatever the others are.

    >>> parts = nested(np.array([f"PT{n}" for n in range(100)]), 7, (0.2, 0.5, 1.0))
    >>> [int(part.sum()) for part in parts], bool(parts[1][parts[0]].all())
    ([12, 47, 100], True)
    """
    return [in_holdout(entities, share, f"learning curve {seed}") for share in shares]


def more_would_help(metric: str, gain: Interval, value: float) -> tuple[Verdict, str]:
    """Tell whether the last step of a learning curve still went up, and say so in a sentence.

    Args:
        metric: its name.
        gain: how much better the model of all entities is than that of fewer.
        value: the metric of the model of all entities; a gain below a hundredth of it is none.

    Returns:
        FAIL if more entities would bring little: the gain is shown to be small. PASS if they would
        help: it is above 0 beyond noise. INCONCLUSIVE if the held out rows cannot tell.

    >>> more_would_help("roc_auc", Interval(0.02, 0.01, 0.03), 0.8)[0].value
    'pass'
    >>> more_would_help("roc_auc", Interval(0.001, -0.001, 0.002), 0.8)[0].value
    'fail'
    """
    if np.isnan(gain.value):
        return Verdict.INCONCLUSIVE, f"{metric} is not defined on the held out rows"
    said = f"{gain.value:+.2g} {metric} from the last step [{gain.low:.2g}, {gain.high:.2g}]"
    if gain.high < abs(value) / 100:
        return Verdict.FAIL, f"more data of this kind would bring little: {said}"
    if gain.low > 0:
        return Verdict.PASS, f"more data would help: {said}"
    return Verdict.INCONCLUSIVE, f"the held out rows cannot tell whether more data helps: {said}"
