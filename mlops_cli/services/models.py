"""`models` and `status`: the registry from the shell, and one screen of everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mlops_cli.backends import registry, tables
from mlops_cli.backends.registry import CHALLENGER, CHAMPION
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain.records import Event

GOVERNANCE = (
    "model.registered", "promotion.done", "promotion.refused", "promotion.inconclusive",
    "approval.requested", "approval.done", "approval.rejected", "rollback.done",
)  # fmt: skip


@dataclass(frozen=True)
class ModelSummary:
    """One line of `models list`."""

    name: str
    task: str
    champion: int | None
    challenger: int | None
    versions: int


@dataclass(frozen=True)
class VersionSummary:
    """One version with the figures of its run."""

    number: int
    aliases: tuple[str, ...]
    created: datetime
    run_id: str
    waiting: bool
    """Whether it waits for approval."""
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Change:
    """One line of `models history`."""

    time: str
    actor: str
    action: str
    version: int | None
    previous: int | None
    reason: str | None


@dataclass(frozen=True)
class ModelState:
    """One line of `status`."""

    name: str
    champion: int | None
    challenger: int | None
    waiting: bool
    drift: str | None
    """ok, drift or inconclusive; None where no check has run."""
    drift_age: timedelta | None
    features_age: timedelta | None
    """Time since the features were last materialized."""
    data_age: timedelta | None
    """Age of the newest value online, in the view with a ttl that is furthest behind."""
    overdue: tuple[str, ...]
    """The jobs that have not run for longer than they may."""


def listing(config: Config) -> list[ModelSummary]:
    """Return every model of config.yaml with its aliases."""
    summaries = []
    for name, model in config.models.items():
        versions = registry.versions(config, name)
        held = {alias: each.number for each in versions for alias in each.aliases}
        summaries.append(
            ModelSummary(name, model.task, held.get(CHAMPION), held.get(CHALLENGER), len(versions))
        )
    return summaries


def show(config: Config, name: str) -> list[VersionSummary]:
    """Return the versions of a model, oldest first."""
    return [
        VersionSummary(
            number=version.number,
            aliases=version.aliases,
            created=version.created,
            run_id=version.run_id,
            waiting=CHALLENGER in version.aliases
            and version.tags.get("mlops.approval", "").startswith("waiting"),
            metrics=registry.run_metrics(config, version.run_id),
        )
        for version in registry.versions(config, name)
    ]


def history(config: Config, name: str) -> list[Change]:
    """Return what was decided about a model, oldest first."""
    return [
        Change(
            time=event.time,
            actor=event.actor,
            action=event.action,
            version=event.version,
            previous=event.details.get("champion", event.details.get("from")),
            reason=event.details.get("reason"),
        )
        for event in tables.events(config, name, GOVERNANCE)
    ]


def status(config: Config, max_age: timedelta | None) -> list[ModelState]:
    """Return the state of every model; with `max_age`, which scheduled jobs are overdue."""
    now = datetime.now(UTC)
    events = tables.events(config, actions=("drift.checked", "features.materialized"))
    materialized = [event for event in events if event.action == "features.materialized"]
    online = {view: event for event in materialized for view in event.details["views"]}
    states = []
    for name in config.models:
        held = registry.aliases(config, name)
        # A check of a file says nothing about what the model meets in service.
        checks = [
            event
            for event in events
            if event.model == name and event.details.get("source") == "inference log"
        ]
        drift_age = _age(checks, now)
        features_age = _features_age(config.models[name], online, now)
        jobs = {"features materialize": features_age, "drift check": drift_age}
        late = [job for job, age in jobs.items() if max_age and (age is None or age > max_age)]
        challenger = registry.by_alias(config, name, CHALLENGER) if CHALLENGER in held else None
        tags = challenger.tags if challenger else {}
        states.append(
            ModelState(
                name=name,
                champion=held.get(CHAMPION),
                challenger=held.get(CHALLENGER),
                waiting=tags.get("mlops.approval", "").startswith("waiting"),
                drift=_verdict(checks[-1]) if checks else None,
                drift_age=drift_age,
                features_age=features_age,
                data_age=_data_age(config.models[name], online, now),
                overdue=tuple(late if CHAMPION in held else ()),
            )
        )
    return states


def _age(events: list[Event], now: datetime) -> timedelta | None:
    return now - datetime.fromisoformat(events[-1].time) if events else None


def _features_age(
    model: ModelConfig, online: Mapping[str, Event], now: datetime
) -> timedelta | None:
    """Return how long ago the view that is furthest behind was materialized, by its last event."""
    if not set(model.feature_views) <= set(online):
        return None
    times = [datetime.fromisoformat(online[view].time) for view in model.feature_views]
    return now - min(times)


def _data_age(model: ModelConfig, online: Mapping[str, Event], now: datetime) -> timedelta | None:
    limited = [view for view, spec in model.feature_views.items() if spec.ttl]
    views = limited or list(model.feature_views)
    newest = {view: event.details.get("newest", {}).get(view) for view, event in online.items()}
    known = [datetime.fromisoformat(newest[v]) for v in views if newest.get(v)]
    return now - min(known) if known else None


def _verdict(event: Event) -> str:
    if not event.details["conclusive"]:
        return "inconclusive"
    return "drift" if event.details["drifted"] else "ok"
