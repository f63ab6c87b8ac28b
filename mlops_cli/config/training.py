"""How a model is searched, and who it is never trained on."""

from typing import Literal, Self

from pydantic import Field, model_validator

from mlops_cli.config.section import Section
from mlops_cli.config.values import Integer, Number

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
    repeats: Integer = Field(
        1, ge=1, le=50, description="repetitions of the final cross-validation, for small data"
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

    fraction: Number = Field(0.2, ge=0.05, le=0.5, description="share of entities held out")
    salt: str = Field(
        "holdout", description="changes who is held out; never change it once a model is registered"
    )
