import pytest

from mlops_cli.config import load_config
from mlops_cli.errors import ConfigError

TRIALS = "MLOPS_MODELS__HEART__SEARCH__TRIALS"


def refusal(path, environ) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ)
    return caught.value


def message_of(path, environ) -> str:
    """What is said about a configuration: nothing, if it is valid."""
    try:
        load_config(path, environ)
    except ConfigError as error:
        return f"{error.message} {error.hint}"
    return ""


@pytest.mark.parametrize(
    ("written", "environ", "read"),
    [
        ("${DB}", {"DB": "postgresql://db/x"}, "postgresql://db/x"),
        ("postgresql://u:${PW}@${HOST}/x", {"PW": "a b", "HOST": "h"}, "postgresql://u:a b@h/x"),
        ("${DB:-http://localhost}", {}, "http://localhost"),
        ("${DB:-http://localhost}", {"DB": ""}, "http://localhost"),
        ("${DB:-http://localhost}", {"DB": "http://db"}, "http://db"),
        ("http://a$$b", {}, "http://a$b"),
        ("http://$${DB}", {}, "http://${DB}"),
        ("http://a$b", {}, "http://a$b"),
        ("${DB}", {"DB": "http://${OTHER}"}, "http://${OTHER}"),
    ],
)
def test_reference_is_expanded(write, written, environ, read):
    path = write(("sqlite:///runs.db", f'"{written}"'))

    assert load_config(path, environ).tracking.uri == read


def test_expanded_text_can_be_a_number(write):
    assert load_config(write(("seed: 7", "seed: ${SEED:-9}")), {}).seed == 9


def test_references_are_expanded_in_lists(write):
    path = write(("[female, male]", "[female, '${OTHER}']"))
    sex = load_config(path, {"OTHER": "x"}).models["heart"].features["sex"]

    assert sex.categories == ("female", "x")


def test_unset_variable_is_named_with_its_line(write):
    error = refusal(write(("sqlite:///runs.db", "${DB_URL}")), {})

    assert error.message == ("config.yaml:5: tracking.uri: environment variable DB_URL is not set")
    assert error.hint == "set it, or give a default: ${DB_URL:-default}"


@pytest.mark.parametrize("written", ["${DB", "${DB-x}", "${1}", "${}", "${A:-${B}}"])
def test_malformed_reference_is_refused(write, written):
    error = refusal(write(("sqlite:///runs.db", f"'{written}'")), {"DB": "x"})

    assert error.message.startswith("config.yaml:5: tracking.uri: ${ starts no reference")


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [
        ("MLOPS_SEED", "11", lambda config: config.seed == 11),
        ("MLOPS_TRACKING__URI", "http://mlflow", lambda c: c.tracking.uri == "http://mlflow"),
        (
            "MLOPS_LOGS__AUDIT",
            "sqlite:////a.db",
            lambda config: config.logs.audit == "sqlite:////a.db",
        ),
        (TRIALS, "50", lambda config: config.models["heart"].search.trials == 50),
        (
            "MLOPS_MODELS__HEART__GATES__FLOOR__ROC_AUC",
            "7e-1",
            lambda config: config.models["heart"].gates.floor == {"roc_auc": 0.7},
        ),
        (
            "MLOPS_MODELS__HEART__GATES__APPROVAL",
            "true",
            lambda config: config.models["heart"].gates.approval is True,
        ),
        (
            "MLOPS_FEATURE_STORE__ONLINE_STORE__TYPE",
            "redis",
            lambda config: config.feature_store.online_store == {"type": "redis"},
        ),
        (
            "MLOPS_FEATURE_STORE__ONLINE_STORE__TLS__CA",
            "ca.pem",
            lambda config: config.feature_store.online_store == {"tls": {"ca": "ca.pem"}},
        ),
        (
            "MLOPS_MODELS__HEART__FEATURE_VIEWS__VITALS__TTL",
            "null",
            lambda config: config.models["heart"].feature_views["vitals"].ttl is None,
        ),
        (
            "MLOPS_MODELS__HEART__HOLDOUT__SALT",
            "2024",
            lambda config: config.models["heart"].holdout.salt == "2024",
        ),
    ],
)
def test_variable_replaces_the_value_of_the_file(write, variable, value, read):
    assert read(load_config(write(), {variable: value}))


def test_relative_place_of_a_variable_is_relative_to_the_file(write, tmp_path):
    assert load_config(write(), {"MLOPS_STATE": "var"}).state == str(tmp_path / "var")


