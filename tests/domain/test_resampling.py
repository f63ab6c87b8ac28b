import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.config.tasks import TASK_METRICS
from mlops_cli.domain.metrics import METRICS, evaluate
from mlops_cli.domain.resampling import (
    CELLS,
    cluster_weights,
    intervals,
    paired_difference,
    percentiles,
    weight_chunks,
)

EVERY = [each for task in ("classification", "regression") for each in METRICS[task].values()]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=12), st.integers(0, 3))
def test_entities_are_drawn_whole_and_as_many_as_there_are(sizes, seed):
    entities = np.repeat([f"e{i}" for i in range(len(sizes))], sizes)
    weights = cluster_weights(entities, 20, seed)
    starts = np.cumsum([0, *sizes[:-1]])
    np.testing.assert_array_equal(weights, np.repeat(weights[:, starts], sizes, axis=1))
    np.testing.assert_array_equal(weights[:, starts].sum(axis=1), len(sizes))


def test_draws_are_multinomial():
    weights = cluster_weights(np.arange(50).astype(str), 4000, 0)
    assert weights.mean() == 1
    assert weights.var() == pytest.approx(1 - 1 / 50, rel=0.02)
    pairs = np.corrcoef(weights[:, :10].T)[np.triu_indices(10, 1)]
    assert pairs.mean() == pytest.approx(-1 / 49, abs=0.01)


def test_strata_keep_their_share_in_every_resample():
    entities = np.repeat(np.arange(30).astype(str), 2)
    truth = np.zeros(60)
    truth[[0, 2, 5]] = 1
    strata = np.repeat(truth.reshape(-1, 2).any(axis=1), 2)
    weights = cluster_weights(entities, 500, 0, strata)
    assert strata.sum() == 6
    assert set((weights @ strata).tolist()) == {6.0}
    assert (cluster_weights(entities, 500, 0) @ strata).std() > 1


def test_parts_are_small_and_together_the_whole():
    entities = np.arange(4000).astype(str)
    parts = list(weight_chunks(entities, 1000, 3))
    assert max(part.size for part in parts) <= CELLS
    assert len(parts) > 1
    np.testing.assert_array_equal(cluster_weights(entities, 1000, 3), np.concatenate(parts))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_value_is_the_metric_and_lies_in_its_interval(task):
    generator = np.random.default_rng(0)
    truth = (generator.random(300) < 0.4).astype(float) + (task == "regression")
    prediction = np.clip(truth * 0.4 + generator.random(300) * 0.6, 0, 1)
    found = intervals(METRICS[task], truth, prediction, np.arange(300).astype(str), 0.5, 0, 300)
    assert tuple(found) == TASK_METRICS[task]
    expected = evaluate(METRICS[task].values(), truth, prediction)
    for name, interval in found.items():
        assert interval.value == pytest.approx(expected[name])
        assert interval.low < interval.value < interval.high


def test_the_interval_of_a_mean_is_the_textbook_one():
    generator = np.random.default_rng(1)
    truth = generator.normal(0, 1, 2000)
    found = intervals(
        METRICS["regression"], truth, np.zeros(2000), np.arange(2000).astype(str), 0.5, 0, 2000
    )["mae"]
    assert found.half_width == pytest.approx(1.96 * np.abs(truth).std(ddof=1) / 2000**0.5, rel=0.06)


def test_the_interval_covers_the_true_value_about_95_times_in_100():
    generator, covered = np.random.default_rng(2), 0
    for seed in range(300):
        truth = generator.normal(0, 1, 60)
        found = intervals(
            METRICS["regression"], truth, np.zeros(60), np.arange(60).astype(str), 0.5, seed, 400
        )["mae"]
        covered += found.low < (2 / np.pi) ** 0.5 < found.high
    assert 0.90 < covered / 300 < 0.98


def test_repeated_rows_of_an_entity_do_not_narrow_the_interval():
    generator = np.random.default_rng(3)
    error = generator.normal(0, 1, 100)
    ids = np.arange(100).astype(str)
    once = intervals(METRICS["regression"], error, np.zeros(100), ids, 0.5, 0)["rmse"]
    ten = intervals(
        METRICS["regression"], np.repeat(error, 10), np.zeros(1000), np.repeat(ids, 10), 0.5, 0
    )["rmse"]
    assert ten.half_width == pytest.approx(once.half_width, rel=0.02)


def test_an_undefined_metric_has_no_interval():
    found = intervals(
        METRICS["classification"],
        np.zeros(50),
        np.full(50, 0.2),
        np.arange(50).astype(str),
        0.5,
        0,
        100,
    )
    assert np.isnan([found["roc_auc"].value, found["roc_auc"].low, found["roc_auc"].high]).all()
    assert found["brier"].low <= found["brier"].value <= found["brier"].high


def test_few_undefined_resamples_are_left_out():
    values = np.concatenate([np.full(10, np.nan), np.linspace(0, 1, 90)])
    assert percentiles(values, 0.5).low == pytest.approx(0.025)


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_positive_means_the_first_model_is_better(metric):
    generator = np.random.default_rng(4)
    truth = np.tile([0.0, 1.0], 100) + (metric.task == "regression")
    noise = generator.random(200)
    good, bad = truth * 0.7 + noise * 0.3, truth * 0.2 + noise * 0.8
    ids = np.arange(200).astype(str)
    gain = paired_difference(metric, truth, good, bad, ids, 0.5, 0, 500)
    assert 0 < gain.low < gain.value < gain.high
    loss = paired_difference(metric, truth, bad, good, ids, 0.5, 0, 500)
    assert (loss.value, loss.low) == pytest.approx((-gain.value, -gain.high))


def test_pairing_cancels_what_both_models_share():
    generator = np.random.default_rng(5)
    truth = generator.normal(0, 10, 400)
    first, second = generator.normal(0, 0.1, (2, 400))
    ids = np.arange(400).astype(str)
    alone = intervals(METRICS["regression"], truth, first, ids, 0.5, 0)["mae"]
    paired = paired_difference(METRICS["regression"]["mae"], truth, first, second, ids, 0.5, 0)
    assert paired.half_width < alone.half_width / 20


def test_memory_stays_bounded():
    generator = np.random.default_rng(6)
    truth = (generator.random(20_000) < 0.3).astype(float)
    first, second = generator.random((2, 20_000))
    ids = np.arange(20_000).astype(str)
    tracemalloc.start()
    paired_difference(METRICS["classification"]["roc_auc"], truth, first, second, ids, 0.5, 0, 200)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
