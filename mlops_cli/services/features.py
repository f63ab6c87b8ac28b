"""Features: Feast's registry and the online store."""

from dataclasses import dataclass
from datetime import timedelta

from mlops_cli.backends import feature_store, files, tables
from mlops_cli.backends.feature_store import Change
from mlops_cli.config import Config, FeatureViewConfig
from mlops_cli.errors import InputError


@dataclass(frozen=True)
class ViewState:
    """One feature view: what config.yaml says and whether Feast knows it."""

    name: str
    models: tuple[str, ...]
    features: int
    ttl: timedelta | None
    registered: bool
    source: str | None


@dataclass(frozen=True)
class Applied:
    """What `apply` has done, or would do."""

    views: list[str]
    plan: list[Change]
    dry_run: bool


def apply(config: Config, dry_run: bool, yes: bool) -> Applied:
    """Make Feast's registry as config.yaml defines it.

    Args:
        config: The project.
        dry_run: Find out what would change, only.
        yes: Also where a view, a feature or its type that is there now will be gone.

    Raises:
        InputError: Something would be gone, without `yes`.
    """
    with files.lock(config.state, "features"):
        plan = feature_store.plan(config)
        if dry_run:
            return Applied(feature_store.views(config), plan, dry_run)
        if (lost := [each for each in plan if each.destructive]) and not yes:
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            details = f" ({'; '.join(lost[0].details)})" if lost[0].details else ""
            raise InputError(
                f"this would {lost[0].action} {lost[0].kind} {lost[0].name!r}{details}{more}",
                "`--dry-run` shows the whole plan, `--yes` does it",
            )
        names = feature_store.apply(config)
        tables.append(config, "features.applied", details={"views": names})
    return Applied(names, plan, dry_run)


def listing(config: Config) -> list[ViewState]:
    """Return every feature view of config.yaml and whether Feast's registry has it."""
    registered = set(feature_store.views(config))
    views: dict[str, FeatureViewConfig] = {}
    users: dict[str, list[str]] = {}
    for model_name, model in config.models.items():
        for name, view in model.feature_views.items():
            views[name] = view
            users.setdefault(name, []).append(model_name)
    return [
        ViewState(
            name=name,
            models=tuple(users[name]),
            features=len(view.features),
            ttl=view.ttl,
            registered=name in registered,
            source=view.source,
        )
        for name, view in views.items()
    ]
