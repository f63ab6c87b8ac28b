"""One model, one block: what may be written under `models.NAME`, and every default."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlops_cli.config.values import Column, Duration, Integer, Name, Number, Place

Task = Literal["classification", "regression"]
FeatureType = Literal["int", "float", "bool", "category"]
Metric = Literal[
    "roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "mcc", "brier", "log_loss",
    "rmse", "mae", "r2", "mape",
]  # fmt: skip
FairnessMetric = Literal[
    "demographic_parity",
    "equal_opportunity",
    "equalized_odds",
    "predictive_parity",
    "mae",
    "mean_residual",
]

TASK_METRICS: dict[Task, tuple[Metric, ...]] = {
    "classification": (
        "roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "mcc", "brier", "log_loss",
    ),
    "regression": ("rmse", "mae", "r2", "mape"),
}  # fmt: skip
TASK_FAIRNESS: dict[Task, tuple[FairnessMetric, ...]] = {
    "classification": (
        "demographic_parity",
        "equal_opportunity",
        "equalized_odds",
        "predictive_parity",
    ),
    "regression": ("mae", "mean_residual"),
}


class Section(BaseModel):
    """A frozen part of the configuration that refuses keys it does not know."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


class FeatureConfig(Section):
    """One column that a model may look at."""

    type: FeatureType = Field(description="int, float, bool or category (a closed list of words)")
    range: tuple[Number, Number] | None = Field(
        None, description="lowest and highest plausible value, both allowed"
    )
    categories: tuple[str, ...] = Field(
        (), description="the words a category may take, in a fixed order"
    )
    unit: str = Field("", description="unit of measurement, for people")
    description: str = Field("", description="what the column means, in words for people")
    input: bool = Field(
        True, description="false: kept for fairness and drift only, never shown to the model"
    )
    required: bool = Field(
        False, description="true: a missing value is a finding of `features validate`"
    )

    @model_validator(mode="after")
    def _type_fits(self) -> Self:
        if (self.type == "category") != bool(self.categories):
            raise ValueError("categories belong to type category, which needs them")
        if len(set(self.categories)) != len(self.categories):
            raise ValueError("a category is listed twice")
        if self.range is not None and (
            self.type in {"category", "bool"} or self.range[0] > self.range[1]
        ):
            raise ValueError("range is [lowest, highest] and belongs to type int or float")
        return self


class FeatureViewConfig(Section):
    """A table of feature values over time, as Feast knows it."""

    source: Place | None = Field(
        None, description="Parquet file; needed unless feature_store.repo defines the view"
    )
    timestamp: Column = Field(
        "event_timestamp", description="column with the time from which a row's values hold"
    )
    created: Column | None = Field(
        None, description="column with the time at which a row was written"
    )
    ttl: Duration | None = Field(
        None, description="age beyond which a value counts as unknown, as 45d; none: for ever"
    )
    description: str = Field("", description="what the table holds, in words for people")
    features: dict[Name, FeatureConfig] = Field(min_length=1, description="the columns, by name")


class LabelsConfig(Section):
    """Where the truth comes from."""

    source: Place = Field(description="Parquet file: entity, time of prediction, label")
    column: Column = Field(
        description="the label: 0 or 1 for classification, a number for regression"
    )
    timestamp: Column = Field(
        "event_timestamp",
        description="column with the time of prediction: features are those known then",
    )
    delay: Duration = Field(
        timedelta(0), description="how long after the prediction the label is known"
    )


