"""Our offline store through Feast's own FeatureStore, and Feast repositories of the user's own."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from running import Mlops

from mlops_cli.backends import feature_store
from mlops_cli.config import load_config
from mlops_cli.errors import InputError

from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType  # isort: skip
from feast.on_demand_feature_view import OnDemandFeatureView  # isort: skip
from feast.transformation.python_transformation import PythonTransformation  # isort: skip
from feast.protos.feast.core.Registry_pb2 import Registry  # isort: skip
from feast.types import Float64, Int64, String  # isort: skip

OURS = "mlops_cli.backends.feature_store.offline_store.PointInTimeOfflineStore"
PULSE = "vitals:pulse"


def day(number: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)


NAIVE = [day(1).replace(tzinfo=None), day(2).replace(tzinfo=None)]


def write(folder: Path, **columns: object) -> Path:
    """Write a feature table: who, at and whatever else."""
    path = folder / "vitals.parquet"
    pq.write_table(pa.table(columns), path, write_page_checksum=True)
    return path


def asked(*labels: tuple[str, datetime]) -> pd.DataFrame:
    return pd.DataFrame(labels, columns=["who", "event_timestamp"])


def open_store(folder: Path, offline: object = None) -> FeatureStore:
    return FeatureStore(
        config=RepoConfig(
            project="small",
            provider="local",
            registry=str(folder / "registry.db"),
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            offline_store=offline or {"type": OURS},
            entity_key_serialization_version=3,
            repo_path=folder,
        )
    )


def define(
    store: FeatureStore,
    path: Path,
    *,
    ttl: timedelta = timedelta(0),
    name: str = "vitals",
    key: ValueType = ValueType.STRING,
    **source: object,
) -> None:
    """Apply a view with the features pulse and visits to the store."""
    who = Entity(name="who", value_type=key)
    fields = [Field(name="pulse", dtype=Float64), Field(name="visits", dtype=Int64)]
    kind = String if key is ValueType.STRING else Int64
    view = FeatureView(
        name=name,
        entities=[who],
        ttl=ttl,
        schema=[Field(name="who", dtype=kind), *fields],
        source=FileSource(name=name, path=str(path), **{"timestamp_field": "at", **source}),
    )
    store.apply([who, view])


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """Two people: a on the days 0, 10 and 20, b on day 5; some cells are empty."""
    path = write(
        tmp_path,
        who=["a", "b", "a", "a"],
        at=[day(10), day(5), day(0), day(20)],
        pulse=[61.0, 70.0, 60.0, None],
        visits=[2, None, 1, 3],
    )
    made = open_store(tmp_path)
    define(made, path, ttl=timedelta(days=10))
    return made


def pulses(store: FeatureStore, *labels: tuple[str, datetime], **options: object) -> list[object]:
    """Return the pulse known at each label, None where it is missing."""
    job = store.get_historical_features(asked(*labels), features=[PULSE], **options)
    return [None if pd.isna(value) else value for value in job.to_df()["pulse"]]


def test_every_row_comes_back_in_its_order_with_its_index_gone(store: FeatureStore) -> None:
    labels = asked(("b", day(6)), ("z", day(6)), ("a", day(12)), ("b", day(6)), ("a", day(1)))
    labels.index = pd.Index([9, 3, 3, 0, -1])
    found = store.get_historical_features(labels, features=[PULSE]).to_df()
    assert found["who"].tolist() == ["b", "z", "a", "b", "a"]
    assert found["pulse"].fillna(-1).tolist() == [70, -1, 61, 70, 60]


def test_other_columns_of_the_labels_are_kept(store: FeatureStore) -> None:
    labels = asked(("a", day(1)), ("b", day(6))).assign(sick=[1, 0], note=["x", None])
    found = store.get_historical_features(labels, features=[PULSE]).to_df()
    assert found["sick"].tolist() == [1, 0]
    assert found["note"].tolist() == ["x", None]


@pytest.mark.parametrize(("late", "expected"), [(timedelta(0), 70), (timedelta(seconds=1), None)])
def test_the_ttl_is_inclusive(store: FeatureStore, late: timedelta, expected: object) -> None:
    assert pulses(store, ("b", day(15) + late)) == [expected]


def test_no_ttl_is_for_ever(tmp_path: Path, store: FeatureStore) -> None:
    define(store, tmp_path / "vitals.parquet", ttl=timedelta(0))
    assert pulses(store, ("b", day(5000))) == [70]


def test_a_newer_empty_cell_is_not_filled_from_an_older_row(store: FeatureStore) -> None:
    assert pulses(store, ("a", day(21))) == [None]


def test_a_value_of_the_very_moment_is_known_and_one_later_is_not(store: FeatureStore) -> None:
    just_before = day(10) - timedelta(microseconds=1)
    assert pulses(store, ("a", day(10)), ("a", just_before)) == [61, 60]


def test_several_features_keep_their_gaps(store: FeatureStore) -> None:
    job = store.get_historical_features(
        asked(("b", day(6)), ("a", day(21))), features=["vitals:visits", PULSE]
    )
    table = job.to_arrow().select(["visits", "pulse"]).to_pylist()
    assert table == [{"visits": None, "pulse": 70.0}, {"visits": 3, "pulse": None}]


def test_full_feature_names(store: FeatureStore) -> None:
    job = store.get_historical_features(
        asked(("a", day(1))), features=[PULSE], full_feature_names=True
    )
    assert job.to_df()["vitals__pulse"].tolist() == [60]


def test_labels_may_be_naive_or_in_another_zone(store: FeatureStore) -> None:
    naive, moved = day(10).replace(tzinfo=None), pd.Timestamp(day(10)).tz_convert("Asia/Tokyo")
    assert pulses(store, ("a", naive)) == pulses(store, ("a", moved)) == [61]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(NAIVE),
        pa.array(NAIVE, pa.timestamp("ns")),
        pa.array(NAIVE, pa.timestamp("ms")),
        pa.array([day(1), day(2)], pa.timestamp("s", "Asia/Tokyo")),
        pa.array([date(2026, 1, 2), date(2026, 1, 3)]),
    ],
    ids=lambda column: str(column.type),
)
def test_times_are_utc_however_they_are_stored(tmp_path: Path, column: pa.Array) -> None:
    path = write(tmp_path, who=["a", "a"], at=column, pulse=[1.0, 2.0], visits=[1, 2])
    made = open_store(tmp_path)
    define(made, path)
    moments = [day(1) - timedelta(seconds=1), day(1), day(2) - timedelta(seconds=1), day(2)]
    assert pulses(made, *(("a", moment) for moment in moments)) == [None, 1, 1, 2]


@pytest.mark.parametrize("times", [["2026-01-02", "later"], [1, 2]])
def test_a_time_column_that_holds_no_times_is_refused(tmp_path: Path, times: list[object]) -> None:
    path = write(tmp_path, who=["a", "a"], at=times, pulse=[1.0, 2.0], visits=[1, 2])
    made = open_store(tmp_path)
    who = Entity(name="who", value_type=ValueType.STRING)
    source = FileSource(path=str(path), timestamp_field="at")
    schema = [Field(name="who", dtype=String), Field(name="pulse", dtype=Float64)]
    made.apply([who, FeatureView(name="vitals", entities=[who], schema=schema, source=source)])
    with pytest.raises(InputError, match=r"vitals.parquet: column 'at' holds .* not times"):
        pulses(made, ("a", day(9)))


def test_a_row_without_a_time_is_never_used(tmp_path: Path) -> None:
    path = write(tmp_path, who=["a", "a"], at=[None, day(1)], pulse=[6.0, 7.0], visits=[1, 1])
    made = open_store(tmp_path)
    define(made, path)
    assert pulses(made, ("a", day(0.5)), ("a", day(2))) == [None, 7]


@pytest.fixture
def corrected(tmp_path: Path) -> FeatureStore:
    """The value 60 of day 0 was corrected to 99 on day 8; nobody knows when b's was written."""
    path = write(
        tmp_path,
        who=["a", "a", "b"],
        at=[day(0), day(0), day(0)],
        written=[day(0), day(8), None],
        pulse=[60.0, 99.0, 70.0],
        visits=[1, 1, 1],
    )
    made = open_store(tmp_path)
    define(made, path, created_timestamp_column="written")
    return made


