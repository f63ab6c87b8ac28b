import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import norm, wasserstein_distance

from mlops_cli.domain.drift.distances import (
    Limits,
    jensen_shannon,
    upper_quantile,
    wasserstein,
)

LIMITS = Limits(alpha=0.05, min_effect=0.0)


def random():
    return np.random.default_rng(0)


def clipped(reference, current):
    low, high = np.quantile(reference, (0.001, 0.999))
    return np.clip(reference, low, high), np.clip(current, low, high)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=2, max_size=80).filter(lambda x: len(set(x)) > 2),
    st.lists(st.integers(-10, 90), min_size=1, max_size=80),
)
def test_few_distinct_values_give_scipys_wasserstein_distance(reference, current):
    reference, current = np.array(reference, dtype=float), np.array(current, dtype=float)
    low, high = np.quantile(reference, (0.001, 0.999))
    if low < high:
        before, now = clipped(reference, current)
        expected = wasserstein_distance(before, now) / before.std()
        found = wasserstein(reference, current, len(reference), LIMITS, random())
        assert found.statistic == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("kind", ["normal", "lognormal", "two peaks"])
def test_many_values_give_scipys_distance_to_a_hundredth(kind, shift):
    generator = random()
    draw = {
        "normal": lambda n: generator.normal(size=n),
        "lognormal": lambda n: generator.lognormal(0, 1, n),
        "two peaks": lambda n: generator.choice([0, 50], n) + generator.normal(size=n),
    }[kind]
    reference = draw(20_000)
    current = draw(3_000) + shift * reference.std()
    before, now = clipped(reference, current)
    expected = wasserstein_distance(before, now) / before.std()
    found = wasserstein(reference, current, 20_000, LIMITS, random())
    assert found.statistic == pytest.approx(expected, abs=0.01)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any),
    st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any),
)
def test_jensen_shannon_is_scipys_to_base_two(reference, current):
    before, now = np.array(reference, dtype=float), np.array(current, dtype=float)
    found = jensen_shannon(before, now, 100, LIMITS, random())
    assert found.statistic == pytest.approx(jensenshannon(before, now, 2), abs=1e-7)
    assert 0 <= found.statistic <= 1 + 1e-9


def test_a_shift_by_one_standard_deviation_is_one():
    values = random().normal(5, 3, 50_000)
    found = wasserstein(values, values + values.std(), 1000, LIMITS, random())
    assert found.statistic == pytest.approx(1, abs=0.02)


def test_the_threshold_is_the_quantile_of_fresh_samples():
    generator = random()
    reference = generator.lognormal(0, 0.8, 20_000)
    found = wasserstein(reference, generator.lognormal(0, 0.8, 150), 400, LIMITS, generator)
    fresh = []
    for _ in range(600):
        before, now = clipped(generator.lognormal(0, 0.8, 400), generator.lognormal(0, 0.8, 150))
        fresh.append(wasserstein_distance(before, now) / clipped(reference, now)[0].std())
    assert found.threshold == pytest.approx(np.quantile(fresh, 0.95), rel=0.12)


def test_p_values_are_uniform_without_change():
    generator = random()
    reference = generator.normal(size=5000)
    p_values = [
        wasserstein(reference, generator.normal(size=100), 5000, LIMITS, generator).p_value
        for _ in range(50)
    ]
    assert np.mean(np.array(p_values) < 0.1) <= 0.2
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.12)


def test_the_smallest_effect_is_the_least_threshold():
    values = random().normal(size=5000)
    found = wasserstein(values, values, 5000, Limits(0.05, 0.5), random())
    assert (found.threshold, found.statistic) == (0.5, 0)


@pytest.mark.parametrize("tail", [0.02, 0.0005, 0.00005])
def test_the_tail_is_found_or_guessed_on_the_safe_side(tail):
    sample = np.abs(random().normal(size=4000))
    exact = norm.ppf(1 - tail / 2)
    assert 0.95 * exact < upper_quantile(sample, tail) < 1.4 * exact


def test_equal_distances_have_no_tail():
    assert upper_quantile(np.zeros(100), 0.001) == 0
