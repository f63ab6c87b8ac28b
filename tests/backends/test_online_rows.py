"""An entity read without Feast is what Feast would have answered, or nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import Mlops

from mlops_cli.backends import feature_store, online_rows
from mlops_cli.backends.feature_store import wire
from mlops_cli.config import load_config

READ = """
import sys
from mlops_cli.main import main
code = main(["features", "get", "heart_disease", "PT000123", "--json", "--config", sys.argv[1]])
assert code == 0
assert "feast" not in sys.modules
"""


@pytest.mark.parametrize("name", ["heart_disease", "diabetes_score", "readmission"])
def test_it_answers_as_feast_does(hospital: Path, name: str) -> None:
    config = load_config(hospital / "config.yaml")
    model = config.models[name]
    keys = [{"patient_id": f"PT{number:06d}"} for number in range(1, 301, 7)]
    assert [online_rows.latest(config, model, key) for key in keys] == feature_store.online(
        config, model, keys
    )


def test_what_it_does_not_know_is_left_to_feast(hospital: Path, tmp_path: Path) -> None:
    config = load_config(hospital / "config.yaml")
    model = config.models["heart_disease"]
    assert online_rows.latest(config, model, {"patient_id": "nobody"}) is None
    missing = config.model_copy(update={"project": "another"})
    assert online_rows.latest(missing, model, {"patient_id": "PT000123"}) is None
    elsewhere = config.model_copy(update={"state": str(tmp_path)})
    assert online_rows.latest(elsewhere, model, {"patient_id": "PT000123"}) is None
    assert not list(tmp_path.iterdir())


def test_a_feature_that_is_not_online_yet_is_left_to_feast(
    hospital: Path, tmp_path: Path, mlops: Mlops
) -> None:
    config = load_config(hospital / "config.yaml")
    model = config.models["heart_disease"]
    view = model.feature_views["heart_vitals"]
    more = view.model_copy(update={"features": {**view.features, "new": view.features["bmi"]}})
    views = {**model.feature_views, "heart_vitals": more}
    key = {"patient_id": "PT000123"}
    assert online_rows.latest(config, model, key) is not None
    changed = model.model_copy(update={"feature_views": views})
    assert online_rows.latest(config, changed, key) is None


def test_the_command_does_not_load_feast(hospital: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ, hospital / "config.yaml"], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr


@given(st.dictionaries(st.sampled_from(["a", "b", "ünï"]), st.text(), min_size=1))
def test_a_key_is_the_bytes_that_are_written(key: dict[str, str]) -> None:
    (written,) = wire.keys(list(key), [[each] for each in key.values()])
    assert online_rows._entity_key(key) == written


FIELDS = {
    "string_val": st.text(),
    "double_val": st.floats(allow_nan=False),
    "bool_val": st.booleans(),
}


@given(st.one_of(*(st.tuples(st.just(name), values) for name, values in FIELDS.items()),
                 st.tuples(st.just("int64_val"), st.integers(-(2**63), 2**63 - 1))))  # fmt: skip
def test_a_value_is_what_was_stored(cell: tuple[str, object]) -> None:
    name, value = cell
    assert online_rows._value(wire.Value(**{name: value}).SerializeToString()) == value
