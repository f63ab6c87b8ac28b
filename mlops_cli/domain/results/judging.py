"""How far a figure can be trusted, and what the checks made of it say."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a check says: the data may also be unable to decide."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the length of the interval: what the data can tell apart."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class GroupValue:
    """A metric within one group of a protected attribute."""

    group: str
    rows: int
    value: float | None
    """None where the group has too few rows, or no row the metric is defined on."""


@dataclass(frozen=True)
class FairnessGap:
    """The largest gap of one metric between two groups of one protected attribute."""

    attribute: str
    metric: str
    value: float | None
    """Largest minus smallest group value; None where fewer than two groups have enough rows."""
    low: float | None
    high: float | None
    limit: float
    verdict: Verdict
    groups: tuple[GroupValue, ...]

    @property
    def passed(self) -> bool:
        """Whether the gap is shown to be inside the limit."""
        return self.verdict is Verdict.PASS


@dataclass(frozen=True)
class Gate:
    """One condition of a promotion, with the evidence."""

    name: str
    verdict: Verdict
    message: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the condition is met."""
        return self.verdict is Verdict.PASS


class Decision(StrEnum):
    """What comes of a challenger."""

    PROMOTED = "promoted"
    APPROVAL_REQUIRED = "approval_required"
    REFUSED = "refused"
    INCONCLUSIVE = "inconclusive"
    NO_CHALLENGER = "no_challenger"


@dataclass(frozen=True)
class DriftCheck:
    """One comparison of current with reference data."""

    kind: str
    """data, prediction, target, performance or quality."""
    method: str
    """The statistic, as wasserstein, jensen_shannon, missing_share, unseen_category."""
    statistic: float
    threshold: float
    drifted: bool
    column: str | None = None
    p_value: float | None = None
    effect: float | None = None
    detectable: float | None = None
    """The smallest shift that this check could have seen with these sample sizes."""
    message: str = ""
