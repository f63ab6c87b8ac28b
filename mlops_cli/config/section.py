"""The kind of value that config.yaml is made of."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen part of the configuration that refuses keys it does not know."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


class MisfitError(ValueError):
    """A value that does not fit to others: raised where they are seen together, said of its key."""

    def __init__(self, message: str, *below: str) -> None:
        """Say what is wrong with the key that lies `below` the section that is checked."""
        super().__init__(message)
        self.below = below
