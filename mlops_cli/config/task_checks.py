"""What does not fit the task of a model: its metrics, its output, how it decides."""

from typing import TYPE_CHECKING

from mlops_cli.config.deciding import ThresholdConfig
from mlops_cli.config.tasks import TASK_FAIRNESS, TASK_METRICS

if TYPE_CHECKING:
    from mlops_cli.config.model import ModelConfig


def metrics_fit(model: "ModelConfig") -> None:
    """Refuse metrics of another task, and own ones under the name of one of ours."""
    ours = TASK_METRICS[model.task]
    if taken := set(model.metrics) & {*ours, *TASK_FAIRNESS[model.task]}:
        raise ValueError(f"metrics: {min(taken)!r} is a metric of ours: give yours another name")
    for name in (model.metric, *model.gates.floor, *model.gates.not_worse):
        if name not in ours and name not in model.metrics:
            words = ", ".join([*ours, *model.metrics])
            raise ValueError(f"metric {name!r} does not fit {model.task}: use one of {words}")
    for name in model.fairness_metrics:
        if name not in TASK_FAIRNESS[model.task] and name not in model.metrics:
            words = ", ".join([*TASK_FAIRNESS[model.task], *model.metrics])
            raise ValueError(
                f"fairness metric {name!r} does not fit {model.task}: use one of {words}"
            )


def output_fits(model: "ModelConfig") -> None:
    """Refuse bounds and counts where the output is no number."""
    bounded, regression = model.output_range is not None, model.task == "regression"
    if bounded and (not regression or model.output_range != (0.0, 1.0)):
        raise ValueError("output_range is [0, 1] and belongs to regression")
    if model.output == "count" and (not regression or bounded):
        raise ValueError("output: count belongs to regression without an output_range")


def decisions_fit(model: "ModelConfig") -> None:
    """Refuse what says how two classes are told apart where there are not two."""
    rule = isinstance(model.threshold, ThresholdConfig)
    several = model.task == "multiclass"
    only = {
        "a threshold rule": rule,
        "a threshold": several and model.threshold != 0.5,
        "class_weight": model.class_weight != "none",
        f"calibration: {model.calibration}": model.calibration in {"platt", "isotonic"},
        "search.space.scale_pos_weight": several
        and "scale_pos_weight" in (model.search.space or ()),
    }
    wrong = [what for what, written in only.items() if written]
    if wrong and model.task != "classification":
        raise ValueError(f"{wrong[0]} belongs to classification")
    if model.calibration == "temperature" and not several:
        raise ValueError("calibration: temperature belongs to multiclass: use platt or isotonic")
    if model.class_weight != "none" and "scale_pos_weight" in (model.search.space or ()):
        raise ValueError("class_weight and search.space.scale_pos_weight are the same thing")


def classes_fit(model: "ModelConfig") -> None:
    """Refuse classes without the task, and the task without classes."""
    classes = model.labels.classes
    if model.task != "multiclass":
        if classes:
            raise ValueError("labels.classes belongs to task: multiclass")
        if model.fairness.positive is not None:
            raise ValueError("fairness.positive belongs to task: multiclass, elsewhere it is 1")
    elif len(classes) < 3:
        raise ValueError(
            "multiclass needs labels.classes, three words or more, as [none, mild, severe]; "
            "two classes are task: classification with labels 0 and 1"
        )


def several_classes_fit(model: "ModelConfig") -> None:
    """Refuse what has no meaning for several classes."""
    if model.task != "multiclass":
        return
    if model.bands:
        raise ValueError("bands are for a single number, and multiclass answers with a word")
    if rising := [name for name, spec in model.inputs.items() if spec.monotone]:
        raise ValueError(f"feature {rising[0]!r}: monotone has no meaning for several classes")
    classes, positive = model.labels.classes, model.fairness.positive
    if positive is not None and positive not in classes:
        raise ValueError(f"fairness.positive: {positive!r} is not one of {', '.join(classes)}")
    if positive is None and "equal_opportunity" in model.fairness_metrics:
        raise ValueError("equal_opportunity needs fairness.positive, the class that is to be found")


CHECKS = (metrics_fit, output_fits, decisions_fit, classes_fit, several_classes_fit)
