"""How often racing throws the winner away, and what it saves.

Trials drawn at random from the default space get all their folds, on five splits of each table.
Then the trials of a split come in 200 random orders, and each order is raced: a trial is stopped
after 2 or 4 of 5 folds when it is so many standard errors behind the best so far. Lost: the trial
with the lowest loss was stopped.

    python benchmarks/racing.py [trials] [rows of the generated table]

The published tables are used where MLOPS_DATA_DIR points to them.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from mlops_cli.backends import estimator, search
from mlops_cli.config import FeatureConfig, SearchConfig
from mlops_cli.domain.search import racing
from mlops_cli.domain.search.losses import Blocks, row_losses
from mlops_cli.domain.split import grouped_folds

ORDERS, SPLITS, FOLDS = 200, 5, 5


def generated(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return 13 features, a few missing, and labels with an AUC of about 0.88."""
    generator = np.random.default_rng(7)
    matrix = generator.normal(size=(rows, 13)).astype(np.float32)
    margin = matrix @ generator.normal(0, 0.7, 13) + matrix[:, 0] * matrix[:, 1]
    margin += np.sin(2 * matrix[:, 2]) + (matrix[:, 3] > 1)
    labels = (generator.random(rows) < 1 / (1 + np.exp(-margin))).astype(float)
    matrix[generator.random(matrix.shape) < 0.03] = np.nan
    return matrix, labels


def published() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the small published tables as numbers: Cleveland and Pima."""
    folder = Path(os.environ.get("MLOPS_DATA_DIR", "../shared/data"))
    if not folder.is_dir():
        return {}
    heart = pd.read_csv(
        folder / "heart_disease/processed.cleveland.data", header=None, na_values="?"
    )
    pima = pd.read_csv(folder / "diabetes/pima-indians-diabetes.csv", header=None)
    pima[[1, 2, 3, 4, 5]] = pima[[1, 2, 3, 4, 5]].replace(0, np.nan)
    tables = {"Cleveland": heart, "Pima": pima.dropna(subset=[1, 2, 3, 5])}
    return {
        name: (
            table.iloc[:, :-1].to_numpy(np.float32),
            (table.iloc[:, -1] > 0).to_numpy(np.float64),
        )
        for name, table in tables.items()
    }


def every_fold(
    matrix: np.ndarray, labels: np.ndarray, trials: int, seed: int
) -> tuple[Blocks, np.ndarray]:
    """Return the blocks, and the losses `(trials, G)` of random parameters on all folds."""
    entities = np.arange(len(labels)).astype(str)
    features = {f"f{n}": FeatureConfig(type="float") for n in range(matrix.shape[1])}
    folds = grouped_folds(entities, labels, FOLDS, seed, task="classification")
    blocks, parts = Blocks.of(entities, folds), estimator.Folds(matrix, labels, folds, features)
    settings, sums, generator = SearchConfig(), [], np.random.default_rng(seed)
    fixed = {"objective": "binary:logistic", "eval_metric": "logloss", "seed": seed}
    space = settings.space_for(len(labels))
    for _ in range(trials):
        found: list[search.Params] = []
        draw = int(generator.integers(2**31))
        search.minimise(lambda params, kept=found: kept.append(params) or 0.0, space, 1, draw)
        fits = parts.fit(
            {**fixed, **found[0]}, settings.max_rounds, settings.patience, range(FOLDS)
        )
        of_fold = [
            blocks.sums(
                each.held, row_losses("logloss", labels[each.held], each.predicted), n, n + 1
            )
            for n, each in enumerate(fits)
        ]
        sums.append(np.concatenate(of_fold))
    return blocks, np.array(sums)


def raced(blocks: Blocks, sums: np.ndarray, limit: float) -> tuple[bool, float, int]:
    """Race trials in their order: is the winner lost, how much loss does it cost, what fits."""
    losses, best, fits, lost = sums.sum(axis=1), 0, FOLDS, False
    winner = int(losses.argmin())
    for trial in range(1, len(sums)):
        for seen in (2, 4, FOLDS):
            end = blocks.ends[seen - 1]
            if seen == FOLDS:
                best = trial if losses[trial] < losses[best] else best
                break
            mean, error = racing.difference(
                sums[trial, :end], sums[best, :end], blocks.counts[:end]
            )
            if end >= racing.FEWEST and mean > limit * error:
                lost = lost or trial == winner
                break
        fits += seen
    return lost, float(losses[best] - losses[winner]) / blocks.counts.sum(), fits


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 12_000
    print(f"{'table':<12} {'behind by':>9} {'winner lost':>11} {'loss more':>10} {'fits':>6}")
    for name, (matrix, labels) in {"generated": generated(rows), **published()}.items():
        splits = [every_fold(matrix, labels, trials, seed) for seed in range(SPLITS)]
        for limit in (1.0, 1.5, 2.0, 3.0):
            generator = np.random.default_rng(7)
            found = [
                raced(blocks, generator.permutation(sums), limit)
                for blocks, sums in splits
                for _ in range(ORDERS)
            ]
            lost, more, fits = np.mean(found, axis=0)
            print(
                f"{name:<12} {limit:>6} SE {lost:>11.1%} {more:>10.5f}"
                f" {fits / (trials * FOLDS):>6.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
