"""A few hundred rows: is the searched model as good as a logistic regression, and as it thinks?

Nested cross-validation on the published Cleveland and Pima tables. For each outer fold the whole
search runs on the other rows; what it takes is fitted on them and judged on the fold. Beside it, on
the same folds: logistic regression (medians for gaps, standardised), and XGBoost as it comes.

The error of a difference is that of Nadeau and Bengio 2003: folds share their training rows.
Optimism is how much lower the loss of the best trial was inside than outside, and as estimated.

    MLOPS_DATA_DIR=/path/to/published python benchmarks/small_data.py [repeats] [trials]
"""

import sys

import numpy as np
import xgboost as xgb
from racing import published
from search import FIXED, searched
from search import config as settings_of
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_cli.backends import estimator
from mlops_cli.config import FeatureConfig
from mlops_cli.domain.search.choosing import lowest
from mlops_cli.domain.search.trials import Trial
from mlops_cli.domain.split import grouped_folds

OUTER = 5


def boosted(trial: Trial, train: tuple, test: np.ndarray) -> np.ndarray:
    """Fit the parameters of a trial as training does, and predict."""
    matrix, labels = train
    features = {f"f{n}": FeatureConfig(type="float") for n in range(matrix.shape[1])}
    booster = estimator.fit(matrix, labels, features, {**FIXED, **trial.params}, trial.rounds)
    return estimator.predict(booster, test, features)


def outer_fold(train: tuple, test: tuple, trials: int, seed: int) -> dict[str, float]:
    """Return the figures of one outer fold."""
    matrix, labels = train
    ids = np.arange(len(labels)).astype(str)
    inner = grouped_folds(ids, labels, 5, seed, task="classification")
    found, _ = searched((matrix, labels, inner), settings_of(trials, racing=True))
    linear = make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000)
    )
    best = boosted(lowest(found.trials), train, test[0])
    scores = {
        "search": boosted(found.chosen, train, test[0]),
        "lowest": best,
        "logistic": linear.fit(matrix, labels).predict_proba(test[0])[:, 1],
        "defaults": xgb.XGBClassifier(n_jobs=1).fit(matrix, labels).predict_proba(test[0])[:, 1],
    }
    figures = {f"auc {name}": roc_auc_score(test[1], each) for name, each in scores.items()}
    figures |= {f"loss {name}": log_loss(test[1], each) for name, each in scores.items()}
    seen = log_loss(test[1], best) - found.summary.lowest_loss
    return {**figures, "optimism": seen, "estimated": found.summary.optimism or 0.0}


def told(name: str, values: np.ndarray) -> str:
    """Write a difference with its standard error."""
    error = np.sqrt((1 / len(values) + 1 / (OUTER - 1)) * values.var(ddof=1))
    return f"{name} {values.mean():+.4f} (standard error {error:.4f})"


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    trials = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    tables = published()
    assert tables, "point MLOPS_DATA_DIR to the published tables"
    for name, (matrix, labels) in tables.items():
        rows = []
        for seed in range(repeats):
            ids = np.arange(len(labels)).astype(str)
            folds = grouped_folds(ids, labels, OUTER, seed, task="classification")
            for fold in range(OUTER):
                held = folds == fold
                train, test = (matrix[~held], labels[~held]), (matrix[held], labels[held])
                rows.append(outer_fold(train, test, trials, 100 * seed + fold))
        found = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        print(f"{name}: {len(labels)} rows, {len(rows)} outer folds, {trials} trials each")
        for model in ("search", "lowest", "logistic", "defaults"):
            auc, loss = found[f"auc {model}"].mean(), found[f"loss {model}"].mean()
            print(f"  {model:<9} AUC {auc:.4f}  log loss {loss:.4f}")
        print("  " + told("search - logistic, AUC", found["auc search"] - found["auc logistic"]))
        print(
            "  "
            + told("search - logistic, log loss", found["loss search"] - found["loss logistic"])
        )
        print(
            f"  optimism {found['optimism'].mean():.4f}, estimated {found['estimated'].mean():.4f}"
        )


if __name__ == "__main__":
    main()
