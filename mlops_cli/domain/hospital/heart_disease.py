"""Heart disease confirmed at the 30-day follow-up: vital signs and cardiac tests."""

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

_PAIN = {"none": -0.8, "non_anginal": -0.2, "atypical_angina": 0.4, "typical_angina": 1.0}
_MMOL_PER_MG = 1 / 38.67


def _draw(cohort: Cohort) -> dict[str, Column]:
    bmi = 27 + 4.5 * cohort.slow(0.95)
    pressure = 131 + 1.5 * cohort.decades + 0.6 * (bmi - 27) + 15 * cohort.slow()
    ischemia = cohort.slow(0.6)
    return {
        **cohort.demographics(),
        "resting_bp": whole(pressure, 80, 220),
        "max_heart_rate": whole(150 - 3 * cohort.decades + 19 * cohort.slow(), 65, 215),
        "bmi": decimal(bmi, 14, 55),
        "smoker": flag(cohort.steady(), 0.7),
        "chest_pain": word(cohort.slow(0.6), list(_PAIN), [-0.6, 0.2, 0.9]),
        "cholesterol": decimal(212 + 2 * cohort.decades + 38 * cohort.slow(), 90, 450, 0),
        "fasting_sugar_high": flag(cohort.slow(), 1.0),
        "exercise_angina": flag(0.6 * ischemia + 0.8 * cohort.slow(), 0.5),
        "st_depression": decimal(0.9 + 0.9 * ischemia, 0, 6),
        "narrowed_vessels": whole(0.6 + 0.9 * cohort.slow(0.9), 0, 3),
    }


def _truth(features: pd.DataFrame) -> Floats:
    smokes, angina = features["smoker"], features["exercise_angina"]
    logit = (
        -3.05
        + 0.008 * (features["age"] - 55)
        + 0.2 * (features["sex"] == "male")
        + 0.026 * (features["resting_bp"] - 131)
        - 0.032 * (features["max_heart_rate"] - 150)
        + 0.012 * (features["cholesterol"] - 212)
        + 1.7 * features["chest_pain"].map(_PAIN)
        + 0.6 * features["fasting_sugar_high"]
        + 0.8 * features["st_depression"]
        + (0.7 + 0.6 * features["st_depression"]) * angina
        + 1.1 * features["narrowed_vessels"]
        + (0.3 + 0.02 * np.maximum(features["cholesterol"] - 200, 0)) * smokes
    )
    return logistic(logit.to_numpy(dtype=np.float64))


def _change(features: pd.DataFrame, _rng: np.random.Generator) -> pd.DataFrame:
    """Record cholesterol in mmol/L, as after a change of laboratory."""
    return features.assign(cholesterol=(features["cholesterol"] * _MMOL_PER_MG).round(1))


RECIPE = Recipe(
    task="classification",
    label="heart_disease",
    views={
        "heart_vitals": ("age", "sex", "resting_bp", "max_heart_rate", "bmi", "smoker"),
        "heart_tests": (
            "chest_pain",
            "cholesterol",
            "fasting_sugar_high",
            "exercise_angina",
            "st_depression",
            "narrowed_vessels",
        ),
    },
    missing={"cholesterol": 0.05, "st_depression": 0.03, "bmi": 0.02},
    draw=_draw,
    truth=_truth,
    change=_change,
    older=6,
)
