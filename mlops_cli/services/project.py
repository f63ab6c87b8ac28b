"""`init`: a project of one's own, from an example."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import mlops_cli
from mlops_cli.errors import InputError, NotFoundError

EXAMPLES = {"healthcare": ("config.yaml",), "uci_heart": ("config.yaml", "prepare.py", "README.md")}


@dataclass(frozen=True)
class Project:
    """A scaffolded project."""

    folder: str
    files: tuple[str, ...]
    """Those that were written."""
    example: str


def init(folder: Path, example: str) -> Project:
    """Write an example's files into a folder; existing files are never overwritten.

    Raises:
        NotFoundError: There is no such example.
        InputError: The folder has a config.yaml already, is a file, or cannot be made.
    """
    if example not in EXAMPLES:
        raise NotFoundError.among("example", example, EXAMPLES, "mlops")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    if (folder / "config.yaml").exists():
        raise InputError(f"{folder} has a config.yaml already", "choose another folder")
    absent = tuple(name for name in EXAMPLES[example] if not (folder / name).exists())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Last comes what makes the folder a project: an init that was stopped can be run again.
        for name in reversed(absent):
            shutil.copyfile(_source(example) / name, folder / name)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}") from error
    return Project(str(folder), absent, example)


def _source(example: str) -> Path:
    """Return the folder of an example: inside an installed package, or in a clone beside it."""
    package = Path(mlops_cli.__file__).parent
    packaged = package / "examples" / example
    if packaged.is_dir():
        return packaged
    return package.parent if example == "healthcare" else package.parent / "examples" / example
