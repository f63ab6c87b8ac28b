"""Diabetes confirmed at the 30-day follow-up: body measures and blood tests."""

import numpy as np
import pandas as pd

from mlops_cli.domain.hospital.cohort import (
    Cohort,
    Column,
    Floats,
    Recipe,
    decimal,
    flag,
    logistic,
    whole,
    word,
)

_ACTIVITY = {"low": 0.5, "moderate": 0.0, "high": -0.5}
_SHARE_GONE = 0.6  # of the insulin values, in the drifted batch


def _draw(cohort: Cohort) -> dict[str, Column]:
    weight, sugar, fat = cohort.slow(0.95), cohort.slow(), cohort.slow()
    glucose = 106 + 22 * sugar + 4 * weight
    return {
        **cohort.demographics(),
        "bmi": decimal(28 + 5 * weight, 15, 60),
        "waist": whole(92 + 8 * cohort.male + 11 * weight + 4 * cohort.slow(0.95), 55, 170),
        "systolic_bp": whole(130 + 3 * cohort.decades + 14 * cohort.slow(), 85, 220),
        "activity": word(cohort.slow(), list(_ACTIVITY), [-0.4, 0.8]),
        "family_history": flag(cohort.steady(), 0.6),
        "glucose": decimal(glucose, 55, 300, 0),
        "hba1c": decimal(5.8 + 0.6 * (0.75 * sugar + 0.66 * cohort.slow()), 4, 12),
        "insulin": decimal(np.exp(2.4 + 0.4 * weight + 0.4 * cohort.slow()), 1, 200),
        "triglycerides": decimal(np.exp(4.9 + 0.35 * fat), 35, 800, 0),
        "hdl": decimal(56 - 7 * cohort.male - 6 * fat + 8 * cohort.slow(), 18, 115, 0),
    }


def _truth(features: pd.DataFrame) -> Floats:
    heavy = np.maximum(features["bmi"] - 25, 0)
    high_sugar = np.maximum(features["glucose"] - 95, 0)
    logit = (
        -2.05
        + 0.012 * (features["age"] - 55)
        + 0.05 * heavy
        + 0.025 * (features["waist"] - 96)
        + 0.008 * (features["systolic_bp"] - 130)
        + 1.2 * features["activity"].map(_ACTIVITY)
        + 0.055 * high_sugar
        + 1.4 * (features["hba1c"] - 5.8)
        + 0.3 * np.log(features["insulin"] / 11)
        + 0.5 * np.log(features["triglycerides"] / 134)
        - 0.015 * (features["hdl"] - 52)
        + (0.6 + 0.05 * heavy) * features["family_history"]
        + 0.0012 * high_sugar * heavy
    )
    return logistic(logit.to_numpy(dtype=np.float64))


def _change(features: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Leave out most insulin values, as when a laboratory no longer offers the test."""
    gone = rng.random(len(features)) < _SHARE_GONE
    return features.assign(insulin=features["insulin"].mask(gone))


RECIPE = Recipe(
    task="classification",
    label="diabetes",
    views={
        "diabetes_vitals": (
            "age",
            "sex",
            "bmi",
            "waist",
            "systolic_bp",
            "activity",
            "family_history",
        ),
        "diabetes_labs": ("glucose", "hba1c", "insulin", "triglycerides", "hdl"),
    },
    missing={"insulin": 0.05, "triglycerides": 0.03, "hdl": 0.03, "waist": 0.02},
    draw=_draw,
    truth=_truth,
    change=_change,
    older=10,
)
