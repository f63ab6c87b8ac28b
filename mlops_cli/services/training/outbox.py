"""Finished runs on their way to MLflow: each is a folder of its own until it has arrived.

`.mlops/outbox/KEY` holds `run.json`, `model` and `evidence`. A training writes it whole before
MLflow is asked for anything, and it goes when MLflow has given everything back.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from mlops_cli.backends import estimator, files, registry, tables
from mlops_cli.config import Config
from mlops_cli.domain.results.sending import Delivered, Unsent
from mlops_cli.errors import IntegrityError, MlopsError
from mlops_cli.services.training.reporting import REPORT_FILE

Register = Callable[[Config, str, str], int]
RUN_FILE = "run.json"
SWEEP_AFTER = 86_400
"""Seconds after which a folder that was never finished is of a process that has gone."""


@dataclass(frozen=True)
class Kept:
    """What `run.json` says."""

    run: registry.FinishedRun
    digests: dict[str, str]
    """Of the model, as they go on record."""
    register: bool
    """Whether the run is to become a version."""


_KEPT = TypeAdapter(Kept)


def new_key(name: str) -> str:
    """Return a key that no other run has; in the order of their letters, keys are oldest first."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{name}-{uuid4().hex[:8]}"


@contextmanager
def putting(config: Config, key: str) -> Iterator[Path]:
    """Yield a folder to fill, which is in the outbox when the block ends well, and gone if not."""
    place = _outbox(config) / key
    unfinished = place.with_name(f".{key}")
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        unfinished.rename(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write(folder: Path, kept: Kept) -> None:
    """Write `run.json`."""
    files.write_text(folder / RUN_FILE, _KEPT.dump_json(kept, indent=1).decode())


def place_of(config: Config, key: str) -> Path:
    """Return the folder of a run in the outbox."""
    return _outbox(config) / key


def waiting(config: Config) -> list[str]:
    """Return the keys of the runs that have not arrived, oldest first."""
    return sorted(each.name for each in _outbox(config).glob("[!.]*"))


def sweep(config: Config) -> None:
    """Remove what processes that were killed have left unfinished."""
    for each in _outbox(config).glob(".*"):
        if each.stat().st_mtime < time.time() - SWEEP_AFTER:
            shutil.rmtree(each, ignore_errors=True)


def keep(config: Config, key: str, error: MlopsError) -> Unsent:
    """Have a run that could not be sent on disk, where a power cut cannot reach it, and say so."""
    place = place_of(config, key)
    for each in [*place.rglob("*"), place, place.parent]:
        files.sync(each)
    error.message += f"; the finished run is kept in {place}"
    error.hint = "`mlops sync` sends it"
    return kept(config, key, error)


def kept(config: Config, key: str, error: MlopsError) -> Unsent:
    """Return a run that has not arrived."""
    place = place_of(config, key)
    return Unsent(key, str(place), str(place / registry.EVIDENCE / REPORT_FILE), error)


def deliver(
    config: Config, key: str, register: Register | None, seconds: float | None
) -> Delivered:
    """Send a run, put it on record, make it a version if it is to be one, and let it go.

    Whatever of this was done before, by this process or another, is not done again.

    Args:
        config: the project.
        key: of the run.
        register: makes a version of a finished run; None where no run is to become one.
        seconds: after how many to give up sending; None for as long as MLflow answers.

    Raises:
        UnavailableError: MLflow cannot be reached or is too slow. The run stays in the outbox.
        IntegrityError: The run in the outbox is damaged.
    """
    folder = place_of(config, key)
    with files.lock(config.state, "sending", config.tracking.deadline):
        if not folder.is_dir():
            return _arrived(config, key)
        kept = _read(folder)
        name = kept.run.name

        def opened(run_id: str) -> None:
            """Let the page name its run, now that it has an id."""
            page = folder / registry.EVIDENCE / REPORT_FILE
            files.write_text(page, page.read_text(encoding="utf-8").replace(key, run_id))

        run_id = registry.send(config, kept.run, folder, seconds, opened)
        _put_on_record(config, name, run_id, kept)
        version = register(config, name, run_id) if register and kept.register else None
        delivered = Delivered(key, name, run_id, version, _report(config, run_id))
        shutil.rmtree(folder)
    return delivered


def _arrived(config: Config, key: str) -> Delivered:
    """Return what another process has sent in the meantime."""
    run_id, name = registry.run_of(config, key)
    made = [each.number for each in registry.versions(config, name) if each.run_id == run_id]
    return Delivered(key, name, run_id, made[0] if made else None, _report(config, run_id))


def _report(config: Config, run_id: str) -> str:
    return registry.artifact_place(config, run_id, f"{registry.EVIDENCE}/{REPORT_FILE}")


def _read(folder: Path) -> Kept:
    try:
        kept = _KEPT.validate_json((folder / RUN_FILE).read_bytes())
        estimator.load(folder / registry.MODEL, kept.digests["manifest"])
    except (OSError, ValidationError, IntegrityError) as error:
        said = error.message if isinstance(error, IntegrityError) else f"{RUN_FILE} is damaged"
        raise IntegrityError(
            f"the finished run in {folder} cannot be sent: {said}",
            "remove the folder and train again",
        ) from error
    return kept


def _put_on_record(config: Config, name: str, run_id: str, kept: Kept) -> None:
    known = tables.events(config, name, ("model.trained",))
    if not any(event.details.get("run_id") == run_id for event in known):
        tables.append(config, "model.trained", name, None, {"run_id": run_id, **kept.digests})


def _outbox(config: Config) -> Path:
    return Path(config.state) / "outbox"
