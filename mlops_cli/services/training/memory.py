"""Whether the memory of this machine is enough for a training, before it begins."""

from pathlib import Path

from mlops_cli.backends import environment, files
from mlops_cli.config import Config
from mlops_cli.domain.memory import TOLERANCE, needed
from mlops_cli.errors import InputError
from mlops_cli.services.training.searching import Say


def foreseen(config: Config, name: str, say: Say) -> int | None:
    """Return the bytes that the training will take, and say so where that is much of what there is.

    Returns:
        None where a table does not tell its rows before it is read.

    Raises:
        InputError: There is less than that, by more than the estimate may be wrong.
    """
    model = config.models[name]
    labels = files.row_count(Path(model.labels.source))
    views = [
        (files.row_count(Path(view.source)), len(view.features))
        for view in model.feature_views.values()
        if view.source is not None
    ]
    if labels is None:
        return None
    known = [(rows, columns) for rows, columns in views if rows is not None]
    bytes_, free = needed(labels, len(model.features), known), environment.available_memory()
    told = f"{name}: training on {labels} labels takes about {bytes_ / 2**30:.1f} GiB of memory"
    if free is not None and bytes_ * (1 - TOLERANCE) > free:
        raise InputError(
            f"{told}, and {free / 2**30:.1f} GiB are free",
            "train on fewer labels or features, on a larger machine, or fewer models at a time "
            "(`--jobs 1`)",
        )
    if free is not None and bytes_ > free / 2:
        say(f"{told}; {free / 2**30:.1f} GiB are free")
    return bytes_
