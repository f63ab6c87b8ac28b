"""What is read from a store itself is what Feast's SDK reads, from whoever has written it."""

import re
import sqlite3
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import feast_value_type_to_python_type
from feast.types import Bool, Float32, Float64, Int64, String
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from servers import free_port

from mlops_cli.backends import feature_store
from mlops_cli.backends.feature_store import materializing, reading, wire
from mlops_cli.backends.feature_store.connection import (
    online_store,
    references,
    speaking,
    stored_name,
)
from mlops_cli.config import Config, ModelConfig, load_config
from mlops_cli.errors import ConfigError, MlopsError, NotFoundError, UnavailableError

CONFIG = """\
project: mine
feature_store: {{repo: repo}}
models:
  risk:
    task: classification
    entity: who
    feature_views:
      vitals: {{timestamp: at, features: {{pulse: {{type: float}}, visits: {{type: int}},
        smoker: {{type: bool}}, note: {{type: category, categories: [a, b]}}}}}}
      stays: {{entity: [who, site], timestamp: at,
        features: {{beds: {{type: int}}, cost: {{type: float}}}}}}
      sites: {{entity: {sites}, timestamp: at, features: {{load: {{type: float}}}}}}
    labels: {{source: labels.parquet, column: sick}}
"""
WHO, SITE = ("who", String), ("site", Int64)
VIEWS = {
    "vitals": ([WHO], {"pulse": Float64, "visits": Int64, "smoker": Bool, "note": String}),
    "stays": ([WHO, SITE], {"beds": Int64, "cost": Float64}),
    "sites": ([SITE], {"load": Float64}),
}
ARROW = {Float64: pa.float64(), Float32: pa.float32(), Int64: pa.int64(), Bool: pa.bool_()}
PEOPLE = ["P1", "P2", "007", "NA", "ünï", "'; --", "a,b=c", ""]
SITES = [0, 7, -3, 2**62]
STRANGERS = [
    {"who": "nobody", "site": "7"}, {"who": "nobody", "site": "99"}, {"who": "P1", "site": "99"},
]  # fmt: skip
KEYS = [{"who": who, "site": str(SITES[n % 4])} for n, who in enumerate(PEOPLE)]
ASKED = [*KEYS, *STRANGERS, KEYS[1], KEYS[0]]


