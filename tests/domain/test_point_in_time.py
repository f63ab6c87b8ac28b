"""The point-in-time join against a loop that anybody can check."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.domain.point_in_time import last_known

SECOND = 1_000_000
KEYS = st.sampled_from(["a", "b", "c", None])
TIMES = st.integers(0, 6)
FEATURES = st.lists(st.tuples(KEYS, TIMES, TIMES), max_size=25)
LABELS = st.lists(st.tuples(st.sampled_from(["a", "b", "unseen"]), TIMES), max_size=12)
TTL = st.none() | st.integers(0, 4)


def join(features, labels, ttl=None, with_created=True):
    """Run the join on plain lists; times are in seconds."""
    keys = np.array([key for key, _, _ in features], dtype=object)
    events = np.array([event for _, event, _ in features], dtype=np.int64) * SECOND
    created = np.array([written for _, _, written in features], dtype=np.int64) * SECOND
    label_keys = np.array([key for key, _ in labels], dtype=object)
    label_times = np.array([time for _, time in labels], dtype=np.int64) * SECOND
    limit = None if ttl is None else timedelta(seconds=ttl)
    known = created if with_created else None
    return last_known(keys, events, known, label_keys, label_times, limit).tolist()


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
    keys, events = np.array(["a"], dtype=object), np.array([0])
    times = np.array([SECOND, SECOND + 1])
    labels = np.array(["a", "a"], dtype=object)
    rows = last_known(keys, events, None, labels, times, timedelta(seconds=1))
    assert rows.tolist() == [0, -1]


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


def test_composite_keys_are_told_apart():
    keys = np.empty(2, dtype=object)
    keys[:] = [("a", 1), ("a", 2)]
    rows = last_known(keys, np.array([0, 0]), None, keys[::-1], np.array([1, 1]))
    assert rows.tolist() == [1, 0]
