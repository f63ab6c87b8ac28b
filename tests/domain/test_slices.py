"""Weak spots: found where they are, and not where there are none."""

import numpy as np
import pandas as pd
import pytest

from mlops_cli.config import FeatureConfig
from mlops_cli.domain import slices
from mlops_cli.domain.conditions import conditions

NUMBERS = {f"x{n}": FeatureConfig(type="float") for n in range(4)}
WORDS = {f"c{n}": FeatureConfig(type="category", categories=("a", "b", "c")) for n in range(3)}
FEATURES = NUMBERS | WORDS


def table(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    columns = {name: random.normal(size=rows) for name in NUMBERS}
    return pd.DataFrame(columns | {name: random.choice(list("abc"), rows) for name in WORDS})


def found(frame: pd.DataFrame, loss: np.ndarray, entities: np.ndarray) -> list[slices.Slice]:
    known, loss = conditions(frame, FEATURES), np.asarray(loss)
    return list(slices.worst(known, loss, loss, loss, entities)[0])


@pytest.mark.parametrize("rows_each", [1, 5])
def test_where_nothing_is_wrong_nothing_is_found(rows_each: int) -> None:
    alarms = 0
    for seed in range(40):
        people = table(150, seed)
        who = np.repeat(np.arange(150), rows_each)
        loss = np.random.default_rng(seed).exponential(size=150)[who]
        alarms += bool(found(people.iloc[who], loss, who))
    assert alarms <= 5


def test_rows_that_are_copies_of_each_other_are_no_evidence() -> None:
    hits = {True: 0, False: 0}
    for seed in range(10):
        people = table(60, seed)
        who = np.repeat(np.arange(60), 20)
        loss = np.random.default_rng(seed).exponential(size=60)[who]
        for apart in hits:
            ids = np.arange(len(who)) if apart else who
            hits[apart] += bool(found(people.iloc[who], loss, ids))
    assert hits[False] <= 2
    assert hits[True] >= 8


def test_a_pair_is_found_where_neither_part_alone_is_bad() -> None:
    frame = table(2000, 1)
    bad = (frame["c0"] == "a") & (frame["c1"] == "b")
    loss = np.random.default_rng(2).exponential(size=2000) + 2.0 * bad
    (worst, *_) = found(frame, loss, np.arange(2000))
    assert set(worst.parts) == {"c0 = a", "c1 = b"}
    assert worst.rows == int(bad.sum())
    assert worst.excess.low < 2.0 < worst.excess.high
    assert worst.p_value < 1e-6
    assert worst.name in {"c0 = a, c1 = b", "c1 = b, c0 = a"}


def test_what_shares_a_condition_with_a_worse_slice_is_not_listed_again() -> None:
    frame = table(2000, 3)
    loss = np.random.default_rng(4).exponential(size=2000) + 3.0 * (frame["c2"] == "c")
    parts = [part for each in found(frame, loss, np.arange(2000)) for part in each.parts]
    assert parts.count("c2 = c") == 1
    assert len(parts) == len(set(parts))


def test_a_lower_loss_is_no_finding() -> None:
    frame = table(2000, 5)
    loss = np.random.default_rng(6).exponential(size=2000) * np.where(frame["c0"] == "a", 0.9, 1.0)
    assert all("c0 = a" not in each.parts for each in found(frame, loss, np.arange(2000)))


def test_the_interval_excludes_no_difference_exactly_where_it_is_found() -> None:
    frame = table(1500, 7)
    loss = np.random.default_rng(8).exponential(size=1500) + 0.6 * (frame["x0"] > 1)
    for each in found(frame, loss, np.arange(1500)):
        assert each.excess.low > 0
        assert each.p_value <= slices.ALPHA


def test_conditions_of_every_kind() -> None:
    frame = pd.DataFrame(
        {
            "flag": [1.0, 0.0] * 100,
            "count": [0.0, 1.0, 2.0, np.nan] * 50,
            "word": ["a"] * 199 + ["rare"],
            "same": 4.0,
            "gone": np.nan,
        }
    )
    specs = {
        "flag": FeatureConfig(type="bool"),
        "count": FeatureConfig(type="int"),
        "word": FeatureConfig(type="category", categories=("a", "rare")),
        "same": FeatureConfig(type="float"),
        "gone": FeatureConfig(type="float"),
    }
    names = [each.name for each in conditions(frame, specs)]
    assert names == [
        "flag = true", "flag = false", "count = 0", "count = 1", "count = 2", "count missing",
    ]  # fmt: skip


def test_no_condition_no_finding() -> None:
    empty = slices.worst([], np.ones(5), np.ones(5), np.ones(5), np.arange(5))
    assert empty == ((), 0)


def test_equal_losses_are_no_finding() -> None:
    assert found(table(200, 9), np.full(200, 0.5), np.arange(200)) == []


def test_more_features_than_are_paired_are_still_looked_at() -> None:
    specs = {f"f{n}": FeatureConfig(type="bool") for n in range(slices.PAIRED_FEATURES + 3)}
    random = np.random.default_rng(0)
    frame = pd.DataFrame({name: random.integers(0, 2, 600).astype(float) for name in specs})
    last = f"f{slices.PAIRED_FEATURES + 2}"
    loss = random.exponential(size=600) + 2 * frame[last].to_numpy()
    worst, _ = slices.worst(conditions(frame, specs), loss, loss, loss, np.arange(600))
    assert worst[0].parts == (f"{last} = true",)


def test_a_few_entities_are_no_slice_however_many_rows_they_have() -> None:
    frame = table(1000, 10)
    frame["c0"] = np.where(np.arange(1000) < 90, "a", "b")
    ids = np.where(np.arange(1000) < 90, np.arange(1000) % 9, np.arange(1000))
    loss = np.random.default_rng(0).exponential(size=1000) + 9.0 * (frame["c0"] == "a").to_numpy()
    assert all("c0 = a" not in each.parts for each in found(frame, loss, ids))
    (group, *_) = known = conditions(frame, {"c0": WORDS["c0"]})
    assert group.name == "c0 = b"
    measured = slices.measured(known, loss, loss, loss, ids)
    assert [each.parts for each in measured] == [("c0 = b",)]
