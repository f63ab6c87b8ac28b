"""A training that has ended, as MLflow is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TrialRun:
    """A trial of the search, a run below the run of the model it was tried for."""

    number: int
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    """Finite ones only."""
    tags: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class TrainingTable:
    """The training set: what it is called, what it was made from and what is in it."""

    digest: str
    source: str
    """Path or URL of the labels."""
    columns: Mapping[str, str]
    """Its columns with their types: int, float, bool or category."""
    rows: int


@dataclass(frozen=True)
class Sample:
    """What one reading of the machine has shown."""

    time: int
    """In ms since 1970."""
    values: Mapping[str, float]


@dataclass(frozen=True)
class FinishedRun:
    """All of a run but its files."""

    key: str
    """Ours, from before MLflow has given it an id: no two runs in MLflow have the same."""
    name: str
    """Of the model."""
    start: int
    """In ms since 1970, as `end`."""
    end: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    """Finite ones only."""
    table: TrainingTable
    trials: tuple[TrialRun, ...] = ()
    samples: tuple[Sample, ...] = ()
