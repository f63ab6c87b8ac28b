"""Training: a model from labels and features, and the same model once more."""

from mlops_cli.services.training.reproduction import reproduce
from mlops_cli.services.training.runs import train

__all__ = ["reproduce", "train"]
