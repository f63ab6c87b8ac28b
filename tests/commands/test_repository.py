"""`features validate | stats` for the views of a Feast repository of the user's own."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.data_source import DataSource
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
    PostgreSQLSource,
)
from feast.types import Float64, Int64, String
from running import Mlops

CONFIG = """
project: mine
feature_store: {repo: repo}
models:
  heart:
    task: classification
    entity: who
    feature_views:
      vitals:
        ttl: 10d
        features:
          pulse: {type: float, range: [20, 250]}
          visits: {type: int}
    derived:
      fast: {type: bool, expression: pulse > 100}
    labels: {source: labels.parquet, column: sick, timestamp: at}
"""
ONLINE = {"type": "sqlite", "path": "data/online.db"}
PEOPLE = [f"secret-{row}" for row in range(120)]
START = datetime(2026, 1, 1, tzinfo=UTC)


def vitals(**columns: Any) -> pd.DataFrame:
    """Two visits of each patient; two columns are called otherwise than in config.yaml."""
    made = {
        "who": PEOPLE * 2,
        "taken": [START] * 120 + [START + timedelta(days=5)] * 120,
        "heart_rate": [60.0 + row % 40 for row in range(240)],
        "visits": [1] * 120 + [2] * 120,
    }
    return pd.DataFrame({**made, **columns})


def define(source: DataSource) -> None:
    """Apply the view to the repository as its owner would."""
    store = FeatureStore(
        config=RepoConfig(
            project="theirs", provider="local", registry="repo/data/registry.db",
            repo_path=Path("repo"), online_store=ONLINE, entity_key_serialization_version=3,
        )
    )  # fmt: skip
    who = Entity(name="who", value_type=ValueType.STRING)
    fields = [("who", String), ("pulse", Float64), ("visits", Int64)]
    schema = [Field(name=name, dtype=kind) for name, kind in fields]
    store.apply([who, FeatureView(name="vitals", entities=[who], schema=schema, source=source)])


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(CONFIG)
    Path("repo/data").mkdir(parents=True)
    Path("repo/feature_store.yaml").write_text(
        "project: theirs\nprovider: local\nregistry: data/registry.db\n"
        "online_store: {type: sqlite, path: data/online.db}\n"
        "entity_key_serialization_version: 3\n"
    )
    vitals().to_parquet("repo/data/vitals.parquet", index=False)
    sick = [row % 2 for row in range(120)]
    pd.DataFrame({"who": PEOPLE, "at": START, "sick": sick}).to_parquet("labels.parquet")
    define(
        FileSource(
            name="vitals", path="data/vitals.parquet", timestamp_field="taken",
            field_mapping={"heart_rate": "pulse"},
        )
    )  # fmt: skip
    return tmp_path


@pytest.fixture
def warehouse(repo: Path) -> Path:
    define(PostgreSQLSource(name="vitals", table="vitals", timestamp_field="taken"))
    return repo


def seen(found: Sequence[dict[str, Any]]) -> set[tuple[str, str, int]]:
    return {(each["column"], each["rule"], each["rows"]) for each in found}


def test_a_view_in_a_file_is_checked_like_our_own(repo: Path, mlops: Mlops) -> None:
    run = mlops("features", "validate")
    assert (run.code, run.out.strip()) == (0, "2 tables are as configured")
    broken = vitals(heart_rate=[300.0] * 7 + [60.0] * 233)
    again = broken.tail(1)
    pd.concat([broken, again]).to_parquet("repo/data/vitals.parquet", index=False)
    run = mlops("features", "validate", "--json")
    assert run.code == 3
    (result,) = run.data["results"]
    assert (result["tables"], result["unread"]) == (2, [])
    assert seen(result["findings"]) == {
        ("pulse", "in range 20 to 250", 7),
        ("who, taken", "no two rows agree in these", 2),
    }
    assert "secret" not in run.out


def test_a_view_in_a_file_is_held_against_its_earlier_state(repo: Path, mlops: Mlops) -> None:
    Path("old/data").mkdir(parents=True)
    pd.read_parquet("labels.parquet").to_parquet("old/labels.parquet", index=False)
    before = vitals().rename(columns={"heart_rate": "pulse"})
    before.to_parquet("old/data/vitals.parquet", index=False)
    assert mlops("features", "validate", "--against", "old").code == 0
    vitals(heart_rate=200.0).to_parquet("repo/data/vitals.parquet", index=False)
    run = mlops("features", "validate", "--against", "old", "--json")
    assert run.code == 3
    assert {each["column"] for each in run.data["results"][0]["findings"]} == {"pulse"}
    run = mlops("features", "validate", "--against", "repo/data/vitals.parquet")
    assert run.code == 2
    assert "is the source of vitals itself" in run.err


def test_a_view_in_a_file_is_described_like_our_own(repo: Path, mlops: Mlops) -> None:
    run = mlops("features", "stats", "--json")
    assert run.code == 0
    (result,) = run.data["results"]
    (view,) = result["views"]
    assert view["source"].endswith("repo/data/vitals.parquet")
    assert (view["rows"], view["entities"], view["keys"]) == (240, 120, ["who"])
    assert (view["first"], view["expired"]) == (START.isoformat(), 1.0)
    assert [each["feature"] for each in view["features"]] == ["pulse", "visits"]
    assert (result["derived"][0]["rows"], result["derived"][0]["missing"]) == (120, 0.0)


@pytest.mark.parametrize("command", ["validate", "stats"])
def test_a_view_that_is_no_file_is_no_quiet_pass(
    warehouse: Path, mlops: Mlops, command: str
) -> None:
    told = "inconclusive: vitals was not checked: its source in the Feast repository is no file"
    for options in ((), ("--quiet",)):
        run = mlops("features", command, *options)
        assert run.code == 5
        assert told in " ".join(run.out.split())
        assert "as configured" not in run.out
    run = mlops("features", command, "--json")
    assert (run.code, run.json["status"]) == (5, "inconclusive")
    assert run.data["results"][0]["unread"] == ["vitals"]


def test_a_finding_in_the_labels_outweighs_a_view_that_is_no_file(
    warehouse: Path, mlops: Mlops
) -> None:
    labels = pd.read_parquet("labels.parquet").assign(sick=2)
    labels.to_parquet("labels.parquet", index=False)
    run = mlops("features", "validate")
    assert run.code == 3
    assert "is 0 or 1" in run.out
    assert "vitals was not checked" in run.out


def test_a_lost_file_of_the_repository_is_told(repo: Path, mlops: Mlops) -> None:
    Path("repo/data/vitals.parquet").unlink()
    for command in ("validate", "stats"):
        run = mlops("features", command)
        assert (run.code, run.out) == (6, "")
        assert "vitals.parquet" in run.err


def test_where_every_model_fails_nothing_is_as_configured(repo: Path, mlops: Mlops) -> None:
    block = CONFIG.partition("models:\n")[2]
    second = block.replace("  heart:\n    task", "  second:\n    task")
    Path("config.yaml").write_text(CONFIG + second)
    Path("repo/data/vitals.parquet").unlink()
    run = mlops("features", "validate")
    assert (run.code, run.out.strip()) == (6, "")
