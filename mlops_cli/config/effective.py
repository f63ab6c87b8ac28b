"""The values that count: config.yaml with `${NAME}` expanded, then the environment on top."""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from mlops_cli.config.shape import annotation_at, is_section, known_keys, section_at
from mlops_cli.config.yaml_source import KeyPath, Scalar, YamlSource, parse_scalar
from mlops_cli.errors import ConfigError, nearest

PREFIX = "MLOPS_"
RESERVED = frozenset({"MLOPS_CONFIG", "MLOPS_ACTOR", "MLOPS_DATA_DIR", "MLOPS_DEBUG"})
"""Variables that other parts of the program read: they are not keys of config.yaml."""

_REFERENCE = re.compile(
    r"(?P<dollar>\$\$)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(:-(?P<default>[^${}]*))?\}|(?P<bad>\$\{)"
)


@dataclass(frozen=True)
class Effective:
    """The values that count, before validation, and where each came from."""

    name: str
    """What messages call the file."""
    data: dict[str, Any]
    source: YamlSource
    expanded: dict[KeyPath, str]
    """What was expanded in a value, as `${NAME}`."""
    variables: dict[KeyPath, str]
    """The environment variable that replaced a value."""

    def place_of(self, path: KeyPath) -> str:
        """Say where the value at `path`, or its nearest parent that was written, stands."""
        if path in self.variables:
            return f"environment {self.variables[path]}"
        return f"{self.name}:{self.source.line_of(path)}"

    def secrets_under(self, path: KeyPath) -> dict[str, str]:
        """Return the values at or below `path` that must not be shown, and what to say instead."""
        return {
            str(_value_at(self.data, place)): f"(value from {origin})"
            for place, origin in (self.expanded | self.variables).items()
            if place[: len(path)] == path
        }


def effective(source: YamlSource, name: str, environ: Mapping[str, str]) -> Effective:
    """Put the environment over the file, and expand `${NAME}` in what is left of the file.

    Raises:
        ConfigError: A variable that is needed is not set, or an `MLOPS_` variable is unknown.
    """
    data: dict[str, Any] = deepcopy(source.data)
    variables = _overlay(data, environ)
    result = Effective(name, data, source, {}, variables)
    for key, value in data.items():
        data[key] = _expand(result, value, (key,), environ)
    return result


def _expand(result: Effective, value: Any, path: KeyPath, environ: Mapping[str, str]) -> Any:
    if path in result.variables:
        return value
    if isinstance(value, dict):
        return {key: _expand(result, item, (*path, key), environ) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(result, item, (*path, i), environ) for i, item in enumerate(value)]
    return _expand_text(result, value, path, environ) if isinstance(value, str) else value


def _expand_text(result: Effective, text: str, path: KeyPath, environ: Mapping[str, str]) -> str:
    names: list[str] = []

    def replacement(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        name, default = match["name"], match["default"]
        where = f"{result.place_of(path)}: {dotted(path)}"
        if match["bad"]:
            raise ConfigError(
                f"{where}: ${{ starts no reference to a variable",
                "write ${NAME} or ${NAME:-default}, and $$ for a dollar sign",
            )
        names.append(f"${{{name}}}")
        value = environ.get(name)
        if not value and default is not None:
            return str(default)
        if value is None:
            hint = f"set it, or give a default: ${{{name}:-default}}"
            raise ConfigError(f"{where}: environment variable {name} is not set", hint)
        return value

    expanded = _REFERENCE.sub(replacement, text)
    if names:
        result.expanded[path] = ", ".join(dict.fromkeys(names))
    return expanded


def _overlay(data: dict[str, Any], environ: Mapping[str, str]) -> dict[KeyPath, str]:
    """Write every `MLOPS_` variable into `data`; return which key each one set."""
    variables: dict[KeyPath, str] = {}
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in RESERVED:
            path = tuple(variable.removeprefix(PREFIX).lower().split("__"))
            _check_variable(variable, path, data)
            section = _section(variable, path[:-1], data)
            section[path[-1]] = _parse(variable, environ[variable], path)
            variables[path] = variable
    return variables


def _check_variable(variable: str, path: tuple[str, ...], written: Any) -> None:
    for depth, key in enumerate(path):
        known = known_keys(section_at(path[:depth]), written)
        if known is not None and key not in known:
            words = {word.upper() for word in known}
            if depth == 0:
                words |= {word.removeprefix(PREFIX) for word in RESERVED}
            message = f"environment {variable}: {key.upper()!r} is not a key of config.yaml"
            raise ConfigError(message, nearest(key.upper(), words))
        written = written.get(key) if isinstance(written, dict) else None
    if is_section(annotation_at(path)):
        hint = f"name one of its keys, as {variable}__KEY"
        raise ConfigError(f"environment {variable}: {dotted(path)} is a section", hint)


def _parse(variable: str, text: str, path: KeyPath) -> Scalar:
    """Read a value by the rules of the file; where the schema wants text, a number stays text."""
    try:
        value = parse_scalar(text)
    except ValueError as error:
        raise ConfigError(f"environment {variable}: not a finite number") from error
    return text if value is not None and annotation_at(path) is str else value


def _section(variable: str, path: tuple[str, ...], data: dict[str, Any]) -> dict[str, Any]:
    """Return the mapping at `path`, which is made where it is absent."""
    for depth, key in enumerate(path, 1):
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            message = f"environment {variable}: {dotted(path[:depth])} has a value, not keys"
            raise ConfigError(message)
    return data


def _value_at(data: Any, path: KeyPath) -> Any:
    for key in path:
        data = data[key]
    return data


def dotted(path: KeyPath) -> str:
    """Write a key path as people do.

    >>> dotted(("models", "heart", "bands", 0))
    'models.heart.bands.0'
    """
    return ".".join(part if part.isprintable() else repr(part) for part in map(str, path))
