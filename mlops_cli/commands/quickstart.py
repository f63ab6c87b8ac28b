"""`mlops quickstart`: the whole life of one model, every step shown as the command that does it."""

import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from mlops_cli.commands.session import Answer, Session, command
from mlops_cli.errors import ExitCode, InputError

STEPS: tuple[tuple[str, str, ExitCode], ...] = (
    ("Sample patients of a hospital, with a second batch that has drifted",
     "features generate --drift", ExitCode.OK),
    ("Are the tables as config.yaml says?", "features validate heart_disease", ExitCode.OK),
    ("Tell the feature store about them", "features apply", ExitCode.OK),
    ("Bring the newest values online", "features materialize", ExitCode.OK),
    ("Train, and measure on patients that no version ever sees",
     "train heart_disease", ExitCode.OK),
    ("Promote the challenger if it passes every gate", "promote --challenger", ExitCode.OK),
    ("Predict for one patient, and say why",
     "predict heart_disease PT000123 --explain", ExitCode.OK),
    ("Predict for new patients from a file",
     "predict heart_disease --input data/heart_disease/new_patients.csv"
     " --output predictions.csv", ExitCode.OK),
    ("Have the patients changed since training? No.", "drift check heart_disease", ExitCode.OK),
    ("And in this batch? Exit 3 is what cron acts on.",
     "drift check heart_disease --current data/heart_disease/drifted_patients.csv --report",
     ExitCode.FINDING),
    ("Is the record of all this whole?", "audit verify", ExitCode.OK),
    ("Everything on one screen", "status", ExitCode.OK),
)  # fmt: skip


def register(app: typer.Typer, run: Callable[[Sequence[str]], int]) -> None:
    """Add the command; `run` runs another command of the program."""

    def quickstart(
        session: Session,
        folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to.")] = Path(
            "mlops-quickstart"
        ),
    ) -> Answer:
        """Take one model through its whole life in a new folder, with every command shown."""
        quoted = shlex.quote(str(folder))
        steps = [("A project to start from", f"init {quoted}", ExitCode.OK), *STEPS]
        if (folder / "config.yaml").exists():
            raise InputError(f"{folder} has a project already", "name another folder")
        here = Path.cwd()
        # It may name a project in use, whose tables the steps would replace.
        elsewhere = os.environ.pop("MLOPS_CONFIG", None)
        done = []
        try:
            for title, line, expected in steps:
                session.say(f"\n# {title}\n$ mlops {line}")
                code = _run(session, run, line)
                done.append({"command": f"mlops {line}", "exit_code": code})
                if code != expected:
                    return Answer({"folder": folder, "steps": done}, None, ExitCode(code))
                os.chdir(here / folder)
        finally:
            os.chdir(here)
            if elsewhere is not None:
                os.environ["MLOPS_CONFIG"] = elsewhere
        return Answer(
            {"folder": folder, "steps": done},
            lambda: (
                f"\nDone. The project is in {folder}: look at config.yaml, then try"
                f" `cd {quoted} && mlops train --all`."
            ),
        )

    command(app)(quickstart)


def _run(session: Session, run: Callable[[Sequence[str]], int], line: str) -> int:
    """Run one step; with --json its output goes to stderr, stdout is for the one object."""
    aside = contextlib.redirect_stdout(sys.stderr) if session.json else contextlib.nullcontext()
    with aside:
        return int(run(shlex.split(line)))
