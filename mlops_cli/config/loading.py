"""From a file and an environment to a validated `Config`."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlops_cli.config.effective import Effective, dotted, effective
from mlops_cli.config.masking import masked
from mlops_cli.config.problems import config_error
from mlops_cli.config.sections import Config
from mlops_cli.config.yaml_source import MAX_CHARACTERS, KeyPath, read_yaml
from mlops_cli.errors import ConfigError


@dataclass(frozen=True)
class Origin:
    """One effective value and where it came from."""

    key: str
    """As `models.heart_disease.search.trials`."""
    value: Any
    """JSON-able, secrets masked."""
    origin: str
    """`config.yaml:LINE`, `environment MLOPS_...` or `default`."""


def load_config(path: Path, environ: Mapping[str, str] | None = None) -> Config:
    """Read, expand, overlay and validate a config file.

    Args:
        path: The file; relative places in it are relative to its folder.
        environ: The environment variables; by default those of the process.

    Raises:
        ConfigError: The file cannot be read or says something wrong: a line for each problem.
    """
    return _validate(_read(path, environ), path)


def origins(path: Path, environ: Mapping[str, str] | None = None) -> tuple[Origin, ...]:
    """Return every effective value, secrets masked, with where it came from.

    Raises:
        ConfigError: As for `load_config`.
    """
    values = _read(path, environ)
    found = leaves(masked(_validate(values, path)))
    return tuple(Origin(dotted(key), value, _origin(values, key)) for key, value in found)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of config.yaml, for editors."""
    return Config.model_json_schema()


def _read(path: Path, environ: Mapping[str, str] | None) -> Effective:
    source = read_yaml(_text(path), path.name)
    return effective(source, path.name, os.environ if environ is None else environ)


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.read(MAX_CHARACTERS + 1)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file", "run mlops init or pass --config FILE"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text", "save the file as UTF-8") from error


def _validate(values: Effective, path: Path) -> Config:
    path = path.absolute()
    try:
        return Config.model_validate(values.data, context={"root": path.parent, "path": path})
    except ValidationError as error:
        # Not chained: pydantic's error holds the input, secrets and all.
        raise config_error(error, values) from None


def leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every value that is not a section; a list is one value."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path, value


def _origin(values: Effective, path: KeyPath) -> str:
    written = path in values.variables or path in values.source.lines
    return values.place_of(path) if written else "default"
