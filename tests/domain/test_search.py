"""The search as numbers: blocks of entities, who is behind, who is taken, how much is luck."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.domain.search.choosing import lowest, optimism, simplest
from mlops_cli.domain.search.losses import BLOCKS, Blocks, row_losses, told
from mlops_cli.domain.search.racing import behind, difference, expected
from mlops_cli.domain.search.trials import Trial, TrialDone


def trial(number: int, sums: Any, *, stopped: bool = False, **params: float) -> Trial:
    sums = np.asarray(sums, dtype=float)
    return Trial(number, params, float(sums.mean()), sums, 100, 5, stopped, 1.0)


def each_alone(count: int, folds: int = 1) -> Blocks:
    """Entities of one row each, dealt to folds one after the other."""
    return Blocks.of(np.arange(count).astype(str), np.sort(np.arange(count) % folds))


# Losses and their blocks


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 5)), min_size=1, max_size=60),
    st.integers(1, 4),
)
def test_the_sums_of_the_blocks_are_the_sums_of_the_folds(
    rows: list[tuple[int, float]], count: int
) -> None:
    entities, losses = np.array([str(e) for e, _ in rows]), np.array([loss for _, loss in rows])
    folds = np.array([entity % count for entity, _ in rows])
    blocks, numbers = Blocks.of(entities, folds), np.unique(folds)
    assert blocks.counts.sum() == len(rows)
    assert blocks.ends[-1] == len(blocks.counts) == len(set(entities))
    for at, number in enumerate(numbers):
        held = folds == number
        sums = blocks.sums(held, losses[held], at, at + 1)
        start = blocks.ends[at - 1] if at else 0
        assert len(sums) == blocks.ends[at] - start
        assert sums.sum() == pytest.approx(losses[held].sum())
    for entity in set(entities):
        assert len(set(blocks.of_row[entities == entity])) == 1


def test_many_entities_share_blocks_and_no_block_is_in_two_folds() -> None:
    entities = np.repeat(np.arange(10_000), 2).astype(str)
    folds = np.repeat(np.arange(10_000) % 5, 2)
    blocks = Blocks.of(entities, folds)
    assert len(blocks.counts) == BLOCKS
    assert blocks.counts.min() >= 8
    for block in (0, 399, 400, 1999):
        assert len(set(folds[blocks.of_row == block])) == 1


def test_row_losses_are_those_that_xgboost_stops_on() -> None:
    truth, p = np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.2, 1.0])
    log_loss = row_losses("logloss", truth, p)
    assert log_loss[:2] == pytest.approx([-np.log(0.9), -np.log(0.8)])
    assert 0 <= log_loss[2] < 1e-12
    assert np.isfinite(row_losses("logloss", truth, np.array([0.0, 1.0, 0.5]))).all()
    counts = row_losses("poisson-nloglik", np.array([0.0, 2.0]), np.array([0.0, 2.0]))
    assert counts == pytest.approx([0, 2 - 2 * np.log(2)], abs=1e-12)
    assert told("rmse", float(row_losses("rmse", truth, truth + 2).mean())) == 2


# Racing


def test_the_standard_error_is_that_of_a_mean_of_independent_rows() -> None:
    generator = np.random.default_rng(3)
    first, second = generator.random((2, 500))
    mean, error = difference(first, second, np.ones(500))
    apart = first - second
    assert mean == pytest.approx(apart.mean())
    assert error == pytest.approx(apart.std(ddof=1) / np.sqrt(500))


def test_rows_of_one_entity_do_not_make_a_difference_surer() -> None:
    generator = np.random.default_rng(3)
    apart = generator.normal(size=100)
    once = difference(apart, np.zeros(100), np.ones(100))
    tenfold = difference(10 * apart, np.zeros(100), np.full(100, 10.0))
    assert tenfold == pytest.approx(once)


def test_a_trial_is_judged_on_the_folds_it_has_had() -> None:
    blocks, wave = each_alone(80, folds=2), np.tile([0.0, 0.1], 20)
    best = np.concatenate([0.5 + wave, np.zeros(40)])
    assert behind(0.7 + wave[::-1], best, blocks)
    assert not behind(0.5 + wave[::-1], best, blocks)
    assert not behind(0.3 + wave, best, blocks)
    assert expected(0.7 + wave, best, blocks) == pytest.approx(best.mean() + 0.2)


def test_with_few_entities_nobody_is_stopped() -> None:
    assert not behind(np.full(29, 9.0), np.zeros(29), each_alone(29))
    assert behind(np.full(30, 9.0), np.zeros(30), each_alone(30))


# Choosing


def test_the_lowest_is_one_that_had_every_fold() -> None:
    trials = [trial(1, [0.5]), trial(2, [0.1], stopped=True), trial(3, [0.4]), trial(4, [0.4])]
    assert lowest(trials).number == 3


@pytest.mark.parametrize(
    ("simple", "complex_"),
    [
        ({"max_depth": 2}, {"max_depth": 3}),
        ({"max_depth": 6, "max_leaves": 4}, {"max_depth": 3}),
        ({"min_child_weight": 9.0}, {"min_child_weight": 1.0, "reg_lambda": 50.0}),
        ({"max_depth": 2, "reg_lambda": 1.0}, {"max_depth": 3, "reg_lambda": 50.0}),
        ({"reg_lambda": 5.0}, {"reg_lambda": 1.0}),
        ({"gamma": 5.0}, {"gamma": 0.0}),
    ],
)
def test_of_trials_that_cannot_be_told_apart_the_simplest_is_taken(
    simple: dict[str, float], complex_: dict[str, float]
) -> None:
    noise, counts = np.random.default_rng(3).normal(0, 0.1, 200), np.ones(200)
    trials = [trial(1, np.full(200, 0.5), **complex_), trial(2, 0.5 + abs(noise.mean()) * 0.5
              + noise - noise.mean(), **simple)]  # fmt: skip
    assert simplest(trials, counts).number == 2
    assert lowest(trials).number == 1
    worse = trial(3, 0.6 + noise, **simple)
    assert simplest([trials[0], worse], counts).number == 1


def test_a_stopped_trial_is_never_taken() -> None:
    trials = [trial(1, np.full(9, 0.5), max_depth=6), trial(2, [0.1], stopped=True, max_depth=1)]
    assert simplest(trials, np.ones(9)).number == 1


# Optimism


def test_one_trial_has_no_optimism() -> None:
    assert optimism([trial(1, np.ones(9))], np.ones(9), 7) is None
    assert optimism([trial(1, np.ones(9)), trial(2, [1.0], stopped=True)], np.ones(9), 7) is None


def test_a_clear_winner_is_not_luck() -> None:
    generator = np.random.default_rng(3)
    good, poor = generator.normal((0.2, 0.9), 0.05, (300, 2)).T
    assert optimism([trial(1, good), trial(2, poor)], np.ones(300), 7) == pytest.approx(
        0, abs=0.001
    )


@pytest.mark.parametrize("count", [5, 30])
def test_among_equals_the_optimism_is_found_as_large_as_it_is(count: int) -> None:
    """All candidates have a true loss of 0.5: what the lowest is below that is luck."""
    generator, luck, found = np.random.default_rng(3), [], []
    for _ in range(40):
        drawn = generator.normal(0.5, 0.5, (count, 150))
        trials = [trial(n, each) for n, each in enumerate(drawn)]
        luck.append(0.5 - lowest(trials).loss)
        found.append(optimism(trials, np.ones(150), 7))
    assert np.mean(found) == pytest.approx(np.mean(luck), rel=0.15)


def test_the_same_seed_gives_the_same_optimism() -> None:
    drawn = np.random.default_rng(3).normal(1, 1, (5, 80))
    trials = [trial(n, each) for n, each in enumerate(drawn)]
    assert optimism(trials, np.ones(80), 7) == optimism(trials, np.ones(80), 7)


# How far


def test_a_line_tells_how_far_the_search_is() -> None:
    done = TrialDone("heart", trial(3, [0.25]), 50, 0.16, "rmse", 12.4)
    assert str(done) == "heart: trial 3/50, rmse 0.5000, best 0.4000, 12 s left"
    stopped = Trial(3, {}, 0.5, np.ones(1), 9, 2, True, 1.0)
    line = str(TrialDone("heart", stopped, 50, 0.4, "logloss", 0))
    assert line == (
        "heart: trial 3/50, log loss 0.5000, stopped after 2 folds, best 0.4000, 0 s left"
    )