def day(number: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def online(request: pytest.FixtureRequest) -> str:
    """The `online_store` section of each kind of store, of real servers where it is one."""
    if request.param == "sqlite":
        return "{type: sqlite, path: data/online.db}"
    return str(request.getfixturevalue(request.param))


def write_sources(folder: Path) -> None:
    """Write two rows of each key, some cells empty, the times with fractions of a second."""
    generator = np.random.default_rng(5)
    for name, (keys, features) in VIEWS.items():
        rows = [key for key in KEYS for _ in range(2)] if name != "sites" else KEYS[:4] * 2
        size = len(rows)
        made = {
            "who": [row["who"] for row in rows],
            "site": pa.array([int(row["site"]) for row in rows]),
        }
        columns = {key: made[key] for key, _ in keys}
        for feature, kind in features.items():
            gaps = generator.random(size) < 0.3
            values = {
                Bool: generator.random(size) < 0.5,
                String: generator.choice(["", "weiß", "x" * 3000], size),
                Int64: generator.integers(-(2**62), 2**62, size),
            }.get(kind, generator.normal(size=size))
            columns[feature] = pa.array(values, mask=gaps)
        at = [day(n % 2 + n / 7) for n in range(size)]
        columns["at"] = pa.array(at, pa.timestamp("us", "UTC"))
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")


def define(store: FeatureStore, folder: Path, **kinds: object) -> None:
    """Apply the views; `kinds` replaces the types of some features."""
    known = {
        "who": Entity(name="who", value_type=ValueType.STRING),
        "site": Entity(name="site", value_type=ValueType.INT64),
    }
    views = [
        FeatureView(
            name=name,
            entities=[known[key] for key, _ in keys],
            ttl=timedelta(days=3),
            schema=[Field(name=each, dtype=kind) for each, kind in keys]
            + [Field(name=each, dtype=kinds.get(each, kind)) for each, kind in features.items()],
            source=FileSource(
                name=name, path=str(folder / f"{name}.parquet"), timestamp_field="at"
            ),
        )
        for name, (keys, features) in VIEWS.items()
    ]
    store.apply([*known.values(), *views])


def repository(folder: Path, online: str, **kinds: object) -> Config:
    """Make a Feast repository with views of several keys, nothing online yet."""
    repo = folder / "repo"
    (repo / "data").mkdir(parents=True)
    (repo / "feature_store.yaml").write_text(
        f"project: p{uuid.uuid4().hex[:12]}\nprovider: local\nregistry: data/registry.db\n"
        f"online_store: {online}\nentity_key_serialization_version: 3\n"
    )
    write_sources(repo)
    (folder / "config.yaml").write_text(CONFIG.format(sites="site"))
    config = load_config(folder / "config.yaml")
    with speaking(config) as store:
        define(store, repo, **kinds)
    return config


Answer = list[dict[str, tuple[str, float]]]


def sdks(config: Config, keys: list[dict[str, str]]) -> Answer:
    """Ask Feast's SDK; values as text that tells 1 from True, and NaN from nothing."""
    model = config.models["risk"]
    typed = [{"who": key["who"], "site": int(key["site"])} for key in keys]
    with speaking(config) as store:
        found = store.get_online_features(references(model), typed).to_dict(True)
    rows = [
        {name: (repr(found[name][n]), found[f"{name}__ts"][n]) for name in model.stored}
        for n in range(len(keys))
    ]
    own = [f for view in model.entity_views for f in model.feature_views[view].features]
    return [row if any(row[name][1] for name in own) else nothing(model) for row in rows]


def nothing(model: ModelConfig) -> dict[str, tuple[str, float]]:
    """Return the row of somebody unknown: no values and no times."""
    return dict.fromkeys(model.stored, ("None", 0))


def answers(config: Config, keys: list[dict[str, str]]) -> Answer:
    """Ask as a service does."""
    model = config.models["risk"]
    return [
        nothing(model) if row is None else {
            name: (repr(each.value), each.event_time.timestamp() if each.event_time else 0)
            for name, each in row.items()
        }
        for row in feature_store.online(config, model, keys)
    ]  # fmt: skip


@pytest.fixture
def without_sdk(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Config, list[dict[str, str]]], Answer]:
    """Ask as a service does, where Feast's SDK would not answer."""

    def ask(config: Config, keys: list[dict[str, str]]) -> Answer:
        with monkeypatch.context() as patch:
            patch.delattr(FeatureStore, "get_online_features")
            return answers(config, keys)

    return ask


