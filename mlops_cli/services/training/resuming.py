"""The trials of a search that has not ended, kept so that a killed one goes on where it was."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from mlops_cli.backends import environment, estimator, files
from mlops_cli.config import Config, recorded
from mlops_cli.domain.search.trials import Trial
from mlops_cli.errors import UnavailableError

DAYS = 7
"""After these, the trials of a search that nobody went on with are removed."""
_BUDGET = ("trials", "minutes", "nested")


def place(config: Config, name: str, digest: str) -> Path:
    """Return the folder of the trials of a search, by all that decides what comes of a trial.

    That is the training set, the configuration but for how much is tried, the packages and the
    device.
    """
    record = recorded(config, name)
    for key in _BUDGET:
        record["model"]["search"].pop(key, None)
    device, _ = estimator.device(config.models[name])
    decides = json.dumps([digest, record, environment.packages(), device], sort_keys=True)
    return Path(config.state) / "search" / name / hashlib.sha256(decides.encode()).hexdigest()[:16]


@contextmanager
def keeping(config: Config, name: str, digest: str) -> Iterator[Path | None]:
    """Yield where the trials of a search are kept, and remove them when the block ends well.

    While another process searches for the same model, nothing is kept: None.
    """
    folder: Path | None = place(config, name, digest)
    with ExitStack() as held:
        try:
            held.enter_context(files.lock(config.state, f"search-{name}", seconds=0))
        except UnavailableError:
            folder = None
        yield folder
        if folder:
            _forget(folder)


def read(folder: Path) -> dict[int, Trial]:
    """Return the trials that are kept, by number; a file that is no trial ends the list."""
    kept: dict[int, Trial] = {}
    for path in sorted(folder.glob("[0-9]*.json")):
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            trial = Trial(**{**fields, "sums": np.array(fields["sums"], dtype=np.float64)})
        except (ValueError, TypeError, KeyError):
            break
        kept[trial.number] = trial
    return kept


def keep(folder: Path, trial: Trial) -> None:
    """Write a finished trial, whole or not at all."""
    fields = {**vars(trial), "sums": trial.sums.tolist()}
    files.write_text(folder / f"{trial.number:05}.json", json.dumps(fields))


def _forget(folder: Path) -> None:
    """Remove the trials of a search whose model is stored, and what was given up long ago."""
    shutil.rmtree(folder, ignore_errors=True)
    oldest = time.time() - DAYS * 86_400
    for other in folder.parent.glob("*"):
        if other.stat().st_mtime < oldest:
            shutil.rmtree(other, ignore_errors=True)
