"""Matplotlib: the pictures that are stored with a run."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

mpl.use("Agg")

from matplotlib.axes import Axes
from matplotlib.figure import Figure

Vector = NDArray[np.float64]


def write(
    folder: Path, task: str, truth: Vector, prediction: Vector, importance: Mapping[str, float]
) -> None:
    """Write the plots of a model on its holdout: how well it ranks, how honest its numbers are."""
    folder.mkdir(parents=True, exist_ok=True)
    if task == "classification":
        _save(folder / "roc.png", _roc, truth, prediction)
        _save(folder / "precision_recall.png", _precision_recall, truth, prediction)
        _save(folder / "calibration.png", _calibration, truth, prediction)
    else:
        _save(folder / "predicted_actual.png", _predicted_actual, truth, prediction)
        _save(folder / "residuals.png", _residuals, truth, prediction)
    figure = Figure(figsize=(6, 0.3 * len(importance) + 1.2), layout="constrained")
    axes = figure.subplots()
    shares = sorted(importance.items(), key=lambda item: item[1])
    axes.barh([name for name, _ in shares], [share for _, share in shares], color="#4878a8")
    axes.set(title="Importance", xlabel="share of the total gain")
    figure.savefig(folder / "importance.png", dpi=110, metadata={"Software": None})


def _save(path: Path, draw: object, truth: Vector, prediction: Vector) -> None:
    figure = Figure(figsize=(5, 4.4), layout="constrained")
    draw(figure.subplots(), truth, prediction)  # type: ignore[operator]
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _roc(axes: Axes, truth: Vector, prediction: Vector) -> None:
    hits, alarms = _cumulative(truth, prediction)
    axes.plot(alarms / alarms[-1], hits / hits[-1], color="#4878a8")
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":")
    axes.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")


def _precision_recall(axes: Axes, truth: Vector, prediction: Vector) -> None:
    hits, alarms = _cumulative(truth, prediction)
    axes.plot(hits[1:] / hits[-1], (hits / np.maximum(hits + alarms, 1))[1:], color="#4878a8")
    axes.axhline(truth.mean(), color="#999999", linestyle=":")
    axes.set(title="Precision and recall", xlabel="recall", ylabel="precision", ylim=(0, 1.02))


def _cumulative(truth: Vector, prediction: Vector) -> tuple[Vector, Vector]:
    """Return true and false positives at every threshold, from none to all."""
    order = np.argsort(-prediction, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(prediction[order])), len(order) - 1)
    hits = np.append(0.0, np.cumsum(truth[order])[ends])
    alarms = np.append(0.0, np.cumsum(1 - truth[order])[ends])
    return hits, alarms


def _calibration(axes: Axes, truth: Vector, prediction: Vector) -> None:
    parts = [part for part in np.array_split(np.argsort(prediction), 10) if len(part)]
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":")
    axes.plot(
        [prediction[part].mean() for part in parts],
        [truth[part].mean() for part in parts],
        marker="o",
        color="#4878a8",
    )
    axes.set(title="Calibration (tenths)", xlabel="predicted", ylabel="observed")


def _predicted_actual(axes: Axes, truth: Vector, prediction: Vector) -> None:
    axes.scatter(prediction, truth, s=6, alpha=0.4, color="#4878a8")
    ends = [min(truth.min(), prediction.min()), max(truth.max(), prediction.max())]
    axes.plot(ends, ends, color="#999999", linestyle=":")
    axes.set(title="Predicted and actual", xlabel="predicted", ylabel="actual")


def _residuals(axes: Axes, truth: Vector, prediction: Vector) -> None:
    axes.hist(truth - prediction, bins=40, color="#4878a8")
    axes.set(title="Residuals", xlabel="actual - predicted", ylabel="rows")
