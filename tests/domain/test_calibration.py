import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

from mlops_cli.domain import calibrating, metrics
from mlops_cli.domain.calibrating import MANY_ROWS, across, choose
from mlops_cli.domain.calibration import Isotonic, Platt, fit_isotonic, fit_platt


def drawn(size, seed=0, distort=lambda odds: odds):
    """Return scores, labels that follow the undistorted ones, and an entity for each row."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-0.5, 1.2, size)
    truth = (rng.random(size) < expit(odds)).astype(float)
    return expit(distort(odds)), truth, np.arange(size).astype(str)


def chosen(asked, scores, truth, entities):
    return choose(asked, scores, truth, entities, np.arange(len(truth)) % 5)


@st.composite
def cases(draw):
    """Scores in steps, so that there are ties, and labels of both classes."""
    size = draw(st.integers(4, 60))
    scores = draw(st.lists(st.integers(1, 19), min_size=size, max_size=size))
    truth = draw(st.lists(st.integers(0, 1), min_size=size - 2, max_size=size - 2))
    return np.array(scores) / 20, np.array([0.0, 1.0, *truth])


@pytest.mark.parametrize("size", [30, 303, 5000])
@pytest.mark.parametrize("sure", [0.4, 1.0, 2.5])
def test_platt_equals_scikit_learn(size, sure):
    scores, truth, _ = drawn(size, distort=lambda odds: sure * odds + 0.7)
    ours = fit_platt(scores, truth)
    theirs = _SigmoidCalibration().fit(logit(scores), truth)
    assert ours.slope == pytest.approx(-theirs.a_, rel=1e-3, abs=1e-4)
    assert ours.intercept == pytest.approx(-theirs.b_, rel=1e-3, abs=1e-3)
    np.testing.assert_allclose(ours.apply(scores), theirs.predict(logit(scores)), atol=2e-4)


def smoothed_loss(line, scores, truth):
    ones, zeros = truth.sum(), (1 - truth).sum()
    target = np.where(truth == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    margin = line[0] * logit(scores) + line[1]
    return (np.logaddexp(0, margin) - target * margin).sum()


@given(cases())
def test_no_other_line_near_by_is_better_than_platts(case):
    fitted = fit_platt(*case)
    line = np.array([fitted.slope, fitted.intercept])
    least = smoothed_loss(line, *case)
    for step in ([0.01, 0], [-0.01, 0], [0, 0.01], [0, -0.01], [0.01, 0.01], [-0.01, 0.01]):
        assert smoothed_loss(line + step, *case) >= least - 1e-9


def test_platt_is_finite_where_the_scores_separate_the_classes():
    fitted = fit_platt(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 0.0, 1.0, 1.0]))
    low, *_, high = fitted.apply(np.array([0.0, 0.5, 1.0]))
    assert 0 < low < 0.5 < high < 1


def test_scores_that_are_all_the_same_become_the_share_of_ones():
    truth = np.repeat([0.0, 1.0], [60, 20])
    fitted = fit_platt(np.full(80, 0.4), truth)
    assert fitted.slope == 1
    assert fitted.apply(np.array([0.4]))[0] == pytest.approx(0.25, abs=0.01)


def test_platt_keeps_the_ranking_to_the_last_row():
    scores, truth, _ = drawn(2000, distort=lambda odds: 3 * odds)
    after = fit_platt(scores, truth).apply(scores)
    assert roc_auc_score(truth, after) == roc_auc_score(truth, scores)


@given(cases())
def test_isotonic_equals_scikit_learn(case):
    scores, truth = case
    low, high = 1 / ((1 - truth).sum() + 2), (truth.sum() + 1) / (truth.sum() + 2)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, truth)
    everywhere = np.linspace(0, 1, 201)
    ends = np.unique(scores)
    ours = fit_isotonic(scores, truth)
    np.testing.assert_allclose(
        ours.apply(ends), np.clip(theirs.predict(ends), low, high), atol=1e-12
    )
    inner = ours.apply(everywhere)
    assert (np.diff(inner) >= 0).all()
    assert inner.min() >= low
    assert inner.max() <= high


def test_a_row_alone_is_calibrated_as_among_others():
    scores, truth, _ = drawn(3000, distort=lambda odds: 2 * odds)
    for fitted in (fit_platt(scores, truth), fit_isotonic(scores, truth)):
        alone = np.concatenate([fitted.apply(scores[n : n + 1]) for n in range(50)])
        assert alone.tobytes() == fitted.apply(scores)[:50].tobytes()


def test_scores_that_are_too_sure_get_platt_also_where_rows_are_few():
    found = chosen("auto", *drawn(400, distort=lambda odds: 3 * odds))
    assert isinstance(found.calibration, Platt)
    assert 0.2 < found.calibration.slope < 0.5
    (trial,) = found.choice.tried
    assert trial.gain > trial.standard_error > 0
    assert trial.log_loss == pytest.approx(found.choice.log_loss - trial.gain)


def test_a_bend_that_no_line_mends_gets_an_isotonic_curve_if_rows_are_many():
    def bend(odds):
        return np.where(odds > -0.5, 3.0, 0.2) * (odds + 0.5)

    many = chosen("auto", *drawn(20_000, distort=bend))
    assert isinstance(many.calibration, Isotonic)
    assert [each.method for each in many.choice.tried] == ["platt", "isotonic"]
    few = chosen("auto", *drawn(MANY_ROWS, distort=bend))
    assert [each.method for each in few.choice.tried] == ["platt"]


def test_honest_scores_are_mostly_left_alone():
    """One standard error is exceeded by chance in a sixth of the cases at most."""
    methods = [chosen("auto", *drawn(300, seed)).choice.method for seed in range(100)]
    assert methods.count("none") >= 84


def test_the_loss_is_measured_on_entities_that_the_calibration_has_not_seen():
    """Labels of pure chance: a curve that had seen them would lower the loss."""
    rng = np.random.default_rng(2)
    scores, truth = rng.uniform(0.49, 0.51, 2000), rng.integers(0, 2, 2000).astype(float)
    found = chosen("isotonic", scores, truth, np.arange(2000).astype(str))
    assert found.choice.tried[0].gain < 0
    assert isinstance(found.calibration, Isotonic)


def test_rows_of_one_entity_count_as_one_observation():
    scores, truth, entities = drawn(200, distort=lambda odds: 3 * odds)
    copies = [np.repeat(each, 9) for each in (scores, truth, entities)]
    once = chosen("platt", scores, truth, entities).choice.tried[0]
    folds = np.repeat(np.arange(200) % 5, 9)
    nine = choose("platt", *copies, folds).choice.tried[0]
    assert nine.standard_error == pytest.approx(once.standard_error, rel=0.1)


def test_a_calibration_that_would_turn_the_ranking_round_is_none():
    scores, truth, entities = drawn(500, distort=lambda odds: -odds)
    for asked in ("auto", "platt"):
        found = chosen(asked, scores, truth, entities)
        assert (found.calibration, found.choice.method) == (None, "none")


def test_scores_known_to_be_distorted_are_never_left_alone():
    scores, truth, entities = drawn(60)
    folds = np.arange(60) % 5
    assert choose("auto", scores, truth, entities, folds).calibration is None
    distorted = choose("auto", scores, truth, entities, folds, distorted=True)
    assert isinstance(distorted.calibration, Platt)
    assert choose("none", scores, truth, entities, folds, distorted=True).calibration is None


def test_what_is_asked_for_is_done():
    case = drawn(300)
    assert chosen("none", *case).calibration is None
    assert chosen("none", *case).choice.tried == ()
    assert isinstance(chosen("isotonic", *case).calibration, Isotonic)


def test_a_row_is_calibrated_without_its_fold():
    scores, truth, _ = drawn(100)
    folds = np.arange(100) % 4
    before = across("platt", scores, truth, folds)
    flipped = np.where(folds == 2, 1 - truth, truth)
    after = across("platt", scores, flipped, folds)
    assert (before[folds == 2] == after[folds == 2]).all()
    assert (before[folds != 2] != after[folds != 2]).all()


def test_the_order_of_the_rows_changes_no_curve_and_nothing_but_the_last_digits_of_a_line():
    scores, truth, _ = drawn(3000, distort=lambda odds: 2 * odds)
    other = np.random.default_rng(1).permutation(3000)
    assert fit_isotonic(scores[other], truth[other]) == fit_isotonic(scores, truth)
    one, two = fit_platt(scores, truth), fit_platt(scores[other], truth[other])
    assert two.slope == pytest.approx(one.slope, rel=1e-8)


def test_what_goes_by_the_order_is_taken_from_before_the_calibration() -> None:
    labels, scores = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.4, 0.5, 0.9])
    ours = metrics.METRICS["classification"].values()
    disturbed = np.array([0.6, 0.4, 0.5, 0.7])  # two folds with a calibration of their own each
    found = calibrating.pooled_metrics(ours, labels, scores, disturbed, 0.5)
    before = metrics.evaluate(ours, labels, scores)
    after = metrics.evaluate(ours, labels, disturbed)
    assert found["roc_auc"] == before["roc_auc"] != after["roc_auc"]
    assert found["brier"] == after["brier"] != before["brier"]
