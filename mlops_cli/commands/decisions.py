"""What a training has found to make of scores, as people look at it."""

from mlops_cli.commands.views import number, percent
from mlops_cli.domain.results.training import CalibrationChoice, OperatingPoint, TrainResult


def decisions(result: TrainResult) -> list[object]:
    """Return a line for a calibration that is used and one for a threshold that a rule found."""
    said: list[object] = []
    if (choice := result.calibration) and choice.method != "none":
        said.append(_calibrated(choice))
    if (point := result.operating_point) and point.rule != "fixed":
        said.append(_operating(point))
    return said


def _calibrated(choice: CalibrationChoice) -> str:
    (trial,) = (each for each in choice.tried if each.method == choice.method)
    return (
        f"calibration {choice.method}: log loss {number(choice.log_loss)} -> "
        f"{number(trial.log_loss)} on unseen rows"
    )


def _operating(point: OperatingPoint) -> str:
    return (
        f"threshold {point.threshold:g} ({point.rule}), on unseen rows:\n"
        f"  sensitivity {number(point.sensitivity)}, specificity {number(point.specificity)}, "
        f"{percent(point.selected)} of {point.rows} predicted 1"
    )
