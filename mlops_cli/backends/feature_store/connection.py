"""Opening Feast: our registry and stores, or a repository of the user's own."""

import contextlib
import io
import os
import re
import sqlite3
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from feast import FeatureStore, FeatureView, RepoConfig
from feast.errors import FeastError, FeastObjectNotFoundException
from feast.infra.online_stores.helpers import compute_versioned_name
from sqlalchemy.exc import (
    IntegrityError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from mlops_cli.config import Config, ModelConfig
from mlops_cli.config.masking import mask_text
from mlops_cli.config.values import located
from mlops_cli.errors import ConfigError, MlopsError, NotFoundError, UnavailableError, first_line

_OFFLINE_STORE = "mlops_cli.backends.feature_store.offline_store.PointInTimeOfflineStore"
_READS = 5
_CODE = {"user_defined_function", "feature_transformation"}
_APPLY = "run `mlops features apply`, then `mlops features materialize`"


@contextlib.contextmanager
def speaking(config: Config) -> Iterator[FeatureStore]:
    """Yield the store; keep Feast's chatter off our streams and its exceptions in here."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            store = _open(config)
            _make_registry(store)
            if not config.feature_store.allow_udf:
                _refuse_code(store)
            yield store
    except MlopsError:
        raise
    except FeastObjectNotFoundException as error:
        repo = config.feature_store.repo
        step = f"run `feast apply` in {repo}" if repo else _APPLY
        raise NotFoundError(f"Feast does not know this: {error}", step) from error
    except (FeastError, SQLAlchemyError, sqlite3.Error, OSError, *_drivers()) as error:
        reason = mask_text(first_line(error))
        raise UnavailableError(f"the feature store cannot be used: {reason}") from error


def _drivers() -> list[type[Exception]]:
    """Return what the drivers of the online stores raise, of those that are loaded."""
    roots = (("redis", "RedisError"), ("psycopg", "Error"))
    return [getattr(sys.modules[name], root) for name, root in roots if name in sys.modules]


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
        registry = raw.get("registry")
        if isinstance(registry, dict) and registry.get("path"):
            registry["path"] = located(str(registry["path"]), Path(repo))
        return FeatureStore(repo_path=repo, config=RepoConfig(**raw, repo_path=Path(repo)))
    except (FeastError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ConfigError(f"{path} is not a configuration of Feast: {reason}") from error


def _make_registry(store: FeatureStore) -> None:
    """Open the registry; several processes that make its tables at once get in each other's way."""
    for turn in range(_READS, 0, -1):
        try:
            _ = store.registry
        except (IntegrityError, OperationalError, ProgrammingError) as error:
            if turn == 1 or not re.search("already exists|duplicate key", str(error)):
                raise
            time.sleep(0.1)
        else:
            return


def await_views(store: FeatureStore, config: Config) -> None:
    """Wait until a repository's registry has views: a file registry is empty while it is written.

    Raises:
        UnavailableError: It has none.
    """
    if config.feature_store.repo is None:
        return
    for _ in range(_READS):
        store.refresh_registry()
        if store.registry.proto().feature_views:
            return
        time.sleep(0.1)
    raise UnavailableError(
        f"Feast's registry in {store.repo_path} has no feature view",
        "it is being written, or was never applied: run `feast apply` there",
    )


def _refuse_code(store: FeatureStore) -> None:
    """Refuse a registry whose views bring code: Feast would run it as soon as it reads them.

    Raises:
        ConfigError: A view has a transformation.
    """
    store.refresh_registry()  # a file registry is empty before
    registry = store.registry.proto()  # what is stored, before anything is made of it
    for kind in ("feature_views", "on_demand_feature_views", "stream_feature_views"):
        for view in getattr(registry, kind):
            fields = {field.name for field, _ in view.spec.ListFields()}
            if view.spec.project in {"", store.project} and fields & _CODE:
                raise ConfigError(
                    f"view {view.spec.name!r} of Feast's registry brings code of its own (a UDF)",
                    "`derived` in config.yaml needs no code; feature_store.allow_udf: true runs it",
                )


def references(model: ModelConfig) -> list[str]:
    """Return the features of a model as Feast names them: `view:feature`."""
    return [f"{name}:{f}" for name, view in model.feature_views.items() for f in view.features]


def online_store(store: FeatureStore) -> Any:
    """Return the online store that Feast itself reads and writes."""
    return store._get_provider().online_store  # noqa: SLF001 - Feast has no public way to it


def stored_name(store: FeatureStore, view: FeatureView) -> str:
    """Return the name under which the online store keeps a view."""
    versioned = store.config.registry.enable_online_feature_view_versioning
    return str(compute_versioned_name(view, versioned))
