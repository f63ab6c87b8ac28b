"""The root of the command: version, help, and what a shell gets without a command."""

import pytest
from running import Mlops

from mlops_cli import __version__


def test_version(mlops: Mlops) -> None:
    run = mlops("--version")
    assert (run.code, run.out.strip()) == (0, f"mlops {__version__}")


@pytest.mark.parametrize("arguments", [(), ("drift",)])
def test_without_a_command_the_help_is_shown_and_the_exit_code_is_usage(
    mlops: Mlops, arguments: tuple[str, ...]
) -> None:
    run = mlops(*arguments)
    assert run.code == 2
    assert "Usage: mlops" in run.out + run.err
    assert "Traceback" not in run.err


def test_help_names_every_group(mlops: Mlops) -> None:
    run = mlops("--help")
    assert run.code == 0
    for word in ("init", "train", "promote", "predict", "features", "drift", "audit", "config"):
        assert word in run.out
