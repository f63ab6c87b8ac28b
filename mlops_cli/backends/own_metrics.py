"""The project's own Python: metrics that config.yaml names, from files beside it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain.metrics import METRICS, MetricDefinition
from mlops_cli.domain.metrics.own import Function, own_metric, tried
from mlops_cli.errors import ConfigError, first_line, nearest

ROWS = 1000
"""Rows of random scores that a metric of the project's own is tried on before a search."""


def metrics_of(config: Config, name: str) -> dict[str, MetricDefinition]:
    """Return every metric of a model by name: those of its task, then those of the project.

    Code runs from files in the folder of config.yaml alone, and only what that file names.

    Raises:
        ConfigError: a metric of the project cannot be imported.
    """
    model = config.models[name]
    own = {
        metric: own_metric(
            metric, model.task, spec.higher_is_better, _function(config, metric, spec.function)
        )
        for metric, spec in model.metrics.items()
    }
    return METRICS[model.task] | own


def try_out(
    metrics: Mapping[str, MetricDefinition],
    model: ModelConfig,
    labels: NDArray[np.float64],
    seed: int,
) -> None:
    """Call each metric of the project once, on labels and random scores, before anything is built.

    Raises:
        InputError: it raises an error, or returns no finite number.
    """
    if not model.metrics:
        return
    generator = np.random.default_rng(seed)
    some = generator.permutation(labels)[:ROWS]
    scores: NDArray[np.float64] = generator.random(len(some))
    if model.task == "multiclass":
        scores = generator.dirichlet(np.ones(len(model.labels.classes)), len(some))
    elif model.task == "regression":
        scores = generator.permutation(some)
    for name in model.metrics:
        tried(metrics[name], some, scores)


def code_digest(config: Config, name: str) -> str:
    """Return the sha256 of the files with metrics of a model; empty where it has none."""
    own = config.models[name].metrics
    files = sorted({_file(config, spec.function) for spec in own.values()})
    whole = hashlib.sha256(b"".join(path.read_bytes() for path in files if path.is_file()))
    return whole.hexdigest() if files else ""


def _file(config: Config, function: str) -> Path:
    module = function.partition(":")[0]
    return config.root.joinpath(*module.split(".")).with_suffix(".py")


def _function(config: Config, metric: str, function: str) -> Function:
    """Run a file of the project and return a function of it; it is not put on the import path."""
    path, wanted = _file(config, function), function.partition(":")[2]
    where = f"models use metrics.{metric}: {function}"
    if not path.is_file():
        raise ConfigError(f"{where}, but there is no file {path}", "it lies beside config.yaml")
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))  # noqa: S102 - the project's
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise ConfigError(f"{where}, but {path.name} cannot be run: {reason}") from error
    found = getattr(module, wanted, None)
    if not callable(found):
        known = [each for each, value in vars(module).items() if callable(value)]
        raise ConfigError(
            f"{where}, but {path.name} has no function {wanted}", nearest(wanted, known)
        )
    return found
