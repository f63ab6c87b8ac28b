"""XGBoost: folds, the final model and its predictions."""

from mlops_cli.backends.estimator.folds import (
    FoldFit,
    Folds,
    FoldScores,
    cores,
    share_cores,
    threads,
)
from mlops_cli.backends.estimator.models import (
    CONTRACT_FILE,
    HOLDOUT_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    REFERENCE_FILE,
    StoredModel,
    fit,
    importance,
    load,
    predict,
    seal,
    table,
)
from mlops_cli.backends.estimator.parameters import (
    device,
    objective,
    positive_weight,
    settings,
)

__all__ = [
    "CONTRACT_FILE",
    "HOLDOUT_FILE",
    "MANIFEST_FILE",
    "MODEL_FILE",
    "REFERENCE_FILE",
    "FoldFit",
    "FoldScores",
    "Folds",
    "StoredModel",
    "cores",
    "device",
    "fit",
    "importance",
    "load",
    "objective",
    "positive_weight",
    "predict",
    "seal",
    "settings",
    "share_cores",
    "table",
    "threads",
]
