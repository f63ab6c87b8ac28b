"""Read YAML without its surprises: `read_yaml(text, name) -> YamlSource`.

PyYAML alone lets the last of two equal keys win, reads `no` as false, `010` as 8, `1:30` as 90
and `1e-3` as text, and expands aliases without end. Here the parser's events are built into
plain values one by one, so that whatever is refused is refused before it costs memory.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml
from yaml.reader import Reader

from mlops_cli.errors import ConfigError

KeyPath = tuple[str | int, ...]
Scalar = str | int | float | bool | None

MAX_CHARACTERS = 1_048_576
MAX_DEPTH = 20
_MAX_DIGITS = 400  # no float is longer, and Python refuses to read integers of thousands of digits

# libyaml is 17 times faster and has the same events; it is missing where PyYAML was built without.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class YamlSource:
    """The values of a YAML file and where each of them was written."""

    data: dict[str, Any]
    lines: dict[KeyPath, int]
    """The line, counted from 1, of every key and list item."""

    def line_of(self, path: KeyPath) -> int:
        r"""Return the line of `path`, or of its nearest parent that was written.

        >>> read_yaml("a:\n  b: 1\n", "config.yaml").line_of(("a", "b", "c"))
        2
        """
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


@dataclass(frozen=True)
class _Reading:
    """One pass over the events of a file."""

    name: str
    events: Iterator[yaml.Event]
    lines: dict[KeyPath, int]

    def refuse(self, event: yaml.Event, message: str, hint: str | None = None) -> NoReturn:
        raise ConfigError(f"{self.name}:{_line(event)}: {message}", hint)


def parse_scalar(text: str) -> Scalar:
    """Read an unquoted value: null, true, false, a decimal number, or else the text itself.

    Words such as `no` and `on`, numbers with leading zeros, times and dates stay text.

    >>> [parse_scalar(text) for text in ("1e-3", "20", "no", "010", "1:30", "true", "~")]
    [0.001, 20, 'no', '010', '1:30', True, None]

    Raises:
        ValueError: The number is infinite, not a number, or absurdly long.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            raise ValueError(f"a number of {len(text)} digits")
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text[:40]} is not a finite number")
    return text


def read_yaml(text: str, name: str) -> YamlSource:
    """Read a mapping with text keys, keeping the line of every key.

    Args:
        text: The content of the file.
        name: What messages call the file.

    Raises:
        ConfigError: The text is not YAML, or uses a part of YAML that hides mistakes: duplicate
            keys, anchors, tags, keys that are not text, deep nesting, several documents.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(f"{name}:1: longer than {MAX_CHARACTERS:,} characters (1 MiB)")
    if control := Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, control.start()) + 1
        raise ConfigError(f"{name}:{line}: character {control[0]!r} is not allowed in YAML")
    reading = _Reading(name, yaml.parse(text, Loader=_LOADER), {})
    try:
        return YamlSource(_document(reading), reading.lines)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text, name) from error


def _document(reading: _Reading) -> dict[str, Any]:
    next(reading.events)  # the start of the stream
    start = next(reading.events)
    if not isinstance(start, yaml.DocumentStartEvent):
        reading.refuse(start, "the file is empty", "run mlops init for a config.yaml to start from")
    root = next(reading.events)
    if not isinstance(root, yaml.MappingStartEvent):
        reading.refuse(root, "the top level must be keys with values, as `project: NAME`")
    reading.lines[()] = _line(root)
    data: dict[str, Any] = _value(reading, root, ())
    next(reading.events)  # the end of the document
    after = next(reading.events)
    if not isinstance(after, yaml.StreamEndEvent):
        reading.refuse(after, "a second document starts here: one file holds one")
    return data


def _value(reading: _Reading, event: yaml.Event, path: KeyPath) -> Any:
    _refuse_indirection(reading, event)
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(reading, event)
    if len(path) >= MAX_DEPTH:
        reading.refuse(event, f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(reading, path)
    return _sequence(reading, path)


def _mapping(reading: _Reading, path: KeyPath) -> dict[str, Any]:
    data: dict[str, Any] = {}
    while not isinstance(event := next(reading.events), yaml.MappingEndEvent):
        key = _key(reading, event)
        if key in data:
            first = reading.lines[*path, key]
            reading.refuse(event, f"duplicate key {key!r}, first written on line {first}")
        reading.lines[*path, key] = _line(event)
        data[key] = _value(reading, next(reading.events), (*path, key))
    return data


def _sequence(reading: _Reading, path: KeyPath) -> list[Any]:
    items: list[Any] = []
    while not isinstance(event := next(reading.events), yaml.SequenceEndEvent):
        place = (*path, len(items))
        reading.lines[place] = _line(event)
        items.append(_value(reading, event, place))
    return items


def _key(reading: _Reading, event: yaml.Event) -> str:
    _refuse_indirection(reading, event)
    if not isinstance(event, yaml.ScalarEvent):
        reading.refuse(event, "a key must be text, not a list or a mapping")
    key = _scalar(reading, event)
    if not isinstance(key, str):
        reading.refuse(event, f"key {event.value!r} is not text", "put the key in quotes")
    if key == "<<" and event.implicit[0]:
        reading.refuse(event, "merge keys (<<) are not allowed", "write the values out")
    return key


def _scalar(reading: _Reading, event: yaml.ScalarEvent) -> Scalar:
    if "\0" in event.value:
        reading.refuse(event, "the null character is not allowed")
    if not event.implicit[0]:  # quoted or a block: text as it stands
        return str(event.value)
    try:
        return parse_scalar(event.value)
    except ValueError as error:
        reading.refuse(event, str(error), "put it in quotes if it is text")


def _refuse_indirection(reading: _Reading, event: yaml.Event) -> None:
    """Refuse whatever makes a value other than what stands there."""
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
        reading.refuse(event, "anchors (&) and aliases (*) are not allowed", "write the values out")
    if (tag := getattr(event, "tag", None)) is not None:
        reading.refuse(
            event, f"tags (!) are not allowed: {tag!r}", "put it in quotes if it is text"
        )


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def _not_yaml(error: yaml.MarkedYAMLError, text: str, name: str) -> ConfigError:
    number = error.problem_mark.line + 1 if error.problem_mark is not None else 1
    lines = text.splitlines()
    line = lines[number - 1] if number <= len(lines) else ""
    hint = None
    if "\t" in line[: len(line) - len(line.lstrip())]:
        hint = "indent with spaces: YAML does not allow tabs there"
    elif "mapping values" in (error.problem or ""):
        hint = "put text that contains ': ' in quotes, and check the indentation"
    message = f"{name}:{number}: not valid YAML: {error.problem}"
    if error.context_mark is not None:
        message += f" ({error.context}, from line {error.context_mark.line + 1})"
    return ConfigError(message, hint)
