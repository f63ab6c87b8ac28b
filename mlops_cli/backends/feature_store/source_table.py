"""The whole table behind a view, as a check of what it holds reads it."""

from pathlib import Path

from feast.infra.offline_stores.file_source import FileSource

from mlops_cli.backends.feature_store.connection import speaking
from mlops_cli.backends.feature_store.sources import read
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain.subjects import Identity, SourceTable


def source_table(config: Config, model: ModelConfig, view: str) -> SourceTable | None:
    """Return every row with its ids and times, or None where the source is no file of ours to read.

    Args:
        config: The project.
        model: Whose features.
        view: Name of the feature view; its keys and times are those that Feast knows.

    Raises:
        NotFoundError: Feast does not know the view, or there is no such file.
        InputError: The file is damaged, or lacks a column.
    """
    with speaking(config) as store:
        found = store.get_feature_view(view)
        source = found.batch_source
        if not isinstance(source, FileSource):
            return None
        keys = tuple(column.name for column in found.entity_columns)
        stamps = (source.timestamp_field, *filter(None, [source.created_timestamp_column]))
        features = list(model.feature_views[view].features)
        table = read(store.config, source, [*keys, *features], list(stamps))
        place = source.get_uri_for_file_path(store.config.repo_path, source.path)
    return SourceTable(Path(place), Identity.of(model, keys, stamps), table.to_pandas())
