"""What every command shares: the options of CLI scripts, the configuration, and its answer."""

import dataclasses
import inspect
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate

import typer

from mlops_cli.errors import ExitCode, MlopsError, NotFoundError, first_line, most_severe

if TYPE_CHECKING:
    from mlops_cli.config import Config, ModelConfig

COMMON = "Common options"

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Configuration file. Default: MLOPS_CONFIG, or else config.yaml in this folder.",
        rich_help_panel=COMMON,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object.", rich_help_panel=COMMON)
]
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", help="Print only when there is a finding.", rich_help_panel=COMMON),
]
ExitZeroOption = Annotated[
    bool, typer.Option("--exit-zero", help="Report findings with exit 0.", rich_help_panel=COMMON)
]


@dataclass
class Session:
    """One run of one command."""

    config_file: Path | None = None
    json: bool = False
    quiet: bool = False
    exit_zero: bool = False
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def config(self) -> "Config":
        """The configuration, read when a command first asks for it."""
        from mlops_cli.config import load_config

        return load_config(self.path)

    @property
    def path(self) -> Path:
        """Where the configuration is: --config, MLOPS_CONFIG or config.yaml in this folder."""
        return self.config_file or Path(os.environ.get("MLOPS_CONFIG") or "config.yaml")

    def model(self, name: str) -> "ModelConfig":
        """Return a model's configuration.

        Raises:
            NotFoundError: config.yaml has no such model.
        """
        models = self.config.models
        if name not in models:
            raise NotFoundError.among("model", name, models, self.path.name)
        return models[name]

    def models(self, names: Sequence[str] | None) -> list[str]:
        """Return the names given, checked, or else every model's."""
        for name in names or ():
            self.model(name)
        return list(dict.fromkeys(names)) if names else list(self.config.models)

    def say(self, text: object) -> None:
        """Tell a person at the terminal how far we are."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)  # noqa: T201

    def fail(self, error: MlopsError) -> None:
        """Tell at once what an answer carries as a failure; in JSON it stands in the object."""
        if not self.json:
            hint = f"hint: {error.hint}\n" if error.hint else ""
            sys.stderr.write(f"mlops: {error.message}\n{hint}")

    def warn(self, text: str) -> None:
        """Keep a warning for the JSON answer and show it."""
        self.warnings.append(text)
        if not self.json:
            self.say(f"warning: {text}")


@dataclass(frozen=True)
class Answer:
    """What a command found: data for scripts, a view for people, and the exit code."""

    data: Mapping[str, Any]
    view: Callable[[], Any] | None = None
    """Builds what is printed for people: text, or anything Rich can render."""
    code: ExitCode = ExitCode.OK
    """What the results come to."""
    failures: Sequence[MlopsError] = ()
    """What kept the command from having results for some of the models."""

    @property
    def exit_code(self) -> ExitCode:
        """The most severe of the results and the failures."""
        return most_severe([self.code, *(failure.exit_code for failure in self.failures)])


_current = Session()


def current() -> Session:
    """Return the session of the command that runs, or an empty one before it is parsed."""
    return _current


def enter(session: Session) -> Session:
    """Make a session the current one and return the one before, to come back to."""
    global _current
    before, _current = _current, session
    return before


def command(
    group: typer.Typer, name: str | None = None
) -> Callable[[Callable[Concatenate[Session, ...], Answer]], Callable[..., Answer]]:
    """Register a function as a command that also takes the common options.

    The function gets a Session first; the rest of its signature is its own options.
    """

    def register(function: Callable[Concatenate[Session, ...], Answer]) -> Callable[..., Answer]:
        own = list(inspect.signature(function).parameters.values())[1:]
        common = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for key, kind, default in (
                ("config_file", ConfigOption, None),
                ("json", JsonOption, False),
                ("quiet", QuietOption, False),
                ("exit_zero", ExitZeroOption, False),
            )
        ]

        @wraps(function)
        def run(**options: Any) -> Answer:
            shared = {parameter.name: options.pop(parameter.name) for parameter in common}
            session = Session(**shared)
            enter(session)
            return function(session, **options)

        keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        run.__signature__ = inspect.Signature([*keyword, *common])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in [*keyword, *common]}
        group.command(name)(run)
        return run

    return register


def for_each(
    names: Sequence[str], work: Callable[[str], Any], session: Session
) -> tuple[list[Any], list[MlopsError]]:
    """Do the same for several models: one that fails does not stop the others.

    Returns the results, a failed model's as `{model, error}`, and the failures. The failure of a
    single model is raised.
    """
    results: list[Any] = []
    failures: list[MlopsError] = []
    for name in names:
        try:
            results.append(work(name))
        except Exception as error:
            if len(names) == 1:
                raise
            failures.append(_as_failure(name, error))
            problem = failures[-1]
            results.append({"model": name, "error": problem.told()})
            if not session.json:
                sys.stderr.write(f"mlops: {problem.message}\n")
    return results, failures


def _as_failure(name: str, error: Exception) -> MlopsError:
    """Return the failure of one model among several, a bug in it included."""
    if isinstance(error, MlopsError):
        error.message = f"{name}: {error.message}"
        return error
    return MlopsError(f"{name}: internal error: {type(error).__name__}: {first_line(error)}")


def jsonable(value: Any) -> Any:
    """Return a result as JSON can hold it: times in ISO 8601, durations in seconds.

    >>> jsonable({"age": timedelta(minutes=1), "limit": float("nan")})
    {'age': 60.0, 'limit': None}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        if isinstance(passed := getattr(value, "passed", None), bool):
            fields["passed"] = passed
        return jsonable(fields)
    if isinstance(value, MlopsError):
        return value.told()
    if isinstance(value, Mapping):
        return {str(key): jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(each) for each in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
