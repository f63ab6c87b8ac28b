"""An answer of a model, with its explanation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Contribution:
    """What one feature adds to the margin of one prediction."""

    feature: str
    value: Any
    contribution: float


@dataclass(frozen=True)
class Prediction:
    """One answer and what it was made from."""

    prediction_id: str
    model: str
    version: int
    entity: str | None
    prediction: float | str
    """The class, 0 or 1 or of several its word, or the value of a regression."""
    probability: float | None
    """Classification: that of class 1, of several that of the predicted one."""
    band: str | None
    model_age: float
    """Seconds since the version was registered."""
    features: dict[str, Any]
    feature_age_seconds: float | None
    """Age of the oldest value used; None where the features came from a file."""
    expired: tuple[str, ...]
    """Features older than their view's ttl, which therefore count as missing."""
    unknown: tuple[str, ...]
    """Features of views that have never had a row of this entity; they count as missing, too."""
    contributions: tuple[Contribution, ...] | None = None
    """Largest first; with base_value they sum to the margin (log odds for a probability). Of
    several classes they are those of the predicted one."""
    base_value: float | None = None
    scale: str | None = None
    """What base and contributions sum to: log odds, log (of a count), value, or of several classes
    margin of the class, the logarithm of its probability up to a number that all classes share."""
    calibration: str | None = None
    """The method by which the probability was made from the margin, None where by none."""
    probabilities: Mapping[str, float] | None = None
    """The probability of each class by its word, in their order, where there are several."""
