"""What differs between two records, by name."""

from typing import Any

from mlops_cli.domain.reproduction import configurations, differing, training_sets


def record(**changed: Any) -> dict[str, Any]:
    columns = {"id": "1", "at": "2", "x": "3", "y": "4"}
    files = {"labels": {"labels.parquet": "a"}, "vitals": {"2024/a.parquet": "b"}}
    return {"digest": "d", "rows": 9, "columns": columns, "files": files} | changed


def names(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [each.name for each in training_sets(then, now, ["id", "at"])]


def test_numbers_that_were_rounded_otherwise_are_the_same() -> None:
    assert differing("model", {"auc": 0.1 + 0.2}, {"auc": 0.3}) == []
    assert len(differing("model", {"auc": 0.3}, {"auc": 0.30001})) == 1
    assert len(differing("model", {"auc": 0.3}, {})) == 1


def test_the_same_digest_leaves_only_the_files_to_name() -> None:
    files = {"labels": {"labels.parquet": "a"}, "vitals": {"2025/a.parquet": "b"}}
    found = training_sets(record(), record(files=files, columns={}), [])
    assert [(each.name, each.then, each.now) for each in found] == [
        ("vitals: 2024/a.parquet", "b", None),
        ("vitals: 2025/a.parquet", None, "b"),
    ]


def test_rows_are_named_before_keys_and_keys_before_other_columns() -> None:
    columns = {"id": "1", "at": "9", "x": "9", "y": "4"}
    assert names(record(), record(digest="e", rows=8, columns=columns)) == ["rows"]
    assert names(record(), record(digest="e", columns=columns)) == ["column at"]
    assert names(record(), record(digest="e", columns=columns | {"at": "2"})) == ["column x"]


def test_where_nothing_can_be_named_the_whole_is() -> None:
    assert names({"digest": "d"}, record(digest="e")) == ["dataset_digest"]
    assert names(record(), record(digest="e")) == ["dataset_digest"]


def test_a_section_that_has_come_or_gone_is_named_by_its_keys() -> None:
    plain: dict[str, Any] = {"seed": 1, "model": {"feature_views": {}, "bands": {}}}
    banded = {"seed": 1, "model": {"feature_views": {}, "bands": {"low": 0.0}}}
    found = configurations(plain, banded)
    assert [(each.name, each.then, each.now) for each in found] == [("bands.low", None, 0.0)]
