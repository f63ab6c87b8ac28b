"""The three tasks, and the metrics that fit each."""

from typing import Literal

Task = Literal["classification", "multiclass", "regression"]
Metric = Literal[
    "roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "mcc", "brier", "log_loss",
    "f1_macro", "f1_weighted", "rmse", "mae", "r2", "mape",
]  # fmt: skip
FairnessMetric = Literal[
    "demographic_parity",
    "equal_opportunity",
    "equalized_odds",
    "predictive_parity",
    "accuracy",
    "mae",
    "mean_residual",
]

TASK_METRICS: dict[Task, tuple[Metric, ...]] = {
    "classification": (
        "roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "mcc", "brier", "log_loss",
    ),
    "multiclass": (
        "roc_auc", "accuracy", "f1_macro", "f1_weighted", "mcc", "brier", "log_loss",
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
    "multiclass": ("accuracy", "equal_opportunity"),
    "regression": ("mae", "mean_residual"),
}
