import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fl
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_cli.domain.fairness import assess
from mlops_cli.domain.groups import groups_of
from mlops_cli.domain.results.judging import GroupValue, Verdict

CLASSIFICATION = (
    "demographic_parity",
    "equal_opportunity",
    "equalized_odds",
    "predictive_parity",
)


def assess_one(truth, prediction, groups, metric, **options):
    """Assess one attribute by one metric, each row an entity of its own."""
    task = "regression" if metric in {"mae", "mean_residual"} else "classification"
    defaults = {"limit": 0.1, "min_group_rows": 1, "threshold": 0.5, "seed": 0}
    entities = options.pop("entities", np.arange(len(truth)).astype(str))
    (gap,) = assess(
        task,
        truth,
        prediction,
        {"sex": groups},
        entities,
        metrics=(metric,),
        **defaults | options,
    )
    return gap


def rows_with(rates, size, positives=0.5):
    """Build groups of `size` rows each in which the share rates[i] of each class is predicted 1."""
    truth, prediction, groups = [], [], []
    for number, rate in enumerate(rates):
        for label, count in ((1, round(size * positives)), (0, size - round(size * positives))):
            hits = round(count * rate)
            truth += [label] * count
            prediction += [0.9] * hits + [0.1] * (count - hits)
            groups += [f"g{number}"] * count
    return np.array(truth), np.array(prediction), np.array(groups, dtype=object)


@st.composite
def samples(draw):
    size = draw(st.integers(12, 60))
    column = st.lists(st.integers(0, 1), min_size=size, max_size=size)
    groups = st.lists(st.sampled_from("abc"), min_size=size, max_size=size)
    return np.array(draw(column)), np.array(draw(column)), np.array(draw(groups), dtype=object)


@settings(max_examples=15, deadline=None)
@given(samples())
def test_gaps_equal_fairlearn_where_both_are_defined(sample):
    truth, named, groups = sample
    rows = {"y_true": truth, "y_pred": named, "sensitive_features": groups}
    theirs = {
        "demographic_parity": fl.demographic_parity_difference(**rows),
        "equal_opportunity": fl.equal_opportunity_difference(**rows),
        "equalized_odds": fl.equalized_odds_difference(**rows),
    }
    kinds = {(group, label) for group, label in zip(groups, truth, strict=True)}
    for metric, expected in theirs.items():
        if metric == "demographic_parity" or len(kinds) == 2 * len(set(groups)):
            gap = assess_one(truth, named.astype(float), groups, metric)
            assert (gap.value or 0.0) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "high", "low"),
    [
        ("demographic_parity", 3 / 4, 1 / 4),
        ("equal_opportunity", 1, 1 / 2),
        ("equalized_odds", 1, 1 / 2),
        ("predictive_parity", 1, 2 / 3),
    ],
)
def test_group_values_by_hand(metric, high, low):
    truth = np.array([1, 1, 0, 0, 1, 1, 0, 0])
    score = np.array([0.9, 0.8, 0.7, 0.1, 0.9, 0.1, 0.1, 0.1])
    groups = np.array(["a"] * 4 + ["b"] * 4, dtype=object)
    gap = assess_one(truth, score, groups, metric)
    assert gap.value == pytest.approx(high - low)
    assert sorted(group.value for group in gap.groups) == pytest.approx([low, high])


def test_regression_compares_errors_and_their_direction():
    truth = np.full(80, 10.0)
    prediction = np.array([9.0] * 40 + [13.0] * 40) + np.tile([0.5, -0.5], 40)
    groups = np.array(["a"] * 40 + ["b"] * 40, dtype=object)
    errors = assess_one(truth, prediction, groups, "mae", limit=1.0)
    assert [group.value for group in errors.groups] == [1.0, 3.0]
    assert errors.verdict is Verdict.FAIL
    residuals = assess_one(truth, prediction, groups, "mean_residual", limit=5.0)
    assert [group.value for group in residuals.groups] == [1.0, -3.0]
    assert (residuals.value, residuals.verdict) == (4.0, Verdict.PASS)


def test_a_large_gap_on_many_rows_fails():
    gap = assess_one(*rows_with((0.9, 0.5), 300), "equal_opportunity")
    assert gap.value == pytest.approx(0.4)
    assert 0.25 < gap.low < gap.value < gap.high < 0.55
    assert gap.verdict is Verdict.FAIL


def test_the_same_gap_on_few_rows_is_inconclusive_and_not_a_pass():
    gap = assess_one(*rows_with((0.8, 0.4), 20), "equal_opportunity")
    assert gap.value == pytest.approx(0.4)
    assert gap.low == 0
    assert gap.verdict is Verdict.INCONCLUSIVE
    assert not gap.passed


def test_a_gap_within_the_limit_passes_however_significant():
    gap = assess_one(*rows_with((0.6, 0.5), 5000), "demographic_parity", limit=0.15)
    assert gap.low > 0
    assert gap.verdict is Verdict.PASS


