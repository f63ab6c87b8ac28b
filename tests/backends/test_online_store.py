"""What is written in bulk is what Feast itself would have written; only changes are written."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from mlops_cli.backends import feature_store
from mlops_cli.backends.feature_store import bulk, materializing, wire
from mlops_cli.backends.feature_store.connection import online_store, speaking
from mlops_cli.config import Config, load_config
from mlops_cli.errors import ConfigError, InputError

CONFIG = """\
project: small
feature_store:
  online_store: {online}
models:
  risk:
    task: classification
    entity: who
    feature_views:
      vitals:
        source: data/vitals.parquet
        timestamp: at
        created: written
        features:
          pulse: {{type: float}}
          visits: {{type: int}}
          smoker: {{type: bool}}
          ward: {{type: category, categories: [a, b]}}
    labels: {{source: data/labels.parquet, column: label}}
"""
PEOPLE = [*(f"P{n:03}" for n in range(60)), "007", "NA", "ünï", "'; --"]
FEATURES = ["pulse", "visits", "smoker", "ward"]


def day(number: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)


def write(folder: Path, shift: float = 0, people: list[str] = PEOPLE) -> None:
    """Write three rows of each person, the last with a gap in every fourth cell."""
    generator = np.random.default_rng(3)
    size = len(people) * 3
    gaps = generator.random((4, size)) < 0.25
    at = [day(n) for n in (1, 2, 3) for _ in people]
    columns = {
        "who": people * 3,
        "at": pa.array(at, pa.timestamp("us", "UTC")),
        "written": pa.array([each + timedelta(hours=1) for each in at], pa.timestamp("us", "UTC")),
        "pulse": pa.array(generator.normal(size=size) + shift, mask=gaps[0]),
        "visits": pa.array(generator.integers(-(2**40), 2**40, size), mask=gaps[1]),
        "smoker": pa.array(generator.random(size) < 0.5, mask=gaps[2]),
        "ward": pa.array(generator.choice(["a", "b", "weiß"], size), mask=gaps[3]),
    }
    (folder / "data").mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / "data/vitals.parquet")


def configured(folder: Path, online: str = "{type: sqlite}") -> Config:
    (folder / "config.yaml").write_text(CONFIG.format(online=online))
    config = load_config(folder / "config.yaml")
    feature_store.apply(config)
    return config


def answers(config: Config, people: list[str] = PEOPLE) -> dict[str, list[object]]:
    """Ask Feast's own SDK."""
    with speaking(config) as store:
        found = store.get_online_features(
            features=[f"vitals:{name}" for name in FEATURES],
            entity_rows=[{"who": each} for each in people],
        )
        return dict(found.to_dict(include_event_timestamps=True))


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def online(request: pytest.FixtureRequest) -> str:
    """The `online_store` section of each kind of store, of real servers where it is one."""
    if request.param == "sqlite":
        return "{type: sqlite}"
    return str(request.getfixturevalue(request.param))


