"""What a model is measured by and held to: metrics, fairness, promotion gates, drift."""

from typing import Self

from pydantic import Field, model_validator

from mlops_cli.config.section import Section
from mlops_cli.config.values import Function, Integer, Name, Number, Word


class MetricConfig(Section):
    """A metric of your own: a function in a file beside config.yaml."""

    function: Function = Field(
        description="module:function, as clinic:net_benefit for `net_benefit` in clinic.py; called "
        "with labels (n,) and scores, probabilities of 1 or values (n,), or for multiclass the "
        "positions of the labels in labels.classes and probabilities (n, classes); returns a number"
    )
    higher_is_better: bool = Field(True, description="false: the lower the better")
    description: str = Field("", description="what it means, in words for people")


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

    metrics: tuple[Name, ...] | None = Field(
        None,
        description="demographic_parity, equal_opportunity, equalized_odds, predictive_parity "
        "(classification), accuracy, equal_opportunity (multiclass), mae, mean_residual "
        "(regression), or metrics of your own; default: equal_opportunity (classification, or "
        "multiclass with `positive`), accuracy (multiclass), mae (regression)",
    )
    positive: Word | None = Field(
        None, description="multiclass: the class that equal_opportunity is about"
    )
    limit: Number = Field(
        0.2, gt=0, description="largest tolerated gap between two groups, in the metric's unit"
    )
    min_group_rows: Integer = Field(
        30, ge=1, description="groups with fewer rows are shown as 'too few' and not compared"
    )


class GatesConfig(Section):
    """What a challenger must show before it becomes champion."""

    floor: dict[Name, Number] = Field(
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
    not_worse: dict[Name, Number] = Field(
        default_factory=dict,
        description="secondary metrics and the loss tolerated in each (non-inferiority margin)",
    )
    approval: bool = Field(
        False, description="true: a person has to approve after the gates have passed"
    )

    @model_validator(mode="after")
    def _margins_are_losses(self) -> Self:
        if negative := [name for name, margin in self.not_worse.items() if margin < 0]:
            raise ValueError(f"not_worse.{negative[0]}: the tolerated loss is 0 or more")
        return self


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
    max_skew: Number = Field(
        0.01,
        ge=0,
        lt=1,
        description="features skew: share of predictions that may be made from another value of a "
        "feature than a training row of that time would hold",
    )
