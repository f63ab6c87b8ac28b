"""What every command promises to scripts: one JSON object, quiet, help, no colours unasked."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from running import Mlops, Run

from mlops_cli.main import app, main

ENVELOPE = {"schema_version", "command", "status", "exit_code", "data", "warnings", "error"}
CODES = {
    "ok": {0}, "finding": {3, 7}, "approval_required": {4}, "inconclusive": {5},
    "error": {1, 2, 3, 6, 7, 75},
}  # fmt: skip


def commands() -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Yield every command of the program with its name, as `features list`."""

    def walk(node: object, words: tuple[str, ...]) -> Iterator[tuple[str, object]]:
        if hasattr(node, "commands"):
            for name, child in node.commands.items():
                yield from walk(child, (*words, name))
        else:
            yield " ".join(words), node

    yield from walk(typer.main.get_command(app), ())


COMMANDS = dict(commands())

#: Commands that change no champion, with arguments that work on the served project.
READING = {
    "status": (),
    "sync": (),
    "promote": ("--challenger", "--dry-run"),
    "predict": ("heart_disease", "PT000001", "--explain"),
    "config check": (),
    "config show": ("--origin",),
    "config schema": (),
    "features generate": ("--patients", "300", "--months", "4"),
    "features validate": (),
    "features stats": (),
    "features apply": (),
    "features materialize": (),
    "features list": (),
    "features get": ("heart_disease", "PT000001"),
    "features lineage": (),
    "models list": (),
    "models show": ("heart_disease",),
    "models history": ("heart_disease",),
    "drift check": ("heart_disease", "--current", "data/heart_disease/new_patients.csv"),
    "drift history": (),
    "audit log": (),
    "audit verify": (),
    "audit bias": ("heart_disease",),
}
#: What they need besides, in this order: each uses what the one before has made.
CHANGING = {
    "init": ("made",),
    "features skew": ("heart_disease",),
    "features import": ("readmission", "own.csv"),
    "train": ("readmission",),
    "register": ("readmission", "--run", "{train[run_id]}"),
    "promote": ("readmission", "--challenger"),
    "approve": ("readmission", "--reason", "seen"),
    "drift report": ("heart_disease",),
    "audit lineage": ("{predict[predictions][0][prediction_id]}",),
    "quickstart": ("my quick start",),
}
#: Commands that only work in states that other tests bring about.
ELSEWHERE = {"reject", "rollback"}

FAILING = {
    "init": (".", "--example", "none"), "train": ("heart_disease",), "quickstart": (".",),
    "register": ("heart_disease", "--run", "0" * 32), "promote": ("--challenger",),
    "approve": ("heart_disease", "--reason", "x"), "reject": ("heart_disease", "--reason", "x"),
    "rollback": ("heart_disease", "--reason", "x"), "predict": ("heart_disease", "PT000001"),
    "features import": ("heart_disease", "own.csv"), "features get": ("heart_disease", "PT000001"),
    "features skew": ("heart_disease",),
    "models show": ("heart_disease",), "models history": ("heart_disease",),
    "drift report": ("heart_disease",), "audit bias": ("heart_disease",),
    "audit lineage": ("0000",),
}  # fmt: skip


def said(*arguments: str) -> Run:
    """Run a command outside of a test's own capturing."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    return Run(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def lived(served: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Every command once, with --json, in a copy of the served project."""
    folder = tmp_path_factory.mktemp("contract") / "project"
    shutil.copytree(served, folder)
    stays = "patient_id,event_timestamp,hemoglobin,sodium,prior_admissions,emergency_visits"
    row = "PT000001,2026-01-01,13.5,140,1,2,3,4"
    (folder / "own.csv").write_text(f"{stays},conditions,medications\n{row}\n")
    runs: dict[str, Run] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in (("TRIALS", "1"), ("FOLDS", "2"), ("MAX_ROUNDS", "300")):
            for model in ("READMISSION", "HEART_DISEASE"):
                patch.setenv(f"MLOPS_MODELS__{model}__SEARCH__{name}", value)
        patch.setenv("MLOPS_MODELS__READMISSION__GATES__APPROVAL", "true")
        for name, words in [*READING.items(), *CHANGING.items()]:
            if name == "train":
                main(["features", "generate", "--patients", "300", "--months", "4", "--quiet"])
            if name == "drift report":
                main(["drift", "check", *READING["drift check"], "--report", "--quiet"])
            known = {key: run.json["data"] for key, run in runs.items()}
            given = [word.format(**known) for word in words]
            runs[name] = said(*name.split(), *given, "--json")
    return runs


