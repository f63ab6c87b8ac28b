"""Metrics of several classes against scikit-learn, their intervals, folds and calibration."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn import metrics as sk

from mlops_cli.config import ModelConfig
from mlops_cli.domain import calibrating
from mlops_cli.domain.calibration import Temperature, fit_temperature
from mlops_cli.domain.fairness import assess
from mlops_cli.domain.gates import judge
from mlops_cli.domain.metrics import METRICS, checked, evaluate, multiclass
from mlops_cli.domain.resampling import cluster_weights, intervals, paired_difference
from mlops_cli.domain.results.judging import Verdict
from mlops_cli.domain.split import entity_codes, grouped_folds
from mlops_cli.errors import InputError

OURS = METRICS["multiclass"]


def drawn(rows, classes=3, seed=0, strength=1.5):
    generator = np.random.default_rng(seed)
    truth = generator.choice(
        classes, rows, p=np.arange(classes, 0, -1) / (classes * (classes + 1) / 2)
    )
    margins = generator.normal(0, 1, (rows, classes))
    margins[np.arange(rows), truth] += strength
    return truth.astype(float), softmax(margins, axis=1)


def oracle(name, truth, prediction, weight):
    classes, said = list(range(prediction.shape[1])), prediction.argmax(axis=1)
    own = {"sample_weight": weight}
    hot = np.eye(prediction.shape[1])[truth.astype(int)]
    return {
        "roc_auc": lambda: sk.roc_auc_score(
            truth, prediction, multi_class="ovr", average="macro", labels=classes, **own
        ),
        "accuracy": lambda: sk.accuracy_score(truth, said, **own),
        "f1_macro": lambda: sk.f1_score(truth, said, average="macro", **own),
        "f1_weighted": lambda: sk.f1_score(truth, said, average="weighted", **own),
        "mcc": lambda: sk.matthews_corrcoef(truth, said, **own),
        "brier": lambda: np.average(((prediction - hot) ** 2).sum(axis=1), weights=weight),
        "log_loss": lambda: sk.log_loss(truth, prediction, labels=classes, **own),
    }[name]()


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 6), st.integers(0, 10_000), st.booleans())
def test_metrics_equal_scikit_learn_with_weights_and_ties(classes, seed, tied):
    truth, prediction = drawn(120, classes, seed)
    truth[:classes] = np.arange(classes)
    if tied:
        prediction = np.round(prediction, 1) + 1e-3
        prediction /= prediction.sum(axis=1, keepdims=True)
    weights = np.random.default_rng(seed).integers(0, 3, (4, 120)).astype(float)
    weights[:, :classes] = 1
    for name, metric in OURS.items():
        ours = metric.function(truth, prediction, weights, 0.5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = [oracle(name, truth, prediction, weight) for weight in weights]
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9, err_msg=name)


def test_a_class_that_does_not_occur_is_left_out_of_the_means():
    truth, prediction = drawn(200)
    two = truth < 2
    found = evaluate(OURS.values(), truth[two], prediction[two])
    one_by_one = [sk.roc_auc_score(truth[two] == each, prediction[two, each]) for each in (0, 1)]
    assert found["roc_auc"] == pytest.approx(np.mean(one_by_one))
    assert np.isfinite(list(found.values())).all()
    alike = evaluate(OURS.values(), np.zeros(5), prediction[:5])
    assert np.isnan(alike["roc_auc"])
    assert np.isnan(alike["mcc"])


@pytest.mark.parametrize("metric", OURS.values(), ids=lambda metric: metric.name)
def test_positive_means_the_first_model_is_better(metric):
    truth, good = drawn(300, strength=3)
    bad = drawn(300, seed=1, strength=0)[1]
    gain = paired_difference(metric, truth, good, bad, np.arange(300).astype(str), 0.5, 0, 300)
    assert 0 < gain.low < gain.value < gain.high


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "roc_auc"])
def test_the_interval_covers_the_true_value_about_95_times_in_100(name):
    truth, prediction = drawn(60_000, seed=99)
    true = evaluate([OURS[name]], truth, prediction)[name]
    covered = 0
    for seed in range(200):
        rows = np.random.default_rng(seed).integers(0, 60_000, 80)
        ids = np.arange(80).astype(str)
        found = intervals({name: OURS[name]}, truth[rows], prediction[rows], ids, 0.5, seed, 300)
        covered += found[name].low < true < found[name].high
    assert 0.90 < covered / 200 <= 1.0


def test_every_resample_keeps_the_rare_class_and_one_entity_of_it_leaves_the_others_an_interval():
    truth, prediction = drawn(200)
    truth[truth == 2] = 0
    truth[7] = 2
    found = intervals(OURS, truth, prediction, np.arange(200).astype(str), 0.5, 0, 200)
    assert np.isfinite([each.low for each in found.values()]).all()
    strata = np.zeros(200, dtype=int)
    strata[7] = 2
    weights = cluster_weights(np.arange(200).astype(str), 50, 0, strata)
    assert (weights[:, 7] == 1).all()


def test_values_no_metric_is_defined_on_are_refused():
    prediction = np.full((2, 3), 1 / 3)
    with pytest.raises(InputError, match="1 labels are none of 3 classes"):
        checked("multiclass", np.array([0, 3]), prediction)
    with pytest.raises(InputError, match="do not match"):
        checked("multiclass", np.array([0, 1]), prediction[:, 0])


def test_folds_share_every_class_also_where_entities_have_several():
    """Entities of 0 and 2 have the same mean label as those of 1, and yet are others."""
    kinds = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [10, 30, 160]))
    labels = np.array([[0, 2], [1, 1], [2, 2]], dtype=float)[kinds].ravel()
    entities = np.repeat(np.arange(200).astype(str), 2)
    folds = grouped_folds(entities, labels, 5, 0, "multiclass")
    rows = [
        [int(((labels == kind) & (folds == fold)).sum()) for fold in range(5)] for kind in (0, 1)
    ]
    assert rows == [[2] * 5, [12] * 5]
    codes, _ = entity_codes(entities)
    assert len({*zip(codes.tolist(), folds.tolist(), strict=True)}) == 200


# Calibration


def test_a_temperature_is_taken_only_where_it_helps_on_unseen_rows():
    generator = np.random.default_rng(3)
    chances = generator.dirichlet((1, 1, 1), 3000)
    truth = np.array([generator.choice(3, p=each) for each in chances]).astype(float)
    ids, folds = np.arange(3000).astype(str), np.arange(3000) % 5
    honest = calibrating.choose("auto", chances, truth, ids, folds)
    assert (honest.calibration, honest.choice.method) == (None, "none")
    too_sure = softmax(3 * np.log(chances), axis=1)
    found = calibrating.choose("auto", too_sure, truth, ids, folds)
    assert isinstance(found.calibration, Temperature)
    assert found.calibration.sharpness == pytest.approx(1 / 3, rel=0.1)
    mended = found.calibration.apply(too_sure)
    assert np.abs(mended - chances).max() < 0.05
    assert mended.sum(axis=1) == pytest.approx(1)
    assert (mended.argmax(axis=1) == too_sure.argmax(axis=1)).all()
    assert calibrating.choose("none", too_sure, truth, ids, folds).calibration is None


def test_a_temperature_is_finite_where_the_scores_separate_the_classes():
    truth = np.tile([0.0, 1.0, 2.0], 20)
    assert fit_temperature(multiclass.one_hot(truth, 3) * 0.7 + 0.1, truth).sharpness <= 20


# Fairness


def unequal(seed=0):
    """Two groups of 400, the second right in 60 % of the rows, the first in 90 %."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, 800).astype(float)
    right = generator.random(800) < np.where(np.arange(800) < 400, 0.9, 0.6)
    said = np.where(right, truth, (truth + 1) % 3)
    groups = np.where(np.arange(800) < 400, "a", "b").astype(object)
    return truth, multiclass.one_hot(said, 3), groups


