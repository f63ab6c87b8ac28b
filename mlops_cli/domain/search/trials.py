"""One set of parameters that was tried, and how far the search is."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_cli.domain.metrics import Vector
from mlops_cli.domain.search.losses import NAMES, told


@dataclass(frozen=True)
class Trial:
    """What came of one set of parameters."""

    number: int
    """From 1."""
    params: Mapping[str, float | int]
    loss: float
    """Mean loss over the rows; of a stopped trial, what its first folds make one expect."""
    sums: Vector
    """Loss summed by block, `(G,)`; of the first folds only where it was stopped."""
    rounds: int
    """Median of the best numbers of trees."""
    fits: int
    """Folds that were fitted."""
    stopped: bool
    """Whether it was behind after the first folds and did not get the others."""
    seconds: float


@dataclass(frozen=True)
class TrialDone:
    """How far a search is; as text, a line for a log."""

    model: str
    trial: Trial
    trials: int
    """Most there will be."""
    best: float
    """Lowest mean loss so far."""
    metric: str
    """XGBoost's name of the loss."""
    left: float
    """Seconds that the rest will take at this pace, or that the budget leaves."""

    def __str__(self) -> str:
        """Tell it in one line."""
        name, best = NAMES[self.metric], told(self.metric, self.best)
        stopped = f", stopped after {self.trial.fits} folds" if self.trial.stopped else ""
        return (
            f"{self.model}: trial {self.trial.number}/{self.trials}, "
            f"{name} {told(self.metric, self.trial.loss):.4f}{stopped}, best {best:.4f}, "
            f"{self.left:.0f} s left"
        )