def test_a_correction_is_not_known_before_it_is_written(corrected: FeatureStore) -> None:
    labels = [("a", day(7)), ("a", day(8)), ("a", day(9))]
    assert pulses(corrected, *labels, filter_by_created_timestamp=True) == [60, 99, 99]


def test_without_the_filter_the_latest_correction_counts(corrected: FeatureStore) -> None:
    """This is Feast's default; our own training sets always use the filter."""
    assert pulses(corrected, ("a", day(7))) in ([60], [99])


def test_a_row_that_does_not_say_when_it_was_written_is_known_from_its_event_on(
    corrected: FeatureStore,
) -> None:
    assert pulses(corrected, ("b", day(1)), filter_by_created_timestamp=True) == [70]


def test_the_online_value_is_the_latest_correction(corrected: FeatureStore) -> None:
    corrected.materialize(day(-10), day(30))
    found = corrected.get_online_features([PULSE], entity_rows=[{"who": "a"}]).to_dict()
    assert found["pulse"] == [99]


def test_a_value_planted_after_the_label_never_reaches_a_row(tmp_path: Path) -> None:
    """Each person has a true value before each label, and a planted one a second after it."""
    people = [f"p{n}" for n in range(50)]
    rows = [
        (who, day(10 * month + (n % 7)) + timedelta(seconds=late), value)
        for n, who in enumerate(people)
        for month in range(4)
        for late, value in ((-1, float(month)), (1, -999.0))
    ]
    who, at, pulse = zip(*rows, strict=True)
    path = write(tmp_path, who=who, at=at, pulse=pulse, visits=[0] * len(rows))
    made = open_store(tmp_path)
    define(made, path)
    labels = [(w, day(10 * m + (n % 7))) for n, w in enumerate(people) for m in range(4)]
    assert pulses(made, *labels) == [float(month) for _ in people for month in range(4)]


