"""Training sets: the features of each label as they were known at its time."""

from dataclasses import dataclass

import pandas as pd
from feast import FeatureStore
from feast.infra.offline_stores.offline_store import RetrievalJob

from mlops_cli.backends.feature_store.connection import await_views, references, speaking
from mlops_cli.backends.feature_store.definitions import view_of
from mlops_cli.backends.feature_store.offline_store import JoinJob, PointInTimeOfflineStore
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain.results.tables import ViewCoverage
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
        job = _job(store, config, model, asked)
        found = job.to_df()
    if sorted(found["mlops_row"]) != list(range(len(labels))):
        raise UnavailableError(
            f"the offline store returned {len(found)} rows for {len(labels)} labels",
            "use an offline store that keeps rows: file, duckdb, postgres or spark",
        )
    found = found.sort_values("mlops_row", ignore_index=True)[list(model.stored)]
    coverage = job.coverage if isinstance(job, JoinJob) else _coverage(model, found)
    return Known(found.set_index(labels.index), tuple(coverage))


def _job(
    store: FeatureStore, config: Config, model: ModelConfig, asked: pd.DataFrame
) -> RetrievalJob:
    """Ask our own store by the views of config.yaml, or Feast by those of a user's repository."""
    features = references(model)
    if config.feature_store.repo is not None:
        await_views(store, config)
        return store.get_historical_features(
            asked, features=features, filter_by_created_timestamp=True
        )
    views = [view_of(store, config, name) for name in model.feature_views]
    return PointInTimeOfflineStore.get_historical_features(
        store.config, views, features, asked, store.registry, store.project,
        filter_by_created_timestamp=True,
    )  # fmt: skip


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
