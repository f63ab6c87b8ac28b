"""Curves against scikit-learn and SciPy, and what is said of a learning curve."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_curve, roc_curve

from mlops_cli.domain import curves
from mlops_cli.domain.results.judging import Interval, Verdict
from mlops_cli.errors import InputError


@pytest.fixture(params=[1, 2, 20], ids=["continuous", "ties", "few"])
def scored(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(request.param)
    truth = (random.random(300) < 0.3).astype(float)
    score = np.clip(random.normal(0.3 + 0.3 * truth, 0.2), 0, 1)
    return truth, score if request.param == 1 else np.round(score * 20 / request.param) / 20


def test_roc_as_in_scikit_learn(scored: tuple[np.ndarray, np.ndarray]) -> None:
    alarms, recall, _ = roc_curve(*scored, drop_intermediate=False)
    found = curves.outcomes(*scored)
    np.testing.assert_allclose(found.false_alarms, alarms)
    np.testing.assert_allclose(found.recall, recall)


def test_precision_and_recall_as_in_scikit_learn(scored: tuple[np.ndarray, np.ndarray]) -> None:
    precision, recall, _ = precision_recall_curve(*scored)
    found = curves.outcomes(*scored)
    np.testing.assert_allclose(found.precision[1:], precision[:-1][::-1])
    np.testing.assert_allclose(found.recall[1:], recall[:-1][::-1])


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.1])
def test_the_operating_point_lies_on_the_curve(
    scored: tuple[np.ndarray, np.ndarray], threshold: float
) -> None:
    at, found = curves.operating_point(*scored, threshold), curves.outcomes(*scored)
    place = int(np.flatnonzero(np.isclose(found.share, at.share))[0])
    assert found.recall[place] == pytest.approx(at.recall[0])
    assert found.false_alarms[place] == pytest.approx(at.false_alarms[0])
    assert found.precision[place] == pytest.approx(at.precision[0], nan_ok=True)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_has_no_curve(label: float) -> None:
    with pytest.raises(InputError, match=f"every held out label is {label:g}"):
        curves.outcomes(np.full(5, label), np.linspace(0, 1, 5))


def test_calibration_counts_every_row_once(scored: tuple[np.ndarray, np.ndarray]) -> None:
    truth, score = scored
    tenths = curves.calibration(truth, score, np.arange(len(truth)))
    assert sum(each.rows for each in tenths) == len(truth)
    assert [each.predicted for each in tenths] == sorted({each.predicted for each in tenths})
    hits = sum(each.rows * each.observed.value for each in tenths)
    assert hits == pytest.approx(truth.sum())


def test_rows_of_one_entity_do_not_narrow_a_tenth() -> None:
    truth, score = np.tile([0.0, 1.0], 50), np.full(100, 0.5)
    (apart,) = curves.calibration(truth, score, np.arange(100))
    (together,) = curves.calibration(truth, score, np.arange(100) // 10)
    assert together.observed.half_width > 2 * apart.observed.half_width


@given(st.integers(1, 500), st.data())
def test_wilson_as_in_scipy(units: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, units))
    expected = binomtest(hits, units).proportion_ci(method="wilson")
    found = curves.wilson(hits / units, units)
    assert found.low == pytest.approx(expected.low, abs=1e-9)
    assert found.high == pytest.approx(expected.high, abs=1e-9)


def test_parts_are_nested_and_do_not_hang_on_the_order_of_rows() -> None:
    ids = np.array([f"E{n // 3}" for n in range(900)], dtype=object)
    parts = curves.nested(ids, 7)
    assert parts[-1].all()
    for small, large in pairwise(parts):
        assert large[small].all()
        assert small.sum() < large.sum()
    for part, share in zip(parts, curves.SHARES, strict=True):
        assert part.mean() == pytest.approx(share, abs=0.08)
    turned = curves.nested(ids[::-1], 7)
    assert all((one == other[::-1]).all() for one, other in zip(parts, turned, strict=True))


@pytest.mark.parametrize(
    ("gain", "verdict", "words"),
    [
        (Interval(0.05, 0.01, 0.09), Verdict.PASS, "more data would help"),
        (Interval(0.002, 0.001, 0.003), Verdict.FAIL, "would bring little"),
        (Interval(-0.001, -0.002, 0.0), Verdict.FAIL, "would bring little"),
        (Interval(0.01, -0.02, 0.04), Verdict.INCONCLUSIVE, "cannot tell"),
        (Interval(0.01, np.nan, np.nan), Verdict.INCONCLUSIVE, "cannot tell"),
        (Interval(np.nan, np.nan, np.nan), Verdict.INCONCLUSIVE, "not defined"),
    ],
)
def test_what_a_learning_curve_says(gain: Interval, verdict: Verdict, words: str) -> None:
    found, message = curves.more_would_help("roc_auc", gain, 0.8)
    assert found is verdict
    assert words in message
