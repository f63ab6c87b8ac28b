"""Training sets: the features of each label as they were known at its time."""

import pandas as pd

from mlops_cli.backends.feature_store.connection import references, speaking
from mlops_cli.config import Config, ModelConfig
from mlops_cli.errors import UnavailableError


def historical(config: Config, model: ModelConfig, labels: pd.DataFrame) -> pd.DataFrame:
    """Return the features as they were known at each row's time: same rows, same order.

    Args:
        config: The project.
        model: Whose features.
        labels: Columns: the entity and the time of each row.

    Returns:
        One column a feature, in the order of config.yaml, with the index of `labels`.
    """
    asked = labels[[model.entity, model.labels.timestamp]].rename(
        columns={model.labels.timestamp: "event_timestamp"}
    )
    asked = asked.reset_index(drop=True).assign(mlops_row=range(len(labels)))
    with speaking(config) as store:
        job = store.get_historical_features(
            asked, features=references(model), filter_by_created_timestamp=True
        )
        found = job.to_df()
    if sorted(found["mlops_row"]) != list(range(len(labels))):
        raise UnavailableError(
            f"the offline store returned {len(found)} rows for {len(labels)} labels",
            "use an offline store that keeps rows: file, duckdb, postgres or spark",
        )
    found = found.sort_values("mlops_row", ignore_index=True)[list(model.features)]
    return found.set_index(labels.index)
