"""Git and the installed packages: what a run was made with."""

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("mlops-cli", "xgboost", "hyperopt", "feast", "mlflow", "numpy", "pandas", "pyarrow")


def commit(folder: Path) -> dict[str, str]:
    """Return the git commit of a folder and whether it has uncommitted changes, where known."""
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return {}
    dirty = bool(_git(folder, "status", "--porcelain"))
    return {"mlflow.source.git.commit": head, "mlops.git_dirty": str(dirty).lower()}


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *words],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def packages() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide what a model becomes."""
    found = {f"mlops.version.{name}": version(name) for name in PACKAGES}
    return {"mlops.version.python": platform.python_version(), **found}


def pins(names: Sequence[str] = ("xgboost", "numpy")) -> list[str]:
    """Return exact requirements for a stored model."""
    return [f"{name}=={version(name)}" for name in names]