def test_a_field_mapping_is_followed_offline_and_online(tmp_path: Path) -> None:
    path = write(
        tmp_path, who=["a", "a"], stamp=NAIVE,
        bpm=[1.0, 2.0], visits=[1, 2],
    )  # fmt: skip
    made = open_store(tmp_path)
    define(made, path, field_mapping={"bpm": "pulse", "stamp": "at"})
    assert pulses(made, ("a", day(1.5)), ("a", day(3))) == [1, 2]
    made.materialize(day(-10), day(1.5))
    assert made.get_online_features([PULSE], entity_rows=[{"who": "a"}]).to_dict()["pulse"] == [1]


def test_a_label_column_named_as_a_feature_is_refused(store: FeatureStore) -> None:
    labels = asked(("a", day(1))).assign(pulse=[0.0])
    with pytest.raises(InputError, match="'pulse' is a feature and a column of the labels"):
        store.get_historical_features(labels, features=[PULSE]).to_df()


def test_a_query_in_place_of_a_table_is_refused(store: FeatureStore) -> None:
    with pytest.raises(InputError, match="a table of entities and times"):
        store.get_historical_features("SELECT 1", features=[PULSE]).to_df()


@pytest.mark.parametrize("ids", [[1, 2], ["1", "2"]])
def test_ids_match_whether_stored_as_numbers_or_as_text(tmp_path: Path, ids: list[object]) -> None:
    path = write(tmp_path, who=[1, 2], at=[day(0), day(0)], pulse=[1.0, 2.0], visits=[1, 1])
    made = open_store(tmp_path)
    define(made, path, key=ValueType.INT64)
    assert pulses(made, *((who, day(1)) for who in reversed(ids))) == [2, 1]


def test_a_range_is_read_with_both_ends(store: FeatureStore) -> None:
    view = store.get_feature_view("vitals")
    job = store._get_provider().offline_store.pull_all_from_table_or_query(
        store.config, view.batch_source, ["who"], ["pulse"], "at", None, day(5), day(10)
    )
    assert sorted(job.to_df()["pulse"]) == [61, 70]


# Feast repositories of the user's own, through our configuration.


def config_for(folder: Path, repo: str = "repo", feature: str = "pulse") -> Path:
    path = folder / "config.yaml"
    path.write_text(
        f"""
project: mine
feature_store: {{repo: {repo}}}
models:
  heart:
    task: classification
    entity: who
    feature_views:
      vitals: {{timestamp: at, features: {{{feature}: {{type: float}}, visits: {{type: int}}}}}}
    labels: {{source: labels.parquet, column: sick}}
"""
    )
    return path


