import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_cli.config import load_config, masked
from mlops_cli.config.masking import mask_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ml:pw@db:5432/x", "postgresql://ml:***@db:5432/x"),
        ("redis://:pw@cache:6379/0", "redis://:***@cache:6379/0"),
        ("postgresql://ml:p@ss/word@db/x", "postgresql://ml:***@db/x"),
        ("postgresql://db/x?user=ml&password=pw", "postgresql://db/x?user=ml&password=***"),
        ("s3://bucket/x?aws_secret_access_key=pw&a=b", "s3://bucket/x?aws_secret_access_key=***&a=b"),
        ("https://host/x?API_KEY=pw", "https://host/x?API_KEY=***"),
        ("redis:6379,db=0,password=pw", "redis:6379,db=0,password=***"),
        ("postgresql://ml@db:5432/x", "postgresql://ml@db:5432/x"),
        ("sqlite:////home/me/.mlops/mlflow.db", "sqlite:////home/me/.mlops/mlflow.db"),
        ("http://mlflow:5000", "http://mlflow:5000"),
    ],
)  # fmt: skip
def test_secrets_in_text_are_masked(text, shown):
    assert mask_text(text) == shown


@settings(deadline=None)
@given(st.text(min_size=1).map(lambda text: f"<{text}>"))
def test_no_password_of_a_url_is_left(password):
    assert mask_text(f"postgresql://ml:{password}@db/logs") == "postgresql://ml:***@db/logs"


def test_keys_named_as_secrets_are_masked_in_the_online_store(write):
    extra = (
        "feature_store:\n  online_store: {type: x, auth_token: 12345, nested: [{Password: a}],\n"
        "    secrets: {a: b}, secret: null}\n"
    )

    store = masked(load_config(write(extra=extra), {}))["feature_store"]["online_store"]

    assert store == {
        "type": "x",
        "auth_token": "***",
        "nested": [{"Password": "***"}],
        "secrets": "***",
        "secret": None,
    }


def test_a_feature_may_be_named_as_a_secret(write):
    config = load_config(write(("age: {", "token_count: {")), {})

    view = masked(config)["models"]["heart"]["feature_views"]["vitals"]
    assert view["features"]["token_count"]["type"] == "int"