@pytest.mark.parametrize("writer", ["bulk", "Feast's own"])
def test_both_read_the_same_from_either_writer(
    tmp_path: Path, online: str, writer: str, without_sdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = repository(tmp_path, online)
    if writer == "Feast's own":
        monkeypatch.setattr(materializing, "WRITERS", {})
    feature_store.materialize(config, day(40))
    found = without_sdk(config, ASKED)
    assert found == sdks(config, ASKED)
    known = [row for row in found if row["pulse"][1]]
    assert len(known) == len(KEYS) + 3  # P1 at a strange site, and the two who are asked twice
    assert not found[len(KEYS)]["load"][1], "a known site makes no known person"
    assert len({value for row in known for value, _ in row.values()}) > 20
    assert any(row["note"][0] == "None" for row in known)


VALUES = {
    "pulse": [0.0, -0.0, 1e-320, 1.7e308, float("inf"), float("nan"), 0.1, -2.5],
    "visits": [0, 1, 127, 128, -1, 2**63 - 1, -(2**63), 300],
    "smoker": [True, False, True, False, True, False, True, False],
    "note": ["", "a", "weiß", "x" * 200_000, "'; --", "😀", "1", "None"],
}
FIELDS = {"pulse": "double_val", "visits": "int64_val", "smoker": "bool_val", "note": "string_val"}


def put(
    config: Config, who: str, at: datetime, values: dict[str, object], fields: dict = FIELDS
) -> None:
    """Have Feast write one row, value by value."""
    with speaking(config) as store:
        key = EntityKey(join_keys=["who"], entity_values=[Value(string_val=who)])
        stored = {
            name: Value() if each is None else Value(**{fields[name]: each})
            for name, each in values.items()
        }
        view = store.get_feature_view("vitals")
        online_store(store).online_write_batch(
            store.config, view, [(key, stored, at, None)], lambda _: None
        )


def test_every_value_is_what_feast_reads(tmp_path: Path, online: str, without_sdk) -> None:
    config = repository(tmp_path, online)
    for n, who in enumerate(PEOPLE):
        row = {name: values[n] for name, values in VALUES.items()}
        put(config, who, day(n) + timedelta(microseconds=999_999), row)
    put(config, "gaps", day(0), dict.fromkeys(FIELDS))
    put(config, "old", datetime(1955, 5, 5, 1, 2, 3, 500_000, tzinfo=UTC), {"pulse": 1.0})
    put(config, "epoch", datetime(1970, 1, 1, tzinfo=UTC), {"pulse": 1.0})
    put(config, "other type", day(0), {"pulse": 0.1}, {"pulse": "float_val"})
    others = ["gaps", "old", "epoch", "other type"]
    asked = [{"who": who, "site": "7"} for who in [*PEOPLE, *others]]
    found = without_sdk(config, asked)
    assert found == sdks(config, asked)
    expected = [repr(each) for each in VALUES["pulse"]]
    assert [row["pulse"][0] for row in found][: len(PEOPLE)] == expected
    assert found[len(PEOPLE)]["pulse"] == ("None", day(0).timestamp())


def test_the_age_of_a_value_is_not_judged(tmp_path: Path, online: str, without_sdk) -> None:
    config = repository(tmp_path, online)
    put(config, "P1", day(-4000), {"pulse": 60.0})
    (row,) = without_sdk(config, [{"who": "P1", "site": "7"}])
    assert row["pulse"] == ("60.0", day(-4000).timestamp())


def test_versioned_views_are_written_and_read_where_feast_has_them(
    tmp_path: Path, online: str, without_sdk
) -> None:
    """Feast gives every version of a view its own place in the store."""
    config = repository(tmp_path, online)
    path = tmp_path / "repo/feature_store.yaml"
    place = f"{{registry_type: sql, path: 'sqlite:///{tmp_path}/registry.db'"
    versions = "enable_online_feature_view_versioning: true}"
    path.write_text(path.read_text().replace("data/registry.db", f"{place}, {versions}"))
    with speaking(config) as store:
        define(store, tmp_path / "repo", visits=String)
        define(store, tmp_path / "repo")
        assert stored_name(store, store.get_feature_view("vitals")) != "vitals"
    feature_store.materialize(config, day(40))
    assert without_sdk(config, ASKED) == sdks(config, ASKED)
    assert without_sdk(config, ASKED)[0]["pulse"][1] > 0


def test_types_that_only_feast_reads_are_left_to_it(tmp_path: Path, online: str) -> None:
    config = repository(tmp_path, online, pulse=Float32)
    feature_store.materialize(config, day(40))
    assert answers(config, ASKED) == sdks(config, ASKED)
    assert answers(config, ASKED)[0]["cost"][1] > 0


def test_nothing_is_online_before_anything_was_materialized(
    tmp_path: Path, online: str, without_sdk
) -> None:
    config = repository(tmp_path, online)
    assert without_sdk(config, KEYS[:1])[0]["pulse"] == ("None", 0)


def test_a_view_without_a_table_knows_nobody(tmp_path: Path, online: str, without_sdk) -> None:
    config = repository(tmp_path, online)
    feature_store.materialize(config, day(40))
    before = without_sdk(config, KEYS[:1])[0]
    with speaking(config) as store:
        view = store.get_feature_view("stays")
        online_store(store).update(store.config, [view], [], [], [], partial=False)
    after = without_sdk(config, KEYS[:1])[0]
    assert before["beds"][1] > 0
    assert after == before | {"beds": ("None", 0), "cost": ("None", 0)}


def test_more_features_than_sqlite_joins_are_read_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_sdk
) -> None:
    config = repository(tmp_path, "{type: sqlite, path: data/online.db}")
    feature_store.materialize(config, day(40))
    joined = without_sdk(config, ASKED)
    monkeypatch.setattr(reading, "_JOINS", 0)
    assert without_sdk(config, ASKED) == joined


