"""`audit log|verify|lineage`: who did what, is the record whole, where did an answer come from."""

from dataclasses import dataclass

from mlops_cli.backends import registry, tables
from mlops_cli.config import Config
from mlops_cli.domain import chain
from mlops_cli.domain.chain import Verification
from mlops_cli.domain.records import Event, LoggedPrediction
from mlops_cli.errors import NotFoundError


@dataclass(frozen=True)
class Lineage:
    """From one prediction back to the data and the code."""

    prediction: LoggedPrediction
    version: int
    run_id: str
    model_digest: str
    dataset_digest: str
    commit: str | None
    feature_views: tuple[str, ...]
    packages: dict[str, str]
    events: tuple[Event, ...]
    """What happened to this version, from training to promotion."""


def log(config: Config, model: str | None, last: int | None) -> list[Event]:
    """Return the newest events of the audit log, oldest first."""
    events = tables.events(config, model)
    return events[-last:] if last else events


def verify(config: Config) -> Verification:
    """Recompute the whole hash chain."""
    return chain.verify(tables.chain_rows(config))


def lineage(config: Config, prediction_id: str) -> Lineage:
    """Follow a prediction to its version, run, data, code and decisions.

    Raises:
        NotFoundError: The inference log has no such prediction.
    """
    found = tables.prediction(config, prediction_id)
    if found is None:
        raise NotFoundError(
            f"no prediction {prediction_id!r} in the inference log",
            "`mlops predict` prints the id of each prediction",
        )
    version = registry.version(config, found.model, found.version)
    _, tags = registry.run_status(config, version.run_id)
    events = tables.events(config, found.model)
    model = config.models.get(found.model)  # None where it was renamed or taken out since
    about = (found.version, version.run_id)
    prefix = "mlops.version."
    return Lineage(
        prediction=found,
        version=version.number,
        run_id=version.run_id,
        model_digest=tags["mlops.model_digest"],
        dataset_digest=tags["mlops.dataset_digest"],
        commit=tags.get("mlflow.source.git.commit"),
        feature_views=tuple(model.feature_views) if model else (),
        packages={k.removeprefix(prefix): v for k, v in tags.items() if k.startswith(prefix)},
        events=tuple(e for e in events if {e.version, e.details.get("run_id")} & set(about)),
    )
