"""`drift check --report`: the page beside a verdict.

It is a service of its own because Evidently takes five seconds to import: a check from cron that
asks for no page does not wait for it.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from mlops_cli.backends import drift_report
from mlops_cli.config import FeatureConfig
from mlops_cli.domain.results import DriftCheck


def render(
    title: str,
    reference: pd.DataFrame,
    current: pd.DataFrame,
    features: Mapping[str, FeatureConfig],
    checks: Sequence[DriftCheck],
) -> str:
    """Return Evidently's page with our verdict and exactly our thresholds."""
    return drift_report.render(title, reference, current, features, checks)
