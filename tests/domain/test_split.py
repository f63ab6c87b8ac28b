from collections import Counter
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_cli.config.training import HoldoutConfig
from mlops_cli.domain.split import (
    assert_disjoint,
    entity_codes,
    grouped_folds,
    held_out,
    in_holdout,
    kept_apart,
    repetitions,
)
from mlops_cli.errors import InputError

IDS = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=40)

TASKS = ("classification", "multiclass", "regression")


@given(IDS, st.floats(0, 1), st.text(max_size=5))
def test_holdout_is_the_hash_of_salt_and_entity(ids, fraction, salt):
    held = in_holdout(np.array(ids, dtype=object), fraction, salt)
    for entity, is_held in zip(ids, held, strict=True):
        digest = sha256(salt.encode() + b"\0" + entity.encode()).digest()
        assert is_held == (int.from_bytes(digest[:8], "big") / 2**64 < fraction)


@given(IDS, IDS)
def test_holdout_does_not_depend_on_the_other_entities(ids, others):
    alone = in_holdout(np.array(ids, dtype=object), 0.5, "s")
    together = in_holdout(np.array(others + ids, dtype=object), 0.5, "s")
    assert together[len(others) :].tolist() == alone.tolist()


def test_holdout_holds_the_asked_share_and_the_salt_changes_who():
    ids = np.array([f"PT{i:06d}" for i in range(20_000)])
    held = in_holdout(ids, 0.2, "holdout")
    assert held.mean() == pytest.approx(0.2, abs=0.01)
    assert (held & in_holdout(ids, 0.2, "other")).mean() == pytest.approx(0.04, abs=0.006)
    assert not in_holdout(ids, 0.0, "holdout").any()
    assert in_holdout(ids, 1.0, "holdout").all()


def test_missing_ids_are_refused():
    with pytest.raises(InputError, match="2 rows have no entity id"):
        entity_codes(np.array(["a", None, float("nan")], dtype=object))


@st.composite
def tables(draw):
    """Entities with one to five rows each, and 0/1 labels."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=5, max_size=40))
    entities = np.repeat([f"e{i}" for i in range(len(sizes))], sizes)
    labels = draw(st.lists(st.booleans(), min_size=len(entities), max_size=len(entities)))
    return entities, np.array(labels, dtype=float)


@given(tables(), st.integers(2, 5), st.integers(0, 5), st.sampled_from(TASKS))
@settings(max_examples=60)
def test_folds_keep_entities_whole_and_balanced(table, count, seed, task):
    entities, labels = table
    folds = grouped_folds(entities, labels, count, seed, task)
    assert len({*zip(entities, folds, strict=True)}) == len(set(entities))
    per_fold = Counter(dict({*zip(entities, folds, strict=True)}).values())
    assert set(per_fold) == set(range(count))
    assert max(per_fold.values()) - min(per_fold.values()) <= 1
    again = grouped_folds(entities, labels, count, seed, task)
    assert folds.tolist() == again.tolist()


def test_stratified_folds_share_the_rare_label():
    labels = np.zeros(200)
    labels[:20] = 1
    folds = grouped_folds(np.arange(200).astype(str), labels, 5, 3, "classification")
    assert [labels[folds == fold].sum() for fold in range(5)] == [4, 4, 4, 4, 4]


def test_stratified_folds_share_the_range_of_a_number():
    values = np.random.default_rng(0).exponential(1, 500)
    folds = grouped_folds(np.arange(500).astype(str), values, 5, 3, "classification")
    means = [values[folds == fold].mean() for fold in range(5)]
    assert max(means) - min(means) < 0.05


@pytest.mark.parametrize("task", TASKS)
def test_folds_balance_rows_where_entities_differ_in_size(task):
    generator = np.random.default_rng(1)
    sizes = generator.integers(1, 40, 200)
    entities = np.repeat(np.arange(200).astype(str), sizes)
    labels = np.repeat((generator.random(200) < 0.3).astype(float), sizes)
    folds = grouped_folds(entities, labels, 5, 0, task)
    rows = np.bincount(folds)
    assert (rows.max() - rows.min()) / rows.mean() < 0.05


def test_another_seed_gives_other_folds():
    ids, labels = np.arange(100).astype(str), np.zeros(100)
    first, second = (grouped_folds(ids, labels, 5, seed, False) for seed in (0, 1))
    assert (first != second).mean() > 0.5


def test_too_few_entities_are_refused():
    with pytest.raises(InputError, match="3 entities cannot fill 5 folds"):
        grouped_folds(np.array(["a", "b", "c", "a", "b", "c"]), np.zeros(6), 5, 0, True)


def test_disjoint_counts_the_shared_entities_without_naming_them():
    with pytest.raises(InputError, match="2 entities") as caught:
        assert_disjoint(np.array(["PT1", "PT2", "PT3"]), np.array(["PT3", "PT2", "PT9"]))
    assert "PT" not in caught.value.message


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), min_size=1, max_size=30))
def test_nobody_is_on_both_sides_and_no_held_out_row_is_lost(rows):
    entities = np.array([who for who, _ in rows], dtype=object)
    held = np.array([is_held for _, is_held in rows])
    used, crossing = kept_apart(entities, held)
    inside = {who for who, is_held in rows if is_held}
    outside = {who for who, is_held in rows if not is_held}
    assert_disjoint(entities[used & held], entities[used & ~held])
    assert used[held].all()
    assert set(entities[used & ~held]) == outside - inside
    assert crossing.tolist() == [is_held and who in inside & outside for who, is_held in rows]


DAYS = pd.Series(
    pd.to_datetime(["2025-12-31 23:59:59", "2026-01-01", "2026-06-01"], utc=True, format="ISO8601")
)
WHO = np.array(["a", "b", "c"], dtype=object)


def test_a_label_at_the_very_moment_is_held_out():
    rule = HoldoutConfig(kind="time", after="2026-01-01")
    assert held_out(rule, WHO, DAYS, WHO).tolist() == [False, True, True]


def test_sites_are_held_out_by_name_or_by_the_hash_of_the_name():
    sites = np.array([f"H{n}" for n in range(200)] * 2, dtype=object)
    who = np.array([f"P{n}" for n in range(400)], dtype=object)
    days = pd.Series([DAYS[0]] * 400)
    named = held_out(HoldoutConfig(kind="group", groups="x", values=("H1", "H7")), who, days, sites)
    assert set(sites[named]) == {"H1", "H7"}
    assert named.sum() == 4
    hashed = held_out(HoldoutConfig(kind="group", groups="x", fraction=0.3), who, days, sites)
    assert hashed.tolist() == in_holdout(sites, 0.3, "holdout").tolist()
    assert 40 < len(set(sites[hashed])) < 80


def test_by_default_the_hash_of_the_entity_decides():
    who = np.array([f"P{n}" for n in range(300)], dtype=object)
    rule = HoldoutConfig(fraction=0.4, salt="s")
    found = held_out(rule, who, pd.Series([DAYS[0]] * 300), who[::-1])
    assert found.tolist() == in_holdout(who, 0.4, "s").tolist()


def test_fewer_entities_are_repeated_more_often():
    counts = [repetitions(n) for n in (20, 999, 1000, 4999, 5000, 10**6)]
    assert counts == [5, 5, 2, 2, 1, 1]
