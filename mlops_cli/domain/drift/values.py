"""Drift of one series of values: the comparison, and how it is told in words."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mlops_cli.config.limits import DriftConfig
from mlops_cli.config.tasks import Task
from mlops_cli.domain.drift.distances import Distance, Limits, jensen_shannon, wasserstein
from mlops_cli.domain.metrics import Array, Vector
from mlops_cli.domain.results.judging import DriftCheck
from mlops_cli.errors import InputError

Kind = Literal["data", "prediction", "target"]
_NAMES = {"wasserstein": "Wasserstein {:.3g} sd", "jensen_shannon": "Jensen-Shannon {:.3g}"}


def check_values(
    kind: Kind,
    reference: Array,
    current: Array,
    task: Task,
    limits: DriftConfig,
    reference_size: int,
    seed: int,
    classes: Sequence[str] = ("0", "1"),
) -> DriftCheck:
    """Compare predictions or labels with those of the reference.

    Labels and predicted classes are compared by their Jensen-Shannon distance, probabilities and
    numbers by their Wasserstein distance, both by the rule of `check_columns` for a single column.

    Args:
        kind: prediction or target.
        reference: values at training time, `(n,)`; missing and infinite ones are left out.
        current: values now, `(m,)`.
        task: what the model does; its predictions of two classes are probabilities.
        limits: when a distance is an alarm.
        reference_size: independent reference rows (entities).
        seed: the same seed gives the same threshold.
        classes: the words of the positions that labels of a class are; those of no class count
            as one more.

    Raises:
        InputError: one side has no finite value.

    >>> labels = np.tile([0.0, 0.0, 0.0, 1.0], 250)
    >>> check_values("target", labels, 1 - labels, "classification", DriftConfig(), 1000, 0).message
    'target: share of 1 0.25 -> 0.75 (Jensen-Shannon 0.434, limit 0.1)'
    """
    sides = [np.asarray(values, dtype=float) for values in (reference, current)]
    before, now = (values[np.isfinite(values)] for values in sides)
    if not before.size or not now.size:
        raise InputError(f"there are no finite {kind} values to compare")
    generator = np.random.default_rng(seed)
    rule = Limits(limits.alpha, limits.min_effect)
    if task == "multiclass" or (kind == "target" and task == "classification"):
        words = [_spelled(values, classes) for values in (before, now)]
        return compare_words(kind, None, words, classes, reference_size, rule, generator)
    return compare_numbers(kind, None, (before, now), reference_size, rule, generator)


def _spelled(codes: Vector, classes: Sequence[str]) -> Array:
    """Return the word of each position, an empty one where there is none, `(n,)`."""
    known = np.isin(codes, range(len(classes)))
    return np.array([*classes, ""])[np.where(known, codes, len(classes)).astype(np.intp)]


def compare_numbers(
    kind: Kind,
    column: str | None,
    sides: Sequence[Vector],
    reference_size: int,
    limits: Limits,
    generator: np.random.Generator,
) -> DriftCheck:
    """Compare finite numbers, reference and current."""
    before, now = sides
    found = wasserstein(before, now, reference_size, limits, generator)
    moved = f"mean {number(before.mean())} -> {number(now.mean())}"
    if abs(before.mean() - now.mean()) < before.std() * found.statistic / 2:
        moved += f", sd {number(before.std())} -> {number(now.std())}"
    return _check(kind, column, found, moved)


def compare_words(
    kind: Kind,
    column: str | None,
    sides: Sequence[Array],
    words: Sequence[str],
    reference_size: int,
    limits: Limits,
    generator: np.random.Generator,
) -> DriftCheck:
    """Compare words, reference and current; all that are not in `words` count as one more."""
    before, now = (_counts(values, words) for values in sides)
    found = jensen_shannon(before, now, reference_size, limits, generator)
    shares = [counts / counts.sum() for counts in (before, now)]
    # of two words that mirror each other, the last: "share of 1" reads better than "share of 0"
    most = len(words) - int(np.argmax(np.round(np.abs(shares[1] - shares[0]), 9)[::-1]))
    name = [*words, "other words"][most]
    moved = f"share of {name} {shares[0][most]:.2g} -> {shares[1][most]:.2g}"
    return _check(kind, column, found, moved)


def _counts(values: Array, words: Sequence[str]) -> Vector:
    counts = [np.sum(values == word) for word in words]
    return np.array([*counts, len(values) - sum(counts)], dtype=float)


def _check(kind: Kind, column: str | None, found: Distance, moved: str) -> DriftCheck:
    size = _NAMES[found.method].format(found.statistic)
    return DriftCheck(
        kind=kind,
        method=found.method,
        statistic=found.statistic,
        threshold=found.threshold,
        drifted=found.statistic > found.threshold,
        column=column,
        p_value=found.p_value,
        effect=found.statistic,
        detectable=found.threshold,
        message=f"{column or kind}: {moved} ({size}, limit {found.threshold:.3g})",
    )


def number(value: float) -> str:
    """Write a number for people.

    >>> [number(value) for value in (0.0, 0.01234, 246.72, 1234567.0)]
    ['0', '0.0123', '246.7', '1,234,567.0']
    """
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"
