"""The final model: fitting, predictions, their exact explanations, and its files."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.columns import typed
from mlops_cli.domain.contract import Contract
from mlops_cli.domain.encoding import encode
from mlops_cli.errors import InputError, IntegrityError, first_line

Matrix = NDArray[np.float32]
Vector = NDArray[np.float64]

MODEL_FILE = "model.ubj"
CONTRACT_FILE = "contract.json"
MANIFEST_FILE = "manifest.json"
REFERENCE_FILE = "reference.parquet"
HOLDOUT_FILE = "holdout.parquet"
CELLS = (4_000_000, 40_000_000)
AT_ONCE = 100_000
"""Rows that are predicted at a time: XGBoost's form of them is twice as large as the matrix."""
BINS = 256
"""XGBoost's own default of max_bin."""


def table(
    matrix: Matrix,
    features: Mapping[str, FeatureConfig],
    labels: Vector | None = None,
    positive_weight: float = 1.0,
) -> xgb.DMatrix:
    """Return XGBoost's form of an encoded matrix; categories are native categories.

    `positive_weight` is what a row with label 1 weighs in a loss measured on the table.
    """
    weights = _weights(labels, positive_weight)
    return xgb.DMatrix(matrix, labels, weight=weights, **described(features))


def binned(
    matrix: Matrix,
    features: Mapping[str, FeatureConfig],
    labels: Vector,
    bins: int,
    like: xgb.QuantileDMatrix | None = None,
    positive_weight: float = 1.0,
) -> xgb.QuantileDMatrix:
    """Return XGBoost's form of an encoded matrix as bins: an eighth of the memory of `table`.

    Trees grown on it are the same. Predictions are, too, where it has the bins of the trees: those
    of the matrix that it is made `like`.
    """
    weights = _weights(labels, positive_weight)
    return xgb.QuantileDMatrix(
        matrix, labels, weight=weights, ref=like, max_bin=bins, **described(features)
    )


def _weights(labels: Vector | None, positive_weight: float) -> Vector | None:
    if labels is None or positive_weight == 1:
        return None
    return np.where(labels == 1, positive_weight, 1.0)


def described(features: Mapping[str, FeatureConfig]) -> dict[str, Any]:
    """Return what XGBoost has to know of the columns of a matrix."""
    return {
        "feature_names": list(features),
        "feature_types": ["c" if spec.type == "category" else "q" for spec in features.values()],
        "enable_categorical": True,
        "nthread": 1,
    }


def threads_of(matrix: Matrix) -> int:
    """Return how many threads fit a matrix: by its cells alone, never by the machine.

    Below four million cells the threads of one fit wait for each other longer than they work, and
    the folds fill the cores. XGBoost adds up gradients in the order of its threads, so that their
    number has to be the same on every machine.

    Returns:
        1 below 4 million cells (rows x features), 2 below 40 million, else 4.
    """
    return (1, 2, 4)[bisect_right(CELLS, matrix.size)]


def fit(
    matrix: Matrix,
    labels: Vector,
    features: Mapping[str, FeatureConfig],
    params: Mapping[str, Any],
    rounds: int,
) -> xgb.Booster:
    """Fit the final model, on threads by the size of the table: the same bytes on any machine."""
    with accepted():
        rows = binned(matrix, features, labels, int(params.get("max_bin", BINS)))
        booster = xgb.train({**params, "nthread": threads_of(matrix)}, rows, rounds)
    if "device" in params:
        booster.set_param({"device": "cpu"})  # where it will predict, here as in service
    return booster


@contextmanager
def accepted() -> Iterator[None]:
    """Say in one line which parameter XGBoost does not take."""
    try:
        yield
    except xgb.core.XGBoostError as error:
        reason = first_line(error).rpartition(": ")[2]
        raise InputError(f"XGBoost refuses: {reason}", "see search.space in config.yaml") from error


