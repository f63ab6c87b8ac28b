"""Definitions: config.yaml becomes entities, feature views and services in Feast's registry."""

from dataclasses import dataclass
from datetime import timedelta

from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Bool, Float64, Int64, String

from mlops_cli.backends.feature_store.connection import await_views, speaking
from mlops_cli.config import Config, FeatureViewConfig
from mlops_cli.errors import ConfigError

_TYPES = {"int": Int64, "float": Float64, "bool": Bool, "category": String}


@dataclass(frozen=True)
class Change:
    """One difference between Feast's registry and config.yaml."""

    kind: str
    """feature view or feature service."""
    name: str
    action: str
    """create, change or remove."""
    details: tuple[str, ...] = ()
    destructive: bool = False
    """Whether something that is there now will be gone."""


@dataclass(frozen=True)
class _Wanted:
    """What config.yaml defines."""

    entities: dict[str, Entity]
    views: dict[str, FeatureView]
    services: dict[str, FeatureService]


def plan(config: Config) -> list[Change]:
    """Return what `apply` would change, and change nothing."""
    with speaking(config) as store:
        if config.feature_store.repo is not None:
            return []
        return _changes(store, _wanted(config))


def apply(config: Config) -> list[str]:
    """Make Feast's registry as config.yaml defines it, in one go, and return the view names.

    With a repository of the user's own, check instead that it defines what config.yaml names.
    """
    with speaking(config) as store:
        if config.feature_store.repo is not None:
            await_views(store, config)
            return sorted(_check_repo(store, config))
        wanted = _wanted(config)
        gone = [
            *(each for each in store.list_feature_services() if each.name not in wanted.services),
            *(each for each in store.list_feature_views() if each.name not in wanted.views),
        ]
        kept = [*wanted.entities.values(), *wanted.views.values(), *wanted.services.values()]
        store.apply(kept, objects_to_delete=gone, partial=False)
        return sorted(wanted.views)


def _wanted(config: Config) -> _Wanted:
    wanted = _Wanted({}, {}, {})
    for model_name, model in config.models.items():
        for key in model.keys:
            wanted.entities.setdefault(key, Entity(name=key, value_type=ValueType.STRING))
        for name, view in model.feature_views.items():
            keys = [wanted.entities[key] for key in model.view_keys(name)]
            wanted.views.setdefault(name, _view(name, view, keys))
        used = [wanted.views[name] for name in model.feature_views]
        wanted.services[model_name] = FeatureService(name=model_name, features=used)
    return wanted


def view_of(store: FeatureStore, config: Config, name: str) -> FeatureView:
    """Return a view of config.yaml as Feast has it.

    Ours is what config.yaml says, also before it is applied; a repository of the user's own has
    the word over its views.
    """
    if config.feature_store.repo is None:
        return _wanted(config).views[name]
    await_views(store, config)
    return store.get_feature_view(name)


def require_applied(config: Config, registered: FeatureView) -> None:
    """Refuse to write a view online by a definition that config.yaml no longer has.

    Raises:
        ConfigError: The registry and config.yaml differ.
    """
    if config.feature_store.repo is None:
        wanted = _wanted(config).views[registered.name]
        if details := _differences(registered, wanted):
            raise ConfigError(
                f"feature view {registered.name!r} is not as config.yaml defines it: {details[0]}",
                "run `mlops features apply`",
            )


def _changes(store: FeatureStore, wanted: _Wanted) -> list[Change]:
    known = {view.name: view for view in store.list_feature_views()}
    changes = [Change("feature view", name, "create") for name in wanted.views if name not in known]
    for name, view in known.items():
        if name not in wanted.views:
            changes.append(Change("feature view", name, "remove", destructive=True))
        elif details := _differences(view, wanted.views[name]):
            lost = any(said.startswith(("-", "~")) for said in details)
            changes.append(Change("feature view", name, "change", details, destructive=lost))
    services = {service.name: _views_of(service) for service in store.list_feature_services()}
    for name, service in wanted.services.items():
        if name not in services:
            changes.append(Change("feature service", name, "create"))
        elif services[name] != _views_of(service):
            changes.append(Change("feature service", name, "change"))
    gone = sorted(set(services) - set(wanted.services))
    return changes + [Change("feature service", name, "remove", destructive=True) for name in gone]


def _views_of(service: FeatureService) -> set[str]:
    return {projection.name for projection in service.feature_view_projections}


def _differences(old: FeatureView, new: FeatureView) -> tuple[str, ...]:
    """Return how two views differ: + and - for features, ~ for what makes old values unusable."""
    before, after = ({f.name: str(f.dtype) for f in view.features} for view in (old, new))
    said = [f"+ {name} ({after[name]})" for name in after if name not in before]
    said += [f"- {name} ({before[name]})" for name in before if name not in after]
    said += [
        f"~ {name}: {before[name]} -> {after[name]}"
        for name in before
        if after.get(name, before[name]) != before[name]
    ]
    if old.entities != new.entities:
        said.append(f"~ entity: {', '.join(old.entities)} -> {', '.join(new.entities)}")
    if (old.ttl or timedelta(0)) != (new.ttl or timedelta(0)):
        said.append(f"ttl: {old.ttl or 'for ever'} -> {new.ttl or 'for ever'}")
    sources = [
        (view.batch_source.path, view.batch_source.timestamp_field,
         view.batch_source.created_timestamp_column or None)
        for view in (old, new)
    ]  # fmt: skip
    if sources[0] != sources[1]:
        said.append(f"source: {sources[1][0]}")
    return tuple(said)


def _view(name: str, view: FeatureViewConfig, keys: list[Entity]) -> FeatureView:
    fields = [
        Field(name=feature, dtype=_TYPES[spec.type], description=spec.description)
        for feature, spec in view.features.items()
    ]
    return FeatureView(
        name=name,
        entities=keys,
        ttl=view.ttl or timedelta(0),
        schema=[*(Field(name=key.join_key, dtype=String) for key in keys), *fields],
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
        theirs = store.get_feature_view(name)
        known = {field.name for field in theirs.features}
        if missing := set(view.features) - known:
            raise ConfigError(
                f"feature view {name!r} of the Feast repository has no {min(missing)!r}",
                f"it has {', '.join(sorted(known))}",
            )
        if view.ttl is not None and view.ttl != theirs.ttl:
            raise ConfigError(
                f"feature view {name!r}: ttl is {theirs.ttl or 'none'} in the Feast repository, "
                f"{view.ttl} in config.yaml",
                "leave it out of config.yaml: the repository has the word",
            )
    return set(wanted)


def views(config: Config) -> list[str]:
    """Return the names of the feature views in the registry."""
    with speaking(config) as store:
        await_views(store, config)
        return sorted(view.name for view in store.list_feature_views())
