"""Definitions: config.yaml becomes entities, feature views and services in Feast's registry."""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Bool, Float64, Int64, String

from mlops_cli.backends.feature_store.connection import speaking
from mlops_cli.config import Config, FeatureViewConfig
from mlops_cli.errors import ConfigError

_TYPES = {"int": Int64, "float": Float64, "bool": Bool, "category": String}


def apply(config: Config) -> list[str]:
    """Write the definitions of config.yaml to Feast's registry and return the view names.

    With a repository of the user's own, check instead that it defines what config.yaml names.
    """
    with speaking(config) as store:
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
    with speaking(config) as store:
        return sorted(view.name for view in store.list_feature_views())
