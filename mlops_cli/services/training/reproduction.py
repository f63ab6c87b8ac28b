"""`train --reproduce`: the model of a run once more, and what differs by name."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_cli.backends import registry, tables
from mlops_cli.config import Config, budgeted, recorded, restored
from mlops_cli.domain.reproduction import configurations, differing, training_sets
from mlops_cli.domain.results.reproduction import Difference, Reproduction, ThenAndNow
from mlops_cli.errors import InputError, IntegrityError, NotFoundError
from mlops_cli.services.training.dataset import TrainingSet, build, source_files
from mlops_cli.services.training.fitting import figures, fit, measure
from mlops_cli.services.training.searching import Say
from mlops_cli.services.training.storing import (
    CONFIG_FILE,
    DATASET_FILE,
    SEARCH_FILE,
    by_kind,
    surroundings,
    write_model,
)


@dataclass(frozen=True)
class _Record:
    """What a run says of itself."""

    dataset: dict[str, Any]
    """As `TrainingSet.record`, or its digest alone where the run was made before there was one."""
    config: dict[str, Any] | None
    """As `recorded`, None where the run was made before there was one."""
    surroundings: dict[str, dict[str, str]]
    model_digest: str
    trials: int | None
    """How many sets of parameters were tried, where it says so: after a time budget, fewer than
    were asked for."""
    decision_digest: str | None
    """None where the run was made before there was one."""

    @property
    def unknown(self) -> tuple[str, ...]:
        """What it does not say."""
        said = {
            "files": "files" in self.dataset,
            "columns": "columns" in self.dataset,
            "config": self.config,
            "decision": self.decision_digest,
            **self.surroundings,
        }
        return tuple(name for name, known in said.items() if not known)


def reproduce(config: Config, name: str, run_id: str, say: Say) -> Reproduction:
    """Train the model of a run again under its own configuration, and compare digest by digest.

    Nothing is stored but an event in the audit log. Where the training set is another one, that
    is the answer, and nothing is trained.

    Raises:
        NotFoundError: There is no such run.
        InputError: The run belongs to another model or has not finished.
    """
    then = _read(config, name, run_id)
    own = config if then.config is None else restored(config, name, then.config)
    if then.trials is not None:
        own = budgeted(own, [name], trials=then.trials, minutes=None)
    say(f"{name}: joining features to labels")
    data, found = _rebuilt(own, name, then)
    if then.config is not None:
        found += configurations(then.config, recorded(config, name))
    now = by_kind(surroundings(own, name))
    for kind, tags in then.surroundings.items():
        found += differing(kind, tags, now[kind]) if tags else []
    model_digest = None
    if data and data.digests.whole == then.dataset["digest"]:
        model_digest, trained = _retrained(own, name, run_id, then, data, say)
        found += trained
    result = Reproduction(
        model=name,
        run_id=run_id,
        reproduced=model_digest is not None and all(each.kind != "model" for each in found),
        differences=tuple(found),
        dataset_digest=ThenAndNow(then.dataset["digest"], data.digests.whole if data else None),
        model_digest=ThenAndNow(then.model_digest, model_digest),
        unknown=then.unknown,
    )
    _put_on_record(config, result)
    return result


def _read(config: Config, name: str, run_id: str) -> _Record:
    """Read what a finished run of this model has recorded."""
    status, tags = registry.run_status(config, run_id)
    if tags.get("mlops.model", name) != name:
        raise InputError(
            f"run {run_id} is one of {tags['mlops.model']}, not of {name}",
            f"`mlops train {tags['mlops.model']} --reproduce {run_id}`",
        )
    if status != "FINISHED" or "mlops.model_digest" not in tags:
        raise InputError(
            f"run {run_id} is {status} and holds no whole {name}",
            f"`mlops models show {name}` lists the runs of its versions",
        )
    dataset = _evidence(config, run_id, DATASET_FILE) or {}
    return _Record(
        dataset=dataset | {"digest": tags["mlops.dataset_digest"]},
        config=_evidence(config, run_id, CONFIG_FILE),
        surroundings=by_kind(tags),
        model_digest=tags["mlops.model_digest"],
        trials=(_evidence(config, run_id, SEARCH_FILE) or {}).get("trials"),
        decision_digest=tags.get("mlops.decision_digest"),
    )


def _evidence(config: Config, run_id: str, file: str) -> dict[str, Any] | None:
    text = registry.run_text(config, run_id, f"evidence/{file}")
    try:
        return None if text is None else dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise IntegrityError(f"evidence/{file} of run {run_id} is damaged") from error


def _rebuilt(
    config: Config, name: str, then: _Record
) -> tuple[TrainingSet | None, list[Difference]]:
    """Build the training set from the tables of today; None where they no longer make one."""
    model = config.models[name]
    try:
        data = build(config, name)
    except (InputError, NotFoundError) as error:
        found = training_sets(then.dataset, then.dataset | {"files": source_files(model)}, ())
        digest = then.dataset["digest"]
        return None, [*found, Difference("data", "training set", digest, error.message)]
    keys = {*model.keys, model.labels.timestamp}
    return data, training_sets(then.dataset, data.record(), keys)


def _retrained(
    config: Config, name: str, run_id: str, then: _Record, data: TrainingSet, say: Say
) -> tuple[str, list[Difference]]:
    """Search, fit and measure as `train` does, and keep nothing; return the digest of the model."""
    fitted = fit(config, name, data, say)
    measured = measure(config, name, data, fitted)
    with tempfile.TemporaryDirectory() as scratch:
        now = write_model(Path(scratch) / "model", config, name, data, fitted)
    params = {key: str(value) for key, value in fitted.params.items()}
    was = {"model": then.model_digest, "decision": then.decision_digest}
    digests = [
        {f"{key}_digest": each[key] for key, old in was.items() if old} for each in (was, now)
    ]
    return now["model"], [
        *differing("model", *digests),
        *differing("model", registry.run_params(config, run_id), params),
        *differing("model", registry.run_metrics(config, run_id), figures(measured, fitted)),
    ]


def _put_on_record(config: Config, result: Reproduction) -> None:
    details = {
        "run_id": result.run_id,
        "outcome": "reproduced" if result.reproduced else "different",
        "differences": [f"{each.kind}: {each.name}" for each in result.differences],
        "dataset_digest": vars(result.dataset_digest),
        "model_digest": vars(result.model_digest),
    }
    tables.append(config, "model.reproduced", result.model, None, details)