def feast_repo(folder: Path, offline: str = "", key: ValueType = ValueType.STRING) -> Path:
    """Make a repository as `feast init` does: feature_store.yaml, file registry, applied."""
    repo = folder / "repo"
    (repo / "data").mkdir(parents=True)
    (repo / "feature_store.yaml").write_text(
        "project: theirs\nprovider: local\nregistry: data/registry.db\n"
        "online_store: {type: sqlite, path: data/online.db}\n"
        f"entity_key_serialization_version: 3\n{offline}"
    )
    ids = ["1", "2"] if key is ValueType.STRING else [1, 2]
    path = write(
        repo / "data", who=ids * 2, at=[day(0), day(0), day(5), day(5)],
        pulse=[60.0, 70.0, 61.0, 71.0], visits=[1, 1, 2, 2],
    )  # fmt: skip
    plain = FeatureStore(
        config=RepoConfig(
            project="theirs", provider="local", registry=str(repo / "data/registry.db"),
            repo_path=repo,
            online_store={"type": "sqlite", "path": "data/online.db"},
            entity_key_serialization_version=3,
        )
    )  # fmt: skip
    define(plain, path, ttl=timedelta(days=3), key=key)
    return repo


LABELS = asked(("2", day(20)), ("1", day(6)), ("9", day(6)), ("1", day(1)))


@pytest.mark.parametrize("key", [ValueType.STRING, ValueType.INT64])
@pytest.mark.parametrize(
    "offline", ["", "offline_store: {type: file}", "offline_store: {type: dask}"]
)
def test_a_repository_on_files_is_joined_by_us(
    tmp_path: Path, offline: str, key: ValueType
) -> None:
    """Feast's own file store would drop two of the four rows."""
    feast_repo(tmp_path, offline, key)
    config = load_config(config_for(tmp_path))
    found = feature_store.historical(config, config.models["heart"], LABELS).frame
    assert found["pulse"].fillna(-1).tolist() == [-1, 61, -1, 60]


@pytest.mark.parametrize("key", [ValueType.STRING, ValueType.INT64])
def test_a_repository_serves_its_values(tmp_path: Path, key: ValueType) -> None:
    feast_repo(tmp_path, key=key)
    config = load_config(config_for(tmp_path))
    assert feature_store.apply(config) == ["vitals"]
    feature_store.materialize(config, day(30))
    known, unknown = feature_store.online(
        config, config.models["heart"], [{"who": "2"}, {"who": "9"}]
    )
    assert unknown is None
    assert (known["pulse"].value, known["pulse"].event_time) == (71, day(5))


def test_the_ttl_of_a_repository_counts_in_training_and_in_service(tmp_path: Path) -> None:
    feast_repo(tmp_path)
    config = load_config(config_for(tmp_path))
    model = config.models["heart"]
    feature_store.materialize(config, day(30))
    (row,) = feature_store.online(config, model, [{"who": "2"}])
    assert row is not None
    assert row["pulse"].ttl == timedelta(days=3)
    known = feature_store.as_of(config, model, {"who": "2"}, day(9))
    assert known is not None
    assert known["pulse"].ttl == timedelta(days=3)


def test_an_id_that_is_no_number_is_unknown_to_a_repository_with_numbers(tmp_path: Path) -> None:
    feast_repo(tmp_path, key=ValueType.INT64)
    config = load_config(config_for(tmp_path))
    feature_store.materialize(config, day(30))
    found = feature_store.online(config, config.models["heart"], [{"who": "PT1"}, {"who": "1"}])
    assert [row is None for row in found] == [True, False]


def test_a_repository_on_ray_is_refused_with_the_reason(tmp_path: Path, mlops: Mlops) -> None:
    feast_repo(tmp_path, "offline_store: {type: ray}")
    run = mlops("features", "list", "--config", config_for(tmp_path))
    assert run.code == 2
    assert "'ray' ignores ttl and breaks ties at random" in run.err
    assert "hint: use file, duckdb, postgres or spark" in run.err


def test_a_missing_feature_of_a_repository_is_named(tmp_path: Path, mlops: Mlops) -> None:
    feast_repo(tmp_path)
    run = mlops("features", "apply", "--config", config_for(tmp_path, feature="puls"))
    assert run.code == 2
    assert "feature view 'vitals' of the Feast repository has no 'puls'" in run.err
    assert "hint: it has pulse, visits" in run.err


def test_a_missing_view_of_a_repository_is_named(tmp_path: Path, mlops: Mlops) -> None:
    feast_repo(tmp_path)
    config = config_for(tmp_path)
    config.write_text(config.read_text().replace("vitals:", "vitaals:"))
    run = mlops("features", "apply", "--config", config)
    assert run.code == 6
    assert "vitaals" in run.err


