"""The views of a Feast repository of the user's own."""

from mlops_cli.backends import feature_store
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain.subjects import SourceTable


def source_table(config: Config, model: ModelConfig, view: str) -> SourceTable | None:
    """Return the table behind a view, or None where it is no file: a warehouse is left alone.

    Raises:
        NotFoundError: Feast does not know the view, or there is no such file.
        InputError: The file is damaged, or lacks a column.
    """
    return feature_store.source_table(config, model, view)