class DimensionConfig(Section):
    """The interval one XGBoost parameter is searched in."""

    low: Number = Field(description="lowest value")
    high: Number = Field(description="highest value")
    scale: Literal["linear", "log", "int"] = Field(
        "linear", description="linear, log (uniform in the logarithm) or int (whole numbers)"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high or (self.scale == "log" and self.low <= 0):
            raise ValueError("low must not exceed high, and must be above 0 on a log scale")
        return self


def _default_space() -> dict[str, DimensionConfig]:
    """Shallow and slow: XGBoost's own defaults lose 0.03 AUC at a few hundred rows."""
    return {
        "max_depth": DimensionConfig(low=2, high=6, scale="int"),
        "learning_rate": DimensionConfig(low=0.02, high=0.2, scale="log"),
        "min_child_weight": DimensionConfig(low=1.0, high=30.0, scale="log"),
        "subsample": DimensionConfig(low=0.5, high=0.95),
        "colsample_bytree": DimensionConfig(low=0.4, high=0.95),
        "reg_lambda": DimensionConfig(low=0.1, high=30.0, scale="log"),
    }


class SearchConfig(Section):
    """How Hyperopt looks for the parameters."""

    trials: Integer = Field(20, ge=1, le=10_000, description="parameter sets to try")
    folds: Integer = Field(
        5, ge=2, le=20, description="folds of the cross-validation; an entity is never in two"
    )
    repeats: Integer = Field(
        1, ge=1, le=50, description="repetitions of the final cross-validation, for small data"
    )
    max_rounds: Integer = Field(600, ge=1, le=100_000, description="most trees in a model")
    patience: Integer = Field(
        30, ge=1, description="early stopping: rounds without improvement of the validation loss"
    )
    space: dict[Name, DimensionConfig] = Field(
        default_factory=_default_space, description="XGBoost parameters and their intervals"
    )


class HoldoutConfig(Section):
    """The entities that no version is ever trained on."""

    fraction: Number = Field(0.2, ge=0.05, le=0.5, description="share of entities held out")
    salt: str = Field(
        "holdout", description="changes who is held out; never change it once a model is registered"
    )


class ProtectedConfig(Section):
    """An attribute across whose groups a model must not differ."""

    bins: tuple[Number, ...] = Field(
        (), description="limits between groups, for a number: [45, 60] makes three groups"
    )

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.bins) != sorted(set(self.bins)):
            raise ValueError("bins must ascend")
        return self


class FairnessConfig(Section):
    """The gaps between groups that are tolerated."""

    metrics: tuple[FairnessMetric, ...] | None = Field(
        None, description="default: equal_opportunity (classification), mae (regression)"
    )
    limit: Number = Field(
        0.2, gt=0, description="largest tolerated gap between two groups, in the metric's unit"
    )
    min_group_rows: Integer = Field(
        30, ge=1, description="groups with fewer rows are 'not enough data', not a pass"
    )


class GatesConfig(Section):
    """What a challenger must show before it becomes champion."""

    floor: dict[Metric, Number] = Field(
        default_factory=dict, description="worst acceptable value on the holdout, by metric"
    )
    min_improvement: Number = Field(
        0.0,
        ge=0,
        description="lower bound of the paired difference in the primary metric must exceed this",
    )
    detectable: Number = Field(
        0.02,
        gt=0,
        description="an interval wider than +- this cannot tell: inconclusive rather than refused",
    )
    not_worse: dict[Metric, Number] = Field(
        default_factory=dict,
        description="secondary metrics and the loss tolerated in each (non-inferiority margin)",
    )
    approval: bool = Field(
        False, description="true: a person has to approve after the gates have passed"
    )


class DriftConfig(Section):
    """When a change between training data and current data is an alarm."""

    alpha: Number = Field(
        0.05, gt=0, lt=0.5, description="family-wise false alarm rate over all columns"
    )
    min_effect: Number = Field(
        0.1, ge=0, description="smaller distances are no drift, however significant"
    )
    min_rows: Integer = Field(100, ge=20, description="fewer current rows: inconclusive")
    missing_jump: Number = Field(
        0.05, ge=0, le=1, description="rise in the share of missing values that matters"
    )
    range_jump: Number = Field(
        0.01, ge=0, le=1, description="rise in the share of values out of range that matters"
    )