@pytest.mark.parametrize(("metric", "positive"), [("accuracy", None), ("equal_opportunity", 2)])
def test_a_gap_is_that_of_the_shares_in_the_groups(metric, positive):
    truth, prediction, groups = unequal()
    (gap,) = assess(
        "multiclass", truth, prediction, {"sex": groups}, np.arange(800).astype(str),
        metrics=(metric,), limit=0.1, min_group_rows=30, threshold=0.5, seed=0, positive=positive,
    )  # fmt: skip
    rows = np.ones(800, dtype=bool) if positive is None else truth == positive
    right = prediction.argmax(axis=1) == truth
    expected = right[rows & (groups == "a")].mean() - right[rows & (groups == "b")].mean()
    assert gap.value == pytest.approx(expected)
    assert gap.low < gap.value < gap.high
    assert gap.verdict is Verdict.FAIL


# Promotion


def judged(challenger, champion, truth):
    config = ModelConfig.model_validate(
        {
            "task": "multiclass",
            "entity": "patient",
            "feature_views": {"v": {"source": "v.parquet", "features": {"age": {"type": "int"}}}},
            "labels": {"source": "l.parquet", "column": "y", "classes": ["a", "b", "c"]},
            "primary_metric": "log_loss",
            "gates": {"floor": {"accuracy": 0.3}, "not_worse": {"f1_macro": 0.02}},
        }
    )
    ids = np.arange(len(truth)).astype(str)
    gates = judge(
        config, truth, challenger, champion, ids, {}, 0, thresholds=(0.5, 0.5), metrics=OURS
    )
    return {gate.name: gate for gate in gates}


def test_a_challenger_that_knows_more_is_promoted_and_the_other_way_round_refused():
    truth, worse = drawn(800, strength=1)
    hint = multiclass.one_hot(truth, 3) * 2 + np.random.default_rng(1).normal(0, 1, (800, 3))
    better = softmax(np.log(worse) + hint, axis=1)
    gates = judged(better, worse, truth)
    assert {gate.verdict for gate in gates.values()} == {Verdict.PASS}
    losses = [sk.log_loss(truth, each) for each in (worse, better)]
    assert gates["improvement:log_loss"].value == pytest.approx(losses[0] - losses[1])
    assert judged(worse, better, truth)["improvement:log_loss"].verdict is Verdict.FAIL


def test_a_holdout_of_one_class_decides_nothing():
    truth, prediction = np.full(50, 2.0), np.full((50, 3), 1 / 3)
    (gate,) = judged(prediction, None, truth).values()
    assert gate.verdict is Verdict.INCONCLUSIVE
    assert "all 50 labels of the holdout are c: two classes" in gate.message