@pytest.mark.parametrize(
    "text",
    ["", "just words", "a: [", "project: theirs\n", "project: t\nprovider: local\nregistry: r\n"
     "offline_store: {type: nonsense}\n", "project: t\nregistry: r\nprovider: [local]\n"],
)  # fmt: skip
def test_a_repository_that_is_malformed_is_one_line(
    tmp_path: Path, mlops: Mlops, text: str
) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo/feature_store.yaml").write_text(text)
    run = mlops("features", "list", "--config", config_for(tmp_path))
    assert run.code == 2
    assert len(run.err.splitlines()) == 1
    assert "feature_store.yaml" in run.err


def test_a_repository_that_does_not_exist_is_named(tmp_path: Path, mlops: Mlops) -> None:
    run = mlops("features", "list", "--config", config_for(tmp_path, repo="nowhere"))
    assert run.code == 2
    assert "nowhere/feature_store.yaml does not exist" in run.err


# Damage on disk.


def damage(path: Path, column: int) -> None:
    """Flip one bit in the middle of the data page of a column."""
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(column)
    start = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
    middle = start + chunk.total_compressed_size // 2
    whole = path.read_bytes()
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])


def many(folder: Path) -> Path:
    size = 400
    return write(
        folder, who=[f"p{n}" for n in range(size)], at=[day(0)] * size,
        pulse=[60 + n / 7 for n in range(size)], visits=[1] * size,
    )  # fmt: skip


@pytest.mark.parametrize("column", [0, 2])
def test_a_flipped_bit_is_an_error_and_never_another_value(tmp_path: Path, column: int) -> None:
    path = many(tmp_path)
    made = open_store(tmp_path)
    define(made, path)
    damage(path, column)
    with pytest.raises(InputError, match=r"vitals.parquet cannot be read: .*"):
        pulses(made, ("p1", day(1)))


@pytest.mark.parametrize("command", ["validate", "train", "materialize"])
def test_a_flipped_bit_is_one_line_of_every_command(
    tmp_path: Path, mlops: Mlops, command: str
) -> None:
    config = own_project(tmp_path)
    assert mlops("features", "apply", "--config", config).code == 0
    damage(tmp_path / "vitals.parquet", 2)
    words = {"train": ("train", "heart")}.get(command, ("features", command))
    run = mlops(*words, "--config", config)
    assert run.code == 2
    (line,) = [line for line in run.err.splitlines() if line.startswith("mlops: ")]
    assert "vitals.parquet cannot be read" in line


def own_project(folder: Path) -> Path:
    """Make a project on one table, without a repository of Feast's."""
    path = many(folder)
    config = config_for(folder)
    text = config.read_text().replace("feature_store: {repo: repo}\n", "")
    config.write_text(text.replace("{timestamp: at,", f"{{source: {path}, timestamp: at,"))
    people = [f"p{n}" for n in range(400)]
    pq.write_table(
        pa.table({"who": people, "event_timestamp": [day(1)] * 400, "sick": [0, 1] * 200}),
        folder / "labels.parquet",
    )
    return config


@pytest.mark.parametrize("command", [("train", "heart"), ("features", "materialize")])
def test_a_lost_source_is_not_found(tmp_path: Path, mlops: Mlops, command: tuple[str, ...]) -> None:
    config = own_project(tmp_path)
    assert mlops("features", "apply", "--config", config).code == 0
    (tmp_path / "vitals.parquet").unlink()
    run = mlops(*command, "--config", config)
    assert run.code == 6
    assert f"no file {tmp_path}/vitals.parquet" in run.err


@pytest.mark.parametrize("command", [("train", "heart"), ("features", "materialize")])
def test_a_source_without_a_column_of_the_view_names_it(
    tmp_path: Path, mlops: Mlops, command: tuple[str, ...]
) -> None:
    config = own_project(tmp_path)
    assert mlops("features", "apply", "--config", config).code == 0
    table = pq.read_table(tmp_path / "vitals.parquet").drop_columns(["pulse"])
    pq.write_table(table, tmp_path / "vitals.parquet")
    run = mlops(*command, "--config", config)
    assert run.code == 2
    assert re.search(r"vitals.parquet: (no )?column 'pulse'", run.err)


