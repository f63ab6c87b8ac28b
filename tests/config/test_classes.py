"""Several classes and metrics of one's own: what may be written, and what has no meaning."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_cli.config import ModelConfig, load_config, recorded, restored
from mlops_cli.errors import ConfigError

Write = Callable[..., Path]
CLASSES = "classes: [none, mild, severe]"
OWN = "metrics: {benefit: {function: 'clinic:benefit'}}"


def model(
    write: Write,
    *lines: str,
    task: str = "multiclass",
    classes: str = CLASSES,
    changes: tuple[tuple[str, str], ...] = (),
) -> ModelConfig:
    extra = "".join(f"    {line}\n" for line in lines)
    labels = ("column: sick", f"column: sick\n      {classes}")
    path = write(("task: classification", f"task: {task}"), labels, *changes, extra=extra)
    return load_config(path, {}).models["heart"]


def test_classes_have_an_order_and_metrics_of_their_own(write: Write) -> None:
    found = model(write)
    assert found.labels.classes == ("none", "mild", "severe")
    assert (found.metric, found.fairness_metrics) == ("roc_auc", ("accuracy",))
    assert model(write, "primary_metric: f1_macro").metric == "f1_macro"


def test_a_class_to_be_found_makes_its_recall_the_fairness_metric(write: Write) -> None:
    found = model(write, "fairness: {positive: severe}")
    assert (found.positive, found.fairness_metrics) == (2, ("equal_opportunity",))


def test_numbers_are_words_or_positions(write: Write) -> None:
    assert model(write, classes="classes: [0, 1, 2, 3, 4]").labels.classes == tuple("01234")
    assert model(write, classes="classes: [3, 2, 1]").labels.positions == {"3": 0, "2": 1, "1": 2}
    positions = model(write).labels.positions
    assert (positions["1"], positions["mild"]) == (1, 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("threshold: 0.3", "a threshold belongs to classification"),
        ("threshold: {rule: f_beta, beta: 1}", "a threshold rule belongs to classification"),
        ("class_weight: balanced", "class_weight belongs to classification"),
        ("calibration: platt", "calibration: platt belongs to classification"),
        ("calibration: isotonic", "calibration: isotonic belongs to classification"),
        ("bands: {low: 0, high: 0.6}", "bands are for a single number"),
        ("output: count", "output: count belongs to regression"),
        ("output_range: [0, 1]", "output_range is [0, 1] and belongs to regression"),
        ("primary_metric: recall", "metric 'recall' does not fit multiclass: use one of roc_auc"),
        ("gates: {floor: {pr_auc: 0.5}}", "metric 'pr_auc' does not fit multiclass"),
        ("fairness: {metrics: [equalized_odds]}", "'equalized_odds' does not fit multiclass"),
        ("fairness: {metrics: [equal_opportunity]}", "equal_opportunity needs fairness.positive"),
        ("fairness: {positive: grave}", "fairness.positive: 'grave' is not one of none, mild"),
        ("metrics: {accuracy: {function: 'a:b'}}", "'accuracy' is a metric of ours"),
        ("metrics: {benefit: {function: clinic}}", "models.heart.metrics.benefit.function"),
        ("metrics: {benefit: {function: '../clinic:benefit'}}", "metrics.benefit.function"),
        ("imports: {words: {sick: {'4': grave}}}", "'grave' is no category of it"),
    ],
)
def test_what_has_no_meaning_is_refused_in_a_line(write: Write, line: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model(write, line)
    assert message in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("task", "classes", "message"),
    [
        ("multiclass", "", "multiclass needs labels.classes, three words or more"),
        ("multiclass", "classes: [no, yes]", "two classes are task: classification"),
        ("multiclass", "classes: [a, b, a]", "'a' is named twice"),
        ("classification", CLASSES, "labels.classes belongs to task: multiclass"),
    ],
)
def test_the_task_and_its_classes_go_together(
    write: Write, task: str, classes: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        model(write, task=task, classes=classes)
    assert message in caught.value.message


def test_other_tasks_know_neither_a_positive_class_nor_a_temperature(write: Write) -> None:
    for line in ("fairness: {positive: '1'}", "calibration: temperature"):
        with pytest.raises(ConfigError, match="belongs to"):
            load_config(write(extra=f"    {line}\n"), {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("age: {type: int,", "age: {type: int, monotone: increasing,"),
            "feature 'age': monotone has no meaning for several classes",
        ),
        (
            ("trials: 5", "space: {scale_pos_weight: {low: 1, high: 2}}"),
            "search.space.scale_pos_weight belongs to classification",
        ),
    ],
)
def test_neither_has_what_is_said_elsewhere(
    write: Write, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        model(write, changes=(change,))
    assert message in caught.value.message


def test_an_own_metric_may_decide_gate_and_compare(write: Write) -> None:
    lines = (OWN, "primary_metric: benefit", "gates: {floor: {benefit: 0.1}}")
    found = model(write, *lines, "fairness: {metrics: [benefit]}")
    assert (found.metric, found.fairness_metrics) == ("benefit", ("benefit",))
    assert found.metrics["benefit"].higher_is_better


def test_a_record_names_no_code(write: Write) -> None:
    """What is run is what config.yaml names today, whatever a run has written down."""
    path = write(extra=f"    {OWN}\n")
    config = load_config(path, {})
    record = recorded(config, "heart")
    record["model"]["metrics"]["benefit"]["function"] = "other:evil"
    again = restored(config, "heart", record)
    assert again.models["heart"].metrics["benefit"].function == "clinic:benefit"
