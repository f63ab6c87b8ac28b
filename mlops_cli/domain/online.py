"""The newest values of an entity, as an online store has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mlops_cli.config import ModelConfig


@dataclass(frozen=True)
class OnlineValue:
    """The latest value of one feature of one entity."""

    value: Any
    event_time: datetime | None
    """None where the store knows nothing of the entity in this view."""
    view: str
    ttl: timedelta | None
    """Age beyond which it counts as missing; None or 0 for no limit."""


Row = dict[str, OnlineValue]


def known(model: ModelConfig, row: Mapping[str, OnlineValue]) -> bool:
    """Tell whether anything is known of the entity itself."""
    return any(each.event_time for each in row.values() if each.view in model.entity_views)