@dataclass(frozen=True)
class StoredModel:
    """A model read back from its folder, every byte as it was when it was stored."""

    booster: xgb.Booster
    contract: Contract
    folder: Path

    def predict(self, frame: pd.DataFrame) -> Vector:
        """Return probabilities or values, shape (rows,), or of each class (rows, classes)."""
        if frame.empty:
            raise InputError("there is no row to predict")
        inputs, calibration = self.contract.inputs, self.contract.calibration
        scores = predict(self.booster, encode(frame, inputs), inputs)
        return scores if calibration is None else calibration.apply(scores)

    @property
    def scale(self) -> str:
        """What base and contributions sum to, by the objective: see `Prediction.scale`."""
        learner = json.loads(self.booster.save_config())["learner"]
        name = learner["learner_train_param"]["objective"]
        known = {
            "binary:logistic": "log odds",
            "reg:logistic": "log odds",
            "count:poisson": "log",
            "multi:softprob": "margin of the class",
        }
        return known.get(name, "value")

    def rows(self, file: str) -> pd.DataFrame:
        """Read the rows kept with the model: REFERENCE_FILE (training) or HOLDOUT_FILE."""
        kept = pd.read_parquet(self.folder / file)
        own = [name for name in kept.columns if str(name).startswith("mlops_")]
        return typed(kept, self.contract.features, file).join(kept[own])

    def contributions(self, frame: pd.DataFrame) -> tuple[NDArray[np.float64], Vector]:
        """Return exact TreeSHAP values, shape (rows, inputs), and the base value of each row.

        Base plus contributions is the margin, on the scale of `scale`; a calibration comes after it
        and is not in it. XGBoost computes what shap.TreeExplainer does (Lundberg et al. 2020).
        Of several classes the margin is that of the predicted one: the logarithm of its probability
        up to a number that all classes share.
        """
        inputs = self.contract.inputs
        matrix = table(encode(frame, inputs), inputs)
        values = np.asarray(self.booster.predict(matrix, pred_contribs=True), np.float64)
        if values.ndim == 3:
            likeliest = predict(self.booster, encode(frame, inputs), inputs).argmax(axis=1)
            values = values[np.arange(len(values)), likeliest]
        return values[:, :-1], values[:, -1]


def predict(booster: xgb.Booster, matrix: Matrix, features: Mapping[str, FeatureConfig]) -> Vector:
    """Return the booster's predictions for an encoded matrix, (rows,) or (rows, classes)."""
    parts = [
        booster.predict(table(matrix[start : start + AT_ONCE], features))
        for start in range(0, max(len(matrix), 1), AT_ONCE)
    ]
    return np.concatenate(parts).astype(np.float64)


def seal(folder: Path, contract: Contract) -> dict[str, str]:
    """Write the contract and the manifest of a model folder.

    Returns:
        `manifest`: sha256 of the manifest, which holds the sha256 of every other file;
        `model`: sha256 of the trees alone, the same for the same data, parameters and pins; and
        `decision`: digest of what makes their scores an answer, the calibration and the threshold.
    """
    (folder / CONTRACT_FILE).write_text(contract.model_dump_json(indent=1), encoding="utf-8")
    digests = {
        str(path.relative_to(folder)): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    manifest = folder / MANIFEST_FILE
    manifest.write_text(json.dumps(digests, indent=1, sort_keys=True), encoding="utf-8")
    return {
        "manifest": _sha256(manifest),
        "model": digests[MODEL_FILE],
        "decision": contract.decision_digest,
    }


def load(folder: Path, manifest_digest: str) -> StoredModel:
    """Read a model folder; nothing is parsed before its sha256 has been checked.

    XGBoost crashes, hangs or silently predicts otherwise on damaged files.

    Raises:
        IntegrityError: A file is missing or not what was registered.
    """
    manifest = folder / MANIFEST_FILE
    if not manifest.is_file() or _sha256(manifest) != manifest_digest:
        raise _damaged(MANIFEST_FILE, folder)
    for name, expected in json.loads(manifest.read_text(encoding="utf-8")).items():
        path = folder / name
        if not path.is_file() or _sha256(path) != expected:
            raise _damaged(name, folder)
    contract = Contract.model_validate_json((folder / CONTRACT_FILE).read_text(encoding="utf-8"))
    booster = xgb.Booster(model_file=str(folder / MODEL_FILE))
    booster.set_param({"nthread": 1})
    return StoredModel(booster, contract, folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(name: str, folder: Path) -> IntegrityError:
    return IntegrityError(
        f"model file {name} in {folder} is missing or has changed since it was registered",
        "make an earlier version champion with `mlops rollback`, or train again",
    )


def importance(booster: xgb.Booster, features: Sequence[str]) -> dict[str, float]:
    """Return each feature's share of the total gain, between 0 and 1."""
    gains = booster.get_score(importance_type="total_gain")
    total = sum(gains.values()) or 1.0
    return {name: float(gains.get(name, 0.0)) / total for name in features}
