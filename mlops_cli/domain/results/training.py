"""What a training run has made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_cli.domain.results.evaluation import Baseline, LearningCurve, Slice
from mlops_cli.domain.results.judging import FairnessGap, Interval
from mlops_cli.domain.results.sending import Unsent
from mlops_cli.domain.results.tables import ViewCoverage


@dataclass(frozen=True)
class Rows:
    """How many rows were trained and tested on."""

    train: int
    test: int


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
class TrainResult:
    """What a training run has made."""

    model: str
    run_id: str | None
    """None where MLflow does not hold the run yet."""
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
    unsent: Unsent | None = None
    """Where the run is kept and why, if it could not be sent to MLflow."""
