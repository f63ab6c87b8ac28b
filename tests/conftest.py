"""Fixtures: the command itself, and small projects to run it in."""

from pathlib import Path

import pytest
from published import published
from running import Mlops, Run, build, quietly
from servers import postgres, postgres_port, postgres_url, redis, tracking_server

from mlops_cli.main import main

__all__ = [
    "postgres",
    "postgres_port",
    "postgres_url",
    "published",
    "redis",
    "tracking_server",
]  # fixtures


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


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose features are online; tests add to it and never break it."""
    return build(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
