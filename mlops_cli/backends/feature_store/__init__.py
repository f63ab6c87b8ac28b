"""Feast: definitions, training sets at a point in time, and the latest values of an entity."""

# ruff: noqa: E402 - Feast has to be imported after what it reads while it is imported.

import os
import time
import warnings

import typeguard

# Feast has typeguard instrument its classes, which is half of its import time.
typeguard.typechecked = lambda target=None, **_: target or (lambda each: each)  # type: ignore[assignment]
# Its SQLite store reads event times as local time.
os.environ["TZ"] = "UTC"
time.tzset()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import feast  # noqa: F401 - here, so that it is always loaded this way

from mlops_cli.backends.feature_store.as_of import as_of
from mlops_cli.backends.feature_store.definitions import Change, apply, plan, views
from mlops_cli.backends.feature_store.historical import Known, historical
from mlops_cli.backends.feature_store.history import History, history
from mlops_cli.backends.feature_store.materializing import Materialized, materialize
from mlops_cli.backends.feature_store.online import online
from mlops_cli.backends.feature_store.source_table import source_table

__all__ = [
    "Change",
    "History",
    "Known",
    "Materialized",
    "apply",
    "as_of",
    "historical",
    "history",
    "materialize",
    "online",
    "plan",
    "source_table",
    "views",
]
