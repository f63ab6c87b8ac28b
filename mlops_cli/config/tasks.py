"""The two tasks, and the metrics that fit each."""

from typing import Literal

Task = Literal["classification", "regression"]
Metric = Literal[
    "roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "mcc", "brier", "log_loss",
    "rmse", "mae", "r2", "mape",
]  # fmt: skip
FairnessMetric = Literal[
    "demographic_parity",
    "equal_opportunity",
    "equalized_odds",
    "predictive_parity",
    "mae",
    "mean_residual",
]

TASK_METRICS: dict[Task, tuple[Metric, ...]] = {
    "classification": (
        "roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "mcc", "brier", "log_loss",
    ),
    "regression": ("rmse", "mae", "r2", "mape"),
}  # fmt: skip
TASK_FAIRNESS: dict[Task, tuple[FairnessMetric, ...]] = {
    "classification": (
        "demographic_parity",
        "equal_opportunity",
        "equalized_odds",
        "predictive_parity",
    ),
    "regression": ("mae", "mean_residual"),
}
