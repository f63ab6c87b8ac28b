import pytest

from mlops_cli.config import load_config
from mlops_cli.errors import ConfigError


def refusal(path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        (
            "task: classification",
            "task: clasification",
            "9: models.heart.task: 'clasification' is not one of classification, multiclass, "
            "regression",
            "did you mean 'classification'?",
        ),
        (
            "task: classification",
            "task: xyz",
            "9: models.heart.task: 'xyz' is not one of classification, multiclass, regression",
            None,
        ),
        ("uri:", "url:", "5: tracking.url: unknown key", "did you mean 'uri'?"),
        ("seed: 7", "sead: 7", "2: sead: unknown key", "did you mean 'seed'?"),
        ("      column: sick\n", "", "18: models.heart.labels.column: missing", None),
        ("project: clinic", "state: x", "1: project: missing", None),
        (
            "project: clinic",
            "project: My Clinic",
            "1: project: 'My Clinic' is not a name (lower case letters, digits, underscores)",
            None,
        ),
        (
            "  heart:",
            "  Heart:",
            "8: models.Heart: 'Heart' is not a name (lower case letters, digits, underscores)",
            None,
        ),
        (
            "trials: 5",
            "trials: 0",
            "22: models.heart.search.trials: 0 should be greater than or equal to 1",
            None,
        ),
        (
            "trials: 5",
            "trials: many",
            "22: models.heart.search.trials: 'many' should be a valid integer, unable to parse "
            "string as an integer",
            None,
        ),
        (
            "trials: 5",
            "trials: true",
            "22: models.heart.search.trials: true is not a number",
            None,
        ),
        (
            "[18, 100]",
            "[18, true]",
            "16: models.heart.feature_views.vitals.features.age.range.1: true is not a number",
            None,
        ),
        (
            "[female, male]",
            "[female, true]",
            "17: models.heart.feature_views.vitals.features.sex.categories.1: true should be a "
            "valid string",
            None,
        ),
        (
            "ttl: 45d",
            "ttl: 45 days",
            "14: models.heart.feature_views.vitals.ttl: '45 days' is not a duration: write a "
            "number and a unit, as 15m, 26h or 45d",
            None,
        ),
        (
            "\n  uri: sqlite:///runs.db",
            "",
            "4: tracking: an empty value stands where a section belongs",
            "write its keys below it, indented",
        ),
        (
            "trials: 5",
            "space: {gamma: {low: nan, high: 1}}",
            "22: models.heart.search.space.gamma.low: 'nan' should be a finite number",
            None,
        ),
        (
            "    search:\n      trials: 5",
            "    gates: {floor: {roc: 0.7}}",
            "8: models.heart: metric 'roc' does not fit classification: use one of roc_auc, "
            "pr_auc, accuracy, precision, recall, f1, mcc, brier, log_loss",
            None,
        ),
    ],
)
def test_problem_is_said_with_its_line(write, old, new, message, hint):
    error = refusal(write((old, new)))

    assert (error.message, error.hint) == (f"config.yaml:{message}", hint)


BELOW = """    derived:
      ratio:
        type: float
        expression: EXPRESSION
"""


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("age / heigth", "24: models.heart.derived.ratio.expression: derived feature 'ratio': no"),
        ("sex", "23: models.heart.derived.ratio.type: derived feature 'ratio' is float, not text"),
        (
            "age\n        window: {of: age, compute: change}",
            "25: models.heart.derived.ratio.window: ",
        ),
    ],
)
def test_a_mistake_in_a_derived_feature_is_said_with_its_line(write, expression, said):
    block = BELOW.replace("EXPRESSION", expression)
    error = refusal(write(("    search:\n", f"{block}    search:\n")))

    assert error.message.startswith(f"config.yaml:{said}"), error.message


def test_a_mistake_in_a_window_is_said_with_its_line(write):
    late = """          sex: {type: category, categories: [female, male]}
          late:
            type: float
            window:
              of: sex
              compute: change
"""
    sex = "          sex: {type: category, categories: [female, male]}\n"
    error = refusal(write((sex, late)))

    place = "models.heart.feature_views.vitals.features.late.window.of"
    assert error.message.startswith(f"config.yaml:21: {place}: feature 'late': window.of is 'sex'")
    unsourced = refusal(write((sex, late), ("        source: data/vitals.parquet\n", "")))
    assert "late.window" in unsourced.message


def test_several_problems_are_said_in_the_order_of_the_file(write):
    error = refusal(
        write(("seed: 7", "seed: -1"), ("trials: 5", "trails: 5"), ("uri: sql", "url: sql"))
    )

    assert error.message.splitlines() == [
        "config.yaml:2: seed: -1 should be greater than or equal to 0",
        "config.yaml:5: tracking.url: unknown key (did you mean 'uri'?)",
        "config.yaml:22: models.heart.search.trails: unknown key (did you mean 'trials'?)",
    ]
    assert error.hint is None


def test_misspelt_section_is_both_missing_and_unknown(write):
    assert refusal(write(("labels:", "lables:"))).message.splitlines() == [
        "config.yaml:8: models.heart.labels: missing",
        "config.yaml:18: models.heart.lables: unknown key (did you mean 'labels'?)",
    ]


def test_control_characters_of_a_key_are_escaped(write):
    message = refusal(write(("seed: 7", '"se\\ned": 7'))).message

    assert message == r"config.yaml:2: 'se\ned': unknown key"


def test_ten_problems_are_said_and_the_rest_counted(write):
    extra = "".join(f"unknown{i}: 1\n" for i in range(13))

    lines = refusal(write(extra=extra)).message.splitlines()

    assert len(lines) == 11
    assert lines[-1] == "and 3 more"


def test_problems_of_variables_come_last(write):
    with pytest.raises(ConfigError) as caught:
        load_config(write(("trials: 5", "trials: 0")), {"MLOPS_SEED": "-1"})

    assert [line.split(":")[0] for line in caught.value.message.splitlines()] == [
        "config.yaml",
        "environment MLOPS_SEED",
    ]


def test_long_values_are_cut(write):
    assert len(refusal(write(("seed: 7", f"seed: {'x' * 10_000}"))).message) < 200


@pytest.mark.parametrize(
    "change",
    [
        ("seed: 7", "seed: postgresql://ml:hunter2@db/x"),
        ("ttl: 45d", "ttl: postgresql://ml:hunter2@db/x"),
        ("seed: 7", "seed: {password: hunter2}"),
        ("seed: 7", "password: hunter2"),
    ],
)
def test_secrets_of_the_file_are_not_echoed(write, change):
    assert "hunter2" not in refusal(write(change)).message


def test_a_feature_named_as_a_time_column_is_refused(write):
    features = ("          age: {type: int", "          event_timestamp: {type: int")

    assert "'event_timestamp' is also the" in refusal(write(features)).message
