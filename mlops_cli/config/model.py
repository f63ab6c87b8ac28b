"""One model, one block: what may be written under `models.NAME`, and every default."""

from typing import Self

from pydantic import Field, model_validator

from mlops_cli.config import column_checks, task_checks
from mlops_cli.config.deciding import Calibrating, ClassWeight, Device, Output, Threshold
from mlops_cli.config.features import FeatureConfig, FeatureViewConfig, LabelsConfig
from mlops_cli.config.imports import ImportConfig
from mlops_cli.config.limits import (
    DriftConfig,
    FairnessConfig,
    GatesConfig,
    MetricConfig,
    ProtectedConfig,
)
from mlops_cli.config.section import Section
from mlops_cli.config.tasks import Task
from mlops_cli.config.training import HoldoutConfig, SearchConfig
from mlops_cli.config.values import Column, Name, Number


class ModelConfig(Section):
    """One model, from its features to the limits it is watched by."""

    description: str = Field("", description="what the model predicts and for whom")
    task: Task = Field(
        description="classification (label 0 or 1), multiclass (label one of labels.classes) or "
        "regression (label a number)"
    )
    entity: Column = Field(
        description="column that identifies what a row is about; ids are strings; held out whole"
    )
    feature_views: dict[Name, FeatureViewConfig] = Field(
        min_length=1, description="tables of features, by name"
    )
    derived: dict[Name, FeatureConfig] = Field(
        default_factory=dict, description="features computed from those of the views, by name"
    )
    imports: ImportConfig = Field(
        default_factory=ImportConfig, description="how a file of yours is read by features import"
    )
    labels: LabelsConfig = Field(description="where the truth comes from")
    output_range: tuple[Number, Number] | None = Field(
        None, description="regression: [0, 1] bounds the prediction (logistic objective)"
    )
    output: Output = Field(
        "value", description="regression: count for labels 0, 1, 2... (Poisson objective)"
    )
    metrics: dict[Name, MetricConfig] = Field(
        default_factory=dict, description="metrics of your own, by name, beside those of the task"
    )
    primary_metric: Name | None = Field(
        None,
        description="the metric that decides, one of the task or of your own; default: roc_auc "
        "(classification, multiclass), rmse (regression)",
    )
    threshold: Threshold = Field(
        0.5,
        description="probability from which the predicted class is 1, or a rule that finds it: "
        "{rule: cost, false_positive: 1, false_negative: 5}, {rule: f_beta, beta: 2} or "
        "{rule: sensitivity, at_least: 0.9}",
    )
    calibration: Calibrating = Field(
        "auto",
        description="classification: how scores are made probabilities after training. auto: platt "
        "or isotonic (over 1,000 rows) if it lowers the log loss on unseen entities by more than "
        "its standard error, or if class_weight is set; else none. multiclass: auto, none or "
        "temperature",
    )
    class_weight: ClassWeight = Field(
        "none",
        description="classification: none, balanced (both classes weigh the same in all) or "
        "{positive: 3}. Weights distort the probabilities, which then need calibration",
    )
    device: Device = Field(
        "cpu",
        description="where trees are grown. cuda: on the GPU, or with a warning on the CPU where "
        "there is none; auto: on the GPU if there is one. The two grow different trees",
    )
    bands: dict[Name, Number] = Field(
        default_factory=dict,
        description="names for predictions by their lower limit, as {low: 0, high: 0.6}",
    )
    holdout: HoldoutConfig = Field(
        default_factory=HoldoutConfig, description="entities no version is trained on"
    )
    sites: Column | None = Field(
        None,
        description="feature or key that names the site of a row: each is left out in turn and "
        "measured; default: holdout.groups",
    )
    search: SearchConfig = Field(
        default_factory=SearchConfig, description="how parameters are searched"
    )
    protected: dict[Name, ProtectedConfig] = Field(
        default_factory=dict, description="features across whose groups fairness is measured"
    )
    slices: tuple[Name, ...] = Field(
        (),
        description="features by whose words or quartiles the model is also measured, as [ward]; "
        "the protected ones always are",
    )
    fairness: FairnessConfig = Field(
        default_factory=FairnessConfig, description="tolerated gaps between groups"
    )
    gates: GatesConfig = Field(
        default_factory=GatesConfig, description="what a challenger must show"
    )
    drift: DriftConfig = Field(default_factory=DriftConfig, description="when a change is an alarm")

    @property
    def stored(self) -> dict[str, FeatureConfig]:
        """The features that the views hold, in the order of the file."""
        return {
            name: spec
            for view in self.feature_views.values()
            for name, spec in view.features.items()
        }

    @property
    def features(self) -> dict[str, FeatureConfig]:
        """All features, the derived ones last: the one order used everywhere."""
        return {**self.stored, **self.derived}

    def view_keys(self, view: str) -> tuple[str, ...]:
        """The columns that identify a row of a view: those it names, or else the entity."""
        return self.feature_views[view].entity or (self.entity,)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that identify a row of the model: the entity, then what its views add."""
        named = [key for view in self.feature_views for key in self.view_keys(view)]
        return tuple(dict.fromkeys([self.entity, *named]))

    @property
    def entity_views(self) -> set[str]:
        """The views that say whether the entity is known: a known hospital is no known patient."""
        own = {view for view in self.feature_views if self.entity in self.view_keys(view)}
        return own or set(self.feature_views)

    @property
    def inputs(self) -> dict[str, FeatureConfig]:
        """The features that the model reads, in order."""
        return {name: spec for name, spec in self.features.items() if spec.input}

    @property
    def site(self) -> str | None:
        """The feature or key that names the site of a row, if any does."""
        return self.sites or self.holdout.groups

    @property
    def metric(self) -> str:
        """The metric that decides."""
        return self.primary_metric or ("rmse" if self.task == "regression" else "roc_auc")

    @property
    def positive(self) -> int | None:
        """The position of the class that equal_opportunity is about, where there are several."""
        named = self.fairness.positive
        return None if named is None else self.labels.classes.index(named)

    @property
    def fairness_metrics(self) -> tuple[str, ...]:
        """The fairness metrics that are asked for, or the one of the task."""
        if self.fairness.metrics:
            return self.fairness.metrics
        if self.task == "regression":
            return ("mae",)
        found = self.task == "classification" or self.fairness.positive is not None
        return ("equal_opportunity",) if found else ("accuracy",)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for check in (*task_checks.CHECKS, *column_checks.CHECKS):
            check(self)
        return self
