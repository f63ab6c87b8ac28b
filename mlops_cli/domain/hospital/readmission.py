"""Risk score of coming back to the hospital: the last stay and the history before it."""

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

_WARD = {"surgery": -0.3, "medicine": 0.0, "cardiology": 0.2, "geriatrics": 0.4}
_DISCHARGE = {"home": 0.0, "home_care": 0.3, "nursing_home": 0.5}
_SHARE_MOVED, _SHARE_FRAIL = 0.2, 0.3  # in the drifted batch


def _draw(cohort: Cohort) -> dict[str, Column]:
    frailty = 0.25 * cohort.decades + cohort.slow(0.9)
    blood = 12.9 + 0.9 * cohort.male - 0.4 * frailty + 1.2 * cohort.slow()
    return {
        **cohort.demographics(),
        "ward": word(cohort.slow(0.5) + 0.2 * cohort.decades, list(_WARD), [-0.5, 0.5, 1.2]),
        "emergency": flag(cohort.slow(0.4), 0.2),
        "length_of_stay": whole(np.exp(1.3 + 0.25 * frailty + 0.5 * cohort.slow(0.4)), 1, 60),
        "discharged_to": word(0.6 * frailty + 0.8 * cohort.slow(0.5), list(_DISCHARGE), [0.5, 1.3]),
        "prior_admissions": whole(0.9 + 0.7 * frailty + 1.0 * cohort.slow(0.9), 0, 15),
        "emergency_visits": whole(0.6 + 1.1 * cohort.slow(0.8), 0, 12),
        "conditions": whole(2.2 + 1.2 * frailty + 0.8 * cohort.slow(0.95), 0, 10),
        "medications": whole(6 + 2.2 * frailty + 2.0 * cohort.slow(), 0, 30),
        "hemoglobin": decimal(blood, 6, 19),
        "sodium": decimal(139 + 3 * cohort.slow(), 120, 155, 0),
    }


def _truth(features: pd.DataFrame) -> Floats:
    anemia = np.maximum(12.5 - features["hemoglobin"], 0)
    emergency = features["emergency"]
    logit = (
        -2.45
        + 0.008 * (features["age"] - 55)
        + features["ward"].map(_WARD)
        + 0.05 * np.minimum(features["length_of_stay"], 14)
        + features["discharged_to"].map(_DISCHARGE)
        + 0.28 * np.minimum(features["prior_admissions"], 6)
        + 0.12 * features["emergency_visits"]
        + 0.16 * features["conditions"]
        + 0.04 * features["medications"]
        + 0.18 * anemia
        + 0.07 * np.maximum(138 - features["sodium"], 0)
        + (0.25 + 0.12 * features["conditions"]) * emergency
    )
    return logistic(logit.to_numpy(dtype=np.float64))


def _change(features: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Open a ward that the configuration does not know, and send fewer patients home."""
    moved, frail = rng.random((2, len(features)))
    ward = features["ward"].mask(moved < _SHARE_MOVED, "rehabilitation")
    discharged_to = features["discharged_to"].mask(frail < _SHARE_FRAIL, "nursing_home")
    return features.assign(ward=ward, discharged_to=discharged_to)


RECIPE = Recipe(
    task="regression",
    label="readmission_risk",
    views={
        "readmission_stays": (
            "age",
            "sex",
            "ward",
            "emergency",
            "length_of_stay",
            "discharged_to",
        ),
        "readmission_history": (
            "prior_admissions",
            "emergency_visits",
            "conditions",
            "medications",
            "hemoglobin",
            "sodium",
        ),
    },
    missing={"hemoglobin": 0.04, "sodium": 0.03},
    draw=_draw,
    truth=_truth,
    change=_change,
    older=12,
)
