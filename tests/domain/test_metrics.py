import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mlops_cli.config.tasks import TASK_METRICS
from mlops_cli.domain.metrics import METRICS, checked, evaluate
from mlops_cli.errors import InputError

#: A coarse grid, so that ties are common, and the ends.
PROBABILITIES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5, 0.7, 0.9, 1.0])
NUMBERS = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))


@st.composite
def cases(draw, truths, predictions):
    """Truth, prediction, and three weightings with zeros, as in a bootstrap."""
    size = draw(st.integers(2, 30))
    column = st.lists(truths, min_size=size, max_size=size)
    truth = np.array(draw(column), dtype=float)
    prediction = np.array(draw(st.lists(predictions, min_size=size, max_size=size)), dtype=float)
    weight = st.lists(st.integers(0, 4), min_size=size, max_size=size).filter(any)
    return truth, prediction, np.array(draw(st.lists(weight, min_size=3, max_size=3)), dtype=float)


def oracle(name, truth, prediction, weight, threshold):
    """Return scikit-learn's value with sample weights, nan where it only warns or raises."""
    hard = (prediction >= threshold).astype(float)
    keep = weight > 0
    both = len(set(truth[keep])) == 2
    calls = {
        "roc_auc": lambda: sk.roc_auc_score(truth, prediction, sample_weight=weight),
        "pr_auc": lambda: sk.average_precision_score(truth, prediction, sample_weight=weight),
        "accuracy": lambda: sk.accuracy_score(truth, hard, sample_weight=weight),
        "precision": lambda: sk.precision_score(
            truth, hard, sample_weight=weight, zero_division=np.nan
        ),
        "recall": lambda: sk.recall_score(truth, hard, sample_weight=weight, zero_division=np.nan),
        "f1": lambda: sk.f1_score(truth, hard, sample_weight=weight, zero_division=np.nan),
        "mcc": lambda: sk.matthews_corrcoef(truth, hard, sample_weight=weight),
        "brier": lambda: sk.brier_score_loss(truth, prediction, sample_weight=weight, pos_label=1),
        "log_loss": lambda: sk.log_loss(truth, prediction, sample_weight=weight, labels=[0, 1]),
        "rmse": lambda: sk.root_mean_squared_error(truth, prediction, sample_weight=weight),
        "mae": lambda: sk.mean_absolute_error(truth, prediction, sample_weight=weight),
        "r2": lambda: sk.r2_score(truth, prediction, sample_weight=weight),
        "mape": lambda: sk.mean_absolute_percentage_error(truth, prediction, sample_weight=weight),
    }
    undefined = {
        "roc_auc": not both,
        "pr_auc": not truth[keep].any(),
        "mcc": not both or len(set(hard[keep])) < 2,
        "r2": len(set(truth[keep])) < 2,
        "mape": (truth[keep] == 0).any(),
    }
    if undefined.get(name, False):
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return calls[name]()


def assert_equals_oracle(task, truth, prediction, weights, threshold):
    for name in TASK_METRICS[task]:
        ours = METRICS[task][name].function(truth, prediction, weights, threshold)
        theirs = [oracle(name, truth, prediction, weight, threshold) for weight in weights]
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9, err_msg=name)


@settings(max_examples=25, deadline=None)
@given(cases(st.integers(0, 1), PROBABILITIES), st.sampled_from([0.25, 0.5, 0.6]))
def test_classification_equals_scikit_learn_with_ties_and_weights(case, threshold):
    assert_equals_oracle("classification", *case, threshold)


@settings(max_examples=25, deadline=None)
@given(cases(NUMBERS, NUMBERS))
def test_regression_equals_scikit_learn_with_weights(case):
    truth, _, weights = case
    spread = min(np.ptp(truth[weight > 0]) for weight in weights)
    assume(spread == 0 or spread > 0.01)
    assert_equals_oracle("regression", *case, 0.5)


@pytest.mark.parametrize("size", [50, 5_000])
def test_a_large_table_equals_scikit_learn(size):
    generator = np.random.default_rng(size)
    truth = (generator.random(size) < 0.2).astype(float)
    score = np.clip(generator.normal(0.3 + 0.2 * truth, 0.2), 0, 1)
    weights = generator.integers(0, 4, (2, size)).astype(float)
    assert_equals_oracle("classification", truth, score, weights, 0.5)
    number = generator.normal(1e6, 1, size)
    assert_equals_oracle("regression", number, number + score, weights, 0.5)


def test_evaluate_gives_every_metric_of_the_task_its_value():
    truth, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    ours = METRICS["classification"].values()
    values = evaluate(ours, truth, score)
    assert tuple(values) == TASK_METRICS["classification"]
    assert values["roc_auc"] == 0.75
    assert values["precision"] == values["recall"] == values["accuracy"] == 0.5
    assert evaluate(ours, truth, score, threshold=0.4)["recall"] == 1.0


def test_undefined_metrics_are_nan_and_the_others_are_not():
    values = evaluate(METRICS["classification"].values(), np.zeros(4), np.full(4, 0.1))
    undefined = {name for name, value in values.items() if np.isnan(value)}
    assert undefined == {"roc_auc", "pr_auc", "precision", "recall", "f1", "mcc"}
    assert np.isnan(evaluate(METRICS["regression"].values(), np.ones(3), np.ones(3))["r2"])


@pytest.mark.parametrize(
    "definition",
    [each for task in ("classification", "regression") for each in METRICS[task].values()],
    ids=lambda metric: metric.name,
)
def test_the_direction_of_each_metric_is_the_one_a_better_model_moves_it(definition):
    truth = np.tile([0.0, 1.0], 20) + (definition.task == "regression")
    noise = np.random.default_rng(0).random(40)
    good, bad = truth * 0.8 + 0.1 + noise * 0.05, truth * 0.1 + noise * 0.8
    weights = np.ones((1, 40))
    gain = definition.function(truth, good, weights, 0.5) - definition.function(
        truth, bad, weights, 0.5
    )
    assert definition.sign * gain[0] > 0


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        ([0, 1], [0.5], "do not match"),
        ([], [], "no rows"),
        ([0, 1], [0.5, np.nan], "1 predictions are not finite"),
        ([0, np.inf], [0.5, 0.5], "1 labels are not finite"),
        ([0, 3], [0.5, 0.5], "1 labels are neither 0 nor 1"),
    ],
)
def test_values_no_metric_is_defined_on_are_refused(truth, prediction, message):
    with pytest.raises(InputError, match=message):
        checked("classification", np.array(truth), np.array(prediction))


def test_an_order_is_remembered_only_for_what_nobody_can_change():
    truth, prediction = np.array([0.0, 1, 0, 1]), np.array([0.1, 0.9, 0.2, 0.8])
    ones = np.ones((1, 4))
    assert METRICS["classification"]["roc_auc"].function(truth, prediction, ones, 0.5) == [1.0]
    prediction[:] = -prediction
    assert METRICS["classification"]["roc_auc"].function(truth, prediction, ones, 0.5) == [0.0]
    kept = [checked("classification", truth, prediction * sign)[1] for sign in (1, -1, 2)]
    for _ in range(2):
        found = [
            float(METRICS["classification"]["roc_auc"].function(truth, p, ones, 0.5)[0])
            for p in kept
        ]
        assert found == [0.0, 1.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        kept[0][0] = 1.0
