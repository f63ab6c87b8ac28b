"""Feast: definitions, training sets at a point in time, and the latest values of an entity."""

import contextlib
import io
import os
import re
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import typeguard
import yaml
from sqlalchemy.exc import SQLAlchemyError

from mlops_cli.config import Config, FeatureViewConfig, ModelConfig
from mlops_cli.config.masking import mask_text
from mlops_cli.errors import (
    ConfigError,
    MlopsError,
    NotFoundError,
    UnavailableError,
    first_line,
)

# Feast has typeguard instrument its classes, which is half of its import time.
typeguard.typechecked = lambda target=None, **_: target or (lambda each: each)  # type: ignore[assignment]
# Its SQLite store reads event times as local time.
os.environ["TZ"] = "UTC"
time.tzset()

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from feast import (
        Entity,
        FeatureService,
        FeatureStore,
        FeatureView,
        Field,
        FileSource,
        RepoConfig,
        ValueType,
    )
    from feast.errors import FeastError, FeastObjectNotFoundException
    from feast.types import Bool, Float64, Int64, String

_TYPES = {"int": Int64, "float": Float64, "bool": Bool, "category": String}
_OFFLINE_STORE = "mlops_cli.backends.feast_offline.PointInTimeOfflineStore"
_BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)
_APPLY = "run `mlops features apply`, then `mlops features materialize`"


@dataclass(frozen=True)
class OnlineValue:
    """The latest value of one feature of one entity."""

    value: Any
    event_time: datetime | None
    """None where the store knows nothing of the entity in this view."""
    view: str


