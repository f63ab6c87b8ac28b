"""All that the source of a view holds of some entities, with its times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from feast.infra.offline_stores.file_source import FileSource

from mlops_cli.backends.feature_store.connection import speaking
from mlops_cli.backends.feature_store.definitions import view_of
from mlops_cli.backends.feature_store.keys import entity_codes
from mlops_cli.backends.feature_store.sources import microseconds, read
from mlops_cli.config import Config
from mlops_cli.domain.point_in_time import Int64s


@dataclass(frozen=True)
class History:
    """The rows of a source that are about the entities asked for, in its order."""

    values: pd.DataFrame
    """The features as they are stored, shape (n, features)."""
    codes: Int64s
    """The entity of each row as a number, shape (n,)."""
    events: Int64s
    """Microseconds since the epoch from which each row holds."""
    created: Int64s | None
    """Microseconds at which each was written; None where the view does not record it."""
    asked: Int64s
    """The entities asked for, numbered as `codes`, shape (m,); -1 where there is no row."""


def history(
    config: Config, view: str, features: Sequence[str], keys: pd.DataFrame
) -> History | None:
    """Return every row of some entities, or None where the source is no file of ours to read.

    Args:
        config: The project.
        view: Name of the feature view.
        features: Which of its features.
        keys: The ids asked for, one column for each key of the view, shape (m, keys).
    """
    with speaking(config) as store:
        found = view_of(store, config, view)
        source = found.batch_source
        if not isinstance(source, FileSource):
            return None
        names = [column.name for column in found.entity_columns]
        stamps = [source.timestamp_field, *filter(None, [source.created_timestamp_column])]
        table = read(store.config, source, [*names, *features], stamps)
    ours = [table[name] for name in names]
    theirs = [pa.chunked_array([pa.array(keys[name], pa.string())]) for name in names]
    codes, asked = entity_codes(ours, theirs)
    times = [microseconds(table[stamp]) for stamp in stamps]
    about = np.isin(codes, asked[asked >= 0]) & times[0][1]
    return History(
        values=table.select(list(features)).filter(pa.array(about)).to_pandas(),
        codes=codes[about],
        events=times[0][0][about],
        created=times[1][0][about] if times[1:] else None,
        asked=asked,
    )
