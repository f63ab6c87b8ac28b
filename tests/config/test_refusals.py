"""What would fail later is refused when the file is read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_cli.config import load_config
from mlops_cli.errors import ConfigError

AGE = "          age: {type: int, range: [18, 100]}\n"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("{type: float, window: {of: age, compute: mean}}", "mean needs the span it looks at"),
        ("{type: float, window: {of: age, compute: mean, over: 0d}}", "mean needs the span"),
        ("{type: float, window: {of: age, compute: change, over: 9d}}", "takes no `over`"),
        ("{type: float, window: {of: age, compute: average, over: 9d}}", "is not one of"),
        ("{type: int, window: {of: age, compute: change}}", "compute: change is of type float"),
        ("{type: float, window: {of: age, compute: count, over: 9d}}", "is of type int"),
        ("{type: float, window: {of: sex, compute: change}}", "window.of is 'sex', not a number"),
        ("{type: float, window: {of: bmi, compute: change}}", "a file brings into this view (age)"),
        ("{type: float, window: {of: late, compute: change}}", "window.of is 'late'"),
        ("{type: category, categories: [a], window: {of: age, compute: change}}", "of type float"),
    ],
)
def test_a_window_that_cannot_be_computed_is_refused(
    write: Callable[..., Path], more: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write((AGE, f"{AGE}          late: {more}\n")), {})
    assert message in caught.value.message


def test_a_window_over_the_view_of_another_repository_is_refused(
    write: Callable[..., Path],
) -> None:
    late = "          late: {type: float, window: {of: age, compute: change}}\n"
    changes = ((AGE, AGE + late), ("        source: data/vitals.parquet\n", ""))
    with pytest.raises(ConfigError, match="'late': a window needs a view with a source"):
        load_config(write(*changes, extra="feature_store: {repo: feast}\n"), {})


def test_a_window_does_not_belong_under_derived(write: Callable[..., Path]) -> None:
    derived = (
        "    derived: {late: {type: float, expression: age, window: {of: age, compute: change}}}\n"
    )
    with pytest.raises(ConfigError, match="'late': a window belongs into a view"):
        load_config(write(extra=derived), {})


def test_windows_are_features_in_the_order_of_the_file(write: Callable[..., Path]) -> None:
    late = "          late: {type: float, window: {of: age, compute: change}}\n"
    view = load_config(write((AGE, late + AGE)), {}).models["heart"].feature_views["vitals"]
    assert list(view.features) == ["late", "age", "sex"]
    assert list(view.imported) == ["age", "sex"]
    assert list(view.windows) == ["late"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trials: 5", "space: {}", "models.heart.search.space"),
        ("trials: 5", "space: {max_depth: {low: 2.5, high: 3, scale: int}}", "whole numbers"),
        ("trials: 5", "space: {max_dept: {low: 2, high: 3}}", "max_dept"),
        ("source: data/labels.parquet", "source: s3://bucket/labels.parquet", "not a URL"),
        ("source: data/vitals.parquet", "source: data/vitals.csv", "Parquet file"),
        ("column: sick", "column: patient_id", "also the entity or time column"),
        ("age: {type: int", "mlops_age: {type: int", "are ours"),
        ("seed: 7", "logs: {audit: audit.db}", "SQLAlchemy URL"),
        ("seed: 7", "state: s3://bucket/state", "not a URL"),
    ],
)
def test_refused(write: Callable[..., Path], old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write((old, new)), {})
    assert message in caught.value.message


def test_a_negative_margin_is_refused(write: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match="0 or more"):
        load_config(write(extra="    gates: {not_worse: {brier: -0.5}}\n"), {})


@pytest.mark.parametrize(
    ("imports", "message"),
    [
        (
            "{columns: {agee: AGE}}",
            "imports.columns: 'agee' is no column of ours; did you mean 'age'?",
        ),
        ("{sentinels: {weight: ['0']}}", "imports.sentinels: 'weight' is no column of ours"),
        ("{words: {sex: {'0': femal}}}", "imports.words.sex: 'femal' is no category of it"),
    ],
)
def test_an_import_of_what_is_no_column_of_ours_is_refused(
    write: Callable[..., Path], imports: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(("    labels:", f"    imports: {imports}\n    labels:")), {})
    assert message in caught.value.message
