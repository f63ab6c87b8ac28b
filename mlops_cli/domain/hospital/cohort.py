"""Patients seen once a month, and the draws that their measurements are made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlops_cli.config.tasks import Task

Floats = npt.NDArray[np.float64]
Column = npt.NDArray[Any]

_SHARE_MALE = 0.52
_MEMORY = 0.7  # correlation of a patient's deviation from one month to the next


@dataclass(frozen=True)
class Cohort:
    """Patients and their visits; every array has one value a visit, ordered by patient and month.

    A patient's age stays as at the first visit, so that nothing drifts over the months.
    """

    rng: np.random.Generator
    patients: int
    months: int
    age: Floats
    male: npt.NDArray[np.bool_]

    @classmethod
    def gather(
        cls,
        rng: np.random.Generator,
        people: np.random.Generator,
        patients: int,
        months: int,
        older: float = 0.0,
    ) -> "Cohort":
        """Draw age and sex from `people`, so that a patient has the same in every model.

        Args:
            rng: Source of everything else.
            people: Source of age and sex.
            patients: Number of patients.
            months: Visits of each.
            older: Years added to the mean age of 55.
        """
        age = np.clip(np.round(people.normal(55 + older, 13, patients)), 18, 95)
        male = people.random(patients) < _SHARE_MALE
        return cls(rng, patients, months, np.repeat(age, months), np.repeat(male, months))

    @property
    def decades(self) -> Floats:
        """Age in decades from 55."""
        return (self.age - 55) / 10

    def steady(self) -> Floats:
        """Draw a standard normal for each patient, the same at each visit."""
        return np.repeat(self.rng.standard_normal(self.patients), self.months)

    def slow(self, steadiness: float = 0.75) -> Floats:
        """Draw standard normals that wander slowly around each patient's own level.

        Args:
            steadiness: Share of the variance that lies between patients.
        """
        fresh = self.rng.standard_normal((self.patients, self.months))
        wander = fresh.copy()
        for month in range(1, self.months):
            wander[:, month] = (
                _MEMORY * wander[:, month - 1] + np.sqrt(1 - _MEMORY**2) * fresh[:, month]
            )
        level = self.rng.standard_normal((self.patients, 1))
        both: Floats = np.sqrt(steadiness) * level + np.sqrt(1 - steadiness) * wander
        return both.ravel()

    def demographics(self) -> dict[str, Column]:
        """Age in years and sex in words."""
        return {"age": self.age.astype(np.int64), "sex": np.where(self.male, "male", "female")}


@dataclass(frozen=True)
class Recipe:
    """How the tables of one model are made."""

    task: Task
    label: str
    views: Mapping[str, Sequence[str]]
    """The columns of each feature view."""
    missing: Mapping[str, float]
    """Share of values that are missing, by column, whatever the value."""
    draw: Callable[[Cohort], dict[str, Column]]
    truth: Callable[[pd.DataFrame], Floats]
    """The true probability, or the true mean of the score, from complete features."""
    change: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]
    """What is recorded otherwise in the drifted batch."""
    older: float
    """Years by which the drifted batch is older."""


def whole(values: Floats, low: int, high: int) -> Column:
    """Round to whole numbers within limits.

    >>> whole(np.array([-3.0, 4.6]), 0, 10).tolist()
    [0, 5]
    """
    return values.round().clip(low, high).astype(np.int64)


def decimal(values: Floats, low: float, high: float, digits: int = 1) -> Floats:
    """Round to a number of digits within limits.

    >>> decimal(np.array([1.234, 99.0]), 0, 10).tolist()
    [1.2, 10.0]
    """
    return values.clip(low, high).round(digits)


def word(latent: Floats, words: Sequence[str], limits: Sequence[float]) -> Column:
    """Turn a latent number into the word of the interval it falls into.

    >>> word(np.array([-1.0, 0.0, 2.0]), ["low", "high"], [0.0]).tolist()
    ['low', 'high', 'high']
    """
    return np.array(words, dtype=object)[np.searchsorted(limits, latent, side="right")]


def flag(latent: Floats, limit: float) -> Column:
    """Say where a latent number is over its limit.

    >>> flag(np.array([-1.0, 2.0]), 0.5).tolist()
    [False, True]
    """
    return latent > limit


def logistic(logit: Floats) -> Floats:
    """Return the probability of log odds.

    >>> logistic(np.array([0.0])).tolist()
    [0.5]
    """
    odds: Floats = np.exp(logit)
    return odds / (1 + odds)
