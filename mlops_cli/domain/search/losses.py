"""The loss of each row, and its sums over blocks of entities."""

from dataclasses import dataclass

import numpy as np

from mlops_cli.domain.metrics import Array, Vector, multiclass
from mlops_cli.domain.split import Codes, entity_codes

BLOCKS = 2000
"""Most blocks of a training set: enough for a standard error, and 16 kB a trial at any size."""
#: How each of XGBoost's losses is named, and told.
NAMES = {
    "logloss": "log loss",
    "mlogloss": "log loss",
    "rmse": "rmse",
    "poisson-nloglik": "Poisson loss",
}


def row_losses(metric: str, truth: Vector, predicted: Vector) -> Vector:
    """Return the loss of each row, `(n,)`, whose mean is what early stopping looks at.

    For rmse it is the squared error, as a root has no share of a row.

    Args:
        metric: XGBoost's name of the loss, one of `NAMES`.
        truth: labels, `(n,)`.
        predicted: probabilities of 1, means of a count, or values, `(n,)`; for mlogloss
            probabilities `(n, classes)`.

    >>> row_losses("rmse", np.array([1.0, 2.0]), np.array([1.0, 4.0])).tolist()
    [0.0, 4.0]
    >>> row_losses("logloss", np.array([1.0]), np.array([0.5])).round(3).tolist()
    [0.693]
    """
    if metric == "rmse":
        return (truth - predicted) ** 2
    if metric == "mlogloss":
        return multiclass.row_losses(truth, predicted)
    if metric == "poisson-nloglik":
        mean = np.maximum(predicted, 1e-16)
        return mean - truth * np.log(mean)
    chance = np.clip(predicted, 1e-15, 1 - 1e-15)
    return -(truth * np.log(chance) + (1 - truth) * np.log1p(-chance))


def told(metric: str, loss: float) -> float:
    """Return a mean loss as people know it: the root of a mean squared error.

    >>> told("rmse", 4.0), told("logloss", 0.4)
    (2.0, 0.4)
    """
    return float(np.sqrt(loss)) if metric == "rmse" else loss


@dataclass(frozen=True)
class Blocks:
    """Whole entities of a training set in at most `BLOCKS` parts, each within one fold."""

    of_row: Codes
    """The block of each row, `(n,)`; those of the first fold are numbered first."""
    counts: Vector
    """Rows of each block, `(G,)`."""
    ends: tuple[int, ...]
    """For each fold, the number of the blocks in it and in the folds before."""

    @classmethod
    def of(cls, entities: Array, folds: Array) -> "Blocks":
        """Put the entities of each fold into blocks, one each as long as there are not too many.

        >>> blocks = Blocks.of(np.array(["a", "b", "a", "c"]), np.array([1, 0, 1, 1]))
        >>> blocks.of_row.tolist(), blocks.counts.tolist(), blocks.ends
        ([1, 0, 1, 2], [1.0, 2.0, 1.0], (1, 3))
        """
        numbers = np.unique(folds)
        most = max(1, BLOCKS // len(numbers))
        of_row, ends, end = np.empty(len(folds), dtype=np.intp), [], 0
        for number in numbers:
            own = folds == number
            codes, distinct = entity_codes(entities[own])
            count = min(most, len(distinct))
            of_row[own] = end + codes % count
            end += count
            ends.append(end)
        return cls(of_row, np.bincount(of_row, minlength=end).astype(float), tuple(ends))

    def sums(self, rows: Array, losses: Vector, first: int, last: int) -> Vector:
        """Return the losses summed by block for the folds from `first` up to `last`, without it.

        Args:
            rows: which rows of the training set the losses are of.
            losses: the loss of each of them.
            first: number of the first fold.
            last: number of the first fold that is not in.
        """
        start = self.ends[first - 1] if first else 0
        codes = self.of_row[rows] - start
        total = np.bincount(codes, weights=losses, minlength=self.ends[last - 1] - start)
        return np.asarray(total, dtype=np.float64)