def test_variable_makes_the_reference_it_replaces_needless(write):
    path = write(("sqlite:///runs.db", "${DB_URL}"))

    assert load_config(path, {"MLOPS_TRACKING__URI": "http://a"}).tracking.uri == "http://a"


def test_value_of_a_variable_is_not_expanded(write):
    environ = {"MLOPS_TRACKING__URI": "http://${HOST}/$$"}

    assert load_config(write(), environ).tracking.uri == "http://${HOST}/$$"


@pytest.mark.parametrize(
    "variable",
    ["MLOPS_CONFIG", "MLOPS_ACTOR", "MLOPS_DATA_DIR", "MLOPS_DEBUG", "MLFLOW_URI", "mlops_seed"],
)
def test_other_variables_are_ignored(write, variable):
    assert load_config(write(), {variable: "x"}) == load_config(write(), {})


@pytest.mark.parametrize(
    ("variable", "word", "hint"),
    [
        ("MLOPS_SEEED", "SEEED", "did you mean 'SEED'?"),
        ("MLOPS_ACTRO", "ACTRO", "did you mean 'ACTOR'?"),
        ("MLOPS_TRACKING__URL", "URL", "did you mean 'URI'?"),
        ("MLOPS_MODELS__HART__TASK", "HART", "did you mean 'HEART'?"),
        (
            "MLOPS_MODELS__HEART__SEARCH__SPACE__MAX_DEPT__LOW",
            "MAX_DEPT",
            "did you mean 'MAX_DEPTH'?",
        ),
        ("MLOPS_SEED__X", "X", None),
        (
            "MLOPS_",
            "",
            "known: ACTOR, CONFIG, DATA_DIR, DEBUG, FEATURE_STORE, LOGS, MODELS, PROJECT, SEED, "
            "STATE, TRACKING",
        ),
    ],
)
def test_unknown_variable_is_refused_with_the_nearest_word(write, variable, word, hint):
    error = refusal(write(), {variable: "1"})

    assert error.message == f"environment {variable}: {word!r} is not a key of config.yaml"
    assert error.hint == hint


def test_variable_that_names_a_section_is_refused(write):
    error = refusal(write(), {"MLOPS_TRACKING": "http://mlflow"})

    assert error.message == "environment MLOPS_TRACKING: tracking is a section"
    assert error.hint == "name one of its keys, as MLOPS_TRACKING__KEY"


def test_variable_below_a_value_is_refused(write):
    path = write(("tracking:\n  uri: sqlite:///runs.db", "tracking: 5"))

    assert refusal(path, {"MLOPS_TRACKING__URI": "x"}).message == (
        "environment MLOPS_TRACKING__URI: tracking has a value, not keys"
    )


def test_infinite_variable_is_refused(write):
    assert refusal(write(), {"MLOPS_SEED": ".inf"}).message == (
        "environment MLOPS_SEED: not a finite number"
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MLOPS_SEED", "hunter2"), (TRIALS, "hunter2"), ("MLOPS_PROJECT", "Hunter2")],
)
def test_wrong_value_of_a_variable_is_not_echoed(write, variable, value):
    error = refusal(write(), {variable: value})

    assert error.message.startswith(f"environment {variable}: ")
    assert f"(value from {variable})" in error.message
    assert "unter2" not in f"{error.message}{error.hint}"


@pytest.mark.parametrize(
    "change",
    [
        ("seed: 7", "seed: ${SECRET}"),
        ("ttl: 45d", "ttl: ${SECRET}"),
        ("task: classification", "task: ${SECRET}"),
        ("    search:", "    protected: {age: {bins: ['${SECRET}']}}\n    search:"),
        ("entity: patient_id", "entity: ${SECRET}\n    output_range: [0, 1]"),
        ("column: sick", "column: ${SECRET}"),
        ("project: clinic", "project: [1, '${SECRET}']"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("secret", ["hunter2", "age", 'it\'s \\ "x"'])
def test_expanded_value_is_not_echoed(write, change, secret):
    message = message_of(write(change), {"SECRET": secret})

    assert f"'{secret}'" not in message
    assert repr(secret) not in message


def test_error_does_not_carry_the_input_along(write):
    error = refusal(write(("seed: 7", "seed: ${SECRET}")), {"SECRET": "hunter2"})

    assert error.__cause__ is None
    assert error.__suppress_context__


def test_expanded_value_is_named_in_what_a_validator_says(write):
    error = refusal(write(("column: sick", "column: ${COLUMN}")), {"COLUMN": "age"})

    assert error.message == (
        "config.yaml:8: models.heart: feature (value from ${COLUMN}) is also the entity, label "
        "or time column"
    )
