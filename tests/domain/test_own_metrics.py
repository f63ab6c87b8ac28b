"""A plain function as a metric: the same intervals, gaps and verdicts as one of ours."""

import numpy as np
import pytest

from mlops_cli.domain.fairness import assess
from mlops_cli.domain.metrics import METRICS
from mlops_cli.domain.metrics.own import own_metric, tried
from mlops_cli.domain.resampling import intervals, paired_difference
from mlops_cli.errors import InputError

IDS = np.repeat(np.arange(100), 2).astype(str)
BRIER = METRICS["classification"]["brier"]


def squared(labels, scores):
    return ((labels - scores) ** 2).mean()


OWN = own_metric("squared", "classification", higher_is_better=False, function=squared)


def drawn():
    generator = np.random.default_rng(0)
    truth = (generator.random(200) < 0.4).astype(float)
    return truth, *(
        np.clip(truth * part + generator.random(200) * 0.5, 0, 1) for part in (0.5, 0.2)
    )


def test_it_has_the_intervals_of_the_same_metric_of_ours():
    truth, good, bad = drawn()
    ours = intervals({"m": BRIER}, truth, good, IDS, 0.5, 0, 200)["m"]
    theirs = intervals({"m": OWN}, truth, good, IDS, 0.5, 0, 200)["m"]
    assert (theirs.value, theirs.low, theirs.high) == pytest.approx(
        (ours.value, ours.low, ours.high)
    )
    gains = [paired_difference(m, truth, good, bad, IDS, 0.5, 0, 200) for m in (BRIER, OWN)]
    assert vars(gains[1]) == pytest.approx(vars(gains[0]))
    assert gains[1].low > 0


def test_its_gap_is_that_of_its_values_in_the_groups():
    truth, score, _ = drawn()
    groups = np.where(np.arange(200) < 100, "a", "b").astype(object)
    (gap,) = assess(
        "classification", truth, score, {"sex": groups}, IDS,
        metrics=("squared",), limit=0.5, min_group_rows=30, threshold=0.5, seed=0,
        own={"squared": OWN},
    )  # fmt: skip
    values = [squared(truth[groups == each], score[groups == each]) for each in ("a", "b")]
    assert [each.value for each in gap.groups] == pytest.approx(values)
    assert gap.value == pytest.approx(abs(values[0] - values[1]))
    assert gap.low <= gap.value <= gap.high


def test_it_is_not_called_on_rows_of_one_class_where_it_is_undefined():
    found = OWN.function(np.array([1.0, 1.0]), np.array([0.5, 0.5]), np.ones((1, 2)), 0.5)
    assert np.isnan(found).all()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda labels, scores: 1 / 0, "metrics.m raised ZeroDivisionError: division by zero"),
        (lambda labels, scores: scores, "metrics.m returned ndarray, not a number"),
        (lambda labels, scores: None, "metrics.m returned NoneType, not a number"),
        (lambda labels: 0.5, "metrics.m raised TypeError"),
        (lambda labels, scores: float("nan"), "metrics.m returned nan on 4 rows"),
        (lambda labels, scores: float("inf"), "metrics.m returned inf on 4 rows"),
    ],
)
def test_what_is_wrong_with_it_is_said_in_a_line(function, message):
    metric = own_metric("m", "classification", higher_is_better=True, function=function)
    with pytest.raises(InputError) as caught:
        tried(metric, np.array([0.0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4]))
    assert caught.value.message.startswith(message)
