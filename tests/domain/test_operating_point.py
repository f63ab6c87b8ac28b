import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import fbeta_score, precision_score, recall_score

from mlops_cli.config.deciding import ThresholdConfig
from mlops_cli.domain.operating_point import operating_point, threshold

COST = ThresholdConfig(rule="cost", false_positive=1, false_negative=5)
F_BETA = ThresholdConfig(rule="f_beta", beta=2)
FIND = ThresholdConfig(rule="sensitivity", at_least=0.8)


@st.composite
def cases(draw):
    """Labels of both classes and scores with ties, 0 and 1 among them."""
    size = draw(st.integers(2, 40))
    truth = draw(st.lists(st.integers(0, 1), min_size=size - 2, max_size=size - 2))
    scores = draw(st.lists(st.integers(0, 12), min_size=size, max_size=size))
    return np.array([0.0, 1.0, *truth]), np.array(scores) / 12


def every_choice(scores):
    """Every threshold that names other rows, the one that names none where it exists."""
    above = [(scores.max() + 1) / 2] if scores.max() < 1 else []
    return [*np.unique(scores), *above]


def cost(truth, scores, at):
    named = scores >= at
    return float((named & (truth == 0)).sum() + 5 * (~named & (truth == 1)).sum())


@given(cases())
def test_no_other_threshold_costs_less(case):
    truth, scores = case
    found = threshold(COST, truth, scores)
    least = min(cost(truth, scores, at) for at in every_choice(scores))
    assert cost(truth, scores, found) <= least


@given(cases())
def test_no_other_threshold_has_a_higher_f_beta(case):
    truth, scores = case
    found = threshold(F_BETA, truth, scores)
    mine, *others = (
        fbeta_score(truth, scores >= at, beta=2, zero_division=0)
        for at in (found, *every_choice(scores))
    )
    assert mine >= max(others) - 1e-12


@given(cases())
def test_enough_are_found_and_no_higher_threshold_finds_them(case):
    truth, scores = case
    found = threshold(FIND, truth, scores)
    assert recall_score(truth, scores >= found) >= 0.8
    for at in every_choice(scores):
        if (scores >= at).sum() < (scores >= found).sum():
            assert recall_score(truth, scores >= at) < 0.8


@given(cases(), st.sampled_from([COST, F_BETA, FIND]))
def test_a_threshold_is_a_probability(case, rule):
    assert 0 <= threshold(rule, *case) <= 1


def test_missed_ones_that_cost_more_lower_the_threshold():
    rng = np.random.default_rng(0)
    scores = rng.random(4000)
    truth = (rng.random(4000) < scores).astype(float)
    found = [
        threshold(
            ThresholdConfig(rule="cost", false_positive=1, false_negative=each), truth, scores
        )
        for each in (0.25, 1, 4, 9)
    ]
    # With honest probabilities the best threshold is FP / (FP + FN).
    assert found == pytest.approx([0.8, 0.5, 0.2, 0.1], abs=0.08)


def test_what_a_threshold_comes_to():
    rng = np.random.default_rng(1)
    scores, truth = rng.random(200), rng.integers(0, 2, 200).astype(float)
    found = operating_point(0.4, "fixed", truth, scores)
    assert found.sensitivity == pytest.approx(recall_score(truth, scores >= 0.4))
    assert found.specificity == pytest.approx(recall_score(1 - truth, scores < 0.4))
    assert found.precision == pytest.approx(precision_score(truth, scores >= 0.4))
    assert (found.rows, found.positives) == (200, int(truth.sum()))
    assert found.selected == pytest.approx((scores >= 0.4).mean())


def test_nobody_named_has_no_precision():
    found = operating_point(0.9, "fixed", np.array([0.0, 1.0]), np.array([0.2, 0.3]))
    assert (found.precision, found.sensitivity, found.specificity) == (None, 0.0, 1.0)
