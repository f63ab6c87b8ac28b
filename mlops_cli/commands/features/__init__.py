"""`mlops features`: tables in, checks, Feast's registry, the online store, the values in it."""

from mlops_cli.commands.features import tables, checks, definitions, online, values, skew, lineage  # isort: skip - order of --help
from mlops_cli.commands.features.group import app

__all__ = ["app", "checks", "definitions", "lineage", "online", "skew", "tables", "values"]