def test_rows_of_few_entities_do_not_make_a_gap_significant():
    truth, prediction, groups = rows_with((0.9, 0.5), 300)
    alone = assess_one(truth, prediction, groups, "demographic_parity")
    outcome = np.char.add(groups.astype(str), (prediction >= 0.5).astype(str))
    entities = np.char.add(outcome, (np.arange(len(truth)) % 2).astype(str))
    together = assess_one(truth, prediction, groups, "demographic_parity", entities=entities)
    assert alone.verdict is Verdict.FAIL
    assert together.value == alone.value
    assert together.verdict is Verdict.INCONCLUSIVE


def test_small_and_unknown_groups_are_shown_and_not_compared():
    truth, prediction, groups = rows_with((0.5, 0.5, 0.0, 1.0), 40)
    groups[groups == "g2"] = "unknown"
    small = np.flatnonzero(groups == "g3")[:15]
    keep = np.setdiff1d(np.arange(len(groups)), small)
    gap = assess_one(
        truth[keep], prediction[keep], groups[keep], "demographic_parity", min_group_rows=30
    )
    assert gap.groups == (
        GroupValue("g0", 40, 0.5),
        GroupValue("g1", 40, 0.5),
        GroupValue("g3", 25, None),
        GroupValue("unknown", 40, 0.0),
    )
    assert (gap.value, gap.verdict) == (0.0, Verdict.INCONCLUSIVE)


def test_a_group_without_positives_has_no_true_positive_rate():
    truth, prediction, groups = rows_with((0.5, 0.5), 60)
    truth[groups == "g1"] = 0
    gap = assess_one(truth, prediction, groups, "equal_opportunity")
    assert [group.value for group in gap.groups] == [0.5, None]
    assert (gap.value, gap.low, gap.high) == (None, None, None)
    assert gap.verdict is Verdict.INCONCLUSIVE


def test_every_attribute_is_judged_by_every_metric():
    truth, prediction, groups = rows_with((0.5, 0.6), 50)
    other = np.tile(["x", "y"], 50).astype(object)
    gaps = assess(
        "classification",
        truth,
        prediction,
        {"sex": groups, "site": other},
        np.arange(100).astype(str),
        metrics=CLASSIFICATION,
        limit=0.2,
        min_group_rows=30,
        threshold=0.5,
        seed=0,
    )
    named = [(gap.attribute, gap.metric) for gap in gaps]
    assert sorted(named) == sorted((a, m) for a in ("sex", "site") for m in CLASSIFICATION)
    assert gaps[0].value == assess_one(truth, prediction, groups, gaps[0].metric).value


def test_nothing_protected_is_nothing_to_assess():
    gaps = assess(
        "regression",
        np.zeros(3),
        np.zeros(3),
        {},
        np.array(["a", "b", "c"]),
        metrics=("mae",),
        limit=1.0,
        min_group_rows=1,
        threshold=0.5,
        seed=0,
    )
    assert gaps == ()


def test_equal_groups_fail_in_at_most_one_of_twenty():
    generator, failures = np.random.default_rng(0), 0
    groups = np.repeat(["a", "b"], 60).astype(object)
    for seed in range(100):
        truth = (generator.random(120) < 0.4).astype(int)
        score = np.clip(generator.normal(0.35 + 0.3 * truth, 0.25), 0, 1)
        gap = assess_one(truth, score, groups, "equal_opportunity", seed=seed, min_group_rows=30)
        failures += gap.verdict is Verdict.FAIL
    assert failures <= 8


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Series([1, 0], dtype="int64"), ["1", "0"]),
        (pd.Series([1.0, None]), ["1", "unknown"]),
        (pd.Series([True, False]), ["1", "0"]),
        (pd.Series(["f", None], dtype="category"), ["f", "unknown"]),
        (pd.array([True, None], dtype="boolean"), ["1", "unknown"]),
    ],
)
def test_a_group_has_one_name_whatever_the_type_of_the_column(values, expected):
    assert groups_of(pd.Series(values), ()).tolist() == expected


@given(st.lists(st.integers(-100, 200), max_size=20), st.sets(st.integers(0, 90), min_size=1))
def test_bins_are_half_open_and_leave_nothing_out(values, limits):
    bins = tuple(float(limit) for limit in sorted(limits))
    named = groups_of(pd.Series(values, dtype=float), bins)
    for value, name in zip(values, named, strict=True):
        place = sum(value >= limit for limit in bins)
        if place == 0:
            assert name == f"under {bins[0]:g}"
        elif place == len(bins):
            assert name == f"{bins[-1]:g} and over"
        else:
            assert name == f"{bins[place - 1]:g} to {bins[place]:g}"


def test_no_gap_on_few_rows_is_no_pass_either():
    few = assess_one(*rows_with((0.5, 0.5), 40), "demographic_parity", limit=0.1)
    many = assess_one(*rows_with((0.5, 0.5), 5000), "demographic_parity", limit=0.1)
    assert (few.value, few.verdict) == (0.0, Verdict.INCONCLUSIVE)
    assert (many.value, many.verdict) == (0.0, Verdict.PASS)
