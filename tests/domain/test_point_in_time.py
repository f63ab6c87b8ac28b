"""The point-in-time join against a loop that anybody can check."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.domain.point_in_time import LastKnown, last_known, newest

SECOND = 1_000_000
KEYS = st.sampled_from(["a", "b", "c", None])
TIMES = st.integers(0, 6)
FEATURES = st.lists(st.tuples(KEYS, TIMES, TIMES), max_size=25)
LABELS = st.lists(st.tuples(st.sampled_from(["a", "b", "unseen"]), TIMES), max_size=12)
TTL = st.none() | st.integers(0, 4)


def coded(keys):
    """Number the keys: a label whose entity has no row, and a row of nobody, get -1."""
    known = sorted({key for key, *_ in keys if key is not None})
    return {key: number for number, key in enumerate(known)}


def found(features, labels, ttl=None, with_created=True, scale=SECOND) -> LastKnown:
    """Run the join on plain lists."""
    codes = coded(features)
    keys = np.array([codes.get(key, -1) for key, _, _ in features], dtype=np.int64)
    events = np.array([event for _, event, _ in features], dtype=np.int64) * scale
    created = np.array([written for _, _, written in features], dtype=np.int64) * scale
    label_keys = np.array([codes.get(key, -1) for key, _ in labels], dtype=np.int64)
    label_times = np.array([time for _, time in labels], dtype=np.int64) * scale
    limit = None if ttl is None else timedelta(microseconds=ttl * scale)
    known = created if with_created else None
    return last_known(keys, events, known, label_keys, label_times, limit)


def join(features, labels, ttl=None, with_created=True):
    """Return the rows that the join finds; times are in seconds."""
    return found(features, labels, ttl, with_created).rows.tolist()


def naive(features, labels, ttl, with_created):
    """For each label, look at every feature row."""
    answers = []
    for who, now in labels:
        best = -1, -1, -1
        for row, (key, event, written) in enumerate(features):
            created = written if with_created else event
            if key == who and max(event, created) <= now:
                best = max(best, (event, created, row))
        answers.append(best[2] if ttl is None or best[0] >= now - ttl else -1)
    return answers


@given(FEATURES, LABELS, TTL, st.booleans())
def test_the_join_is_the_naive_loop(features, labels, ttl, with_created):
    expected = naive(features, labels, ttl, with_created)
    assert join(features, labels, ttl, with_created) == expected


@given(FEATURES, LABELS, TTL, st.randoms())
def test_the_order_of_the_labels_changes_no_answer(features, labels, ttl, random):
    answers = join(features, labels, ttl)
    order = list(range(len(labels)))
    random.shuffle(order)
    shuffled = join(features, [labels[position] for position in order], ttl)
    assert shuffled == [answers[position] for position in order]


@given(FEATURES, LABELS)
def test_no_row_from_the_future_is_used(features, labels):
    for row, (_, now) in zip(join(features, labels), labels, strict=True):
        assert row == -1 or max(features[row][1:]) <= now


@given(FEATURES, LABELS, st.lists(st.tuples(KEYS, st.integers(7, 9), TIMES), max_size=5))
def test_later_rows_do_not_change_earlier_answers(features, labels, later):
    assert join(features + later, labels) == join(features, labels)


@pytest.mark.parametrize(
    ("age", "ttl", "usable"), [(3, 3, True), (4, 3, False), (0, 0, True), (1, 0, False)]
)
def test_a_value_is_good_up_to_and_including_its_ttl(age, ttl, usable):
    assert join([("a", 1, 1)], [("a", 1 + age)], ttl) == [0 if usable else -1]


def test_one_microsecond_over_the_ttl_is_too_old():
    rows = found([("a", 0, 0)], [("a", 9), ("a", 10)], ttl=9, scale=1)
    assert rows.rows.tolist() == [0, -1]
    assert rows.expired.tolist() == [False, True]


@given(FEATURES, LABELS, st.integers(0, 4), st.booleans())
def test_what_is_expired_would_be_found_without_a_ttl(features, labels, ttl, with_created):
    limited = found(features, labels, ttl, with_created)
    unlimited = found(features, labels, None, with_created)
    assert (limited.expired == ((limited.rows < 0) & (unlimited.rows >= 0))).all()
    assert not unlimited.expired.any()


@given(FEATURES, LABELS, TTL, st.booleans())
def test_times_too_far_apart_to_be_packed_are_ranked(features, labels, ttl, with_created):
    """One row of another entity, 2^62 microseconds away and off every common unit."""
    far = [*features, ("far", -(2**62) // SECOND, 0)]
    near = join(features, labels, ttl, with_created)
    assert join(far, labels, ttl, with_created) == near


@given(FEATURES, st.booleans())
def test_the_newest_row_of_each_entity(features, with_created):
    codes = coded(features)
    keys = np.array([codes.get(key, -1) for key, _, _ in features], dtype=np.int64)
    events = np.array([event for _, event, _ in features], dtype=np.int64)
    written = np.array([each for _, _, each in features], dtype=np.int64)
    best = {}
    for row, (key, event, each) in enumerate(features):
        if key is not None:
            rank = (event, each if with_created else 0, row)
            best[key] = max(best.get(key, rank), rank)
    expected = sorted(rank[2] for rank in best.values())
    assert newest(keys, events, written if with_created else None).tolist() == expected


def test_a_correction_counts_only_once_it_is_written():
    first, corrected = ("a", 1, 1), ("a", 1, 5)
    assert join([first, corrected], [("a", 4), ("a", 5)]) == [0, 1]


def test_a_late_correction_of_an_old_value_does_not_hide_a_newer_one():
    newer, corrected_old = ("a", 3, 3), ("a", 1, 5)
    assert join([newer, corrected_old], [("a", 6)]) == [0]


def test_of_equal_rows_the_last_of_the_table_counts():
    assert join([("a", 1, 1)] * 3, [("a", 2)]) == [2]


def test_an_expired_correction_does_not_fall_back_to_an_older_value():
    assert join([("a", 1, 1), ("a", 2, 2)], [("a", 9)], ttl=5) == [-1]


def test_a_row_without_a_key_belongs_to_nobody():
    assert join([(None, 1, 1)], [("unseen", 2)]) == [-1]


def test_an_empty_source_knows_nothing():
    assert join([], [("a", 1), ("b", 2)]) == [-1, -1]


def test_no_labels_give_no_rows():
    assert join([("a", 1, 1)], []) == []