@contextlib.contextmanager
def _speaking(config: Config) -> Iterator[FeatureStore]:
    """Yield the store; keep Feast's chatter off our streams and its exceptions in here."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield _open(config)
    except MlopsError:
        raise
    except FeastObjectNotFoundException as error:
        raise NotFoundError(f"Feast does not know this: {error}", _APPLY) from error
    except (FeastError, SQLAlchemyError, OSError) as error:
        reason = mask_text(first_line(error))
        raise UnavailableError(f"the feature store cannot be used: {reason}") from error


def _open(config: Config) -> FeatureStore:
    """Open the store of a configuration.

    The registry is an SQL one: Feast's file registry is read empty while it is written.
    A materialize that was killed must not stop reads, so they are served meanwhile.
    """
    section = config.feature_store
    if section.repo is not None:
        return _open_repo(section.repo)
    online = dict(section.online_store)
    if online.get("type") == "sqlite":
        online.setdefault("path", str(Path(config.state) / "online_store.db"))
        online["path"] = str(config.root / online["path"])
    Path(config.state).mkdir(parents=True, exist_ok=True)
    if section.registry.startswith("sqlite:///"):
        folder = Path(section.registry.removeprefix("sqlite:///")).parent
        folder.mkdir(parents=True, exist_ok=True)
    return FeatureStore(
        config=RepoConfig(
            project=config.project,
            provider="local",
            registry={
                "registry_type": "sql",
                "path": section.registry,
                "serve_features_while_materializing": True,
            },
            online_store=online,
            offline_store={"type": _OFFLINE_STORE},
            entity_key_serialization_version=3,
            repo_path=config.root,
        )
    )


def _open_repo(repo: str) -> FeatureStore:
    """Open an existing Feast repository, with our join in place of Feast's file store.

    Raises:
        ConfigError: The repository uses the ray store, which ignores ttl and breaks ties at random.
    """
    path = Path(repo) / "feature_store.yaml"
    if not path.is_file():
        raise ConfigError(f"feature_store.repo: {path} does not exist")
    try:
        raw = yaml.safe_load(os.path.expandvars(path.read_text(encoding="utf-8")))
        kind = (raw.get("offline_store") or {"type": "file"}).get("type")
        if kind in {"file", "dask"}:
            raw["offline_store"] = {"type": _OFFLINE_STORE}
        elif kind == "ray":
            raise ConfigError(
                f"{path}: the offline store 'ray' ignores ttl and breaks ties at random",
                "use file, duckdb, postgres or spark",
            )
        return FeatureStore(config=RepoConfig(**raw, repo_path=Path(repo)))
    except (FeastError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ConfigError(f"{path} is not a configuration of Feast: {reason}") from error


def apply(config: Config) -> list[str]:
    """Write the definitions of config.yaml to Feast's registry and return the view names.

    With a repository of the user's own, check instead that it defines what config.yaml names.
    """
    with _speaking(config) as store:
        if config.feature_store.repo is not None:
            return sorted(_check_repo(store, config))
        entities: dict[str, Entity] = {}
        views: dict[str, FeatureView] = {}
        services = []
        for model_name, model in config.models.items():
            entity = entities.setdefault(
                model.entity, Entity(name=model.entity, value_type=ValueType.STRING)
            )
            for name, view in model.feature_views.items():
                views.setdefault(name, _view(name, view, entity))
            used = [views[name] for name in model.feature_views]
            services.append(FeatureService(name=model_name, features=used))
        store.apply([*entities.values(), *views.values(), *services])
        return sorted(views)


def _view(name: str, view: FeatureViewConfig, entity: Entity) -> FeatureView:
    fields = [
        Field(name=feature, dtype=_TYPES[spec.type], description=spec.description)
        for feature, spec in view.features.items()
    ]
    return FeatureView(
        name=name,
        entities=[entity],
        ttl=view.ttl or timedelta(0),
        schema=[Field(name=entity.join_key, dtype=String), *fields],
        description=view.description,
        source=FileSource(
            name=name,
            path=view.source,
            timestamp_field=view.timestamp,
            created_timestamp_column=view.created or "",
        ),
    )


def _check_repo(store: FeatureStore, config: Config) -> set[str]:
    wanted = {name: v for m in config.models.values() for name, v in m.feature_views.items()}
    for name, view in wanted.items():
        known = {field.name for field in store.get_feature_view(name).features}
        if missing := set(view.features) - known:
            raise ConfigError(
                f"feature view {name!r} of the Feast repository has no {min(missing)!r}",
                f"it has {', '.join(sorted(known))}",
            )
    return set(wanted)


def views(config: Config) -> list[str]:
    """Return the names of the feature views in the registry."""
    with _speaking(config) as store:
        return sorted(view.name for view in store.list_feature_views())


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
    with _speaking(config) as store:
        job = store.get_historical_features(
            asked, features=_references(model), filter_by_created_timestamp=True
        )
        found = job.to_df()
    if sorted(found["mlops_row"]) != list(range(len(labels))):
        raise UnavailableError(
            f"the offline store returned {len(found)} rows for {len(labels)} labels",
            "use an offline store that keeps rows: file, duckdb, postgres or spark",
        )
    found = found.sort_values("mlops_row", ignore_index=True)[list(model.features)]
    return found.set_index(labels.index)


def materialize(config: Config, end: datetime) -> dict[str, datetime]:
    """Bring the newest value of every entity up to `end` online and return `end` by view.

    The newest rows are taken from the whole source, so a late arrival is never missed and an
    old window never overwrites a newer value.
    """
    names = sorted({name for model in config.models.values() for name in model.feature_views})
    with _speaking(config) as store, contextlib.redirect_stderr(io.StringIO()):
        known = {view.name for view in store.list_feature_views()}
        if missing := set(names) - known:
            raise NotFoundError(
                f"feature view {min(missing)!r} is not in Feast's registry",
                "run `mlops features apply`",
            )
        store.materialize(_BEGINNING, end, feature_views=names)
    return dict.fromkeys(names, end)


def online(
    config: Config, model: ModelConfig, entities: Sequence[str]
) -> list[dict[str, OnlineValue] | None]:
    """Return the latest values of each entity, or None where the store has no such entity."""
    with _speaking(config) as store:
        ids = _ids(store, config, model.entity, entities)
        asked = [each for each in ids if each is not None]
        answer = store.get_online_features(
            features=_references(model), entity_rows=[{model.entity: each} for each in asked]
        ).to_dict(include_event_timestamps=True)
    rows = iter([_online_row(answer, model, position) for position in range(len(asked))])
    return [None if each is None else next(rows) for each in ids]


def _ids(
    store: FeatureStore, config: Config, key: str, entities: Sequence[str]
) -> list[str | int | None]:
    """Return the ids as the store holds them; None for one that it cannot hold.

    Ours are text; a repository of the user's own may have numbers.
    """
    if config.feature_store.repo is None:
        return list(entities)
    kinds = {each.join_key: each.value_type for each in store.list_entities(allow_cache=True)}
    if kinds.get(key) not in {ValueType.INT32, ValueType.INT64}:
        return list(entities)
    return [int(each) if re.fullmatch("0|-?[1-9][0-9]{0,17}", each) else None for each in entities]


def _online_row(
    answer: dict[str, list[Any]], model: ModelConfig, position: int
) -> dict[str, OnlineValue] | None:
    """Read one entity's values; an event time of 0 is how every store says 'unknown'."""
    row = {}
    for view_name, view in model.feature_views.items():
        for name in view.features:
            seconds = answer[f"{name}__ts"][position]
            event = datetime.fromtimestamp(seconds, UTC) if seconds else None
            row[name] = OnlineValue(answer[name][position], event, view_name)
    return row if any(value.event_time for value in row.values()) else None


def _references(model: ModelConfig) -> list[str]:
    return [f"{name}:{f}" for name, view in model.feature_views.items() for f in view.features]
