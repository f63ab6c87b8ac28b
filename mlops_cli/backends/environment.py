"""Git, the installed packages and the memory: what a run is made with."""

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


def available_memory() -> int | None:
    """Return the bytes that this process may still take, None where the system does not say.

    That is what Linux can give without swapping, or what the container has left of its limit.
    """
    found = [_meminfo(), _left_of_the_container()]
    return min((each for each in found if each is not None), default=None)


def _meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return found[0] if found else None


def _left_of_the_container(group: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the limit of the control group less what it uses, without the cache of files."""
    try:
        limit, used = ((group / f"memory.{name}").read_text() for name in ("max", "current"))
        cached = (group / "memory.stat").read_text().split()
    except OSError:
        return None
    if limit.strip() == "max":
        return None
    inactive = int(cached[cached.index("inactive_file") + 1]) if "inactive_file" in cached else 0
    return max(0, int(limit) - int(used) + inactive)
