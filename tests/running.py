"""Running commands in tests, and building the projects they run in."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_cli.main import main

ROOT = Path(__file__).parents[1]

#: Small enough for a test, large enough that gates and drift checks can decide.
SMALL = (
    ("search: {trials: 15}", "search: {trials: 2, folds: 2, max_rounds: 60}"),
    ("limit: 0.25", "limit: 1.0"),
    ("floor: {roc_auc: 0.70}", "floor: {roc_auc: 0.6}"),
)


@dataclass(frozen=True)
class Run:
    """What a command has said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        (line,) = self.out.splitlines()
        return dict(json.loads(line))

    @property
    def data(self) -> dict[str, Any]:
        return dict(self.json["data"])

    @property
    def error(self) -> dict[str, Any]:
        return dict(self.json["error"])


Mlops = Callable[..., Run]


def quietly(folder: Path, *arguments: str) -> None:
    """Run a command that has to succeed, while a shared project is built."""
    code = main([*arguments, "--quiet", "--config", str(folder / "config.yaml")])
    assert code == 0, f"mlops {' '.join(arguments)} ended with {code}"


def build(folder: Path, *changes: tuple[str, str]) -> Path:
    """Make a hospital project with features online.

    Args:
        folder: where.
        changes: texts of the configuration and what stands in their place.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    (folder / "config.yaml").write_text(changed(text, *SMALL, *changes), encoding="utf-8")
    quietly(folder, "features", "generate", "--patients", "300", "--months", "4", "--drift")
    quietly(folder, "features", "apply")
    quietly(folder, "features", "materialize")
    return folder


def with_champion(folder: Path, *changes: tuple[str, str]) -> Path:
    """Make a hospital project whose heart_disease has a champion."""
    build(folder, *changes)
    quietly(folder, "train", "heart_disease")
    quietly(folder, "promote", "heart_disease", "--challenger")
    return folder


def changed(text: str, *changes: tuple[str, str]) -> str:
    """Return a text with each old part replaced; all have to be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def derived(block: str) -> tuple[str, str]:
    """Return the change that gives heart_disease derived features."""
    labels = "    labels:\n      source: data/heart_disease/labels.parquet\n"
    return labels, f"    derived:\n{block}\n{labels}"


def import_text(mlops: Mlops, text: str | bytes, *options: object, name: str = "own.csv") -> Run:
    """Import a file with this text into the model `ward` of the current project."""
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return mlops("features", "import", "ward", name, *options)
