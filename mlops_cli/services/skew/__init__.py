"""Skew: were predictions made from the values that a training row would hold?"""

from mlops_cli.services.skew.checking import SkewResult, check

__all__ = ["SkewResult", "check"]
