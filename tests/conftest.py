"""What the tests share: the command itself, run in a folder of its own, and small projects."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlops_cli.main import main

ROOT = Path(__file__).parents[1]

#: Small enough for a test, large enough that gates and drift checks can decide.
SMALL = {
    "MLOPS_MODELS__HEART_DISEASE__SEARCH__TRIALS": "2",
    "MLOPS_MODELS__HEART_DISEASE__SEARCH__FOLDS": "2",
    "MLOPS_MODELS__HEART_DISEASE__SEARCH__MAX_ROUNDS": "60",
}


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


@pytest.fixture(autouse=True)
def _quiet_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's environment reaches a test."""
    for name in ("MLOPS_CONFIG", "MLOPS_DEBUG", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("MLOPS_ACTOR", "tester")


@pytest.fixture
def mlops(capfd: pytest.CaptureFixture[str]) -> Mlops:
    """Run a command as a shell would, through main()."""

    def run(*arguments: object) -> Run:
        capfd.readouterr()
        code = main([str(each) for each in arguments])
        out, err = capfd.readouterr()
        return Run(code, out, err)

    return run


def quietly(folder: Path, *arguments: str) -> None:
    """Run a command that has to succeed, while a shared project is built."""
    code = main([*arguments, "--quiet", "--config", str(folder / "config.yaml")])
    assert code == 0, f"mlops {' '.join(arguments)} ended with {code}"


def build(folder: Path) -> Path:
    """Make a hospital project with features online."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "config.yaml", folder / "config.yaml")
    quietly(folder, "features", "generate", "--patients", "300", "--months", "4", "--drift")
    quietly(folder, "features", "apply")
    quietly(folder, "features", "materialize")
    return folder


@pytest.fixture(scope="session")
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory, _small: None) -> Path:
    """A project whose features are online; tests add to it and never break it."""
    return build(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, _small: None) -> Path:
    """A project whose heart_disease has a champion; for tests that only read and predict."""
    folder = build(tmp_path_factory.mktemp("served"))
    quietly(folder, "train", "heart_disease")
    quietly(folder, "promote", "heart_disease", "--challenger")
    return folder


@pytest.fixture
def project(served: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The served project as the current folder."""
    monkeypatch.chdir(served)
    return served
