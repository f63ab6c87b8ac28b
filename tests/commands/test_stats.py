"""`mlops features stats`: the source tables in numbers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from running import Mlops, Run

CONFIG = """
project: ward
models:
  ward:
    task: classification
    entity: patient_id
    feature_views:
      body:
        source: data/body.parquet
        ttl: 10d
        features:
          weight: {type: float}
          height: {type: float}
          sex: {type: category, categories: [female, male]}
      lab:
        source: data/lab.parquet
        features:
          sugar: {type: int}
          smoker: {type: bool}
    derived:
      bmi: {type: float, expression: weight / height**2}
      risky: {type: bool, expression: smoker and sugar > 150}
    labels: {source: data/labels.parquet, column: back}
"""


def body() -> pd.DataFrame:
    """Three visits of each of ten patients, the first two long ago."""
    now = datetime.now(UTC)
    times = [now - timedelta(days=days) for days in (300, 200, 5)]
    return pd.DataFrame(
        {
            "patient_id": [f"secret-{row}" for row in range(10)] * 3,
            "event_timestamp": np.repeat(times, 10),
            "weight": [*range(50, 60), *range(60, 70), *range(80, 90)],
            "height": 2.0,
            "sex": (["male"] * 6 + ["female"] * 3 + ["Lovelace"]) * 3,
        }
    )


def lab() -> pd.DataFrame:
    """One visit of five of them and of one patient more."""
    return pd.DataFrame(
        {
            "patient_id": [f"secret-{row}" for row in (0, 1, 2, 3, 4, 77)],
            "event_timestamp": pd.Timestamp("2026-01-01", tz="UTC"),
            "sugar": [100, 160, 170, 180, 190, 200],
            "smoker": [True, True, True, False, False, True],
        }
    )


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(CONFIG)
    Path("data").mkdir()
    body().to_parquet("data/body.parquet", index=False)
    lab().to_parquet("data/lab.parquet", index=False)
    return tmp_path


def told(run: Run) -> dict[str, dict[str, Any]]:
    """Return what is said of each feature, derived ones included."""
    (result,) = run.data["results"]
    parts = [*(view["features"] for view in result["views"]), result["derived"]]
    return {each["feature"]: each for part in parts for each in part}


def test_a_view_is_described(ward: Path, mlops: Mlops) -> None:
    run = mlops("features", "stats", "--json")
    assert run.code == 0
    view = run.data["results"][0]["views"][0]
    assert (view["view"], view["keys"], view["ttl"]) == ("body", ["patient_id"], 864_000.0)
    assert (view["rows"], view["entities"], view["rows_per_entity"]) == (30, 10, 3.0)
    assert view["expired"] == pytest.approx(2 / 3)
    first, last = (datetime.fromisoformat(view[name]) for name in ("first", "last"))
    assert last - first == timedelta(days=295)
    assert run.data["results"][0]["views"][1]["expired"] is None


def test_features_are_described(ward: Path, mlops: Mlops) -> None:
    found = told(mlops("features", "stats", "ward", "--json"))
    weight = found["weight"]
    assert (weight["type"], weight["rows"], weight["missing"]) == ("float", 30, 0.0)
    names = ("distinct", "min", "median", "max")
    assert [weight[name] for name in names] == [30, 50.0, 64.5, 89.0]
    assert (weight["p5"], weight["p95"]) == (51.0, 88.0)  # of 51.45 and 87.55
    assert sum(weight["histogram"]["counts"]) == 30
    words = [(each["word"], each["rows"]) for each in found["sex"]["words"]]
    assert (words, found["sex"]["other_rows"]) == ([("female", 9), ("male", 18)], 3)


def test_derived_features_use_the_newest_row_of_each_patient_in_every_view(
    ward: Path, mlops: Mlops
) -> None:
    found = told(mlops("features", "stats", "--json"))
    bmi, risky = found["bmi"], found["risky"]
    assert (bmi["rows"], bmi["missing"]) == (11, pytest.approx(1 / 11))
    assert (bmi["min"], bmi["max"]) == (20.0, 22.0)
    assert [(each["word"], each["rows"]) for each in risky["words"]] == [("false", 3), ("true", 3)]


def test_no_name_and_no_id_is_shown(ward: Path, mlops: Mlops) -> None:
    for options in ((), ("--json",)):
        run = mlops("features", "stats", *options)
        assert "Lovelace" not in run.out
        assert "secret" not in run.out


def test_no_number_of_one_patient_is_shown(ward: Path, mlops: Mlops) -> None:
    """A phone number among the measurements is one patient's alone."""
    lab().assign(sugar=range(19840312770, 19840312776)).to_parquet("data/lab.parquet", index=False)
    for options in ((), ("--json",)):
        run = mlops("features", "stats", *options)
        assert run.code == 0
        assert "1984" not in run.out
    assert (told(run)["sugar"]["min"], told(run)["sugar"]["max"]) == (2e10, 2e10)


