"""What MLflow is told of a run besides its files."""

import json
from urllib.parse import urlsplit

from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModel,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunTag,
)
from mlflow.types import ColSpec, Schema
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from mlops_cli.backends.registry.finished import FinishedRun, TrainingTable
from mlops_cli.backends.registry.found import SOURCE
from mlops_cli.config.masking import mask_text

_BATCH = 1000
"""Metrics that MLflow takes in one call."""
_TYPES = {"int": "long", "float": "double", "bool": "boolean", "category": "string"}


def describe(client: MlflowClient, opened: Run, run: FinishedRun, model: LoggedModel) -> None:
    """Write parameters, metrics, tags, training set and model of a run; what is there stays."""
    run_id = opened.info.run_id
    # A metric of a model is refused the second time, unlike all the rest.
    metrics = [
        Metric(key, value, run.end, 0, model_id=model.model_id, run_id=run_id)
        for key, value in run.metrics.items()
        if key not in opened.data.metrics
    ]
    params = [Param(key, value) for key, value in run.params.items()]
    tags = {**run.tags, SOURCE: str(model.model_uri)}
    client.log_batch(run_id, metrics, params, [RunTag(key, value) for key, value in tags.items()])
    read = [
        Metric(key, value, sample.time, step)
        for step, sample in enumerate(run.samples)
        for key, value in sample.values.items()
    ]
    for begin in range(0, len(read), _BATCH):
        client.log_batch(run_id, read[begin : begin + _BATCH])
    context = [InputTag(MLFLOW_DATASET_CONTEXT, "training")]
    client.log_inputs(run_id, [DatasetInput(_dataset(run.name, run.table), context)])
    if not (opened.outputs and opened.outputs.model_outputs):
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])


def differing(found: Run, run: FinishedRun) -> list[str]:
    """Return what MLflow gives back otherwise than it was told, in words."""
    said = {
        "status": (found.info.status, "FINISHED"),
        "parameters": (found.data.params, dict(run.params)),
        "tags": (found.data.tags, {**found.data.tags, **run.tags}),
        "metrics": (found.data.metrics, {**found.data.metrics, **run.metrics}),
        "training set": (
            [each.dataset.digest for each in found.inputs.dataset_inputs],
            [_dataset(run.name, run.table).digest],
        ),
    }
    return [name for name, (there, told) in said.items() if there != told]


def _dataset(name: str, table: TrainingTable) -> Dataset:
    """Return a training set as MLflow shows it; `mlflow.data.get_source` finds its labels."""
    scheme = urlsplit(table.source).scheme if "://" in table.source else "local"
    web = scheme in {"http", "https"}
    columns = [ColSpec(_TYPES[kind], name, required=False) for name, kind in table.columns.items()]
    return Dataset(
        name=name,
        digest=table.digest[:36],  # all that MLflow takes
        source_type="http" if web else scheme,
        source=json.dumps({"url" if web else "uri": mask_text(table.source)}),
        schema=json.dumps({"mlflow_colspec": Schema(columns).to_dict()}),
        profile=json.dumps({"num_rows": table.rows}),
    )
