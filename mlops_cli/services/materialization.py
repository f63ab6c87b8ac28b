"""`features materialize`: the newest values of every entity, into the online store."""

from collections.abc import Callable
from datetime import UTC, datetime

from mlops_cli.backends import feature_store, files, tables
from mlops_cli.backends.feature_store import Materialized
from mlops_cli.config import Config
from mlops_cli.errors import InputError


def materialize(
    config: Config, at: datetime | None, full: bool, say: Callable[[str], None]
) -> dict[str, Materialized]:
    """Bring what was known at a time online; running it again changes nothing.

    Args:
        config: The project.
        at: The time; None for now.
        full: Write every row: the online store was emptied, or written by something else.
        say: Is told how far the work is.

    Raises:
        InputError: The time is in the future or before what is online, a cell is not of its
            feature's type, or windows were computed by other definitions.
    """
    now = datetime.now(UTC)
    if at is not None and at > now:
        raise InputError(f"{at:%Y-%m-%d %H:%M:%S} is in the future: nobody knows those values yet")
    for name, model in config.models.items():
        files.check_windows(name, model)
    with files.lock(config.state, "features"):
        views = feature_store.materialize(config, at or now, full, say)
        details = {
            "views": {name: view.until.isoformat() for name, view in views.items()},
            "newest": {n: view.newest.isoformat() for n, view in views.items() if view.newest},
        }
        tables.append(config, "features.materialized", details=details)
    return views
