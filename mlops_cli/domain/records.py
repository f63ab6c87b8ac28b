"""The rows of the two logs: events of the audit log and predictions of the inference log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Event:
    """One change, decision, refusal or failure, as the audit log holds it."""

    seq: int
    time: str
    """UTC, ISO 8601 with microseconds."""
    actor: str
    action: str
    model: str | None
    version: int | None
    details: Mapping[str, Any]
    hash: str
    """sha256 over the previous event's hash and this event's canonical JSON."""


@dataclass(frozen=True)
class LoggedPrediction:
    """One prediction with everything it was made from."""

    prediction_id: str
    time: datetime
    model: str
    version: int
    entity: str | None
    prediction: float
    """The predicted class, of several its position, or the value."""
    probability: float | None
    """Classification: the probability of class 1, of several that of the predicted one."""
    features: Mapping[str, Any]
    feature_age_seconds: float | None
    """Age of the oldest feature; None where the features came from a file."""
    probabilities: Mapping[str, float] | None = None
    """The probability of each class by its word, in their order, where there are several."""

    @property
    def said(self) -> str:
        """What the model said: the probability, or the value of a regression."""
        if self.probabilities:
            word = list(self.probabilities)[int(self.prediction)]
            return f"{word} with probability {self.probability:.4f}"
        return f"{self.prediction if self.probability is None else self.probability:.4f}"
