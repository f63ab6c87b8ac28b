"""The `mlops` command: root options, the groups, and errors turned into exit codes."""

import json
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

from mlops_cli import __version__
from mlops_cli.commands import (
    audit,
    configuration,
    drift,
    features,
    models,
    predict,
    project,
    promote,
    quickstart,
    session,
    sync,
    train,
)
from mlops_cli.commands.session import Answer, jsonable
from mlops_cli.errors import ExitCode, MlopsError, first_line

STATUS = {
    ExitCode.OK: "ok",
    ExitCode.FINDING: "finding",
    ExitCode.STALE: "finding",
    ExitCode.APPROVAL_REQUIRED: "approval_required",
    ExitCode.INCONCLUSIVE: "inconclusive",
}

app = typer.Typer(
    name="mlops",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
project.register(app)
for module in (train, sync, promote, predict):
    module.register(app)
app.add_typer(configuration.app, name="config")
app.add_typer(features.app, name="features")
app.add_typer(models.app, name="models")
app.add_typer(drift.app, name="drift")
app.add_typer(audit.app, name="audit")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mlops {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_version, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    """Run the whole life of tabular machine learning models from the shell."""


class Terminated(BaseException):
    """SIGTERM, raised where the program is, so that what is open gets closed."""


@dataclass(frozen=True)
class Problem:
    """What is told of an error, on stderr or as the `error` of the JSON object."""

    exit_code: ExitCode
    code: str
    message: str
    hint: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; the only place that catches errors."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with _surroundings():
        try:
            answer = app(args=given, prog_name="mlops", standalone_mode=False)
            if isinstance(answer, Answer):
                return _finish(answer, given)
            # Not a command's answer but an exit code: of --help, --version or Ctrl-C.
            return _fail(_INTERRUPTED, given) if answer == ExitCode.INTERRUPTED else int(answer)
        except (Exception, Terminated) as error:  # noqa: BLE001 - here a bug becomes one line
            return _fail(_problem(error), given)


_INTERRUPTED = Problem(ExitCode.INTERRUPTED, "interrupted", "stopped by Ctrl-C")


@contextmanager
def _surroundings() -> Iterator[None]:
    """Turn SIGTERM into an exception, keep libraries quiet, and start with a session of its own."""

    def terminate(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = session.enter(session.Session())
    handler = signal.signal(signal.SIGTERM, terminate)
    try:
        with warnings.catch_warnings():
            if not os.environ.get("MLOPS_DEBUG"):
                warnings.simplefilter("ignore")
            yield
    finally:
        signal.signal(signal.SIGTERM, handler)
        session.enter(before)


def _problem(error: BaseException) -> Problem:
    """Say in one line what an exception means to the user."""
    if isinstance(error, MlopsError):
        return Problem(error.exit_code, error.code, error.message, error.hint)
    if isinstance(error, TyperException):
        path = getattr(getattr(error, "ctx", None), "command_path", "mlops")
        # A group without a command has printed its help already: there is nothing to add.
        message = error.format_message().partition("\n")[0]
        return Problem(ExitCode.USAGE, "usage", message, f"see `{path} --help`")
    if isinstance(error, Terminated):
        return Problem(ExitCode.TERMINATED, "terminated", "stopped by SIGTERM")
    if isinstance(error, PermissionError):
        message = f"{error.filename or 'a file'}: permission denied"
        hint = "mlops writes to its state folder (`state` in config.yaml), also when it reads"
        return Problem(ExitCode.USAGE, "permission", message, hint)
    if os.environ.get("MLOPS_DEBUG"):
        traceback.print_exception(error)
    message = f"internal error: {type(error).__name__}: {first_line(error)}"
    return Problem(ExitCode.INTERNAL, "internal", message, "set MLOPS_DEBUG=1 to see where")


def _finish(answer: Answer, given: Sequence[str]) -> int:
    """Print what a command has found and return its exit code."""
    now = session.current()
    code = answer.exit_code
    if now.exit_zero and code in STATUS:
        code = ExitCode.OK
    if now.json:
        status = STATUS.get(answer.exit_code, "error")
        worst = [each.told() for each in answer.failures if each.exit_code is answer.exit_code]
        error = worst[0] if status == "error" and worst else None
        found = jsonable(answer.data)
        _print_json(given, status, code, data=found, warnings=now.warnings, error=error)
    elif answer.view and not (now.quiet and answer.exit_code is ExitCode.OK):
        _print_view(answer.view())
    return code


def _fail(problem: Problem, given: Sequence[str]) -> int:
    """Print an error, on one line or as JSON, and return its exit code."""
    if "--json" in given:
        error = {"code": problem.code, "message": problem.message, "hint": problem.hint}
        found = session.current().warnings
        _print_json(given, "error", problem.exit_code, warnings=found, error=error)
    elif problem.message:
        hint = f"hint: {problem.hint}\n" if problem.hint else ""
        sys.stderr.write(f"mlops: {problem.message}\n{hint}")
    return problem.exit_code


def _print_view(view: Any) -> None:
    """Print text, a Rich renderable or a list of them; text is never broken into lines."""
    from rich.console import Console
    from rich.text import Text

    if isinstance(view, list):
        for part in view:
            _print_view(part)
        return
    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(view, markup=False, soft_wrap=isinstance(view, str | Text))
    # Not printed by Rich itself, which ends the program where the reader has gone.
    _write(captured.get())


def _write(text: str) -> None:
    """Write to stdout; a reader that has gone, as in `mlops ... | head`, is no error."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_json(given: Sequence[str], status: str, code: int, **rest: Any) -> None:
    envelope = {
        "schema_version": 1,
        "command": _command(given),
        "status": status,
        "exit_code": int(code),
        "data": None,
        "warnings": [],
        "error": None,
    }
    _write(json.dumps({**envelope, **rest}, ensure_ascii=False, allow_nan=False) + "\n")


def _command(given: Sequence[str]) -> str:
    """Return the words that name the command, as `drift check`.

    >>> _command(["drift", "check", "heart_disease", "--json"])
    'drift check'
    """
    groups = {info.name for info in app.registered_groups}
    words = [word for word in given if not word.startswith("-")]
    return " ".join(words[: 2 if words and words[0] in groups else 1])


quickstart.register(app, main)
