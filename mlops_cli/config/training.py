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


def _space(
    depth: tuple[int, int],
    rate: tuple[float, float],
    weight: tuple[float, float],
    regularisation: tuple[float, float],
) -> dict[Parameter, DimensionConfig]:
    """Return a space: depth, learning rate, min_child_weight and reg_lambda by size, the rest."""
    return {
        "max_depth": DimensionConfig(low=depth[0], high=depth[1], scale="int"),
        "learning_rate": DimensionConfig(low=rate[0], high=rate[1], scale="log"),
        "min_child_weight": DimensionConfig(low=weight[0], high=weight[1], scale="log"),
        "subsample": DimensionConfig(low=0.5, high=0.95),
        "colsample_bytree": DimensionConfig(low=0.4, high=0.95),
        "reg_lambda": DimensionConfig(low=regularisation[0], high=regularisation[1], scale="log"),
    }


SPACES: dict[int, dict[Parameter, DimensionConfig]] = {
    0: _space((1, 3), (0.02, 0.1), (1.0, 20.0), (1.0, 100.0)),
    1_000: _space((2, 6), (0.02, 0.2), (1.0, 30.0), (0.1, 30.0)),
    20_000: _space((3, 10), (0.04, 0.3), (1.0, 100.0), (0.1, 30.0)),
}
"""What is searched where config.yaml names no space, by the least number of training entities.

| training entities | max_depth | learning_rate | min_child_weight | reg_lambda |
|---|---|---|---|---|
| under 1,000 | 1-3 | 0.02-0.1 | 1-20 | 1-100 |
| under 20,000 | 2-6 | 0.02-0.2 | 1-30 | 0.1-30 |
| more | 3-10 | 0.04-0.3 | 1-100 | 0.1-30 |

subsample is 0.5-0.95 and colsample_bytree 0.4-0.95 at any size. Few rows want shallow and slow
trees: XGBoost's own defaults lose 0.03 AUC at a few hundred.
"""


class SearchConfig(Section):
    """How Hyperopt looks for the parameters."""

    trials: Integer = Field(20, ge=1, le=10_000, description="parameter sets to try")
    minutes: Number | None = Field(
        None,
        gt=0,
        description="time for them; then it is enough, and the result depends on the machine",
    )
    racing: bool = Field(
        True,
        description="stop a trial that is two standard errors behind the best after two folds",
    )
    nested: bool = Field(True, description="each trial as a nested run in MLflow")
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
    space: dict[Parameter, DimensionConfig] | None = Field(
        None,
        min_length=1,
        description="XGBoost parameters and their intervals; default: by the number of training "
        "entities, shallow and slow under 1,000, deeper from 20,000",
    )

    def space_for(self, entities: int) -> dict[Parameter, DimensionConfig]:
        """Return the configured space, or else the one for so many training entities.

        >>> SearchConfig().space_for(300)["max_depth"].high
        3.0
        """
        fitting = max(least for least in SPACES if least <= entities)
        return self.space or SPACES[fitting]


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
