import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_cli.domain.chain import GENESIS, Verification, canonical, link, verify
from mlops_cli.errors import InputError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
BODIES = st.dictionaries(st.text(max_size=5), VALUES, max_size=4)


def chain_of(bodies):
    """Rows as the audit log stores them."""
    rows, head = [], GENESIS
    for seq, body in enumerate(bodies, 1):
        data = canonical(body)
        rows.append((seq, head, data, link(head, data)))
        head = rows[-1][3]
    return rows


EVENTS = chain_of([{"action": "train", "n": n} for n in range(6)])


def problems_of(rows):
    return [(problem.seq, problem.problem.split()[0]) for problem in verify(rows).problems]


def test_no_events_are_an_intact_chain():
    assert verify([]) == Verification(True, 0, GENESIS, ())


@settings(max_examples=50)
@given(st.lists(BODIES, max_size=6))
def test_what_was_linked_verifies(bodies):
    rows = chain_of(bodies)
    found = verify(iter(rows))
    assert found == Verification(True, len(rows), rows[-1][3] if rows else GENESIS, ())


@given(st.integers(0, 5), st.data())
def test_any_changed_byte_is_found_at_its_event(place, data):
    seq, previous, body, stored = EVENTS[place]
    at = data.draw(st.integers(0, len(body) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != body[at]))
    rows = list(EVENTS)
    rows[place] = (seq, previous, body[:at] + bytes([other]) + body[at + 1 :], stored)
    assert (seq, "the") in problems_of(rows)
    assert {found for found, _ in problems_of(rows)} == {seq}


def test_a_removed_event_is_found():
    assert problems_of(EVENTS[:2] + EVENTS[3:]) == [(4, "expected"), (4, "it")]
    assert problems_of(EVENTS[1:]) == [(2, "expected"), (2, "it")]


def test_a_forged_event_with_its_own_hash_breaks_the_next_link():
    seq, previous, _, _ = EVENTS[2]
    body = canonical({"action": "approve"})
    rows = [*EVENTS[:2], (seq, previous, body, link(previous, body)), *EVENTS[3:]]
    assert problems_of(rows) == [(4, "it")]


def test_swapped_and_repeated_events_are_found():
    assert {seq for seq, _ in problems_of([EVENTS[1], EVENTS[0], *EVENTS[2:]])} == {1, 2, 3}
    assert problems_of([*EVENTS, EVENTS[-1]]) == [(6, "expected"), (6, "it")]


def test_it_goes_on_after_a_problem():
    rows = list(EVENTS)
    for place in (1, 4):
        rows[place] = (*rows[place][:2], b'{"action":"x"}', rows[place][3])
    found = verify(rows)
    assert [problem.seq for problem in found.problems] == [2, 5]
    assert (found.intact, found.events, found.head) == (False, 6, EVENTS[-1][3])


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":NaN}',
        b"[]",
        b"{",
        b"\xff",
        b"[" * 9999,
    ],
)
def test_bodies_that_are_not_canonical_are_found(body):
    found = verify([(1, GENESIS, body, link(GENESIS, body))])
    assert [problem.problem for problem in found.problems] == ["the content is not canonical JSON"]


@settings(max_examples=50)
@given(BODIES)
def test_the_order_of_keys_does_not_matter(body):
    turned = dict(reversed(list(body.items())))
    assert canonical(body) == canonical(turned)
    assert json.loads(canonical(body)) == body


def test_canonical_bytes_are_utf8_without_spaces():
    assert canonical({"b": [1, 2.5], "a": "Zürich"}) == '{"a":"Zürich","b":[1,2.5]}'.encode()


@pytest.mark.parametrize(
    "body",
    [
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": object()},
        {1: "a", "1": "b"},
        {2: "a", 10: "b"},
        {"a": "\ud800"},
        {"a": {1, 2}},
    ],
)
def test_events_that_would_not_read_back_are_refused(body):
    with pytest.raises(InputError):
        canonical(body)
