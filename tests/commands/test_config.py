"""`mlops config`: is it right, what counts, where from; secrets stay hidden."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from running import ROOT, Mlops

SECRET = "hunter2"
CONFIG = f"""project: small
logs:
  audit: postgresql://ml:{SECRET}@db/logs
feature_store:
  online_store: {{type: redis, connection_string: "redis:6379,password={SECRET}"}}
models:
  heart:
    task: classification
    entity: who
    feature_views:
      vitals: {{source: vitals.parquet, features: {{pulse: {{type: float}}}}}}
    labels: {{source: labels.parquet, column: sick}}
    search: {{trials: 3}}
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with passwords in it as the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(CONFIG)
    return tmp_path


def test_check_names_the_models(small: Path, mlops: Mlops) -> None:
    run = mlops("config", "check")
    assert (run.code, run.out) == (0, "config.yaml is valid: heart (1 features)\n")


def test_check_as_json(small: Path, mlops: Mlops) -> None:
    assert mlops("config", "check", "--json").data == {
        "path": str(small / "config.yaml"), "project": "small", "models": ["heart"],
    }  # fmt: skip


def test_the_example_is_valid(mlops: Mlops) -> None:
    assert mlops("config", "check", "--config", ROOT / "config.yaml").code == 0


def test_what_show_prints_is_yaml_with_the_defaults(small: Path, mlops: Mlops) -> None:
    shown = yaml.safe_load(mlops("config", "show").out)
    assert shown["seed"] == 7
    assert shown["models"]["heart"]["search"]["trials"] == 3
    assert shown["models"]["heart"]["search"]["folds"] == 5


def test_a_long_value_is_not_broken_into_lines(small: Path, mlops: Mlops) -> None:
    place = "/".join(["a_rather_long_folder_name"] * 9) + "/labels.parquet"
    Path("config.yaml").write_text(CONFIG.replace("labels.parquet", place))
    shown = yaml.safe_load(mlops("config", "show").out)
    assert shown["models"]["heart"]["labels"]["source"] == str(small / place)


def test_show_as_json_says_the_same(small: Path, mlops: Mlops) -> None:
    shown = yaml.safe_load(mlops("config", "show").out)
    assert mlops("config", "show", "--json").data == shown


def test_relative_places_are_shown_from_the_folder_of_the_file(
    small: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    shown = mlops("config", "show", "--config", small / "config.yaml", "--json").data
    assert shown["models"]["heart"]["labels"]["source"] == str(small / "labels.parquet")


@pytest.mark.parametrize("options", [(), ("--json",), ("--origin",), ("--origin", "--json")])
def test_passwords_are_masked(small: Path, mlops: Mlops, options: tuple[str, ...]) -> None:
    run = mlops("config", "show", *options)
    assert run.code == 0
    assert "***" in run.out
    assert SECRET not in run.out + run.err


@pytest.mark.parametrize(
    ("key", "value", "origin"),
    [("models.heart.search.trials", 3, "config.yaml:13"),
     ("models.heart.search.folds", 5, "default"),
     ("seed", 11, "environment MLOPS_SEED")],
)  # fmt: skip
def test_origin_says_where_a_value_came_from(
    small: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, key: str, value: int, origin: str
) -> None:
    monkeypatch.setenv("MLOPS_SEED", "11")
    values = mlops("config", "show", "--origin", "--json").data["values"]
    assert {"key": key, "value": value, "origin": origin} in values


def test_people_see_every_origin(small: Path, mlops: Mlops) -> None:
    out = mlops("config", "show", "--origin").out
    assert "config.yaml:13" in out
    assert "default" in out


def test_the_schema_is_json_that_explains_every_key(small: Path, mlops: Mlops) -> None:
    schema = json.loads(mlops("config", "schema").out)
    assert mlops("config", "schema", "--json").data == schema
    sections = [schema, *schema["$defs"].values()]
    keys = [key for section in sections for key in section.get("properties", {}).values()]
    assert len(keys) > 50
    assert all(key.get("description") for key in keys)


def test_the_schema_needs_no_project(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mlops("config", "schema").code == 0


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [("trials: 3", "trails: 3", 13, "trails"), ("trials: 3", "trials: many", 13, "trials"),
     ("classification", "guessing", 8, "task"), ("project: small", "project: Small!", 1, "project"),
     ("    entity: who\n", "", 7, "entity"), ("column: sick}", "column: sick", 13, "YAML")],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(
    small: Path, mlops: Mlops, old: str, new: str, line: int, words: str
) -> None:
    assert old in CONFIG
    Path("config.yaml").write_text(CONFIG.replace(old, new))
    run = mlops("config", "check")
    assert (run.code, run.out) == (2, "")
    assert f"config.yaml:{line}: " in run.err
    assert words in run.err


def test_a_mistake_as_json(small: Path, mlops: Mlops) -> None:
    Path("config.yaml").write_text(CONFIG.replace("trials: 3", "trails: 3"))
    run = mlops("config", "check", "--json")
    assert (run.code, run.json["exit_code"], run.error["code"]) == (2, 2, "config")
    assert run.error["message"].startswith("config.yaml:13: ")


def test_a_mistake_does_not_tell_a_password(small: Path, mlops: Mlops) -> None:
    Path("config.yaml").write_text(CONFIG.replace("audit:", "audti:"))
    run = mlops("config", "check")
    assert run.code == 2
    assert SECRET not in run.err


def test_mlops_config_names_the_file(
    small: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small / "config.yaml").rename(small / "other.yaml")
    monkeypatch.setenv("MLOPS_CONFIG", str(small / "other.yaml"))
    assert mlops("config", "check").code == 0


def test_the_option_goes_before_the_variable(
    small: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_CONFIG", str(small / "nowhere.yaml"))
    assert mlops("config", "check").code == 2
    assert mlops("config", "check", "--config", "config.yaml").code == 0


def test_check_works_as_a_program(small: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlops_cli", "config", "check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("config.yaml is valid")
