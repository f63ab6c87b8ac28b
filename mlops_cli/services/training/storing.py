"""What is kept of a training: the model folder, and the evidence beside it."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from mlops_cli.backends import environment, estimator, files, own_metrics, registry, tables
from mlops_cli.config import Config, ModelConfig, recorded
from mlops_cli.domain.comparison import CROSSING
from mlops_cli.domain.contract import Contract, policy_digest
from mlops_cli.domain.encoding import encode
from mlops_cli.domain.metrics import multiclass
from mlops_cli.domain.missing import typical_row
from mlops_cli.services.training import outbox
from mlops_cli.services.training.dataset import TrainingSet
from mlops_cli.services.training.fitting import Fitted, figures
from mlops_cli.services.training.page import Trained
from mlops_cli.services.training.reporting import write_evidence

REFERENCE_ROWS = 20_000
_LONGEST = 6000
"""Characters of a parameter that MLflow takes."""
DATASET_FILE = "dataset.json"
CONFIG_FILE = "config.json"
SITES_FILE = "sites.json"
SEARCH_FILE = "search.json"
_METRICS = "mlops.metrics_digest"
_CODE = {
    "mlflow.source.git.commit": "commit",
    "mlops.git_dirty": "uncommitted changes",
    _METRICS: "own metrics",
}
DECISION_FILE = "decision.json"
_VERSION, _THREADS, _DEVICE = "mlops.version.", "mlops.threads", "mlops.device"


def lineage(config: Config, name: str, data: TrainingSet) -> dict[str, str]:
    """Return as tags of a run where it comes from: who, what, which data, which rules."""
    model = config.models[name]
    return {
        "mlflow.user": tables.actor(),
        "mlflow.source.name": "mlops train",
        "mlops.model": name,
        "mlops.dataset_digest": data.digests.whole,
        "mlops.feature_views": ",".join(model.feature_views),
        "mlops.policy_digest": policy_digest(model),
        **surroundings(config, name),
    }


def surroundings(config: Config, name: str) -> dict[str, str]:
    """Return as tags of a run what it is made with: commit, packages, threads and device."""
    made = environment.commit(config.root) | environment.packages()
    device, _ = estimator.device(config.models[name])
    own = own_metrics.code_digest(config, name)
    made |= {_METRICS: own} if own else {}
    return {**made, _THREADS: str(estimator.cores()), _DEVICE: device}


def by_kind(tags: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return what the tags of a run say of code, pins and threads, by the name for people."""
    pins = {tag: value for tag, value in tags.items() if tag.startswith(_VERSION)}
    return {
        "code": {title: tags[tag] for tag, title in _CODE.items() if tag in tags},
        "pins": {tag.removeprefix(_VERSION): value for tag, value in pins.items()},
        "threads": {"threads": tags[_THREADS], "device": tags.get(_DEVICE, "cpu")}
        if _THREADS in tags
        else {},
    }


@dataclass(frozen=True)
class Circumstances:
    """How a training came about and what is to become of it."""

    start: int
    """In ms since 1970."""
    tags: Mapping[str, str]
    samples: Sequence[registry.Sample]
    """What was read of the machine meanwhile."""
    register: bool
    """Whether its run is to become a version."""


def store(trained: Trained, how: Circumstances) -> dict[str, str]:
    """Put the run with its model and evidence into the outbox; return the digests of the model."""
    config, name = trained.config, trained.name
    with outbox.putting(config, trained.key) as folder:
        digests = write_model(folder / registry.MODEL, config, name, trained.data, trained.fitted)
        _write_evidence(folder / registry.EVIDENCE, trained, digests)
        outbox.write(folder, outbox.Kept(_run(trained, how, digests), digests, how.register))
    return digests


def _write_evidence(folder: Path, trained: Trained, digests: Mapping[str, str]) -> None:
    config, name, data, fitted = trained.config, trained.name, trained.data, trained.fitted
    importance = estimator.importance(fitted.booster, list(config.models[name].inputs))
    write_evidence(folder, trained, _record(config, name, data, digests))
    kept: dict[str, object] = {
        SEARCH_FILE: {**fitted.search.record(), "importance": importance},
        DATASET_FILE: data.record(),
        DECISION_FILE: fitted.decided.record(),
        CONFIG_FILE: recorded(config, name),
    }
    if trained.measured.sites:
        kept[SITES_FILE] = [vars(each) for each in trained.measured.sites]
    for file, content in kept.items():
        files.write_text(folder / file, json.dumps(content, indent=1))


