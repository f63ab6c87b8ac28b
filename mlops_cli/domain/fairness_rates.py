"""What the metrics of fairness average over the rows of a group."""

import numpy as np

from mlops_cli.domain.metrics import Matrix, Vector, multiclass

Rate = tuple[Vector, Vector]
"""Numerator and denominator of each row, `(n,)` each."""


def rates_of(metric: str, truth: Vector, prediction: Vector, threshold: float) -> list[Rate]:
    """Return what a metric averages, as numerator and denominator of each row, `(n,)`.

    demographic_parity: selection rate (Dwork et al. 2012). equal_opportunity: true positive rate;
    equalized_odds: that and the false positive rate (Hardt et al. 2016, definitions 2.2 and 2.1).
    predictive_parity: positive predictive value (Chouldechova 2017). mae and mean_residual: mean of
    |y - p| and of y - p. For all of them a gap of 0 means that the groups are treated alike.
    """
    named, rows = (prediction >= threshold).astype(float), np.ones_like(truth)
    true_positives = (truth * named, truth)
    rates: dict[str, list[Rate]] = {
        "demographic_parity": [(named, rows)],
        "equal_opportunity": [true_positives],
        "equalized_odds": [true_positives, ((1 - truth) * named, 1 - truth)],
        "predictive_parity": [(truth * named, named)],
        "mae": [(np.abs(truth - prediction), rows)],
        "mean_residual": [(truth - prediction, rows)],
    }
    return rates[metric]


def class_rates(metric: str, truth: Vector, prediction: Matrix, positive: int | None) -> list[Rate]:
    """Return what a metric of several classes averages, as `rates_of` does.

    accuracy: share of rows whose likeliest class is right. equal_opportunity: of the rows of the
    positive class, the share for which it is the likeliest.
    """
    named = multiclass.named(prediction)
    if metric == "accuracy":
        return [((named == truth).astype(float), np.ones_like(truth))]
    wanted = (truth == positive).astype(float)
    return [(wanted * (named == positive), wanted)]
