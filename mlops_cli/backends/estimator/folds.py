"""Cross-validation: the folds of a training set, binned once and fitted side by side."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from mlops_cli.backends.estimator.models import (
    Matrix,
    Vector,
    accepted,
    described,
    table,
    threads_of,
)
from mlops_cli.config import FeatureConfig

CHECKED = 10
"""Rounds between two looks at the validation loss: a look each round costs a fifth more."""
BINS = 256
"""XGBoost's own default of max_bin."""


@dataclass(frozen=True)
class FoldFit:
    """What one fold says about one set of parameters."""

    held: NDArray[np.bool_]
    """The rows of the training set that it was not fitted on."""
    loss: float
    """Their loss: log loss, root mean squared error, or Poisson's."""
    rounds: int
    """Number of trees with the lowest loss."""
    predicted: Vector
    """Predictions for these rows, of each class if there are several."""


@dataclass(frozen=True)
class FoldScores:
    """What cross-validation says about one set of parameters."""

    loss: float
    """Mean validation loss over the folds: log loss, root mean squared error, or Poisson's."""
    rounds: int
    """Median of the best numbers of trees."""
    out_of_fold: Vector
    """Prediction for each row by the model that did not see it."""


@dataclass(frozen=True)
class _Part:
    """A fold: what it is fitted on, as bins, and what it is judged by, as values.

    Bins of the judged rows would save nothing and put a category that only they have in the bin of
    another.
    """

    held: NDArray[np.bool_]
    train: xgb.QuantileDMatrix
    valid: xgb.DMatrix


def threads() -> int:
    """Return the number of cores: how many threads fit folds at the same time."""
    return os.cpu_count() or 1


class Folds:
    """The cross-validation folds of one training set, built once and shared by all trials."""

    def __init__(
        self,
        matrix: Matrix,
        labels: Vector,
        folds: NDArray[np.int64],
        features: Mapping[str, FeatureConfig],
        positive_weight: float = 1.0,
    ) -> None:
        """Split by fold number, shape (rows,).

        Trees grown with `scale_pos_weight` are judged with that weight, too: by the plain log loss
        of scores so distorted they never stop growing.
        """
        self._matrix, self._labels, self._features = matrix, labels, features
        self._positive_weight = positive_weight
        self._held = [folds == number for number in np.unique(folds)]
        self._threads = threads_of(matrix)
        self._bins = 0
        self._parts: list[_Part] = []

    def __len__(self) -> int:
        """Return the number of folds."""
        return len(self._held)

    def fit(
        self, params: Mapping[str, Any], max_rounds: int, patience: int, which: Sequence[int]
    ) -> list[FoldFit]:
        """Fit some of the folds with early stopping, side by side as far as there are cores.

        Raises:
            InputError: XGBoost does not take the parameters.
        """
        with accepted():
            parts = self._binned(int(params.get("max_bin", BINS)))
            own = {**params, "nthread": self._threads}
            with ThreadPoolExecutor(max(1, threads() // self._threads)) as pool:
                fits = pool.map(
                    lambda number: _boosted(parts[number], own, max_rounds, patience), which
                )
                return list(fits)

    def score(self, params: Mapping[str, Any], max_rounds: int, patience: int) -> FoldScores:
        """Fit every fold with early stopping."""
        fits = self.fit(params, max_rounds, patience, range(len(self)))
        out_of_fold = np.empty((len(self._labels), *fits[0].predicted.shape[1:]))
        for each in fits:
            out_of_fold[each.held] = each.predicted
        return FoldScores(
            loss=float(np.mean([each.loss for each in fits])),
            rounds=int(np.median([each.rounds for each in fits])),
            out_of_fold=out_of_fold,
        )

    def _binned(self, bins: int) -> list[_Part]:
        """Bin each fold once; anew only for another number of bins, where that is searched."""
        if bins != self._bins:
            self._parts = [self._part(held, bins) for held in self._held]
            self._bins = bins
        return self._parts

    def _part(self, held: NDArray[np.bool_], bins: int) -> _Part:
        train = xgb.QuantileDMatrix(
            self._matrix[~held], self._labels[~held], max_bin=bins, **described(self._features)
        )
        valid = table(self._matrix[held], self._features, self._labels[held], self._positive_weight)
        return _Part(held, train, valid)


def _boosted(part: _Part, params: Mapping[str, Any], max_rounds: int, patience: int) -> FoldFit:
    """Add trees until the validation loss has not improved for `patience` rounds."""
    booster = xgb.Booster(params, [part.train, part.valid])
    lowest, best, every = float("inf"), 1, min(CHECKED, patience)
    for rounds in range(1, max_rounds + 1):
        booster.update(part.train, rounds - 1)
        if rounds % every and rounds < max_rounds:
            continue
        loss = float(booster.eval(part.valid).rpartition(":")[2])
        if loss < lowest:
            lowest, best = loss, rounds
        elif rounds - best >= patience:
            break
    predicted = booster.predict(part.valid, iteration_range=(0, best))
    return FoldFit(part.held, lowest, best, np.asarray(predicted, dtype=np.float64))
