"""Whether values lie beyond everything that was seen before."""

import numpy as np
from scipy.stats import hypergeom

from mlops_cli.domain.metrics import Vector
from mlops_cli.domain.quoting import rough
from mlops_cli.domain.results.judging import DriftCheck


def check_extremes(
    column: str, reference: Vector, current: Vector, alpha: float, jump: float
) -> DriftCheck:
    """Count the values below the lowest and above the highest of the reference.

    Without a change the k highest of all n + m values are all current with probability
    n/(n+m) * (n-1)/(n+m-1) * ... (k factors), whatever their distribution. An alarm where that of
    either end is below alpha/2, and at least a share `jump` of the values is beyond.

    Args:
        column: what the message calls them.
        reference: finite values, `(m,)`, at least one; independent rows.
        current: finite values, `(n,)`, at least one; independent rows.
        alpha: false alarm rate.
        jump: the smallest share that matters.

    >>> before = np.arange(200.0)
    >>> check_extremes("age", before, before + 100, 0.01, 0.01).message
    'age: 100 of 200 values beyond the about 0 to 200 before'
    >>> check_extremes("age", before, before + 1, 0.01, 0.01).drifted
    False
    """
    low, high = reference.min(), reference.max()
    hits = np.array([np.sum(current < low), np.sum(current > high)])
    chances = hypergeom.pmf(hits, len(reference) + len(current), hits, len(current))
    p_value = min(1.0, 2 * float(chances.min()))
    beyond = int(hits.sum())
    share = beyond / len(current)
    return DriftCheck(
        kind="data",
        method="beyond_reference",
        statistic=share,
        threshold=jump,
        drifted=p_value < alpha and share >= jump,
        column=column,
        p_value=p_value,
        effect=share,
        message=f"{column}: {beyond:,} of {len(current):,} values beyond the about"
        f" {rough(low)} to {rough(high)} before",
    )
