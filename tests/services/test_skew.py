"""`features skew` against the sources: what was served then, and what was known then."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from running import Mlops

from mlops_cli.backends import tables
from mlops_cli.config import Config, load_config
from mlops_cli.domain.records import LoggedPrediction
from mlops_cli.domain.skew import FeatureSkew, Skipped
from mlops_cli.services import skew
from mlops_cli.services.skew import SkewResult

WARD = """\
project: ward
models:
  ward:
    task: classification
    entity: patient_id
    feature_views:
      vitals:
        source: data/vitals.parquet
        created: written
        ttl: 30d
        features:
          bp: {type: int}
          weight: {type: float}
      person:
        source: data/person.parquet
        features: {sex: {type: category, categories: [f, m]}}
    derived:
      load: {type: float, expression: weight / bp}
      heavy: {type: bool, expression: load > 0.5}
    labels: {source: data/labels.parquet, column: sick}
    drift: {min_rows: 20}
"""
NOW = datetime.now(UTC).replace(microsecond=0)
Log = Callable[..., Config]


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def ward(tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registered project: each patient has a row of 20 and one of 10 days ago."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(WARD)
    ids = [f"PT{number}" for number in range(40)]
    old = {"event_timestamp": ago(20), "written": ago(20), "bp": 100, "weight": 40.25}
    new = {"event_timestamp": ago(10), "written": ago(10), "bp": 120, "weight": 80.5}
    vitals([{"patient_id": each, **row} for each in ids for row in (old, new)])
    person = [{"patient_id": each, "event_timestamp": ago(900), "sex": "f"} for each in ids]
    pd.DataFrame(person).to_parquet("data/person.parquet")
    assert mlops("features", "apply").code == 0
    return tmp_path


def vitals(rows: list[dict[str, Any]]) -> None:
    Path("data").mkdir(exist_ok=True)
    pd.DataFrame(rows).to_parquet("data/vitals.parquet")


def changed(change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_parquet("data/vitals.parquet")).to_parquet("data/vitals.parquet")


def added(**row: Any) -> None:
    written = {"patient_id": "PT0", "bp": 120, "weight": 80.5, **row}
    changed(lambda frame: pd.concat([frame, pd.DataFrame([written])], ignore_index=True))


@pytest.fixture
def log(ward: Path) -> Log:
    """Put a prediction into the log, by default one made from all that was known."""

    def write(
        who: str | None = "PT0", days: float = 1, age: float | None = 0, **values: Any
    ) -> Config:
        config = load_config(ward / "config.yaml")
        features = {"bp": 120, "weight": 80.5, "sex": "f", "load": 80.5 / 120, "heavy": True}
        features = {name: each for name, each in (features | values).items() if each != "gone"}
        row = LoggedPrediction(
            f"{who}-{days}-{len(logged)}", ago(days), "ward", 1, who, 1.0, 0.9, features, age
        )
        logged.append(row)
        tables.log_predictions(config, [row])
        return config

    logged: list[LoggedPrediction] = []
    return write


def found(config: Config, **options: Any) -> SkewResult:
    return skew.check(config, "ward", options.pop("days", 7), **options)


def told(result: SkewResult) -> dict[str, dict[str, int]]:
    """Why each feature differs, where it does."""
    return {each.feature: dict(each.reasons) for each in result.features if each.differing}


def feature(result: SkewResult, name: str) -> FeatureSkew:
    return next(each for each in result.features if each.feature == name)


def test_what_was_known_is_no_skew(log: Log) -> None:
    for number in range(40):
        config = log(f"PT{number}")
    result = found(config)
    assert (result.rows, result.compared, result.effective_rows) == (40, 40, 40)
    assert (result.skewed, result.conclusive, told(result)) == (False, True, {})
    assert {each.rows for each in result.features} == {40}
    (high,) = {each.high for each in result.features}
    assert high == pytest.approx(0.0876, abs=1e-4)


def test_it_is_compared_with_what_was_known_at_its_time(log: Log) -> None:
    old = {"bp": 100, "weight": 40.25, "load": 0.4025, "heavy": False}
    config = log(days=12, **old)
    assert told(found(config, days=30)) == {}
    config = log(days=9, **old)
    assert told(found(config, days=30))["bp"] == {"older": 1}
    assert told(found(config, days=8)) == {}


def test_an_older_row_is_told_with_its_lag(log: Log) -> None:
    config = log(bp=100, weight=40.25, load=0.4025, heavy=False)
    result = found(config)
    assert told(result) == {
        "bp": {"older": 1}, "weight": {"older": 1}, "load": {"inputs": 1}, "heavy": {"inputs": 1},
    }  # fmt: skip
    (view,) = result.views
    assert (view.view, view.rows) == ("vitals", 1)
    assert view.median_seconds == view.max_seconds == 10 * 86_400
    assert feature(result, "weight").mean_difference == 40.25
    assert feature(result, "heavy").mean_difference is None
    example = feature(result, "bp").example
    assert example is not None
    assert (example.prediction_id, example.time) == ("PT0-1-0", ago(1))


def test_a_correction_written_later_is_no_skew(log: Log) -> None:
    config = log()
    added(event_timestamp=ago(10), written=ago(0.5), bp=135)
    assert told(found(config)) == {}
    log(days=0.2)
    assert told(found(config)) == {"bp": {"older": 1}, "load": {"inputs": 1}}


def test_a_source_that_was_overwritten_is_found(log: Log) -> None:
    config = log()
    changed(lambda frame: frame.assign(bp=frame["bp"] + 1))
    result = found(config)
    assert told(result) == {"bp": {"other": 1}, "load": {"inputs": 1}}
    assert (feature(result, "bp").mean_difference, result.views) == (1, ())


def test_rows_that_are_gone_are_found(log: Log) -> None:
    config = log()
    changed(lambda frame: frame[frame["patient_id"] != "PT0"])
    assert told(found(config)) == {
        "bp": {"unknown": 1}, "weight": {"unknown": 1},
        "load": {"inputs": 1}, "heavy": {"inputs": 1},
    }  # fmt: skip


def test_known_and_served_as_missing(log: Log) -> None:
    config = log(bp=None, weight=None, load=None, heavy=None)
    result = found(config)
    assert told(result)["bp"] == told(result)["weight"] == {"missing": 1}
    assert feature(result, "bp").mean_difference is None


def test_a_value_filled_in_afterwards_was_overwritten(log: Log) -> None:
    assert told(found(log(weight=None, load=None, heavy=None)))["weight"] == {"other": 1}


def test_a_value_that_has_expired_is_missing_on_both_sides(log: Log) -> None:
    changed(lambda frame: frame.assign(event_timestamp=ago(40), written=ago(40)))
    assert told(found(log(bp=None, weight=None, load=None, heavy=None))) == {}


def test_another_expression_is_told_from_other_inputs(log: Log) -> None:
    config = log(load=0.1, heavy=False)
    assert told(found(config)) == {"load": {"definition": 1}, "heavy": {"inputs": 1}}
    assert told(found(log(heavy=False)))["heavy"] == {"inputs": 1, "definition": 1}


def test_a_float_that_went_through_float32_is_the_same(log: Log) -> None:
    changed(lambda frame: frame.assign(weight=80.123456789))
    assert told(found(log(weight=80.12345886230469, load=80.123456789 / 120))) == {}


def test_rows_of_files_are_counted_apart(log: Log) -> None:
    log(None, age=None, bp=1)
    log("PT1", age=None, bp=1)
    config = log("PT2")
    result = found(config)
    assert (result.rows, result.compared, told(result)) == (3, 1, {})
    assert result.skipped == Skipped(no_entity=1, from_files=1, not_readable=0)
    both = found(config, files=True)
    assert (both.compared, both.skipped.from_files) == (2, 0)
    assert told(both)["bp"] == {"other": 1}


def test_what_was_logged_under_other_types_is_counted(log: Log) -> None:
    log("PT1", sex=1)
    result = found(log())
    assert (result.compared, result.skipped.not_readable) == (1, 1)


def test_a_feature_is_compared_where_the_version_had_it(log: Log) -> None:
    log("PT1", sex="gone")
    result = found(log("PT2", sex="gone"))
    assert (feature(result, "sex").rows, feature(result, "sex").share) == (0, None)
    assert feature(result, "bp").rows == 2
    assert feature(found(log()), "sex").rows == 1


def test_an_entity_asked_again_is_no_new_evidence(log: Log) -> None:
    for _ in range(30):
        config = log()
    result = found(config)
    assert (result.compared, result.effective_rows, result.conclusive) == (30, 1, False)
    log(days=12, bp=100, weight=40.25, load=0.4025, heavy=False)
    assert found(config, days=30).effective_rows == 1  # 31 rows, 30 of them one observation


def test_too_few_rows_decide_where_they_can(log: Log) -> None:
    config = log()
    assert (found(config).skewed, found(config).conclusive) == (False, False)
    result = found(log("PT1", bp=121))
    assert (result.skewed, result.conclusive) == (True, True)
    assert feature(result, "bp").low == pytest.approx(0.0945, abs=1e-3)


def test_a_share_within_the_limit_is_no_finding(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        log(f"PT{number}", bp=120 + (number == 0))
    monkeypatch.setenv("MLOPS_MODELS__WARD__DRIFT__MAX_SKEW", "0.1")
    result = found(log("PT0"))
    assert (result.skewed, result.conclusive) == (False, True)
    assert feature(result, "bp").differing == 1


def test_one_version_only(log: Log) -> None:
    config = log("PT1", bp=121)
    other = replace(tables.window(config, "ward", ago(7), NOW)[0], prediction_id="2", version=2)
    tables.log_predictions(config, [replace(other, features={**other.features, "bp": 120})])
    assert (found(config).versions, found(config).compared) == ((1, 2), 2)
    assert told(found(config, version=1))["bp"] == {"other": 1}
    assert "bp" not in told(found(config, version=2))


def test_the_check_is_on_record(log: Log) -> None:
    config = log(bp=121, load=80.5 / 121)
    found(config)
    (event,) = tables.events(config, "ward", ["features.skew_checked"])
    assert event.details["features"] == ["bp", "load"]
    assert (event.details["skewed"], event.details["compared"]) == (True, 1)


SEVERAL = """\
project: wards
models:
  ward:
    task: classification
    entity: patient_id
    feature_views:
      vitals: {source: data/vitals.parquet, features: {bp: {type: int}}}
      houses:
        entity: hospital_id
        source: data/houses.parquet
        features: {beds: {type: int}}
      stays:
        entity: [patient_id, hospital_id]
        source: data/stays.parquet
        features: {nights: {type: float}}
    labels: {source: data/labels.parquet, column: sick}
    drift: {min_rows: 20}