def test_a_source_with_numbers_as_ids_is_served(tmp_path: Path, mlops: Mlops) -> None:
    config = own_project(tmp_path)
    write(tmp_path, who=[1, 2], at=[day(0)] * 2, pulse=[1.0, 2.0], visits=[1, None])
    assert mlops("features", "apply", "--config", config).code == 0
    assert mlops("features", "materialize", "--config", config).code == 0
    found = mlops("features", "get", "heart", "2", "--config", config, "--json")
    assert found.data["features"]["pulse"]["value"] == 2


def test_a_damaged_registry_is_an_error_and_not_an_empty_answer(
    tmp_path: Path, mlops: Mlops
) -> None:
    config = own_project(tmp_path)
    assert mlops("features", "apply", "--config", config).code == 0
    (tmp_path / ".mlops/feast_registry.db").write_bytes(b"this is no database" * 500)
    assert mlops("features", "list", "--config", config).code == 75


@pytest.fixture
def emptied(tmp_path: Path) -> tuple[Path, Path, bytes]:
    """A project on a repository whose file registry is empty, as while it is written."""
    feast_repo(tmp_path)
    config = config_for(tmp_path)
    registry = tmp_path / "repo/data/registry.db"
    whole = registry.read_bytes()
    empty = Registry.FromString(whole)
    empty.ClearField("feature_views")
    registry.write_bytes(empty.SerializeToString())
    return config, registry, whole


def test_a_registry_without_views_is_no_answer(
    emptied: tuple[Path, Path, bytes], mlops: Mlops
) -> None:
    for words in (("list",), ("get", "heart", "1", "--at", "2026-01-06")):
        run = mlops("features", *words, "--config", emptied[0])
        assert (run.code, run.out) == (75, "")
        assert "has no feature view" in run.err
        assert "run `feast apply` there" in run.err


