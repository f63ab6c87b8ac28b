"""The online store: the newest values of each entity."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from feast import FeatureStore, FeatureView
from feast.types import Int32, Int64

from mlops_cli.backends.feature_store.connection import await_views, references, speaking
from mlops_cli.backends.feature_store.reading import latest, readable
from mlops_cli.backends.feature_store.wire import epoch_time
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain.keys import Key
from mlops_cli.domain.online import OnlineValue, Row, known
from mlops_cli.errors import ConfigError, NotFoundError

_WHOLE = re.compile("0|-?[1-9][0-9]{0,18}")
_LIMITS = {Int32: 2**31, Int64: 2**63}
_Ids = Mapping[str, str | int]


def online(config: Config, model: ModelConfig, keys: Sequence[Key]) -> list[Row | None]:
    """Return the latest values of each entity, or None where the store has no such entity.

    Args:
        config: The project.
        model: Whose features.
        keys: For each entity an id for every column of `model.keys`.

    Raises:
        NotFoundError: Feast's registry lacks a view or a feature.
        ConfigError: A view in the registry has another key than in the configuration.
        UnavailableError: The registry or the online store cannot be read.
    """
    with speaking(config) as store:
        await_views(store, config)
        views = [_view(config, store, model, name) for name in model.feature_views]
        held = [_held(views, key) for key in keys]
        asked = [key for key in held if key is not None]
        ours = all(readable(store, view, _features(model, view)) for view in views)
        answer = _read if ours else _ask
        found = iter(answer(store, config, model, views, asked) if asked else [])
    rows = [None if key is None else next(found) for key in held]
    return [row if row and known(model, row) else None for row in rows]


def _view(config: Config, store: FeatureStore, model: ModelConfig, name: str) -> FeatureView:
    """Return a view as the registry has it, which was read when the store was opened."""
    view = store.get_feature_view(name, allow_registry_cache=True)
    apply = "run `mlops features apply`" if config.feature_store.repo is None else None
    known = {field.name for field in view.features}
    if missing := [each for each in _features(model, view) if each not in known]:
        raise NotFoundError(f"Feast's registry has no {missing[0]!r} in view {name!r}", apply)
    if set(view.join_keys) != set(model.view_keys(name)):
        ours, theirs = ", ".join(model.view_keys(name)), ", ".join(view.join_keys)
        raise ConfigError(
            f"feature view {name!r}: its key is {theirs} in Feast's registry, "
            f"{ours} in config.yaml",
            apply or "name the columns under `entity` of the view",
        )
    return view


def _features(model: ModelConfig, view: FeatureView) -> list[str]:
    return list(model.feature_views[view.name].features)


def _ttl(config: Config, model: ModelConfig, view: FeatureView) -> timedelta | None:
    """Return the ttl that training goes by: ours, or that of a repository of the user's own."""
    ours = config.feature_store.repo is None
    return model.feature_views[view.name].ttl if ours else view.ttl


def _held(views: Sequence[FeatureView], key: Key) -> _Ids | None:
    """Return a key as the store holds it; None for one that it cannot hold.

    Ours are text; a repository of the user's own may have numbers.
    """
    held: dict[str, str | int] = {}
    for column in (column for view in views for column in view.entity_columns):
        text = key[column.name]
        limit = _LIMITS.get(column.dtype)
        if limit is None:
            if not _is_unicode(text):
                return None
            held[column.name] = text
        elif _WHOLE.fullmatch(text) and -limit <= int(text) < limit:
            held[column.name] = int(text)
        else:
            return None
    return held


def _is_unicode(text: str) -> bool:
    """Tell whether text can be stored: bytes of the shell that are no UTF-8 cannot."""
    return text.isascii() or not re.search("[\ud800-\udfff]", text)


def _read(
    store: FeatureStore,
    config: Config,
    model: ModelConfig,
    views: Sequence[FeatureView],
    keys: Sequence[_Ids],
) -> list[Row]:
    """Read the store itself, view by view."""
    rows: list[Row] = [{} for _ in keys]
    for view in views:
        features = _features(model, view)
        ttl = _ttl(config, model, view)
        empty = {name: OnlineValue(None, None, view.name, ttl) for name in features}
        for row, stored in zip(rows, latest(store, view, features, keys), strict=True):
            if stored is None:
                row.update(empty)
                continue
            for name, value in stored.values.items():
                row[name] = OnlineValue(value, stored.event_time, view.name, ttl)
    return rows


def _ask(
    store: FeatureStore,
    config: Config,
    model: ModelConfig,
    views: Sequence[FeatureView],
    keys: Sequence[_Ids],
) -> list[Row]:
    """Ask Feast's SDK."""
    answer = store.get_online_features(
        features=references(model), entity_rows=[dict(key) for key in keys]
    ).to_dict(include_event_timestamps=True)
    rows: list[Row] = [{} for _ in keys]
    for view in views:
        ttl = _ttl(config, model, view)
        for name in _features(model, view):
            stamps, values = answer[f"{name}__ts"], answer[name]
            for row, value, seconds in zip(rows, values, stamps, strict=True):
                row[name] = OnlineValue(value, epoch_time(seconds), view.name, ttl)
    return rows
