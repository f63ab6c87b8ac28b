"""What XGBoost is told beside what is searched: constraints, weights, the device."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlops_cli.config import FeatureConfig
from mlops_cli.config.deciding import ClassWeightConfig, Device
from mlops_cli.domain.metrics import Vector

_DIRECTIONS = {None: 0, "increasing": 1, "decreasing": -1}


def monotone(inputs: Mapping[str, FeatureConfig]) -> dict[str, Any]:
    """Return the constraints on the inputs, in their order; nothing where there is none.

    >>> age, bmi = FeatureConfig(type="int", monotone="increasing"), FeatureConfig(type="float")
    >>> monotone({"age": age, "bmi": bmi}), monotone({"bmi": bmi})
    ({'monotone_constraints': '(1,0)'}, {})
    """
    directions = [_DIRECTIONS[spec.monotone] for spec in inputs.values()]
    if not any(directions):
        return {}
    return {"monotone_constraints": f"({','.join(map(str, directions))})"}


def class_weight(asked: str | ClassWeightConfig, labels: Vector) -> dict[str, Any]:
    """Return the weight of a 1, that of a 0 being 1; nothing where they weigh the same.

    >>> import numpy as np
    >>> class_weight("balanced", np.array([0.0, 0, 0, 1])), class_weight("none", np.array([1.0]))
    ({'scale_pos_weight': 3.0}, {})
    """
    if isinstance(asked, ClassWeightConfig):
        return {"scale_pos_weight": asked.positive}
    if asked == "none":
        return {}
    ones = float(labels.sum())
    return {"scale_pos_weight": (len(labels) - ones) / ones}


def row_weights(labels: Vector, positive: float) -> Vector:
    """Return the weight of each row in the loss, `(n,)`, 1 on average.

    >>> import numpy as np
    >>> row_weights(np.array([0.0, 0, 0, 1]), 3.0).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    weights = np.where(labels == 1, positive, 1.0)
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def device(asked: Device, built: bool, present: bool) -> tuple[str, str | None]:
    """Return where trees are grown, and in a word why not where it was asked.

    Args:
        asked: as configured.
        built: whether this XGBoost knows CUDA.
        present: whether there is a CUDA device.

    >>> device("auto", built=True, present=True), device("auto", built=True, present=False)
    (('cuda', None), ('cpu', None))
    >>> device("cuda", built=True, present=False)
    ('cpu', 'device: cuda is not to be had, as there is no CUDA device: the CPU is used')
    """
    if asked == "cpu":
        return "cpu", None
    if built and present:
        return "cuda", None
    if asked == "auto":
        return "cpu", None
    why = "there is no CUDA device" if built else "this XGBoost was built without CUDA"
    return "cpu", f"device: cuda is not to be had, as {why}: the CPU is used"
