"""Whom rows are about, and which row of each is the newest."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.config import ModelConfig
from mlops_cli.domain.subjects import Identity, count, moments, newest_rows, subjects

MODEL = {
    "task": "classification",
    "entity": "patient",
    "feature_views": {
        "stay": {
            "source": "/stay.parquet", "entity": ["hospital", "patient"], "created": "written",
            "features": {"age": {"type": "int"}},
        },
        "house": {
            "source": "/house.parquet", "entity": "hospital", "features": {"beds": {"type": "int"}},
        },
    },
    "labels": {"source": "/labels.parquet", "column": "back", "timestamp": "at"},
}  # fmt: skip


@pytest.fixture
def model() -> ModelConfig:
    return ModelConfig.model_validate(MODEL, context={"root": "/"})


def test_the_unit_is_the_entity_of_the_model_where_it_is_a_key(model: ModelConfig) -> None:
    stay = Identity.of_view(model, "stay")
    assert stay.unit == ("patient",)
    assert stay.columns == ("hospital", "patient", "event_timestamp", "written")
    assert Identity.of_view(model, "house").unit == ("hospital",)
    assert Identity.of_labels(model).columns == ("patient", "hospital", "at")


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([1, 2, None])), max_size=30
    )
)
def test_two_keys_are_one_entity_when_both_agree(rows: list[tuple[object, object]]) -> None:
    frame = pd.DataFrame(rows, columns=["who", "where"], dtype=object)
    codes = subjects(frame, ["who", "where"])
    whole = [row for row in rows if None not in row]
    assert count(codes) == len(set(whole))
    known = dict(zip(rows, codes.tolist(), strict=True))
    for row, code in zip(rows, codes.tolist(), strict=True):
        assert (code < 0) == (None in row)
        assert code == known[row]


def test_the_newest_row_is_by_event_time_then_by_time_of_writing() -> None:
    frame = pd.DataFrame(
        {
            "who": ["a", "a", "a", "b", None],
            "at": ["2026-01-02", "2026-01-02", "2026-01-01", None, "2026-01-09"],
            "written": ["2026-01-05", "2026-01-03", "2026-01-09", "2026-01-01", "2026-01-01"],
            "value": [1, 2, 3, 4, 5],
        }
    )
    assert newest_rows(frame, ["who"], ["at", "written"])["value"].tolist() == [1, 4]
    assert newest_rows(frame, ["who"], ["at"])["value"].tolist() == [2, 4]
    assert newest_rows(frame, ["who"], ["nowhere"])["value"].tolist() == [3, 4]
    assert newest_rows(frame, ["nobody"], ["at"])["value"].tolist() == [1, 2, 3, 4, 5]
    assert newest_rows(frame.head(0), ["who"], ["at"]).empty


def test_a_number_is_no_time() -> None:
    frame = pd.DataFrame({"at": [1, 2], "text": ["2026-01-01", "soon"]})
    assert moments(frame, "at").isna().all()
    assert moments(frame, "text").notna().tolist() == [True, False]
    assert moments(frame, "text").dt.tz is not None


def test_many_keys_of_many_values_do_not_overflow() -> None:
    size = 3000
    values = np.arange(size)
    frame = pd.DataFrame(dict.fromkeys("abcdef", values))
    assert count(subjects(frame, list("abcdef"))) == size
