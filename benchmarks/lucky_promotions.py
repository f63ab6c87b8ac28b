"""How often a challenger is promoted by luck, and how often a better one is found.

Two models on the same holdout: equally good ones, and a challenger better by 0.05 AUC.

    python benchmarks/lucky_promotions.py [repetitions]
"""

import sys

import numpy as np
from scipy.stats import norm

from mlops_cli.config import ModelConfig
from mlops_cli.domain.gates import decide, judge
from mlops_cli.domain.metrics import METRICS, evaluate
from mlops_cli.domain.results.judging import Decision

OURS = METRICS["classification"]
CONFIG = ModelConfig.model_validate(
    {
        "task": "classification",
        "entity": "patient_id",
        "feature_views": {"v": {"source": "v.parquet", "features": {"age": {"type": "float"}}}},
        "labels": {"source": "l.parquet", "column": "label"},
    }
)
AUC = 0.80


def draw(
    rows: int, gain: float, share: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw labels and the scores of challenger and champion, binormal, correlated 0.7."""
    truth = (generator.random(rows) < share).astype(float)
    common = generator.normal(size=rows)
    scores = [
        norm.cdf(
            np.sqrt(2) * norm.ppf(auc) * truth
            + np.sqrt(0.7) * common
            + np.sqrt(0.3) * generator.normal(size=rows)
        )
        for auc in (AUC + gain, AUC)
    ]
    return truth, scores[0], scores[1]


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    kinds = [Decision.PROMOTED, Decision.REFUSED, Decision.INCONCLUSIVE]
    print(
        f"{'better by':>9} {'share of 1':>10} {'rows':>6}", *[f"{k:>13}" for k in kinds], "  naive"
    )
    for gain in (0.0, 0.05):
        for share in (0.4, 0.1):
            for rows in (60, 200, 2000):
                counts, naive = dict.fromkeys(Decision, 0), 0
                for seed in range(repetitions):
                    truth, new, old = draw(rows, gain, share, np.random.default_rng(seed))
                    ids = np.arange(rows).astype(str)
                    gates = judge(
                        CONFIG,
                        truth,
                        new,
                        old,
                        ids,
                        {},
                        seed,
                        thresholds=(0.5, 0.5),
                        metrics=OURS,
                    )
                    counts[decide(gates, approval=False)] += 1
                    first, second = (
                        evaluate(OURS.values(), truth, score)["roc_auc"] for score in (new, old)
                    )
                    naive += first - second >= 0.02
                shares = [f"{counts[kind] / repetitions:13.1%}" for kind in kinds]
                print(
                    f"{gain:9} {share:10} {rows:6}",
                    *shares,
                    f"{naive / repetitions:7.1%}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
