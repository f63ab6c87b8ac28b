"""Training: a model from labels and features, and the same model once more."""

from mlops_cli.backends.estimator import share_cores
from mlops_cli.services.training.reproduction import reproduce
from mlops_cli.services.training.runs import train

__all__ = ["reproduce", "share_cores", "train"]
