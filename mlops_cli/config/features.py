"""Features, the tables they come from, and labels."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from mlops_cli.config.section import Section
from mlops_cli.config.values import Column, Duration, Keys, LocalPlace, Name, Number

FeatureType = Literal["int", "float", "bool", "category"]
MissingPolicy = Literal["use", "impute", "refuse"]
Direction = Literal["increasing", "decreasing"]


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
    missing: MissingPolicy = Field(
        "use",
        description="a missing value, in training and in service. use: the model learns what it "
        "means; impute: `fill` takes its place; refuse: no training row and no answer without it",
    )
    fill: Number | str | None = Field(
        None,
        description="what takes the place of a missing value under `missing: impute`; default: the "
        "median, or the most frequent word, of the training rows",
    )
    monotone: Direction | None = Field(
        None,
        description="increasing: the prediction never falls as the number rises, all else being "
        "equal; decreasing: it never rises",
    )
    expression: str | None = Field(
        None, description="under `derived`: computed from the other features, as weight / height**2"
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
        if self.monotone is not None and (self.type in {"category", "bool"} or not self.input):
            raise ValueError("monotone belongs to an input of type int or float")
        return self

    @model_validator(mode="after")
    def _fill_fits(self) -> Self:
        if self.fill is None:
            return self
        if self.missing != "impute":
            raise ValueError("fill belongs to missing: impute")
        if self.type == "category" and self.fill not in self.categories:
            raise ValueError(f"fill is one of the categories: {', '.join(self.categories)}")
        if self.type != "category" and isinstance(self.fill, str):
            raise ValueError(f"fill {self.fill!r} is not a number; true and false are 1 and 0")
        return self


class FeatureViewConfig(Section):
    """A table of feature values over time, as Feast knows it."""

    source: LocalPlace | None = Field(
        None, description="Parquet file; needed unless feature_store.repo defines the view"
    )
    entity: Keys = Field(
        (),
        description="columns that identify what a row is about, if not the model's entity: "
        "hospital_id, or [patient_id, hospital_id]",
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

    @model_validator(mode="after")
    def _stored_as_parquet(self) -> Self:
        if self.source and self.source.lower().endswith((".csv", ".jsonl")):
            raise ValueError("source is a Parquet file: `mlops features import` makes one")
        if own := [name for name in self.features if name.startswith("mlops_")]:
            raise ValueError(f"feature {own[0]!r}: names that begin with mlops_ are ours")
        if computed := [name for name, spec in self.features.items() if spec.expression]:
            raise ValueError(f"feature {computed[0]!r}: an expression belongs under `derived`")
        return self


class LabelsConfig(Section):
    """Where the truth comes from."""

    source: LocalPlace = Field(description="table: entity, time of prediction, label")
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
