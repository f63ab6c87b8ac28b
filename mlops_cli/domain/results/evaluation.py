"""What a model was held against: simple models, parts of the data, less data."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_cli.domain.results.judging import Interval, Verdict


@dataclass(frozen=True)
class Baseline:
    """A simple model, fitted on the same rows and measured on the same held out rows as ours."""

    name: str
    """majority or mean, which knows no features; logistic or linear."""
    metrics: Mapping[str, Interval]
    metric: str
    """The one that decides, in which the two are compared."""
    difference: Interval
    """How much better our model is: paired, by entity, positive where ours is better."""
    beaten: bool
    """Whether our model is better beyond noise: the whole interval lies above 0."""


@dataclass(frozen=True)
class Slice:
    """Rows that have something in common, and how the model does there."""

    parts: tuple[str, ...]
    """What its rows have in common, as `age 48 to 56` and `sex = male`."""
    rows: int
    entities: int
    excess: Interval
    """Mean loss within less that of all other rows: log loss, or squared error."""
    p_value: float
    """Two-sided, that it is as the rest; of a found slice adjusted for all that were looked at."""
    observed: float
    """Mean label."""
    predicted: float
    """Mean prediction."""
    metric: Interval | None = None
    """The metric that decides; None where it was not computed."""

    @property
    def name(self) -> str:
        """All it has in common, in one line."""
        return ", ".join(self.parts)


@dataclass(frozen=True)
class CurvePoint:
    """The final parameters on some of the training entities."""

    share: float
    entities: int
    rows: int
    metric: Interval
    """The metric that decides, on the held out rows."""


@dataclass(frozen=True)
class LearningCurve:
    """How much the amount of data matters."""

    metric: str
    points: tuple[CurvePoint, ...]
    left_out: tuple[str, ...]
    """Shares of the entities that are too few to learn from, and why."""
    gain: Interval | None
    """Of all entities over the part before: None where there is no part before."""
    more_data: Verdict
    """Whether more entities would help: pass for yes, fail for no."""
    message: str
