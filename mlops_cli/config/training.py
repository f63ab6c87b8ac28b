"""How a model is searched, and who it is never trained on."""

from typing import Literal, Self

from pydantic import Field, model_validator

from mlops_cli.config.section import Section
from mlops_cli.config.values import Column, Integer, Moment, Number, Word

Parameter = Literal[
    "max_depth", "max_leaves", "learning_rate", "min_child_weight", "max_delta_step", "gamma",
    "subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode",
    "reg_lambda", "reg_alpha", "scale_pos_weight", "max_bin", "max_cat_to_onehot",
]  # fmt: skip
"""The parameters of XGBoost that can be searched; it ignores those it does not know."""


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
        if self.scale == "int" and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("low and high are whole numbers on scale int")
        return self


def _default_space() -> dict[Parameter, DimensionConfig]:
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
    repeats: Integer | None = Field(
        None,
        ge=1,
        le=50,
        description="repetitions of the final cross-validation; default: 5 below 1,000 training "
        "entities, 2 below 5,000, else 1",
    )
    max_rounds: Integer = Field(600, ge=1, le=100_000, description="most trees in a model")
    patience: Integer = Field(
        30, ge=1, description="early stopping: rounds without improvement of the validation loss"
    )
    space: dict[Parameter, DimensionConfig] = Field(
        default_factory=_default_space,
        min_length=1,
        description="XGBoost parameters and their intervals",
    )


class HoldoutConfig(Section):
    """The entities that no version is ever trained on."""

    kind: Literal["entity", "time", "group"] = Field(
        "entity",
        description="entity (a share of the entities, by a hash of the id), time (labels from a "
        "day on) or group (whole sites); an entity is never on both sides",
    )
    fraction: Number = Field(
        0.2, ge=0.05, le=0.5, description="share of entities, or of sites, held out by the hash"
    )
    salt: str = Field(
        "holdout", description="changes who is held out; never change it once a model is registered"
    )
    after: Moment | None = Field(
        None, description="kind time: labels at or after it are held out, as 2026-01-01 (UTC)"
    )
    groups: Column | None = Field(
        None, description="kind group: the feature or key that names the site of a row"
    )
    values: tuple[Word, ...] = Field(
        (), description="kind group: the sites held out; default: a share of them, by the hash"
    )

    @model_validator(mode="after")
    def _kind_has_its_keys(self) -> Self:
        for key, kind in (("after", "time"), ("groups", "group")):
            given = getattr(self, key) is not None
            if given and self.kind != kind:
                raise ValueError(f"{key} belongs to kind: {kind}")
            if self.kind == kind and not given:
                example = "after: 2026-01-01" if kind == "time" else "groups: hospital"
                raise ValueError(f"kind: {kind} needs {key}, as {example}")
        if self.values and self.kind != "group":
            raise ValueError("values belongs to kind: group")
        if len(set(self.values)) != len(self.values):
            raise ValueError("a site is listed twice in values")
        if self.fraction != 0.2 and (self.kind == "time" or self.values):
            decides = "after" if self.kind == "time" else "values"
            raise ValueError(f"fraction has no effect: {decides} says what is held out")
        return self
