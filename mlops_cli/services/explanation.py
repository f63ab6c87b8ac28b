"""`predict --plot`: an explanation as a picture."""

from pathlib import Path

from mlops_cli.backends import explain
from mlops_cli.domain.results.prediction import Prediction


def plot(answer: Prediction, path: Path) -> None:
    """Draw how the features lead from the base value to an explained prediction."""
    parts = [(c.feature, c.value, c.contribution) for c in answer.contributions or ()]
    title = f"{answer.model} version {answer.version}: {answer.entity}"
    if answer.calibration:
        title += f", before {answer.calibration} calibration"
    explain.waterfall(path, answer.base_value or 0.0, parts, title)
