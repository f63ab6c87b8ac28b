"""Training: a model from labels and features, the same model once more, and runs sent later."""

from mlops_cli.services.training.reproduction import reproduce
from mlops_cli.services.training.runs import train
from mlops_cli.services.training.syncing import sync

__all__ = ["reproduce", "sync", "train"]
