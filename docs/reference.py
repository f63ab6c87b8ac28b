"""Writes the reference pages from the program: run by `cog` inside the pages themselves."""

from collections.abc import Iterator
from typing import Any

import typer

from mlops_cli.commands.session import COMMON
from mlops_cli.config import json_schema
from mlops_cli.main import app


def commands() -> str:
    """Return every command with its arguments and options, as Markdown."""
    return "\n".join(_command("mlops", typer.main.get_command(app)))


def _command(path: str, command: Any) -> Iterator[str]:
    children = getattr(command, "commands", {})
    if not children:
        yield f"\n## {path}\n"
        yield (command.help or "").strip() + "\n"
        yield from _parameters(path, command)
    for name, child in children.items():
        yield from _command(f"{path} {name}", child)


def _parameters(path: str, command: Any) -> Iterator[str]:
    own = [p for p in command.params if getattr(p, "rich_help_panel", None) != COMMON]
    words = [p.metavar or p.name.upper() for p in own if p.param_type_name == "argument"]
    yield f"`{' '.join([path, *words])} [OPTIONS]`\n"
    rows = [p for p in own if p.help]
    if rows:
        yield "| | |\n|---|---|"
    for parameter in rows:
        is_option = parameter.param_type_name == "option"
        name = ", ".join(parameter.opts) if is_option else parameter.metavar or parameter.name
        yield f"| `{name}` | {parameter.help} |"


def settings() -> str:
    """Return every key of config.yaml with its meaning and default, as Markdown."""
    schema = json_schema()
    parts = []
    for name, section in {"config.yaml": schema, **schema["$defs"]}.items():
        if "properties" in section:
            parts += [f"\n## {name}\n", section["description"], "\n| key | meaning | default |"]
            parts += ["|---|---|---|", *map(_row, section["properties"].items())]
    return "\n".join(parts)


def _row(item: tuple[str, dict[str, Any]]) -> str:
    key, spec = item
    default = spec.get("default")
    shown = "" if default in (None, "", {}, []) else f"`{default}`"
    return f"| `{key}` | {spec.get('description', '')} | {shown} |".replace("|---", "\\|")