def test_feast_reads_what_it_would_have_written_itself(
    tmp_path: Path, online: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    config = configured(tmp_path, online)
    feature_store.materialize(config, day(4))
    ours = answers(config, [*PEOPLE, "unknown"])
    other = tmp_path / "feast"
    other.mkdir()
    write(other)
    monkeypatch.setattr(materializing, "WRITERS", {})
    plain = configured(other)
    feature_store.materialize(plain, day(4))
    theirs = answers(plain, [*PEOPLE, "unknown"])
    assert ours == theirs
    assert sum(value is not None for value in ours["pulse"]) > 30
    assert None in ours["ward"]


def test_only_what_has_changed_is_written(tmp_path: Path, online: str) -> None:
    write(tmp_path)
    config = configured(tmp_path, online)
    first = feature_store.materialize(config, day(4))["vitals"]
    assert (first.entities, first.written) == (len(PEOPLE), len(PEOPLE))
    again = feature_store.materialize(config, day(5))["vitals"]
    assert (again.entities, again.written) == (len(PEOPLE), 0)
    table = pq.read_table(tmp_path / "data/vitals.parquet")
    late = table.slice(0, 1).set_column(0, "who", pa.array(["late arrival"]))
    pq.write_table(pa.concat_tables([table, late]), tmp_path / "data/vitals.parquet")
    assert feature_store.materialize(config, day(6))["vitals"].written == 1
    assert answers(config, ["late arrival"])["visits__ts"] != [0]
    assert feature_store.materialize(config, day(6), full=True)["vitals"].written == 65


def test_who_is_no_longer_in_the_source_goes_offline(tmp_path: Path, online: str) -> None:
    write(tmp_path)
    config = configured(tmp_path, online)
    feature_store.materialize(config, day(4))
    table = pq.read_table(tmp_path / "data/vitals.parquet")
    kept = table.filter(pc.not_equal(table["who"], PEOPLE[3]))
    pq.write_table(kept, tmp_path / "data/vitals.parquet")
    done = feature_store.materialize(config, day(5))["vitals"]
    assert (done.entities, done.written, done.removed) == (len(PEOPLE) - 1, 0, 1)
    model = config.models["risk"]
    gone, there = feature_store.online(config, model, [{"who": PEOPLE[3]}, {"who": PEOPLE[4]}])
    assert gone is None
    assert there is not None
    assert feature_store.materialize(config, day(6))["vitals"].removed == 0


def test_a_redis_that_lets_keys_go_is_written_every_time(tmp_path: Path, redis: str) -> None:
    """Otherwise who does not change would fade away."""
    write(tmp_path)
    config = configured(tmp_path, redis.replace("}", ", key_ttl_seconds: 3600}"))
    place = str(config.feature_store.online_store["connection_string"])
    client = Redis.from_url(f"redis://{place}")
    client.flushall()
    for hours in (0, 1):
        done = feature_store.materialize(config, day(4 + hours / 24))["vitals"]
        assert (done.written, client.dbsize()) == (len(PEOPLE), len(PEOPLE))
        assert all(3500 < client.ttl(key) <= 3600 for key in client.scan_iter())
        for key in client.scan_iter():
            client.expire(key, 60)
    assert sum(value is not None for value in answers(config)["pulse"]) > 30


def test_a_type_that_was_changed_there_and_back_leaves_what_is_online(
    tmp_path: Path, online: str
) -> None:
    write(tmp_path)
    config = configured(tmp_path, online)
    feature_store.materialize(config, day(4))
    before = answers(config)
    path = tmp_path / "config.yaml"
    whole = path.read_text()
    path.write_text(whole.replace("visits: {type: int}", "visits: {type: float}"))
    feature_store.apply(load_config(path))
    path.write_text(whole)
    feature_store.apply(config)
    feature_store.materialize(config, day(5))
    after = answers(config)
    assert after == before
    assert {type(value) for value in after["visits"] if value is not None} == {int}


def test_a_type_that_was_changed_is_written_anew(tmp_path: Path, online: str) -> None:
    write(tmp_path)
    config = configured(tmp_path, online)
    feature_store.materialize(config, day(4))
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text().replace("visits: {type: int}", "visits: {type: float}"))
    changed = load_config(path)
    feature_store.apply(changed)
    feature_store.materialize(changed, day(5))
    assert {type(value) for value in answers(changed)["visits"] if value is not None} == {float}


def test_a_source_that_lost_most_of_its_rows_is_asked_about(tmp_path: Path) -> None:
    write(tmp_path)
    config = configured(tmp_path)
    feature_store.materialize(config, day(4))
    before = answers(config)
    table = pq.read_table(tmp_path / "data/vitals.parquet")
    pq.write_table(table.slice(0, 3), tmp_path / "data/vitals.parquet")
    refused = feature_store.materialize(config, day(5))["vitals"]
    assert isinstance(refused, InputError)
    assert "--full" in str(refused.hint)
    assert answers(config) == before
    assert feature_store.materialize(config, day(5), full=True)["vitals"].removed > 40


