"""The files of models: written in MLflow's layout, and fetched once."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import mlflow
import mlflow.artifacts
import mlflow.xgboost
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.utils import environment

from mlops_cli.backends.registry.connection import UNKNOWN, reaching
from mlops_cli.config import Config
from mlops_cli.errors import NotFoundError


def write_model(
    folder: Path,
    booster: Any,
    features: Sequence[str],
    pins: Sequence[str],
    example: Sequence[float] | None = None,
    classes: Sequence[str] = (),
) -> None:
    """Write a booster in MLflow's layout: XGBoost's own format, a signature, no pickle.

    Args:
        folder: where to, a folder that does not exist yet.
        booster: the model.
        features: its inputs, in order.
        pins: exact requirements, so that MLflow does not guess any.
        example: a row of inputs that people may try it with, about nobody in particular.
        classes: what it gives a probability for each of, where there are several.
    """
    signature = ModelSignature(
        inputs=Schema([ColSpec("double", name, required=False) for name in features]),
        outputs=Schema([ColSpec("float", word) for word in classes] or [ColSpec("float")]),
    )
    with _pins_unchecked():
        mlflow.xgboost.save_model(
            booster,
            str(folder),
            signature=signature,
            pip_requirements=[*pins],
            input_example=None if example is None else pd.DataFrame([example], columns=[*features]),
        )


@contextmanager
def _pins_unchecked() -> Iterator[None]:
    """Keep MLflow from looking through every installed package: our pins are what is installed."""
    check = "warn_dependency_requirement_mismatches"
    if not hasattr(environment, check):
        yield
        return
    with patch.object(environment, check, lambda _: None):
        yield


def fetch(config: Config, source: str) -> Path:
    """Return a local folder with the files of a stored model, downloaded if need be."""
    with reaching(config) as client:
        try:
            place = client.get_logged_model(source.removeprefix("models:/")).artifact_location
            if place.startswith("file://"):
                return Path(unquote(urlsplit(place).path))
            return _cached(config, source.removeprefix("models:/"), place)
        except (MlflowException, FileNotFoundError) as error:
            if isinstance(error, MlflowException) and error.error_code not in UNKNOWN:
                raise
            raise NotFoundError(f"the files of {source} are gone from MLflow") from error


def _cached(config: Config, model_id: str, place: str) -> Path:
    """Download a stored model once; its files never change, and every load checks their digests."""
    folder = Path(config.state) / "models" / model_id
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            found = mlflow.artifacts.download_artifacts(artifact_uri=place, dst_path=scratch)
            with suppress(OSError):  # another process has downloaded it meanwhile
                Path(found).rename(folder)
    return folder
