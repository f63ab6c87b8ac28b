"""Whether current data still look like the training data: verdicts that noise does not trigger."""

from mlops_cli.domain.drift.columns import check_columns
from mlops_cli.domain.drift.extremes import check_extremes
from mlops_cli.domain.drift.values import check_values

__all__ = ["check_columns", "check_extremes", "check_values"]