class ModelConfig(Section):
    """One model, from its features to the limits it is watched by."""

    description: str = Field("", description="what the model predicts and for whom")
    task: Task = Field(description="classification (label 0 or 1) or regression (label a number)")
    entity: Column = Field(
        description="column that identifies what a row is about; ids are strings"
    )
    feature_views: dict[Name, FeatureViewConfig] = Field(
        min_length=1, description="tables of features, by name"
    )
    labels: LabelsConfig = Field(description="where the truth comes from")
    output_range: tuple[Number, Number] | None = Field(
        None, description="regression: [0, 1] bounds the prediction (logistic objective)"
    )
    primary_metric: Metric | None = Field(
        None, description="default: roc_auc (classification), rmse (regression)"
    )
    threshold: Number = Field(
        0.5, gt=0, lt=1, description="probability from which the predicted class is 1"
    )
    bands: dict[Name, Number] = Field(
        default_factory=dict,
        description="names for predictions by their lower limit, as {low: 0, high: 0.6}",
    )
    holdout: HoldoutConfig = Field(
        default_factory=HoldoutConfig, description="entities no version is trained on"
    )
    search: SearchConfig = Field(
        default_factory=SearchConfig, description="how parameters are searched"
    )
    protected: dict[Name, ProtectedConfig] = Field(
        default_factory=dict, description="features across whose groups fairness is measured"
    )
    fairness: FairnessConfig = Field(
        default_factory=FairnessConfig, description="tolerated gaps between groups"
    )
    gates: GatesConfig = Field(
        default_factory=GatesConfig, description="what a challenger must show"
    )
    drift: DriftConfig = Field(default_factory=DriftConfig, description="when a change is an alarm")

    @property
    def features(self) -> dict[str, FeatureConfig]:
        """All features in the order of the file: the one order used everywhere."""
        return {
            name: spec
            for view in self.feature_views.values()
            for name, spec in view.features.items()
        }

    @property
    def inputs(self) -> dict[str, FeatureConfig]:
        """The features that the model reads, in order."""
        return {name: spec for name, spec in self.features.items() if spec.input}

    @property
    def metric(self) -> Metric:
        """The metric that decides."""
        return self.primary_metric or ("roc_auc" if self.task == "classification" else "rmse")

    @property
    def fairness_metrics(self) -> tuple[FairnessMetric, ...]:
        """The fairness metrics that apply to this task."""
        default: FairnessMetric = "equal_opportunity" if self.task == "classification" else "mae"
        return self.fairness.metrics or (default,)

    @model_validator(mode="after")
    def _words_fit(self) -> Self:
        for name in (self.metric, *self.gates.floor, *self.gates.not_worse):
            if name not in TASK_METRICS[self.task]:
                words = ", ".join(TASK_METRICS[self.task])
                raise ValueError(f"metric {name!r} does not fit {self.task}: use one of {words}")
        for fairness in self.fairness_metrics:
            if fairness not in TASK_FAIRNESS[self.task]:
                raise ValueError(f"fairness metric {fairness!r} does not fit {self.task}")
        bounded = self.output_range is not None
        if bounded and (self.task != "regression" or self.output_range != (0.0, 1.0)):
            raise ValueError("output_range is [0, 1] and belongs to regression")
        return self

    @model_validator(mode="after")
    def _features_are_distinct(self) -> Self:
        names = [name for view in self.feature_views.values() for name in view.features]
        reserved = {self.entity, self.labels.column, self.labels.timestamp}
        reserved |= {view.timestamp for view in self.feature_views.values()}
        reserved |= {view.created for view in self.feature_views.values() if view.created}
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"feature {name!r} is defined in two feature views")
            if name in reserved:
                raise ValueError(f"feature {name!r} is also the entity, label or time column")
        if not any(spec.input for spec in self.features.values()):
            raise ValueError("no feature has input: true")
        return self

    @model_validator(mode="after")
    def _protected_have_groups(self) -> Self:
        for name, protected in self.protected.items():
            spec = self.features.get(name)
            if spec is None:
                raise ValueError(
                    f"protected attribute {name!r} is not a feature; add it with input: false"
                )
            if (spec.type in {"int", "float"}) != bool(protected.bins):
                raise ValueError(
                    f"protected attribute {name!r}: bins are for numbers, and numbers need them"
                )
        return self
