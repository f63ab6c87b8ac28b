"""Say what is wrong with a configuration: a line for each problem, and the next step."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mlops_cli.config.deciding import SECTION, VALUE
from mlops_cli.config.effective import Effective, dotted
from mlops_cli.config.masking import MASK, is_secret, mask_text
from mlops_cli.config.section import MisfitError
from mlops_cli.config.shape import known_keys, section_at
from mlops_cli.config.yaml_source import KeyPath
from mlops_cli.errors import ConfigError, nearest

MAX_PROBLEMS = 10
_SHOWN = 60
_KEY = "[key]"  # how pydantic says that a key, and not its value, is wrong
_NO_KEYS = {_KEY, VALUE, SECTION}

_TEXTS = {
    "missing": "missing",
    "string_pattern_mismatch": "Input is not a name (lower case letters, digits, underscores)",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    line: float
    """Where in the file; infinite for an environment variable, so that those come last."""
    text: str
    hint: str | None = None


def config_error(error: ValidationError, values: Effective) -> ConfigError:
    """Turn pydantic's list of errors into one error whose message has a line for each."""
    details = error.errors(include_url=False)
    problems = sorted((_problem(detail, values) for detail in details), key=lambda p: p.line)
    if len(problems) == 1:
        return ConfigError(problems[0].text, problems[0].hint)
    lines = [f"{p.text} ({p.hint})" if p.hint else p.text for p in problems[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"and {len(problems) - MAX_PROBLEMS} more")
    return ConfigError("\n".join(lines))


def _problem(detail: ErrorDetails, values: Effective) -> Problem:
    path = tuple(part for part in detail["loc"] if part not in _NO_KEYS)
    secrets = values.secrets_under(path)
    if isinstance(error := detail.get("ctx", {}).get("error"), MisfitError):
        path += error.below
    shown = next(iter(secrets.values()), None) or _shown(detail["input"], path)
    text, hint = _say(detail, path, shown)
    if detail["type"] == "value_error":  # written by a validator, which may quote any value below
        text = _without(secrets, mask_text(text))
    line = float("inf") if path in values.variables else values.source.line_of(path)
    place = [values.place_of(path), dotted(path), text]
    return Problem(line, ": ".join(part for part in place if part), hint)


def _say(detail: ErrorDetails, path: KeyPath, shown: str) -> tuple[str, str | None]:
    """Word one error: the text after the key, and a hint."""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            known = known_keys(section_at(path[:-1]), None) or []
            return "unknown key", nearest(str(path[-1]), known)
        case "literal_error":
            words = re.findall(r"'([^']*)'", context["expected"])
            hint = nearest(str(detail["input"]), words)
            return f"{shown} is not one of {', '.join(words)}", _only_a_guess(hint)
        case "model_type" | "dict_type":
            return f"{shown} stands where a section belongs", "write its keys below it, indented"
        case kind:
            text = _TEXTS.get(kind, detail["msg"]).replace("Input", shown, 1)
            return text.removeprefix("Value error, "), None


def _only_a_guess(hint: str | None) -> str | None:
    """Drop a hint that lists all words, where the message already does."""
    return None if hint is None or hint.startswith("known:") else hint


def _shown(value: Any, path: KeyPath) -> str:
    if path and is_secret(path[-1]) and not isinstance(value, dict):
        return MASK
    if value is None:
        return "an empty value"
    if isinstance(value, dict):
        return "a section"
    text = mask_text(str(value).lower() if isinstance(value, bool) else repr(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _without(secrets: dict[str, str], text: str) -> str:
    for secret, instead in sorted(secrets.items(), key=lambda item: -len(item[0])):
        for form in {secret, repr(secret)[1:-1]} - {""}:
            pattern = rf"(?<!\w)(['\"]?){re.escape(form)}\1(?!\w)"
            text = re.sub(pattern, instead, text)
    return text