def test_the_tables_of_this_file_name_every_command() -> None:
    assert set(COMMANDS) == {*READING, *CHANGING, *ELSEWHERE}


@pytest.mark.parametrize("name", sorted({*READING, *CHANGING}))
def test_json_is_one_object_on_success(lived: dict[str, Run], name: str) -> None:
    run = lived[name]
    assert set(run.json) == ENVELOPE
    assert (run.json["schema_version"], run.json["command"]) == (1, name)
    assert run.json["exit_code"] == run.code
    assert run.json["status"] != "error", run.json["error"]
    assert run.code in CODES[run.json["status"]]
    assert run.json["error"] is None
    assert isinstance(run.json["data"], dict)
    assert isinstance(run.json["warnings"], list)


def test_the_commands_of_the_table_did_what_they_are_for(lived: dict[str, Run]) -> None:
    codes = {name: run.code for name, run in lived.items() if run.code}
    assert codes == {"promote": 4, "features skew": 5}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_json_is_one_object_on_failure(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Without a configuration nothing works but those that need none: for these, a wrong option."""
    monkeypatch.chdir(tmp_path)
    missing = ("--config", str(tmp_path / "nowhere.yaml"))
    wrong = ("--nonsense",) if name in {"config schema", "init", "quickstart"} else ()
    words = FAILING.get(name, ()) + (() if name == "quickstart" else missing) + wrong
    run = mlops(*name.split(), *words, "--json")
    assert run.code in {2, 6}
    assert set(run.json) == ENVELOPE
    assert (run.json["command"], run.json["status"]) == (name, "error")
    assert (run.json["exit_code"], run.json["data"]) == (run.code, None)
    assert set(run.error) == {"code", "message", "hint"}
    assert run.error["message"]


@pytest.mark.parametrize("words", [("--nonsense",), ("a", "b", "c", "d", "e", "f")])
@pytest.mark.parametrize("name", ["status", "features get", "audit verify"])
def test_wrong_arguments_are_one_object_too(
    mlops: Mlops, name: str, words: tuple[str, ...]
) -> None:
    run = mlops(*name.split(), *words, "--json")
    assert (run.code, run.error["code"]) == (2, "usage")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option_has_help(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    options = [each for each in command.params if each.param_type_name == "option"]
    assert [each.name for each in options if not each.help] == []
    flags = {flag for each in options for flag in each.opts}
    assert {"--config", "--json", "--quiet", "--exit-zero"} <= flags


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_is_printed_and_ends_well(mlops: Mlops, name: str) -> None:
    run = mlops(*name.split(), "--help")
    assert (run.code, run.err) == (0, "")
    assert f"Usage: mlops {name}" in run.out


def test_every_group_has_help() -> None:
    groups = typer.main.get_command(app).commands.values()
    assert all(group.help for group in groups if hasattr(group, "commands"))


@pytest.mark.parametrize("name", sorted({*READING} - {"features generate"}))
def test_quiet_says_nothing_when_there_is_nothing_to_report(
    project: Path, mlops: Mlops, name: str
) -> None:
    run = mlops(*name.split(), *READING[name], "--quiet")
    assert (run.code, run.out, run.err) == (0, "", "")


def test_quiet_speaks_when_there_is_a_finding(project: Path, mlops: Mlops) -> None:
    words = ("--current", "data/heart_disease/drifted_patients.csv", "--quiet")
    run = mlops("drift", "check", "heart_disease", *words)
    assert run.code == 3
    assert "cholesterol" in run.out


def test_quiet_does_not_hide_an_error(project: Path, mlops: Mlops) -> None:
    run = mlops("predict", "heart_disease", "PT999999", "--quiet")
    assert run.code == 6
    assert run.err.startswith("mlops: ")


def test_exit_zero_hides_a_finding_from_the_shell_only(project: Path, mlops: Mlops) -> None:
    words = ("--current", "data/heart_disease/drifted_patients.csv", "--exit-zero")
    assert mlops("drift", "check", "heart_disease", *words).code == 0
    answer = mlops("drift", "check", "heart_disease", *words, "--json").json
    assert (answer["status"], answer["exit_code"]) == ("finding", 0)


def test_exit_zero_does_not_hide_an_error(project: Path, mlops: Mlops) -> None:
    assert mlops("predict", "heart_disease", "PT999999", "--exit-zero").code == 6


@pytest.mark.parametrize("name", ["status", "models list", "drift history", "config check"])
def test_no_color_means_no_escape_codes(
    project: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    run = mlops(*name.split())
    assert run.code == 0
    assert "\x1b" not in run.out + run.err


def test_colours_can_be_had(project: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" in mlops("models", "list").out


@pytest.mark.parametrize("columns", ["60", "120"])
def test_tables_are_as_wide_as_the_terminal_at_most(
    project: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = mlops("status").out.splitlines()
    assert max(len(line) for line in lines) <= int(columns)


def test_output_into_a_closed_pipe_is_no_error(project: Path) -> None:
    """As in `mlops config show | head -1`."""
    child = subprocess.Popen(
        [sys.executable, "-m", "mlops_cli", "config", "schema"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ),
    )  # fmt: skip
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait() == 0


# quickstart and init


def test_quickstart_shows_every_step(lived: dict[str, Run]) -> None:
    steps = lived["quickstart"].json["data"]["steps"]
    assert steps[0] == {"command": "mlops init 'my quick start'", "exit_code": 0}
    assert [step["exit_code"] for step in steps].count(3) == 1
    assert lived["quickstart"].err.count("\n$ mlops ") == len(steps)


def test_quickstart_touches_no_project_but_its_own(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLOPS_CONFIG may name a project in use: its tables must not be replaced by samples."""
    monkeypatch.chdir(tmp_path)
    assert mlops("init", "mine").code == 0
    mine = str(tmp_path / "mine/config.yaml")
    monkeypatch.setenv("MLOPS_CONFIG", mine)
    monkeypatch.setenv("MLOPS_TRACKING__URI", "http://127.0.0.1:9")
    assert mlops("quickstart", "new").code == 75
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["config.yaml"]
    assert (tmp_path / "new/data").is_dir()
    assert os.environ["MLOPS_CONFIG"] == mine


def test_quickstart_refuses_a_folder_with_a_project(project: Path, mlops: Mlops) -> None:
    run = mlops("quickstart", ".")
    assert run.code == 2
    assert "has a project already" in run.err


@pytest.mark.parametrize("command", ["init", "quickstart"])
def test_a_folder_that_cannot_be_made_is_one_line(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    run = mlops(command, "file/folder")
    assert run.code == 2
    assert "file/folder cannot be made" in run.err
    assert "internal" not in run.err


@pytest.mark.parametrize("example", ["healthcare", "uci_heart"])
def test_init_writes_a_project_that_is_valid(tmp_path: Path, mlops: Mlops, example: str) -> None:
    run = mlops("init", tmp_path / "made", "--example", example, "--json")
    assert run.code == 0
    assert all((tmp_path / "made" / name).is_file() for name in run.data["files"])
    assert mlops("config", "check", "--config", tmp_path / "made/config.yaml").code == 0


def test_init_keeps_a_file_that_is_there_and_does_not_claim_it(
    tmp_path: Path, mlops: Mlops
) -> None:
    (tmp_path / "README.md").write_text("mine")
    run = mlops("init", tmp_path, "--example", "uci_heart", "--json")
    assert (tmp_path / "README.md").read_text() == "mine"
    assert run.data["files"] == ["config.yaml", "prepare.py"]


def test_an_unknown_example_names_those_there_are(tmp_path: Path, mlops: Mlops) -> None:
    run = mlops("init", tmp_path / "made", "--example", "helthcare")
    assert run.code == 6
    assert "did you mean 'healthcare'?" in run.err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(("limit", "code"), [("26h", 7), ("soon", 2), ("-1d", 2)])
def test_status_with_a_limit_for_the_jobs(
    project: Path, mlops: Mlops, tmp_path: Path, limit: str, code: int
) -> None:
    """No drift check has ever run in this copy."""
    shutil.copytree(project, tmp_path / "copy")
    (tmp_path / "copy/.mlops/audit.db").unlink()
    run = mlops("status", "--max-age", limit, "--config", tmp_path / "copy/config.yaml", "--json")
    assert run.code == code


def test_every_answer_is_json_without_nan(lived: dict[str, Run]) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    for run in lived.values():
        json.loads(run.out, parse_constant=refuse)
