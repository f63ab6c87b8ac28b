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


def build(folder: Path) -> Path:
    """Make a hospital project with features online."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    for old, new in SMALL:
        assert old in text
        text = text.replace(old, new)
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    quietly(folder, "features", "generate", "--patients", "300", "--months", "4", "--drift")
    quietly(folder, "features", "apply")
    quietly(folder, "features", "materialize")
    return folder