"""


@pytest.fixture
def wards(tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two hospitals; PT0 was in H1 for 2 nights, and in H2 for 5 nights, later for 7."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(SEVERAL)
    vitals([{"patient_id": "PT0", "event_timestamp": ago(20), "bp": 120}])
    houses = [{"hospital_id": f"H{n}", "event_timestamp": ago(20), "beds": n} for n in (1, 2)]
    pd.DataFrame(houses).to_parquet("data/houses.parquet")
    nights = [("H1", 20, 2.0), ("H2", 20, 5.0), ("H2", 10, 7.0)]
    pd.DataFrame(
        [
            {"patient_id": "PT0", "hospital_id": h, "event_timestamp": ago(d), "nights": n}
            for h, d, n in nights
        ]
    ).to_parquet("data/stays.parquet")
    assert mlops("features", "apply").code == 0
    return tmp_path


def test_each_view_is_looked_up_by_its_own_keys(wards: Path) -> None:
    config = load_config(wards / "config.yaml")

    def logged(who: str, **features: Any) -> LoggedPrediction:
        return LoggedPrediction(who, ago(1), "ward", 1, who, 1.0, 0.9, features, 0)

    first, second = ("patient_id=PT0,hospital_id=H1", "hospital_id=H2,patient_id=PT0")
    tables.log_predictions(
        config,
        [
            logged(first, bp=120, beds=1, nights=2.0),
            logged(second, bp=120, beds=2, nights=5.0),
            logged("PT0", bp=120, beds=1, nights=2.0),
        ],
    )
    result = found(config)
    assert (result.compared, result.skipped.not_readable) == (2, 1)
    assert told(result) == {"nights": {"older": 1}}
    example = feature(result, "nights").example
    assert example is not None
    assert example.prediction_id == second
    assert [(view.view, view.max_seconds) for view in result.views] == [("stays", 10 * 86_400)]
