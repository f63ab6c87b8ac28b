"""`features materialize`: the newest values of every entity, into the online store."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from mlops_cli.backends import feature_store, files, tables
from mlops_cli.backends.feature_store import Materialized
from mlops_cli.config import Config
from mlops_cli.errors import InputError, MlopsError


@dataclass(frozen=True)
class Materialization:
    """What a run has brought online."""

    views: dict[str, Materialized]
    failures: dict[str, MlopsError]
    """What kept other views from it."""


def materialize(
    config: Config, at: datetime | None, full: bool, say: Callable[[str], None]
) -> Materialization:
    """Bring what was known at a time online; running it again changes nothing.

    Args:
        config: The project.
        at: The time; None for now.
        full: Write every row: something else has written to the online store.
        say: Is told how far the work is.

    Raises:
        InputError: The time is in the future, or windows were computed by other definitions.
        MlopsError: The only view could not be brought online.
    """
    now = datetime.now(UTC)
    if at is not None and at > now:
        raise InputError(f"{at:%Y-%m-%d %H:%M:%S} is in the future: nobody knows those values yet")
    for name, model in config.models.items():
        files.check_windows(name, model)
    with files.lock(config.state, "features"):
        found = feature_store.materialize(config, at or now, full, say)
        views = {name: each for name, each in found.items() if isinstance(each, Materialized)}
        failures = {name: each for name, each in found.items() if isinstance(each, MlopsError)}
        if len(found) == len(failures) == 1:
            raise next(iter(failures.values()))
        details = {
            "views": {name: view.until.isoformat() for name, view in views.items()},
            "newest": {n: view.newest.isoformat() for n, view in views.items() if view.newest},
            "failed": sorted(failures),
        }
        tables.append(config, "features.materialized", details=details)
    return Materialization(views, failures)
