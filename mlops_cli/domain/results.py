"""The frozen values that domain functions and services return, and that `--json` prints."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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


@dataclass(frozen=True)
class TableFinding:
    """One rule that a source table breaks; cells may be personal data (see `domain/quoting.py`)."""

    table: str
    column: str
    """Empty where it is about the whole table."""
    rule: str
    """What should be so."""
    rows: int
    """How many rows break it."""
    share: float
    """Of the rows that were looked at."""
    examples: tuple[str, ...] | None = ()
    """What may be said of the cells, largest first; None: too few entities have one."""


@dataclass(frozen=True)
class TableComparison:
    """How a source table was held against its reference."""

    table: str
    reference: str
    rows: int
    """Entities that were compared, each with its newest row."""
    reference_rows: int
    conclusive: bool
    """False where one side has too few of them; then no values were compared."""


@dataclass(frozen=True)
class Rows:
    """How many rows were trained and tested on."""

    train: int
    test: int


@dataclass(frozen=True)
class ViewCoverage:
    """For how many rows of a training set a feature view had values."""

    view: str
    rows: int
    known: int
    """Rows with a usable value: known + expired + unknown = rows."""
    expired: int
    """Rows whose last value was older than the view's ttl, so that it counts as missing."""
    unknown: int
    """Rows of entities of which nothing was known at that time."""
    missing: dict[str, int]
    """Empty cells among the known rows, by feature."""


@dataclass(frozen=True)
class SiteValue:
    """How well the model does at one site when it is trained on the others alone."""

    site: str
    rows: int
    entities: int
    positives: int | None
    """Rows with label 1; None for regression."""
    metric: str
    value: float | None
    """With its 95 % interval by entity; None where `problem` says why there is none."""
    low: float | None
    high: float | None
    problem: str = ""


@dataclass(frozen=True)
class SearchSummary:
    """How the parameters of a model were found."""

    trials: int
    """Sets of parameters that were tried."""
    ended_by: str
    """trials or time: after time, how many there were depends on the machine."""
    fits: int
    """Models that were fitted for them, one for each fold."""
    fits_saved: int
    """Those that were not, as their trial could not win any more."""
    loss_name: str
    lowest: int
    """Number of the trial with the lowest loss."""
    lowest_loss: float
    chosen: int
    """Number of the trial that was taken: the simplest within a standard error of the lowest."""
    chosen_loss: float
    optimism: float | None
    """How much of the lowest loss is the luck of the best of many: new entities have a loss higher
    by this. None with one trial."""


@dataclass(frozen=True)
class CalibrationTrial:
    """How a calibration does on predictions it was not fitted on."""

    method: str
    log_loss: float
    gain: float
    """How much lower the log loss is than without it."""
    standard_error: float
    """Of the gain, over whole entities."""


@dataclass(frozen=True)
class CalibrationChoice:
    """How the scores of a model become probabilities, and why so."""

    asked: str
    """As configured: auto, none, platt or isotonic."""
    method: str
    log_loss: float
    """Out of fold, without a calibration."""
    tried: tuple[CalibrationTrial, ...]


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold comes to on the training entities, out of fold.

    Where a rule has found it on these rows, new rows will do a little worse.
    """

    threshold: float
    rule: str
    """fixed, or the rule with its limits."""
    sensitivity: float
    """Share of the 1s that are predicted, the recall."""
    specificity: float
    """Share of the 0s that are not."""
    precision: float | None
    """Share of the predicted 1s that are 1; None where none is predicted."""
    selected: float
    """Share of the rows that are predicted 1."""
    rows: int
    positives: int


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


@dataclass(frozen=True)
class TrainResult:
    """What a training run has made."""

    model: str
    run_id: str
    version: int | None
    alias: str | None
    task: str
    metrics: Mapping[str, Interval]
    """On the holdout, with 95 % intervals by entity."""
    cross_validation: Mapping[str, float]
    """Out of fold on the training entities, mean over the repetitions."""
    naive: Mapping[str, float] | None
    """What folds of single rows would have claimed; None where each entity has one row."""
    sites: tuple[SiteValue, ...]
    """Each site left out in turn; none where the configuration names no sites."""
    rows: Rows
    held_out: str
    """The rule of the holdout, in words."""
    views: tuple[ViewCoverage, ...]
    """For how many labels each feature view had values."""
    left_out: Mapping[str, int]
    """Labels that were not used, by the feature they lacked whose policy is to refuse."""
    set_aside: int
    """Labels that were not used as their entities are held out by later rows or at other sites."""
    warnings: tuple[str, ...]
    """Columns that may leak the label, or are constant."""
    dataset_digest: str
    model_digest: str
    fairness: tuple[FairnessGap, ...]
    baselines: tuple[Baseline, ...]
    """Simple models beside ours; the view says where ours does not beat one."""
    slices: tuple[Slice, ...]
    """Where the model is worse than elsewhere beyond noise, worst first; at most five."""
    learning_curve: LearningCurve | None
    """None where it was not asked for."""
    report: str
    """Where the page for people is: a path, or a URL where the artifacts are elsewhere."""
    params: Mapping[str, Any]
    search: SearchSummary
    optimism: float | None
    """Of the lowest loss among the trials, in units of the loss; see `SearchSummary`."""
    calibration: CalibrationChoice | None
    """None for a regression, as the operating point."""
    operating_point: OperatingPoint | None
    evals: int
    seconds: float


@dataclass(frozen=True)
class Difference:
    """One thing that is not what it was when a run was made."""

    kind: str
    """data, config, code, pins, threads or model."""
    name: str
    then: Any
    now: Any
    """None where it is no longer there, as `then` where it was not there yet."""


@dataclass(frozen=True)
class ThenAndNow:
    """A digest that a run has recorded, and the same taken today."""

    then: str
    now: str | None
    """None where the work has not come this far."""


@dataclass(frozen=True)
class Reproduction:
    """What came of making the model of a run once more."""

    model: str
    run_id: str
    reproduced: bool
    """Whether the same data have given the same bytes and the same figures."""
    differences: tuple[Difference, ...]
    """Some may be there all the same: another commit, a file in another order."""
    dataset_digest: ThenAndNow
    model_digest: ThenAndNow
    unknown: tuple[str, ...]
    """What the run has not recorded, so that it cannot be compared."""


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
    prediction: float
    """The class, 0 or 1, or the value of a regression."""
    probability: float | None
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
    """Largest first; with base_value they sum to the margin (log odds for a probability)."""
    base_value: float | None = None
    scale: str | None = None
    """What base and contributions sum to: log odds, log (of a count) or value."""
    calibration: str | None = None
    """The method by which the probability was made from the log odds, None where by none."""


@dataclass(frozen=True)
class Written:
    """A table that was written."""

    path: str
    rows: int
