"""Thresholds by rule, class weights, calibration, constraints: what may be written, and where."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_cli.config import ModelConfig, json_schema, load_config, origins, recorded, restored
from mlops_cli.config.deciding import ClassWeightConfig, ThresholdConfig
from mlops_cli.domain.contract import policy_digest
from mlops_cli.errors import ConfigError

Write = Callable[..., Path]


def model(write: Write, text: str, **environ: str) -> ModelConfig:
    return load_config(write(extra=f"    {text}\n"), environ).models["heart"]


def test_what_is_not_written_is_as_it_was(write: Write) -> None:
    found = load_config(write(), {}).models["heart"]
    assert (found.threshold, found.class_weight, found.device) == (0.5, "none", "cpu")
    assert (found.calibration, found.output) == ("auto", "value")
    assert found.features["age"].monotone is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "{rule: cost, false_positive: 1, false_negative: 5}",
            "false positive 1, false negative 5",
        ),
        ("{rule: f_beta, beta: 2}", "f_beta, beta 2"),
        ("{rule: sensitivity, at_least: 0.9}", "at least 0.9"),
    ],
)
def test_a_rule_is_read_and_shown(write: Write, text: str, words: str) -> None:
    rule = model(write, f"threshold: {text}").threshold
    assert isinstance(rule, ThresholdConfig)
    assert words in rule.words
    shown = {each.key: each.value for each in origins(tmp(write, text), {})}
    assert shown["models.heart.threshold.rule"] == rule.rule


def tmp(write: Write, text: str) -> Path:
    return write(extra=f"    threshold: {text}\n")


def test_weights(write: Write) -> None:
    assert model(write, "class_weight: balanced").class_weight == "balanced"
    assert model(write, "class_weight: {positive: 3}").class_weight == ClassWeightConfig(positive=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("threshold: 1.5", "config.yaml:23: models.heart.threshold: 1.5 should be less than 1"),
        ("threshold: true", "config.yaml:23: models.heart.threshold: true is not a number"),
        ("threshold: high", "models.heart.threshold: 'high' should be a valid number"),
        ("threshold: {rule: costs}", "threshold.rule: 'costs' is not one of cost, f_beta, sens"),
        ("threshold: {rule: cost, false_positive: 1}", "rule cost needs false_negative"),
        ("threshold: {rule: f_beta}", "rule f_beta needs beta"),
        ("threshold: {rule: f_beta, beta: 1, at_least: 0.9}", "rule f_beta does not take at_least"),
        ("threshold: {rule: sensitivity, at_least: 1.2}", "models.heart.threshold.at_least: 1.2"),
        ("threshold: {rule: sensitivity, atleast: 0.9}", "models.heart.threshold.atleast: unknown"),
        ("class_weight: heavy", "models.heart.class_weight: 'heavy' is not one of none, balanced"),
        ("class_weight: {positive: 0}", "models.heart.class_weight.positive: 0"),
        ("class_weight: {negative: 2}", "models.heart.class_weight.negative: unknown key"),
        ("calibration: sigmoid", "models.heart.calibration: 'sigmoid' is not one of"),
        ("device: gpu", "models.heart.device: 'gpu' is not one of auto, cpu, cuda"),
        ("output: count", "output: count belongs to regression"),
    ],
)
def test_a_mistake_is_named_with_its_line(write: Write, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model(write, text)
    assert message in caught.value.message
    assert "[" not in caught.value.message.split(": ")[1]


def test_a_misspelt_key_of_a_rule_gets_a_hint(write: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        model(write, "threshold: {rule: sensitivity, at_leest: 0.9, at_least: 0.9}")
    assert caught.value.hint is not None
    assert "at_least" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("threshold: {rule: f_beta, beta: 1}", "a threshold rule belongs to classification"),
        ("class_weight: balanced", "class_weight belongs to classification"),
        ("calibration: platt", "calibration: platt belongs to classification"),
        ("output_range: [0, 1]\n    output: count", "without an output_range"),
    ],
)
def test_what_a_regression_cannot_have(write: Write, text: str, message: str) -> None:
    regression = ("task: classification", "task: regression")
    with pytest.raises(ConfigError, match=message):
        load_config(write(regression, extra=f"    {text}\n"), {})
    counts = load_config(write(regression, extra="    output: count\n"), {})
    assert counts.models["heart"].output == "count"


def test_a_weight_is_given_once(write: Write) -> None:
    twice = ("trials: 5", "space: {scale_pos_weight: {low: 1, high: 5}}")
    with pytest.raises(ConfigError, match="are the same thing"):
        load_config(write(twice, extra="    class_weight: balanced\n"), {})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sex: {type: category,", "sex: {type: category, monotone: increasing,"),
        ("age: {type: int,", "age: {type: int, input: false, monotone: increasing,"),
    ],
)
def test_only_a_number_that_the_model_reads_is_monotone(write: Write, old: str, new: str) -> None:
    with pytest.raises(ConfigError, match="monotone belongs to an input of type int or float"):
        load_config(write((old, new)), {})


def test_a_variable_sets_a_number_and_not_half_a_rule(write: Write) -> None:
    number = {"MLOPS_MODELS__HEART__THRESHOLD": "0.3"}
    assert load_config(write(), number).models["heart"].threshold == 0.3
    rule = write(extra="    threshold: {rule: sensitivity, at_least: 0.9}\n")
    changed = load_config(rule, {"MLOPS_MODELS__HEART__THRESHOLD__AT_LEAST": "0.8"})
    assert changed.models["heart"].threshold == ThresholdConfig(rule="sensitivity", at_least=0.8)
    written = write(extra="    threshold: 0.4\n")
    with pytest.raises(ConfigError, match="has a value, not keys"):
        load_config(written, {"MLOPS_MODELS__HEART__THRESHOLD__AT_LEAST": "0.8"})


def test_the_policy_fixes_the_rule_beforehand(write: Write) -> None:
    digests = {
        policy_digest(model(write, f"threshold: {text}"))
        for text in (
            "0.5",
            "{rule: sensitivity, at_least: 0.9}",
            "{rule: sensitivity, at_least: 0.8}",
            "{rule: f_beta, beta: 1}",
        )
    }
    assert len(digests) == 4


def test_a_run_of_before_there_was_a_calibration_is_repeated_without(write: Write) -> None:
    config = load_config(write(), {})
    record = recorded(config, "heart")
    assert restored(config, "heart", record).models["heart"].calibration == "auto"
    del record["model"]["calibration"]
    assert restored(config, "heart", record).models["heart"].calibration == "none"


def test_the_schema_for_editors_has_both_forms() -> None:
    schema = json_schema()
    forms = schema["$defs"]["ModelConfig"]["properties"]["threshold"]["oneOf"]
    assert {"type", "$ref"} <= {key for form in forms for key in form}
