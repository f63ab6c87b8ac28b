"""The `mlops` command: root options, the groups, and errors turned into exit codes."""

import json
import os
import signal
import sys
import warnings
from collections.abc import Sequence
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
    train,
)
from mlops_cli.commands.session import Answer, jsonable
from mlops_cli.errors import ExitCode, MlopsError

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
for module in (train, promote, predict):
    module.register(app)
app.add_typer(configuration.app, name="config")
app.add_typer(features.app, name="features")
app.add_typer(models.app, name="models")
app.add_typer(drift.app, name="drift")
app.add_typer(audit.app, name="audit")


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Run the whole life of tabular machine learning models from the shell."""
    if version:
        typer.echo(f"mlops {__version__}")
        raise typer.Exit


class Terminated(BaseException):
    """SIGTERM, raised where the program is, so that what is open gets closed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; the only place that catches errors."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    before = session.enter(session.Session())
    if not os.environ.get("MLOPS_DEBUG"):
        warnings.simplefilter("ignore")
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        answer = app(args=given, prog_name="mlops", standalone_mode=False)
        return _finish(answer, given) if isinstance(answer, Answer) else int(answer or 0)
    except MlopsError as error:
        return _fail(given, as_json, error.exit_code, error.code, error.message, error.hint)
    except TyperException as error:
        return _usage(given, as_json, error)
    except Terminated:
        return _fail(given, as_json, ExitCode.TERMINATED, "terminated", "stopped by SIGTERM")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as error:
        if os.environ.get("MLOPS_DEBUG"):
            raise
        text = f"internal error: {type(error).__name__}: {error}".splitlines()[0]
        hint = "set MLOPS_DEBUG=1 to see where"
        return _fail(given, as_json, ExitCode.INTERNAL, "internal", text, hint)
    finally:
        signal.signal(signal.SIGTERM, previous)
        session.enter(before)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _finish(answer: Answer, given: Sequence[str]) -> int:
    now = session.current()
    code = answer.code
    if now.exit_zero and STATUS.get(code):
        code = ExitCode.OK
    if now.json:
        status = STATUS.get(answer.code, "error")
        _print_json(given, status, code, data=jsonable(answer.data), warnings=now.warnings)
    elif answer.view and not (now.quiet and answer.code is ExitCode.OK):
        _print_view(answer.view())
    return code


def _print_view(view: Any) -> None:
    """Print text, a Rich renderable or a list of them; text is never broken into lines."""
    from rich.console import Console
    from rich.text import Text

    if isinstance(view, list):
        for part in view:
            _print_view(part)
    else:
        console = Console(highlight=False)
        console.print(view, markup=False, soft_wrap=isinstance(view, str | Text))


def _usage(given: Sequence[str], as_json: bool, error: TyperException) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message())
        return ExitCode.USAGE
    path = getattr(getattr(error, "ctx", None), "command_path", "mlops")
    message = error.format_message().splitlines()[0]
    return _fail(given, as_json, ExitCode.USAGE, "usage", message, f"see `{path} --help`")


def _fail(
    given: Sequence[str],
    as_json: bool,
    code: ExitCode,
    name: str,
    message: str,
    hint: str | None = None,
) -> int:
    if as_json:
        problem = {"code": name, "message": message, "hint": hint}
        _print_json(given, "error", code, warnings=session.current().warnings, error=problem)
    else:
        sys.stderr.write(f"mlops: {message}\n" + (f"hint: {hint}\n" if hint else ""))
    return code


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
    print(json.dumps({**envelope, **rest}, ensure_ascii=False, allow_nan=False))  # noqa: T201


def _command(given: Sequence[str]) -> str:
    """Return the words that name the command, as `drift check`.

    >>> _command(["drift", "check", "heart_disease", "--json"])
    'drift check'
    """
    groups = {info.name for info in app.registered_groups}
    words = [word for word in given if not word.startswith("-")]
    return " ".join(words[: 2 if words and words[0] in groups else 1])


quickstart.register(app, main)
