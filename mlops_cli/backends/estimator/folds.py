"""Cross-validation: the folds of a training set, binned once and fitted side by side."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from mlops_cli.backends.estimator.models import (
    BINS,
    CELLS,
    Matrix,
    Vector,
    accepted,
    binned,
    table,
    threads_of,
)
from mlops_cli.config import FeatureConfig

CHECKED = 10
"""Rounds between two looks at the validation loss: a look each round costs a fifth more."""
STEP = 2
"""Folds after which it is asked whether the others are needed."""
REMEMBERED = 8_000_000
"""Most predictions that are kept of parameters whose every fold was fitted: 64 MB."""


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
    """A fold: what it is fitted on, as bins, and what it is judged by.

    That is values, which are quicker; bins, too, where the table is large. Bins would put a
    category that only the judged rows have in the bin of another.
    """

    held: NDArray[np.bool_]
    train: xgb.QuantileDMatrix
    valid: xgb.DMatrix


_sharing = 1


def share_cores(processes: int) -> int:
    """Leave this process one of so many equal shares of the cores; return how many there were."""
    global _sharing
    before, _sharing = _sharing, processes
    return before


def cores() -> int:
    """Return how many cores the machine has."""
    return os.cpu_count() or 1


def threads() -> int:
    """Return how many threads fit folds at the same time: as many as there are cores for us."""
    return max(1, cores() // _sharing)


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
        categories = any(spec.type == "category" for spec in features.values())
        self._compact = matrix.size >= CELLS[0] and not categories
        self._bins = 0
        self._parts: list[_Part] = []
        self._whole: dict[tuple[object, ...], list[FoldFit]] = {}

    def __len__(self) -> int:
        """Return the number of folds."""
        return len(self._held)

    def fit(
        self,
        params: Mapping[str, Any],
        max_rounds: int,
        patience: int,
        which: Sequence[int],
        out: Callable[[list[FoldFit]], bool] = lambda _: False,
    ) -> list[FoldFit]:
        """Fit some of the folds with early stopping, side by side as far as there are cores.

        Args:
            params: all that XGBoost is given, without the number of trees.
            max_rounds: most trees.
            patience: rounds without a lower validation loss after which a fold is fitted.
            which: numbers of the folds.
            out: asked after every two folds, with all so far, whether the others can be left out.
                They are being fitted meanwhile; what is returned is the same on any machine.

        Raises:
            InputError: XGBoost does not take the parameters.
        """
        fits: list[FoldFit] = []
        with accepted():
            parts = self._binned(int(params.get("max_bin", BINS)))
            own, over = {**params, "nthread": self._threads}, Event()
            with self._pool() as pool:
                begun = [
                    pool.submit(_boosted, parts[number], own, max_rounds, patience, over)
                    for number in which
                ]
                try:
                    for each in begun:
                        fits.append(each.result())
                        if len(fits) % STEP == 0 and len(fits) < len(begun) and out(fits):
                            break
                finally:  # also after Ctrl-C, or where a fold has failed
                    over.set()
                    pool.shutdown(cancel_futures=True)
        if len(fits) == len(self) and len(self._labels) * (1 + len(self._whole)) <= REMEMBERED:
            self._whole[_key(params, max_rounds, patience)] = fits
        return fits

    def score(self, params: Mapping[str, Any], max_rounds: int, patience: int) -> FoldScores:
        """Fit every fold with early stopping, unless the search has done so already."""
        key = _key(params, max_rounds, patience)
        fits = self._whole.get(key) or self.fit(params, max_rounds, patience, range(len(self)))
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
            with self._pool() as pool:
                self._parts = list(pool.map(lambda held: self._part(held, bins), self._held))
            self._bins = bins
        return self._parts

    def _pool(self) -> ThreadPoolExecutor:
        """Return threads that work side by side, as many as the threads of one leave cores for.

        Where it is not told, as in binning, XGBoost wakes a thread for each core, which takes
        longer than the work. It is told here, as that ends with the thread: the main thread would
        hold every later fit to it.
        """
        return ThreadPoolExecutor(
            max(1, threads() // self._threads),
            initializer=lambda: xgb.set_config(nthread=self._threads),
        )

    def _part(self, held: NDArray[np.bool_], bins: int) -> _Part:
        inputs, weight = self._features, self._positive_weight
        train = binned(self._matrix[~held], inputs, self._labels[~held], bins)
        if self._compact:
            valid = binned(
                self._matrix[held], inputs, self._labels[held], bins, train, self._positive_weight
            )
        else:
            valid = table(self._matrix[held], inputs, self._labels[held], weight)
        return _Part(held, train, valid)


def _key(params: Mapping[str, Any], max_rounds: int, patience: int) -> tuple[object, ...]:
    return (*sorted(params.items()), max_rounds, patience)


def _boosted(
    part: _Part, params: Mapping[str, Any], max_rounds: int, patience: int, over: Event
) -> FoldFit:
    """Add trees until the validation loss has not improved for `patience` rounds, or it is over."""
    booster = xgb.Booster(params, [part.train, part.valid])
    lowest, best, every = float("inf"), 1, min(CHECKED, patience)
    for rounds in range(1, max_rounds + 1):
        booster.update(part.train, rounds - 1)
        if over.is_set():
            break
        if rounds % every and rounds < max_rounds:
            continue
        loss = float(booster.eval(part.valid).rpartition(":")[2])
        if loss < lowest:
            lowest, best = loss, rounds
        elif rounds - best >= patience:
            break
    predicted = booster.predict(part.valid, iteration_range=(0, best))
    return FoldFit(part.held, lowest, best, np.asarray(predicted, dtype=np.float64))
