"""How good predictions are: every metric the configuration may name, for many weightings at once.

Every function takes

- `truth (n,)`: 0 and 1, positions of classes, or numbers,
- `prediction (n,)`: the probability of 1, or a number; `(n, classes)`: a probability for each,
- `weights (B, n)`: B weightings of the rows, none negative; `np.ones((1, n))` for none,
- `threshold`: the probability from which the predicted class is 1,

and returns `(B,)`, nan where the metric is undefined (AUC of one class, precision without a
predicted 1). Where scikit-learn defines a metric, the values are equal to its to 1e-9. Bootstrap
resamples are weightings, which makes 1,000 of them a few matrix products instead of a loop.
"""

from collections.abc import Iterable

import numpy as np

from mlops_cli.config.tasks import TASK_METRICS, Task
from mlops_cli.domain.metrics import binary, multiclass, regression
from mlops_cli.domain.metrics.definition import (
    Array,
    Matrix,
    MetricDefinition,
    MetricFunction,
    Vector,
    checked,
    ratio,
)

__all__ = [
    "METRICS",
    "Array",
    "Matrix",
    "MetricDefinition",
    "MetricFunction",
    "Vector",
    "checked",
    "evaluate",
    "ratio",
]

_LOWER_IS_BETTER = {"brier", "log_loss", "rmse", "mae", "mape"}
_FUNCTIONS = {"classification": binary, "multiclass": multiclass, "regression": regression}
#: Every metric by its task and its name in the configuration.
METRICS: dict[Task, dict[str, MetricDefinition]] = {
    task: {
        name: MetricDefinition(
            name, task, name not in _LOWER_IS_BETTER, getattr(_FUNCTIONS[task], name)
        )
        for name in names
    }
    for task, names in TASK_METRICS.items()
}


def evaluate(
    metrics: Iterable[MetricDefinition], truth: Array, prediction: Array, threshold: float = 0.5
) -> dict[str, float]:
    """Return metrics of one task on one set of predictions.

    Raises:
        InputError: no rows, lengths differ, a value is not finite, or a class label is none.

    >>> ours = METRICS["regression"].values()
    >>> values = evaluate(ours, np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 4.0]))
    >>> {name: round(value, 3) for name, value in values.items()}
    {'rmse': 0.577, 'mae': 0.333, 'r2': 0.786, 'mape': 0.167}
    """
    found = {}
    for each in metrics:
        truth, prediction = checked(each.task, truth, prediction)
        weights = np.ones((1, len(truth)))
        found[each.name] = float(each.function(truth, prediction, weights, threshold)[0])
    return found
