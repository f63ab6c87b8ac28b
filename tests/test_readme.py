"""The README is true: its commands run, in its order, and print what it shows."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from running import ROOT, Mlops

from mlops_cli.config import Config

README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """Return the text below a heading, up to the next one."""
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    return str(found)


def shape(line: str) -> str:
    """Reduce a line to what does not change from run to run: words, not figures or widths."""
    line = re.sub(r"[0-9a-f]{16,}|\d[\d.,]*", "#", line)
    line = re.sub(r"# (s|min|h|d)\b", "# age", line)
    return re.sub(r"[-+─]{2,}|[-+](?=#)|\s+", " ", line).strip()


def steps(text: str) -> list[tuple[str, int, list[str]]]:
    """Return each command of the console blocks with its exit code and the lines it shows."""
    found: list[tuple[str, int, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ mlops "):
                command, _, code = line.removeprefix("$ mlops ").partition("  # exit ")
                found.append((command, int(code or 0), []))
            elif line.strip():
                found[-1][2].append(line)
    return found


def test_the_sample_hospital_as_the_readme_shows_it(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mlops("init").code == 0
    shown = steps(section("The sample hospital, step by step"))
    assert len(shown) >= 10
    for command, code, lines in shown:
        run = mlops(*command.split())
        assert run.code == code, f"{command}: {run.err}"
        printed = {shape(line) for line in run.out.splitlines()}
        missing = [line for line in lines if shape(line) not in printed]
        assert not missing, f"mlops {command} does not print {missing}, but\n{run.out}"


def test_the_example_of_a_new_model_is_valid() -> None:
    block, more = re.findall(r"```yaml\n(.*?)```", section("A model of your own"), re.DOTALL)
    config = Config.model_validate(yaml.safe_load(block), context={"root": "."})
    assert list(config.models) == ["default_risk"]
    longer = yaml.safe_load(block)
    model = longer["models"]["default_risk"]
    model["feature_views"]["loans"]["features"] |= {
        "income": {"type": "float"},
        "age": {"type": "int"},
    }
    model |= yaml.safe_load(textwrap.dedent(more))
    config = Config.model_validate(longer, context={"root": "."})
    assert list(config.models["default_risk"].derived) == ["amount_to_income", "age_group"]


def test_the_options_of_training_do_what_the_readme_says(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = re.findall(r"```yaml\n(.*?)```", section("A model of your own"), re.DOTALL)[0]
    (more,) = re.findall(r"```yaml\n(.*?)```", section("Training.*?"), re.DOTALL)
    config = yaml.safe_load(own)
    model = config["models"]["default_risk"] | yaml.safe_load(textwrap.dedent(more))
    model["search"]["folds"], model["search"]["max_rounds"] = 2, 40
    branch = {"type": "category", "categories": ["north", "south"], "input": False}
    model["feature_views"]["loans"]["features"]["branch"] = branch
    config["models"]["default_risk"] = model
    Path("config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    loans().to_csv("loans.csv", index=False)
    for words in ("import default_risk loans.csv", "apply", "materialize"):
        assert mlops("features", *words.split()).code == 0
    (script,) = re.findall(r"```sh\n(.*?)```", section("Training.*?"), re.DOTALL)
    commands = [line.partition("#")[0].split()[1:] for line in script.splitlines()]
    assert len(commands) == 3
    for words in commands:
        run = mlops(*words, "--json")
        assert run.code == 0, run.err
        data = run.data
        assert data["held_out"] == "labels from 2026-01-01 on"
        assert {each["site"] for each in data["sites"]} == {"north", "south"}
        assert data["operating_point"]["rule"].startswith("cost")
        assert data["calibration"]["asked"] == "auto"
        assert (data["evals"] == 10) == ("--trials" in words)
        assert bool(data["learning_curve"]) == ("--learning-curve" in words)
        assert (data["version"] is None) == ("--no-register" in words)


def loans(count: int = 400) -> pd.DataFrame:
    """Loans of two years, the larger ones at more risk."""
    draw = np.random.default_rng(0)
    amount = draw.gamma(2.0, 10_000, count).round(2)
    return pd.DataFrame(
        {
            "loan_id": [f"L{n:04}" for n in range(count)],
            "event_timestamp": pd.Timestamp("2025-01-01")
            + pd.to_timedelta(draw.integers(0, 480, count), unit="D"),
            "amount": amount,
            "purpose": draw.choice(["car", "house", "other"], count),
            "branch": draw.choice(["north", "south"], count),
            "defaulted": (draw.random(count) < amount / 50_000).astype(int),
        }
    )


@pytest.mark.parametrize("line", re.findall(r"^\| (`mlops .*?)\|", README, re.MULTILINE))
def test_every_command_of_the_table_exists(mlops: Mlops, line: str) -> None:
    for usage in re.findall(r"`mlops ([^`]*)`", line.replace("\\|", "|")):
        words = usage.split()
        groups = {"config", "features", "models", "drift", "audit"}
        names = words[1].split("|") if words[0] in groups else words[0].split("|")
        for name in names:
            path = [words[0], name] if words[0] in groups else [name]
            assert mlops(*path, "--help").code == 0


def test_every_exit_code_is_in_the_table() -> None:
    from mlops_cli.errors import ExitCode

    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert listed == {int(code) for code in ExitCode if code < ExitCode.INTERRUPTED}