def test_people_see_a_histogram_in_80_columns(ward: Path, mlops: Mlops) -> None:
    run = mlops("features", "stats")
    assert run.code == 0
    assert max(len(line) for line in run.out.splitlines()) <= 80
    (line,) = [line for line in run.out.splitlines() if line.strip().startswith("weight")]
    numbers = ["0%", "30", "50", "51", "64.5", "88", "89"]
    assert line.split()[:9] == ["weight", "float", *numbers]
    assert set("▁▂▃▄▅▆▇█") & set(line)
    assert "body: 30 rows of 10 patient_id (3 each)" in run.out
    assert "66.7% older than 10 d (ttl)" in run.out
    assert "derived by ward: newest rows of 11 entities" in run.out


def test_views_with_other_keys_are_joined_by_the_labels(ward: Path, mlops: Mlops) -> None:
    config = CONFIG.replace("data/lab.parquet\n", "data/lab.parquet\n        entity: site\n")
    Path("config.yaml").write_text(config)
    lab().rename(columns={"patient_id": "site"}).to_parquet("data/lab.parquet", index=False)
    pairs = {"patient_id": ["secret-0", "secret-1"], "site": ["secret-1", "secret-3"]}
    pd.DataFrame({**pairs, "back": [0, 1]}).to_parquet("data/labels.parquet")
    found = told(mlops("features", "stats", "--json"))
    assert found["bmi"]["rows"] == 2
    assert [each["rows"] for each in found["risky"]["words"]] == [1, 1]


def test_a_column_that_cannot_be_read_leaves_the_others(ward: Path, mlops: Mlops) -> None:
    body().assign(weight="heavy").drop(columns="sex").to_parquet("data/body.parquet", index=False)
    run = mlops("features", "stats", "--json")
    assert run.code == 0
    problems = {name: each["problem"] for name, each in told(run).items() if each["problem"]}
    assert problems == {"weight": "not float", "sex": "no column", "bmi": "cannot be computed"}
    shown = mlops("features", "stats").out
    assert "not float" in shown
    assert "heavy" not in shown


def test_without_ids_nothing_is_derived(ward: Path, mlops: Mlops) -> None:
    lab().drop(columns="patient_id").to_parquet("data/lab.parquet", index=False)
    found = told(mlops("features", "stats", "--json"))
    assert found["bmi"]["problem"] == "lab has no column patient_id"
    assert found["sugar"]["median"] == 180.0


def test_a_table_without_rows_is_described_too(ward: Path, mlops: Mlops) -> None:
    body().head(0).to_parquet("data/body.parquet", index=False)
    run = mlops("features", "stats", "--json")
    view = run.data["results"][0]["views"][0]
    assert (view["rows"], view["rows_per_entity"], view["first"]) == (0, None, None)
    assert told(run)["bmi"]["missing"] == 1.0
    assert "no value" in mlops("features", "stats").out


def test_a_view_of_two_models_is_shown_once(ward: Path, mlops: Mlops) -> None:
    block = CONFIG.partition("models:\n")[2]
    second = block.replace("  ward:\n    task", "  second:\n    task")
    Path("config.yaml").write_text(CONFIG + second)
    run = mlops("features", "stats")
    assert run.out.count("body: 30 rows") == 1
    assert run.out.count("newest rows of") == 2
    both = mlops("features", "stats", "--json").data["results"]
    assert both[0]["views"] == both[1]["views"]


def test_a_lost_table_is_told(ward: Path, mlops: Mlops) -> None:
    Path("data/lab.parquet").unlink()
    run = mlops("features", "stats")
    assert run.code == 6
    assert "lab.parquet" in run.err


def test_an_unknown_model_is_told(ward: Path, mlops: Mlops) -> None:
    run = mlops("features", "stats", "wart")
    assert run.code == 6
    assert "did you mean 'ward'?" in run.err
