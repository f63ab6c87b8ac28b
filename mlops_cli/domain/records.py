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
    """The predicted class or value."""
    probability: float | None
    """Classification: the probability of class 1."""
    features: Mapping[str, Any]
    feature_age_seconds: float | None
    """Age of the oldest feature; None where the features came from a file."""

    @property
    def score(self) -> float:
        """What the model said: the probability, or the value of a regression."""
        return self.prediction if self.probability is None else self.probability
