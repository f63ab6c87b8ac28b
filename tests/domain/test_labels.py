"""What a label table must hold before anything is learnt from it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.config import ModelConfig
from mlops_cli.domain.labels import checked_labels, in_order
from mlops_cli.errors import InputError


def model(task="classification", **more):
    return ModelConfig.model_validate(
        {
            **more,
            "task": task,
            "entity": "who",
            "feature_views": {"v": {"source": "v.parquet", "features": {"x": {"type": "float"}}}},
            "labels": {"source": "labels.parquet", "column": "sick", "timestamp": "at"},
            **more,
        }
    )


def table(labels=None, **columns):
    size = len(labels) if labels is not None else 24
    sick = labels if labels is not None else [0, 1] * 12
    frame = {
        "who": [f"{n:03d}" for n in range(size)],
        "at": pd.Timestamp("2026-01-01"),
        "sick": sick,
    }
    return pd.DataFrame({**frame, **columns})


def test_entities_are_text_times_utc_and_labels_float():
    found = checked_labels(table(), model(), "labels")
    assert list(found.columns) == ["who", "at", "sick"]
    assert found["who"].tolist()[:2] == ["000", "001"]
    assert str(found["at"].dt.tz) == "UTC"
    assert found["sick"].dtype == np.float64


@pytest.mark.parametrize("labels", [[0, 1], ["0", "1"], [True, False], [0.0, 1.0]])
def test_ways_to_write_a_class(labels):
    assert set(checked_labels(table(labels * 12), model(), "labels")["sick"]) == {0.0, 1.0}


def test_times_with_an_offset_are_moved_to_utc():
    times = ["2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00.5"] * 12
    found = checked_labels(table(at=times), model(), "labels")
    assert found["at"].tolist()[0] == pd.Timestamp("2026-01-01", tz="UTC")


@pytest.mark.parametrize("name", ["who", "at", "sick"])
def test_a_missing_column_is_named(name):
    with pytest.raises(InputError, match=f"labels: no column '{name}'") as caught:
        checked_labels(table().drop(columns=name), model(), "labels")
    assert "columns found" in str(caught.value.hint)


def test_twelve_rows_are_too_few():
    with pytest.raises(InputError, match="12 labels, at least 20 are needed"):
        checked_labels(table([0, 1] * 6), model(), "labels")


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("bad", [np.nan, None, "", "unknown", np.inf])
def test_rows_without_a_label_are_counted(task, bad):
    with pytest.raises(InputError, match="2 of 24 labels are missing or not a number"):
        checked_labels(table([0, 1] * 11 + [bad, bad]), model(task), "labels")


def test_words_are_answered_with_what_turns_them_into_classes():
    with pytest.raises(InputError, match="24 of 24 labels are missing or not a number") as caught:
        checked_labels(table(["no", "yes"] * 12), model(), "labels")
    assert "`words` under `imports`" in str(caught.value.hint)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_times_are_no_labels(task):
    days = pd.date_range("2026-01-01", periods=24, tz="UTC")
    with pytest.raises(InputError, match="sick holds times, and a label is a number") as caught:
        checked_labels(table(days), model(task), "labels")
    assert "labels.column" in str(caught.value.hint)


def test_an_amount_that_never_changes_cannot_be_learnt():
    with pytest.raises(InputError, match=r"every sick is 2\.5; there is nothing to learn"):
        checked_labels(table([2.5] * 24), model("regression"), "labels")


def test_amounts_outside_the_output_range_are_counted():
    bounded = model("regression", output_range=[0, 1])
    with pytest.raises(InputError, match=r"3 of 24 labels are outside output_range \[0, 1\]"):
        checked_labels(table([0.5, 1.0, 0.0] * 7 + [40, -1, 1.01]), bounded, "labels")


@pytest.mark.parametrize("only", [0, 1])
def test_one_class_cannot_be_learnt(only):
    with pytest.raises(InputError, match=f"every sick is {only}; there is nothing to tell apart"):
        checked_labels(table([only] * 24), model(), "labels")


@pytest.mark.parametrize("odd", [2, -1, 0.5])
def test_another_class_is_refused(odd):
    with pytest.raises(InputError, match=f"sick is {odd:g} in a row, but a class is 0 or 1"):
        checked_labels(table([0, 1] * 11 + [0, odd]), model(), "labels")


def test_a_regression_takes_any_finite_number():
    values = np.linspace(-3, 3, 24)
    found = checked_labels(table(values), model("regression"), "labels")
    assert found["sick"].tolist() == values.tolist()


@pytest.mark.parametrize("odd", [-1.0, 0.5])
def test_a_number_that_is_no_count_is_refused(odd):
    counts = model("regression", output="count")
    assert checked_labels(table([0, 3] * 12), counts, "labels")["sick"].sum() == 36
    with pytest.raises(InputError, match=f"sick is {odd:g} in a row, but a count is"):
        checked_labels(table([odd] + [1.0] * 30), counts, "labels")
    with pytest.raises(InputError, match="every sick is 0; there is nothing to learn"):
        checked_labels(table([0] * 30), counts, "labels")


@pytest.mark.parametrize("odd", [-0.1, 1.5])
def test_a_number_outside_of_the_range_of_the_output_is_refused(odd):
    bounded = model("regression", output_range=[0, 1])
    assert len(checked_labels(table([0.0, 1.0] * 12), bounded, "labels")) == 24
    with pytest.raises(InputError, match="1 of 31 labels are outside output_range"):
        checked_labels(table([odd] + [1.0] * 30), bounded, "labels")


@pytest.mark.parametrize("time", [None, "yesterday", "2026-13-01"])
def test_a_row_without_a_time_is_refused(time):
    with pytest.raises(InputError, match=r"labels: .*row 24 (has no at|is not a time)"):
        checked_labels(table(at=["2026-01-01"] * 23 + [time]), model(), "labels")


@pytest.mark.parametrize("entity", [None, np.nan, ""])
def test_a_row_without_an_entity_is_refused(entity):
    with pytest.raises(InputError, match="labels: row 24 has no who"):
        checked_labels(table(who=["a"] * 23 + [entity]), model(), "labels")


labels_of_people = st.lists(
    st.tuples(st.sampled_from(["", "a", "b", "ä", "a10", "a9"]), st.integers(-2, 2), st.booleans()),
    max_size=12,
)


@given(labels_of_people, st.randoms())
def test_labels_are_in_one_order_whatever_that_of_their_file(rows, chance):
    def frame(rows):
        made = pd.DataFrame(rows, columns=["who", "day", "sick"])
        days = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(made.pop("day"), "D")
        return made.assign(who=made["who"].astype(object), at=days, sick=made["sick"].astype(float))

    shuffled = chance.sample(rows, len(rows))
    ordered = in_order(frame(shuffled)[["who", "at", "sick"]])
    pd.testing.assert_frame_equal(ordered, frame(sorted(rows))[["who", "at", "sick"]])