def test_a_registry_that_is_being_written_is_waited_for(
    emptied: tuple[Path, Path, bytes], mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, registry, whole = emptied
    waited = []

    def write_on(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            registry.write_bytes(whole)

    monkeypatch.setattr("mlops_cli.backends.feature_store.connection.time.sleep", write_on)
    run = mlops("features", "list", "--config", config, "--json")
    assert (run.code, len(waited)) == (0, 2), run.err
    (view,) = run.data["views"]
    assert (view["name"], view["features"], view["registered"]) == ("vitals", 2, True)


# Feast's own duckdb store and a loop as oracles of whole training sets.


def naive(features: pd.DataFrame, labels: pd.DataFrame, ttl: timedelta) -> list[float | None]:
    """For each label look at every row: the ten lines that the join has to agree with."""
    answers = []
    for label in labels.itertuples():
        best = None
        for row in features.itertuples():
            known = max(row.at, row.written) <= label.event_timestamp
            if row.who == label.who and row.ward == label.ward and known:
                rank = (row.at, row.written)
                best = max(best, (*rank, row.pulse)) if best else (*rank, row.pulse)
        fresh = best is not None and best[0] >= label.event_timestamp - ttl
        answers.append(best[2] if best is not None and fresh else None)
    return answers


def two_keys(store: FeatureStore, path: Path, ttl: timedelta) -> None:
    """Apply a view whose rows are found by person and ward."""
    keys = [Entity(name=name, value_type=ValueType.STRING) for name in ("who", "ward")]
    view = FeatureView(
        name="vitals",
        entities=keys,
        ttl=ttl,
        schema=[Field(name="who", dtype=String), Field(name="ward", dtype=String),
                Field(name="pulse", dtype=Float64)],
        source=FileSource(
            name="vitals", path=str(path), timestamp_field="at", created_timestamp_column="written"
        ),
    )  # fmt: skip
    store.apply([*keys, view])


@pytest.mark.parametrize("seed", range(3))
def test_training_sets_equal_those_of_the_duckdb_store_and_of_a_loop(
    tmp_path: Path, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    size = 120
    at = pd.Series([day(n) for n in generator.integers(0, 20, size).tolist()]).astype(
        "datetime64[us, UTC]"
    )
    features = pd.DataFrame(
        {
            "who": generator.choice(["a", "b", "00a"], size),
            "ward": generator.choice(["w", "x"], size),
            "at": at,
            "written": at + pd.to_timedelta(generator.integers(0, 6, size), unit="D"),
            "pulse": np.arange(size, dtype=float),
        }
    ).drop_duplicates(["who", "ward", "at", "written"])
    labels = pd.DataFrame(
        {
            "who": generator.choice(["a", "b", "00a", "nobody"], 60),
            "ward": generator.choice(["w", "x", "z"], 60),
            "event_timestamp": pd.Series(
                [day(n) for n in generator.integers(0, 30, 60).tolist()]
            ).astype("datetime64[us, UTC]"),
            "row": range(60),
        }
    )
    path = tmp_path / "vitals.parquet"
    pq.write_table(pa.Table.from_pandas(features, preserve_index=False), path)
    found = []
    for offline in ({"type": OURS}, {"type": "duckdb"}):
        folder = tmp_path / offline["type"].rpartition(".")[2]
        folder.mkdir()
        made = open_store(folder, offline)
        two_keys(made, path, timedelta(days=5))
        job = made.get_historical_features(
            labels, features=[PULSE], filter_by_created_timestamp=True
        )
        found.append(job.to_df().sort_values("row")["pulse"].fillna(-1).tolist())
        if offline["type"] == OURS:
            assert job.to_df()["row"].tolist() == labels["row"].tolist()
    expected = [-1 if each is None else each for each in naive(features, labels, timedelta(days=5))]
    assert found == [expected, expected]
    assert -1 in expected
    assert max(expected) > 0


def test_what_had_no_value_is_counted_by_view(store: FeatureStore) -> None:
    labels = asked(("a", day(1)), ("a", day(21)), ("b", day(30)), ("nobody", day(9)), ("b", day(0)))
    job = store.get_historical_features(labels, features=[PULSE])
    job.to_df()
    (counts,) = job.coverage
    assert (counts.rows, counts.known, counts.expired, counts.unknown) == (5, 2, 1, 2)
    assert counts.missing == {"pulse": 1}


def test_a_folder_of_files_is_read_without_what_is_hidden(tmp_path: Path) -> None:
    for month, value in (("month=2026-01", 1.0), ("month=2026-02", 2.0), (".half", 9.0)):
        (tmp_path / ".vitals.v1" / month).mkdir(parents=True)
        pq.write_table(
            pa.table({"who": ["a"], "at": [day(value * 10)], "pulse": [value], "visits": [1]}),
            tmp_path / ".vitals.v1" / month / "part-0.parquet",
        )
    (tmp_path / "vitals").symlink_to(".vitals.v1")
    made = open_store(tmp_path)
    define(made, tmp_path / "vitals")
    assert pulses(made, ("a", day(9)), ("a", day(15)), ("a", day(200))) == [None, 1, 2]


SOURCE = """
def double_pulse(inputs):
    return {"double": [2 * value for value in inputs["pulse"]]}
"""


def double_pulse(inputs: dict) -> dict:
    """Stand for code that somebody has put into a registry."""
    return {"double": [2 * value for value in inputs["pulse"]]}


@pytest.mark.parametrize(
    "registry", ["data/registry.db", "{registry_type: sql, path: 'sqlite:///data/registry.sqlite'}"]
)
def test_code_of_a_registry_is_run_only_if_allowed(
    tmp_path: Path, mlops: Mlops, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = feast_repo(tmp_path)
    settings = repo / "feature_store.yaml"
    settings.write_text(settings.read_text().replace("data/registry.db", registry))
    monkeypatch.chdir(repo)  # where Feast's own command is run
    theirs = FeatureStore(repo_path=str(repo))
    define(theirs, repo / "data" / "vitals.parquet", ttl=timedelta(days=3))
    code = PythonTransformation(udf=double_pulse, udf_string=SOURCE)
    view = OnDemandFeatureView(
        name="double_pulse",
        sources=[theirs.get_feature_view("vitals")],
        schema=[Field(name="double", dtype=Float64)],
        feature_transformation=code,
        mode="python",
    )
    theirs.apply([view])
    path = config_for(tmp_path)
    monkeypatch.chdir(tmp_path)
    run = mlops("features", "apply", "--config", path, "--json")
    assert run.code == 2
    assert "'double_pulse'" in run.error["message"]
    assert "allow_udf" in run.error["hint"]
    path.write_text(path.read_text().replace("{repo: repo", "{allow_udf: true, repo: repo"))
    assert mlops("features", "apply", "--config", path, "--json").code == 0