@pytest.mark.parametrize("joins", [60, 0])
@pytest.mark.parametrize(("pulse", "visits"), [(3, 1), (1, 3)])
def test_a_row_that_was_written_in_parts_is_as_old_as_its_newest_part(
    tmp_path: Path, online: str, pulse: int, visits: int, joins: int, without_sdk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(reading, "_JOINS", joins)
    config = repository(tmp_path, online)
    put(config, "P1", day(pulse), {"pulse": 60.0})
    put(config, "P1", day(visits), {"visits": 1})
    (row,) = without_sdk(config, KEYS[:1])
    assert {row[name][1] for name in FIELDS} == {day(3).timestamp()}


def test_rows_of_features_that_a_view_had_once_do_not_count(tmp_path: Path, without_sdk) -> None:
    config = repository(tmp_path, "{type: sqlite, path: data/online.db}")
    put(config, "P1", day(3), {"pulse": 60.0, "visits": 1})
    put(config, "P1", day(1), {"dropped": 1.0}, {"dropped": "double_val"})
    put(config, "P2", day(1), {"dropped": 1.0}, {"dropped": "double_val"})
    found = without_sdk(config, KEYS[:2])
    assert [row["pulse"][1] for row in found] == [day(3).timestamp(), 0]


# SQLite's file


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A repository on SQLite, materialized."""
    config = repository(tmp_path, "{type: sqlite, path: data/online.db}")
    feature_store.materialize(config, day(40))
    return config


def test_a_read_does_not_make_a_database(tmp_path: Path, config: Config, without_sdk) -> None:
    file = tmp_path / "repo/data/online.db"
    for each in file.parent.glob("online.db*"):
        each.unlink()
    assert without_sdk(config, KEYS[:1])[0]["pulse"] == ("None", 0)
    assert not file.exists()


@pytest.mark.parametrize("damage", [b"no database, for sure" * 100, None])
def test_a_damaged_file_cannot_be_read(
    tmp_path: Path, config: Config, damage: bytes | None
) -> None:
    file = tmp_path / "repo/data/online.db"
    whole = file.read_bytes()
    for each in file.parent.glob("online.db*"):
        each.unlink()
    file.write_bytes(damage or whole[:4096] + bytes(len(whole) - 4096))
    with pytest.raises(UnavailableError, match=r"online\.db cannot be read: ") as caught:
        answers(config, KEYS)
    assert str(caught.value.hint).startswith("remove it, then run `mlops features apply`")


def test_a_damaged_value_is_an_error(tmp_path: Path, config: Config) -> None:
    with sqlite3.connect(tmp_path / "repo/data/online.db") as connection:
        (table,) = connection.execute(
            "SELECT name FROM sqlite_master WHERE name LIKE '%_vitals'"
        ).fetchone()
        connection.execute(f"UPDATE {table} SET value = ?", [b"\xff\xff\xff"])
    with pytest.raises(UnavailableError, match="damaged value in feature view 'vitals'") as caught:
        answers(config, KEYS)
    assert caught.value.hint == "run `mlops features materialize --full`"


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_a_server_that_is_down_is_unavailable(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    config = repository(tmp_path, str(request.getfixturevalue(kind)))
    path = tmp_path / "repo/feature_store.yaml"
    text = path.read_text()
    path.write_text(re.sub(r"(127\.0\.0\.1:|port: )\d+", rf"\g<1>{free_port()}", text))
    with pytest.raises(UnavailableError, match="the feature store cannot be used"):
        answers(config, KEYS)


# keys


@pytest.mark.parametrize(
    "key",
    [
        {"who": "P1", "site": "seven"}, {"who": "P1", "site": "007"}, {"who": "P1", "site": "7.0"},
        {"who": "P1", "site": str(2**63)}, {"who": "\udcff", "site": "7"},
    ],
)  # fmt: skip
def test_an_id_that_the_store_cannot_hold_is_unknown(config: Config, key: dict[str, str]) -> None:
    model = config.models["risk"]
    known = {"who": "P1", "site": "0"}
    assert feature_store.online(config, model, [key]) == [None]
    found = feature_store.online(config, model, [key, known, key])
    assert [row is None for row in found] == [True, False, True]


def test_nobody_asked_is_nobody_answered(config: Config) -> None:
    assert feature_store.online(config, config.models["risk"], []) == []


def raised(config: Config, old: str, new: str) -> MlopsError:
    """Ask with a changed configuration."""
    path = config.root / "config.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    changed = load_config(path)
    with pytest.raises(MlopsError) as caught:
        feature_store.online(changed, changed.models["risk"], KEYS)
    return caught.value


def test_a_view_with_another_key_is_refused(config: Config) -> None:
    error = raised(config, "sites: {entity: site,", "sites: {entity: [who, site],")
    assert isinstance(error, ConfigError)
    assert "'sites': its key is site in Feast's registry, who, site in config" in error.message


def test_a_feature_that_the_registry_lacks_is_named(config: Config) -> None:
    error = raised(config, "{pulse:", "{puls:")
    assert isinstance(error, NotFoundError)
    assert error.message == "Feast's registry has no 'puls' in view 'vitals'"


# the codec

TYPED = {
    "double_val": st.floats(),
    "float_val": st.floats(width=32),
    "int64_val": st.integers(-(2**63), 2**63 - 1),
    "int32_val": st.integers(-(2**31), 2**31 - 1),
    "bool_val": st.booleans(),
    "string_val": st.text(st.characters(codec="utf-8")),
    "bytes_val": st.binary(),
}


def feasts(stored: bytes) -> str:
    return repr(feast_value_type_to_python_type(Value.FromString(stored)))


@pytest.mark.parametrize("field", TYPED)
@given(data=st.data())
def test_a_value_is_decoded_as_feast_does(field: str, data: st.DataObject) -> None:
    stored = Value(**{field: data.draw(TYPED[field])}).SerializeToString()
    decoded = wire.Decoded()
    assert repr(decoded[stored]) == feasts(stored) == repr(decoded[stored])


@given(
    st.tuples(st.sampled_from([b"", b"\x20", b"\x29", b"\x38", b"\x12"]), st.binary(max_size=10))
)
def test_any_bytes_are_decoded_as_feast_does_or_refused(parts: tuple[bytes, bytes]) -> None:
    stored = b"".join(parts)
    try:
        expected = feasts(stored)
    except DecodeError:
        with pytest.raises(DecodeError):
            wire.Decoded()[stored]
    else:
        assert repr(wire.Decoded()[stored]) == expected


CELLS = st.one_of(
    st.tuples(st.just(pa.float64()), st.lists(st.none() | st.floats(allow_nan=False))),
    st.tuples(st.just(pa.int64()), st.lists(st.none() | TYPED["int64_val"])),
    st.tuples(st.just(pa.bool_()), st.lists(st.none() | st.booleans())),
    st.tuples(st.just(pa.string()), st.lists(st.none() | TYPED["string_val"])),
)


@given(CELLS)
def test_what_is_encoded_is_decoded(column: tuple[pa.DataType, list[object]]) -> None:
    kind, cells = column
    decoded = wire.Decoded()
    stored = wire.cells(pa.array(cells, kind))
    assert [repr(decoded[each]) for each in stored] == [repr(each) for each in cells]
