"""What came of making a model once more."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One thing that is not what it was when a run was made."""

    kind: str
    """data, config, code, pins, threads or model."""
    name: str
    then: Any
    now: Any
    """None where it is no longer there, as `then` where it was not there yet."""


@dataclass(frozen=True)
class ThenAndNow:
    """A digest that a run has recorded, and the same taken today."""

    then: str
    now: str | None
    """None where the work has not come this far."""


@dataclass(frozen=True)
class Reproduction:
    """What came of making the model of a run once more."""

    model: str
    run_id: str
    reproduced: bool
    """Whether the same data have given the same bytes and the same figures."""
    differences: tuple[Difference, ...]
    """Some may be there all the same: another commit, a file in another order."""
    dataset_digest: ThenAndNow
    model_digest: ThenAndNow
    unknown: tuple[str, ...]
    """What the run has not recorded, so that it cannot be compared."""
