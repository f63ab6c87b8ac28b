"""Keys as text: any id comes back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.domain.keys import key_text, read_key
from mlops_cli.errors import InputError

NAMES = ["patient_id", "hospital_id", "visit"]


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_a_key_is_read_as_it_was_written(ids: list[str]) -> None:
    key = dict(zip(NAMES, ids, strict=False))
    assert read_key(key_text(key), list(key)) == key


@given(st.lists(st.tuples(st.text(), st.text()), min_size=2, max_size=9, unique=True))
def test_two_keys_are_never_the_same_text(keys: list[tuple[str, str]]) -> None:
    texts = {key_text({"patient_id": one, "hospital_id": two}) for one, two in keys}
    assert len(texts) == len(keys)


@pytest.mark.parametrize(
    "text", ["PT1", "patient_id=1", "patient_id=1,patient_id=2", "a=1,b=2", ""]
)
def test_a_key_without_all_its_parts_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refused:
        read_key(text, ["patient_id", "hospital_id"])
    assert refused.value.hint == "as patient_id=ID,hospital_id=ID"
