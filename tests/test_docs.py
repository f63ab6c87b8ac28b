"""The guides are true: their configuration is valid and their commands exist."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from running import ROOT, Mlops

from mlops_cli.config import Config

GUIDES = [ROOT / "docs/features.md"]
COMMANDS = [
    line.partition("#")[0].strip()
    for guide in GUIDES
    for block in re.findall(r"```sh\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_its_configuration_is_valid(guide: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        Config.model_validate(yaml.safe_load(block), context={"root": "."})


@pytest.mark.parametrize("line", COMMANDS)
def test_its_commands_and_options_exist(mlops: Mlops, line: str) -> None:
    words = shlex.split(line)
    assert words[:2] == ["mlops", "features"]
    told = mlops(*words[1:3], "--help")
    assert told.code == 0
    for option in (word for word in words if word.startswith("--")):
        assert option in told.out


def test_every_benchmark_is_told_of() -> None:
    told = re.findall(r"^\| `(\w+\.py)`", (ROOT / "benchmarks/README.md").read_text(), re.MULTILINE)
    assert sorted(told) == sorted(each.name for each in (ROOT / "benchmarks").glob("*.py"))
