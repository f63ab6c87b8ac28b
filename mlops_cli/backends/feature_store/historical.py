"""Training sets: the features of each label as they were known at its time."""

from dataclasses import dataclass

import pandas as pd

from mlops_cli.backends.feature_store.connection import references, speaking
from mlops_cli.backends.feature_store.offline_store import JoinJob
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain.results import ViewCoverage
from mlops_cli.errors import UnavailableError


@dataclass(frozen=True)
class Known:
    """What was known at each label's time."""

    frame: pd.DataFrame
    """One column for each stored feature, in the order of config.yaml; the index of the labels."""
    coverage: tuple[ViewCoverage, ...]
    """For how many labels each view had values."""


def historical(config: Config, model: ModelConfig, labels: pd.DataFrame) -> Known:
    """Return the features as they were known at each row's time: same rows, same order.

    Args:
        config: The project.
        model: Whose features.
        labels: Columns: the keys and the time of each row.
    """
    asked = labels[[*model.keys, model.labels.timestamp]].rename(
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
    found = found.sort_values("mlops_row", ignore_index=True)[list(model.stored)]
    coverage = job.coverage if isinstance(job, JoinJob) else _coverage(model, found)
    return Known(found.set_index(labels.index), tuple(coverage))


def _coverage(model: ModelConfig, found: pd.DataFrame) -> list[ViewCoverage]:
    """Count what another offline store tells: a row without any value is unknown or expired."""
    counts = []
    for name, view in model.feature_views.items():
        empty = found[list(view.features)].isna()
        known = ~empty.all(axis=1)
        missing = {str(key): int(count) for key, count in empty[known].sum().items()}
        absent = int((~known).sum())
        counts.append(ViewCoverage(name, len(found), int(known.sum()), 0, absent, missing))
    return counts