def _run(trained: Trained, how: Circumstances, digests: Mapping[str, str]) -> registry.FinishedRun:
    """Return what MLflow is told of a training besides its files."""
    model, data, fitted = trained.config.models[trained.name], trained.data, trained.fitted
    columns = {feature: str(spec.type) for feature, spec in data.features.items()}
    digest_tags = {f"mlops.{key}_digest": digest for key, digest in digests.items()}
    end = time.time()
    return registry.FinishedRun(
        key=trained.key,
        name=trained.name,
        start=how.start,
        end=round(1000 * end),
        tags={
            **how.tags,
            **digest_tags,
            registry.TRAINED: datetime.fromtimestamp(end, UTC).isoformat(),
        },
        params={key: str(value)[:_LONGEST] for key, value in fitted.params.items()},
        metrics=figures(trained.measured, fitted),
        table=registry.TrainingTable(
            digest=data.digests.whole,
            source=model.labels.source,
            columns={**columns, model.labels.column: "float"},
            rows=len(data.labels),
        ),
        trials=fitted.search.runs() if model.search.nested else (),
        samples=tuple(how.samples),
    )


def _record(
    config: Config, name: str, data: TrainingSet, digests: Mapping[str, str]
) -> dict[str, str]:
    """Return digests, commit and versions by the names that people read."""
    made = by_kind(surroundings(config, name))
    return {
        "dataset digest": data.digests.whole,
        **{f"{key} digest": digest for key, digest in digests.items()},
        **made["code"],
        **made["pins"],
    }


def write_model(
    folder: Path, config: Config, name: str, data: TrainingSet, fitted: Fitted
) -> dict[str, str]:
    """Write the model folder, sealed, and return its digests."""
    model = config.models[name]
    registry.write_model(
        folder,
        fitted.booster,
        list(data.inputs),
        environment.pins(),
        _example(data),
        model.labels.classes,
    )
    _write_rows(folder, model, data, fitted, config.seed)
    entities = len(set(data.entities[~data.held]))
    contract = Contract.of(
        name,
        model,
        data.features,
        entities,
        data.digests.whole,
        threshold=fitted.decided.threshold,
        calibration=fitted.decided.calibration,
    )
    return estimator.seal(folder, contract)


def _example(data: TrainingSet) -> list[float]:
    """Return typical inputs as the model reads them; a feature that no row has counts as 0."""
    typical = encode(typical_row(data.frame[~data.held], data.inputs), data.inputs)
    return [float(value) for value in np.nan_to_num(typical[0].astype(np.float64))]


def _write_rows(
    folder: Path, model: ModelConfig, data: TrainingSet, fitted: Fitted, seed: int
) -> None:
    """Keep what later decisions need: training rows for drift checks, held out rows for the gates.

    Predictions are those for unseen rows: a model is surer of what it was trained on, and new
    predictions would seem to have drifted from that.
    Of several classes the position of the predicted one is kept.
    Entities are kept as numbers: enough to resample by, nothing to recognise anybody by.
    """
    frame = data.frame.assign(
        mlops_label=data.labels,
        mlops_prediction=multiclass.named(fitted.scores)
        if model.task == "multiclass"
        else fitted.scores,
        mlops_entity=np.unique(data.entities.astype(str), return_inverse=True)[1],
    )
    if data.crossing is not None:
        frame[CROSSING] = data.crossing
    reference = frame[~data.held].drop(columns=["mlops_entity", CROSSING], errors="ignore")
    if len(reference) > REFERENCE_ROWS:
        reference = reference.sample(REFERENCE_ROWS, random_state=seed)
    files.write_table(folder / estimator.REFERENCE_FILE, reference, model.features)
    files.write_table(folder / estimator.HOLDOUT_FILE, frame[data.held], model.features)
