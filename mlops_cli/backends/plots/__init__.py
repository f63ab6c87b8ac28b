"""The pictures of a model: what each of them shows, and how it is drawn."""

from mlops_cli.backends.plots.canvas import STYLE, document
from mlops_cli.backends.plots.classes import calibration, gain, lift, precision_recall, roc
from mlops_cli.backends.plots.fits import importance, learning_curve, search
from mlops_cli.backends.plots.places import sites
from mlops_cli.backends.plots.several import confusion, precision_recall_of_each, roc_of_each
from mlops_cli.backends.plots.values import predicted_actual, residuals

__all__ = [
    "STYLE",
    "calibration",
    "confusion",
    "document",
    "gain",
    "importance",
    "learning_curve",
    "lift",
    "precision_recall",
    "precision_recall_of_each",
    "predicted_actual",
    "residuals",
    "roc",
    "roc_of_each",
    "search",
    "sites",
]