def test_what_is_remembered_may_be_lost_or_damaged(tmp_path: Path) -> None:
    write(tmp_path)
    config = configured(tmp_path)
    feature_store.materialize(config, day(4))
    (remembered,) = (tmp_path / ".mlops/online").glob("*.parquet")
    remembered.write_bytes(b"garbage")
    assert feature_store.materialize(config, day(5))["vitals"].written == len(PEOPLE)


def test_a_definition_that_was_not_applied_is_not_written(tmp_path: Path) -> None:
    write(tmp_path)
    configured(tmp_path)
    text = (tmp_path / "config.yaml").read_text()
    path = tmp_path / "config.yaml"
    path.write_text(text.replace("source: data/vitals.parquet", "source: data/other.parquet"))
    refused = feature_store.materialize(load_config(path), day(4))["vitals"]
    assert isinstance(refused, ConfigError)
    assert refused.hint == "run `mlops features apply`"


def test_a_store_that_was_emptied_is_filled_again(tmp_path: Path, online: str) -> None:
    write(tmp_path)
    config = configured(tmp_path, online)
    feature_store.materialize(config, day(4))
    before = answers(config)
    with speaking(config) as store:
        views = store.list_feature_views()
        online_store(store).teardown(store.config, views, store.list_entities())
    assert feature_store.materialize(config, day(5))["vitals"].written == len(PEOPLE)
    assert answers(config) == before


def test_a_correction_of_the_same_time_goes_online(tmp_path: Path, online: str) -> None:
    write(tmp_path)
    config = configured(tmp_path, online)
    feature_store.materialize(config, day(4))
    before = answers(config)
    write(tmp_path, shift=1000)
    feature_store.materialize(config, day(4))
    after = answers(config)
    assert after["pulse__ts"] == before["pulse__ts"]
    assert min(value for value in after["pulse"] if value is not None) > 900


def test_what_was_known_at_a_time_goes_online_and_never_goes_back(tmp_path: Path) -> None:
    write(tmp_path)
    config = configured(tmp_path)
    feature_store.materialize(config, day(2.01))  # the rows of day 2 are written an hour later
    assert set(answers(config)["pulse__ts"]) == {int(day(1).timestamp())}
    feature_store.materialize(config, day(2.5))
    assert set(answers(config)["pulse__ts"]) == {int(day(2).timestamp())}
    refused = feature_store.materialize(config, day(2.01))["vitals"]
    assert isinstance(refused, InputError)
    assert "'vitals' is online as of 2026-01-03" in refused.message


def test_a_run_that_died_after_writing_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source goes to B, half is written, and back to A: nobody keeps a value of B."""
    write(tmp_path)
    config = configured(tmp_path)
    feature_store.materialize(config, day(4))
    before = answers(config)
    write(tmp_path, shift=1000)
    original = materializing.WRITERS["sqlite"]

    def dying(store: object, view: object, rows: bulk.NewestRows, done: object) -> None:
        half = bulk.NewestRows(rows.table.slice(0, 30), rows.keys, rows.features, rows.event, None)
        original(store, view, half, done)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(materializing, "WRITERS", {"sqlite": dying})
        with pytest.raises(KeyboardInterrupt):
            feature_store.materialize(config, day(4))
    assert answers(config) != before
    write(tmp_path)
    feature_store.materialize(config, day(4))
    assert answers(config) == before


CELLS = (
    (pa.float64(), st.floats(allow_nan=False)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.bool_(), st.booleans()),
    (pa.string(), st.text(st.characters(codec="utf-8"))),
)


@pytest.mark.parametrize(("kind", "cells"), CELLS, ids=str)
@given(data=st.data())
def test_a_cell_is_the_bytes_that_feast_reads(
    kind: pa.DataType, cells: st.SearchStrategy[object], data: st.DataObject
) -> None:
    column = data.draw(st.lists(st.none() | cells, min_size=1, max_size=8))
    for cell, stored in zip(column, wire.cells(pa.array(column, kind)), strict=True):
        value = wire.Value.FromString(stored)
        field = value.WhichOneof("val")
        assert (None if field is None else getattr(value, field)) == cell
