"""What has become of finished runs on their way to MLflow."""

from dataclasses import dataclass

from mlops_cli.errors import MlopsError


@dataclass(frozen=True)
class Delivered:
    """A run that MLflow holds whole."""

    key: str
    """Of the run before MLflow gave it an id, in MLflow its tag `mlops.key`."""
    model: str
    run_id: str
    version: int | None
    """None where the run was not to become one."""
    report: str
    """Where the page for people is: a path, or a URL where the artifacts are elsewhere."""


@dataclass(frozen=True)
class Unsent:
    """A finished run that is kept here."""

    key: str
    place: str
    """Its folder."""
    report: str
    """The page for people in there."""
    problem: MlopsError
    """Why it could not be sent."""


@dataclass(frozen=True)
class Synced:
    """What `sync` has sent, and what still waits."""

    sent: tuple[Delivered, ...]
    waiting: tuple[Unsent, ...]
