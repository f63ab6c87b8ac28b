"""The tables of the example hospital: features by month, labels, and patients never seen."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from mlops_cli.domain.hospital import diabetes_score, heart_disease, readmission
from mlops_cli.domain.hospital.cohort import Cohort, Floats, Recipe

RECIPES: dict[str, Recipe] = {
    "heart_disease": heart_disease.RECIPE,
    "diabetes_score": diabetes_score.RECIPE,
    "readmission": readmission.RECIPE,
}
UNSEEN_PATIENTS = 500
MONTH = timedelta(days=30)
"""Time between two visits of a patient, and from a prediction to its label."""
SCORE_PRECISION = 20.0
"""alpha + beta of the beta distribution that regression labels are drawn from."""

_ENTITY, _TIME = "patient_id", "event_timestamp"
# Random streams; numpy ignores a trailing 0 in a seed, so only the shared stream ends in one.
_PEOPLE, _HISTORY, _NEW, _DRIFTED = range(4)


@dataclass(frozen=True)
class HospitalTables:
    """The data of one model, and the best that any model of it can reach."""

    views: dict[str, pd.DataFrame]
    """By view: patient_id, event_timestamp (UTC) and the features, one row a visit."""
    labels: pd.DataFrame
    """patient_id, event_timestamp (time of prediction) and the label."""
    new_patients: pd.DataFrame
    """Patients that are in no other table: patient_id and all features."""
    drifted_patients: pd.DataFrame | None
    """As `new_patients`, with the changes that a hospital sees; None unless asked for."""
    best: float
    """AUC of the true probability, or RMSE of the true mean score, on `labels`."""


def generate(
    patients: int, months: int, seed: int, end: datetime, drift: bool
) -> dict[str, HospitalTables]:
    """Invent a hospital, the same for the same arguments.

    Every patient has one visit in each 30 days before `end`. A label is drawn for each visit
    but the last, independently, from a known risk: the best AUC of heart_disease and of
    diabetes_score is about 0.87, with labels 1 in about 40 % of the rows; the best RMSE of
    readmission is about 0.10. 2 to 5 % of the values of some tests are missing, whatever their
    value. No distribution changes over the months.

    Args:
        patients: Number of patients, with ids from PT000001.
        months: Visits of each patient.
        seed: Everything random comes from it; `end` only moves the times.
        end: Time with a zone that all visits and labels lie before.
        drift: Whether to add a batch of patients that differ.

    Returns:
        The tables by model name.
    """
    return {
        name: _tables(recipe, [seed, number], (patients, months), end, drift)
        for number, (name, recipe) in enumerate(RECIPES.items(), start=1)
    }


def _tables(
    recipe: Recipe, seed: list[int], size: tuple[int, int], end: datetime, drift: bool
) -> HospitalTables:
    rng = np.random.default_rng([*seed, _HISTORY])
    people = np.random.default_rng([seed[0], _PEOPLE])
    visits, predictions = _times(rng, size, end)
    complete = _features(recipe, Cohort.gather(rng, people, *size))
    labels, best = _labels(recipe, rng, complete.assign(**{_TIME: predictions}), size)
    recorded = _lose(recipe, rng, complete.assign(**{_TIME: visits}))
    return HospitalTables(
        views={
            view: recorded[[_ENTITY, _TIME, *names]].copy() for view, names in recipe.views.items()
        },
        labels=labels,
        new_patients=_unseen(recipe, [*seed, _NEW], size[0] + 1),
        drifted_patients=_drifted(recipe, [*seed, _DRIFTED], size[0] + 1) if drift else None,
        best=best,
    )


def _times(
    rng: np.random.Generator, size: tuple[int, int], end: datetime
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """Return the time of each visit and of the prediction soon after it.

    A prediction is less than two hours after a visit, which is at least two hours before the
    end of its month: so the label of every visit but the last is known before `end`.
    """
    patients, months = size
    minute = np.timedelta64(60_000_000, "us")
    before = np.repeat(rng.integers(120, 22 * 60, patients), months) * minute
    months_ago = np.tile(np.arange(months)[::-1], patients) * np.timedelta64(MONTH)
    last = np.datetime64(end.astimezone(UTC).replace(tzinfo=None), "us")
    visits = last - months_ago - before
    predictions = visits + rng.integers(10, 110, patients * months) * minute
    return pd.DatetimeIndex(visits, tz=UTC), pd.DatetimeIndex(predictions, tz=UTC)


def _features(recipe: Recipe, cohort: Cohort, first: int = 1) -> pd.DataFrame:
    """Draw all features of all visits, nothing missing, with the ids of the patients."""
    ids = [f"PT{number:06d}" for number in range(first, first + cohort.patients)]
    drawn = recipe.draw(cohort)
    columns = {name: drawn[name] for names in recipe.views.values() for name in names}
    return pd.DataFrame({_ENTITY: np.repeat(ids, cohort.months), **columns})


def _labels(
    recipe: Recipe, rng: np.random.Generator, complete: pd.DataFrame, size: tuple[int, int]
) -> tuple[pd.DataFrame, float]:
    """Draw the labels of all visits but the last, and measure what the truth itself reaches."""
    patients, months = size
    known = complete[np.tile(np.arange(months) < months - 1, patients)].reset_index(drop=True)
    truth = recipe.truth(known)
    if recipe.task == "classification":
        label = (rng.random(len(truth)) < truth).astype(float)
        best = _auc(label, truth)
    else:
        label = rng.beta(truth * SCORE_PRECISION, (1 - truth) * SCORE_PRECISION)
        best = float(np.sqrt(np.mean((label - truth) ** 2)))
    column = label.astype(np.int64) if recipe.task == "classification" else label
    return known[[_ENTITY, _TIME]].assign(**{recipe.label: column}), best


def _lose(recipe: Recipe, rng: np.random.Generator, complete: pd.DataFrame) -> pd.DataFrame:
    """Make values missing at random, whatever they are."""
    gone = {name: rng.random(len(complete)) < share for name, share in recipe.missing.items()}
    return complete.assign(**{name: complete[name].mask(rows) for name, rows in gone.items()})


def _unseen(recipe: Recipe, seed: list[int], first: int, older: float = 0.0) -> pd.DataFrame:
    """Draw one visit of patients that are in no other table."""
    rng = np.random.default_rng(seed)
    cohort = Cohort.gather(rng, rng, UNSEEN_PATIENTS, 1, older)
    return _lose(recipe, rng, _features(recipe, cohort, first))


def _drifted(recipe: Recipe, seed: list[int], first: int) -> pd.DataFrame:
    """Draw further unseen patients: older, and with the change of the recipe."""
    recorded = _unseen(recipe, seed, first + UNSEEN_PATIENTS, recipe.older)
    return recipe.change(recorded, np.random.default_rng([*seed, 1]))


def _auc(label: Floats, score: Floats) -> float:
    """Share of pairs that the score orders rightly (Mann-Whitney), ties counted half.

    >>> _auc(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.8, 0.4, 0.3]))
    0.75
    """
    positives = int(label.sum())
    negatives = len(label) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = pd.Series(score).rank()[label == 1].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))
