"""From scores to decisions: what a class weighs, and where the threshold lies."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from mlops_cli.config.section import Section
from mlops_cli.config.values import Number

VALUE, SECTION = "[value]", "[section]"
"""Which form of a key was written; pydantic puts them into the place of an error."""

Calibrating = Literal["auto", "none", "platt", "isotonic", "temperature"]
Device = Literal["auto", "cpu", "cuda"]
Output = Literal["value", "count"]

_NEEDS = {
    "cost": ("false_positive", "false_negative"),
    "f_beta": ("beta",),
    "sensitivity": ("at_least",),
}


class ThresholdConfig(Section):
    """A rule that finds the threshold on predictions for unseen training entities."""

    rule: Literal["cost", "f_beta", "sensitivity"] = Field(
        description="cost (the least), f_beta (the highest) or sensitivity (at least so much)"
    )
    false_positive: Number | None = Field(
        None, gt=0, description="rule cost: what a false alarm costs, in any unit"
    )
    false_negative: Number | None = Field(
        None, gt=0, description="rule cost: what a missed 1 costs, in the same unit"
    )
    beta: Number | None = Field(
        None, gt=0, description="rule f_beta: how much more recall weighs than precision"
    )
    at_least: Number | None = Field(
        None, gt=0, le=1, description="rule sensitivity: share of the 1s that must be found"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for rule, keys in _NEEDS.items():
            for key in keys:
                if (getattr(self, key) is not None) != (rule == self.rule):
                    verb = "needs" if rule == self.rule else "does not take"
                    raise ValueError(f"rule {self.rule} {verb} {key}")
        return self

    @property
    def words(self) -> str:
        """The rule as people read it.

        >>> ThresholdConfig(rule="cost", false_positive=1, false_negative=5).words
        'cost, false positive 1, false negative 5'
        """
        limits = [f"{key.replace('_', ' ')} {getattr(self, key):g}" for key in _NEEDS[self.rule]]
        return ", ".join([self.rule, *limits])


class ClassWeightConfig(Section):
    """What a row with label 1 weighs against one with label 0."""

    positive: Number = Field(gt=0, description="weight of a row with label 1; label 0 weighs 1")


def _form(value: Any) -> str:
    return SECTION if isinstance(value, dict | Section) else VALUE


Threshold = Annotated[
    Annotated[Number, Field(gt=0, lt=1), Tag(VALUE)] | Annotated[ThresholdConfig, Tag(SECTION)],
    Discriminator(_form),
]
"""A probability, or a rule that finds one."""

ClassWeight = Annotated[
    Annotated[Literal["none", "balanced"], Tag(VALUE)] | Annotated[ClassWeightConfig, Tag(SECTION)],
    Discriminator(_form),
]
"""none, balanced, or a weight."""
