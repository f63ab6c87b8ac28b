"""Features, the tables they come from, and labels."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mlops_cli.config.section import MisfitError, Section
from mlops_cli.config.values import (
    Column,
    Duration,
    Keys,
    LocalPlace,
    Name,
    Number,
    Word,
    refuse_twice,
)

FeatureType = Literal["int", "float", "bool", "category"]
MissingPolicy = Literal["use", "impute", "refuse"]
Direction = Literal["increasing", "decreasing"]
Compute = Literal["change", "previous", "mean", "min", "max", "sum", "count", "std"]


class WindowConfig(Section):
    """A feature computed by `features import` from earlier rows of the same key.

    Only values that were written when the row itself was are looked at.
    """

    of: Name = Field(description="the feature looked at: an int or float of the same view")
    compute: Compute = Field(
        description="previous (value of the row before), change (from there), or over a span of "
        "time: mean, min, max, sum, count, std; missing values are skipped"
    )
    over: Duration | None = Field(
        None, description="the span, as 90d: event times after t - 90d, up to and including t"
    )

    @property
    def text(self) -> str:
        """The definition in words, which differ where the values would."""
        span = f" over {self.over}" if self.over else ""
        return f"{self.compute} of {self.of}{span}"

    @model_validator(mode="after")
    def _span_fits(self) -> Self:
        if self.compute in {"change", "previous"}:
            if self.over is not None:
                raise ValueError(f"{self.compute} looks at one row before and takes no `over`")
        elif not self.over:
            raise ValueError(f"{self.compute} needs the span it looks at, as over: 90d")
        return self


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
    window: WindowConfig | None = Field(
        None,
        description="computed by `features import` from earlier rows, as "
        "{of: bmi, compute: mean, over: 90d}",
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
        if self.window is not None and self.type != _kind_of(self.window):
            kind = _kind_of(self.window)
            raise ValueError(f"a window with compute: {self.window.compute} is of type {kind}")
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
        None,
        description="Parquet file, or without that ending a folder with a file for each month; "
        "needed unless feature_store.repo defines the view",
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

    @property
    def imported(self) -> dict[str, FeatureConfig]:
        """The features that a file brings: all but those computed over a window."""
        return {name: spec for name, spec in self.features.items() if spec.window is None}

    @property
    def windows(self) -> dict[str, WindowConfig]:
        """The features that are computed from earlier rows."""
        return {name: spec.window for name, spec in self.features.items() if spec.window}

    @model_validator(mode="after")
    def _stored_as_parquet(self) -> Self:
        if self.source and self.source.lower().endswith((".csv", ".jsonl")):
            raise ValueError("source is a Parquet file or a folder: `features import` makes it")
        if own := [name for name in self.features if name.startswith("mlops_")]:
            raise ValueError(f"feature {own[0]!r}: names that begin with mlops_ are ours")
        if computed := [name for name, spec in self.features.items() if spec.expression]:
            raise ValueError(f"feature {computed[0]!r}: an expression belongs under `derived`")
        return self

    @model_validator(mode="after")
    def _windows_can_be_computed(self) -> Self:
        for name, window in self.windows.items():
            if self.source is None:
                wrong = f"feature {name!r}: a window needs a view with a source"
                raise MisfitError(wrong, "features", name, "window")
            spec = self.features.get(window.of)
            if spec is None or spec.window or spec.type not in {"int", "float"}:
                numbers = [n for n, s in self.imported.items() if s.type in {"int", "float"}]
                raise MisfitError(
                    f"feature {name!r}: window.of is {window.of!r}, not a number that a file "
                    f"brings into this view ({', '.join(numbers) or 'it has none'})",
                    *("features", name, "window", "of"),
                )
        return self


class LabelsConfig(Section):
    """Where the truth comes from."""

    source: LocalPlace = Field(
        description="table with entity, time of prediction and label: a file that ends in "
        ".parquet, .csv or .jsonl, or else a folder with a Parquet file for each month"
    )
    column: Column = Field(
        description="the label: 0 or 1 for classification, a class for multiclass, a number for "
        "regression"
    )
    classes: Annotated[tuple[Word, ...], AfterValidator(refuse_twice)] = Field(
        (),
        description="multiclass: the words of the label in a fixed order, as [none, mild, severe]; "
        "a whole number in the table is a word of the list, or else a position in it, from 0",
    )
    timestamp: Column = Field(
        "event_timestamp",
        description="column with the time of prediction: features are those known then",
    )
    delay: Duration = Field(
        "0s",
        validate_default=True,
        description="how long after the prediction the label is known",
    )

    @property
    def positions(self) -> dict[str, int]:
        """The position of each class by all that a table may say for it.

        >>> LabelsConfig(source="a.csv", column="grade", classes=("low", "mid", "high")).positions
        {'0': 0, '1': 1, '2': 2, 'low': 0, 'mid': 1, 'high': 2}
        >>> LabelsConfig(source="a.csv", column="grade", classes=("1", "2", "3")).positions
        {'1': 0, '2': 1, '3': 2}
        """
        words = {word: position for position, word in enumerate(self.classes)}
        if any(word.isdigit() for word in words):
            return words
        return {str(position): position for position in words.values()} | words


def _kind_of(window: WindowConfig) -> FeatureType:
    return "int" if window.compute == "count" else "float"
