"""From the score of a model to what people are told: a class, a probability, a band, or a value."""

from typing import Any

from mlops_cli.domain.contract import Contract
from mlops_cli.domain.results.prediction import Prediction


def said(contract: Contract, score: Any) -> dict[str, Any]:
    """Return the fields of a `Prediction` that come from its score.

    Args:
        contract: what the model was trained under.
        score: a probability of 1 or a value; of several classes `(classes,)`.
    """
    if contract.task == "multiclass":
        chances = dict(zip(contract.classes, map(float, score), strict=True))
        likeliest = max(chances, key=lambda word: chances[word])  # of equals the first
        return {
            "prediction": likeliest,
            "probability": chances[likeliest],
            "probabilities": chances,
            "band": None,
        }
    value, two = float(score), contract.task == "classification"
    return {
        "prediction": float(value >= contract.threshold) if two else value,
        "probability": value if two else None,
        "band": contract.band(value),
    }


def logged(answer: Prediction) -> float:
    """Return the prediction as the log has it, a number: that of a class is its position."""
    if isinstance(answer.prediction, str):
        return float(list(answer.probabilities or ()).index(answer.prediction))
    return answer.prediction
