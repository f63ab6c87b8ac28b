"""The search against what one would write without it, on the same trials and the same folds.

12,000 rows of 13 features, 5 folds, side by side in one run, each on both clocks: the wall, and the
seconds of all cores (the one to read on a busy machine).

- XGBClassifier + cross_val_score as it is written, with the most trees there may be, as it cannot
  stop early; and once given for each trial the number of trees that we have found;
- xgb.cv with early stopping, for each trial;
- our search, TPE and choosing included: bins built once, one thread for a fit, fits side by side;
- pure boosting: the same trees on the same cores from bins that are ready, and nothing else;
- around: what of our search is spent outside the fits: TPE, losses, racing, choosing, and keeping
  each trial on disk;
- the last two once more with racing.

    python benchmarks/search.py [trials] [rows]
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from racing import generated
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import PredefinedSplit, cross_val_score

from mlops_cli.backends import estimator
from mlops_cli.config import Config, FeatureConfig
from mlops_cli.domain.split import grouped_folds
from mlops_cli.services.training.searching import Found, Problem, find

FOLDS, MOST, PATIENCE = 5, 600, 30
FIXED = {"objective": "binary:logistic", "eval_metric": "logloss", "seed": 7, "max_bin": 128}
USUAL = "XGBClassifier + cross_val_score"
Table = tuple[np.ndarray, np.ndarray, np.ndarray]
Work = tuple[dict[str, Any], Sequence[int], list[int]]


class Watched(estimator.Folds):
    """Folds that note what was fitted: parameters, folds and numbers of trees."""

    def fit(
        self,
        params: Any,
        max_rounds: int,
        patience: int,
        which: Sequence[int],
        out: Callable[[list[estimator.FoldFit]], bool] = lambda _: False,
    ) -> list[estimator.FoldFit]:
        begun = time.perf_counter()
        fits = super().fit(params, max_rounds, patience, which, out)
        self.seconds += time.perf_counter() - begun
        self.noted.append((dict(params), which[: len(fits)], [each.rounds for each in fits]))
        return fits

    noted: list[Work]
    seconds: float
    """Spent in here: the rest of a search is TPE, losses, racing, choosing and keeping."""


def config(trials: int, *, racing: bool) -> Config:
    section = {
        "trials": trials,
        "folds": FOLDS,
        "racing": racing,
        "max_rounds": MOST,
        "patience": PATIENCE,
    }
    view = {"source": "v.parquet", "features": {"f0": {"type": "float"}}}
    model = {
        "task": "classification",
        "entity": "id",
        "feature_views": {"v": view},
        "labels": {"source": "l.parquet", "column": "y"},
        "search": section,
    }
    return Config.model_validate(
        {"project": "bench", "models": {"m": model}}, context={"root": Path(), "path": Path("c")}
    )


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what comes of it, the seconds on the wall and those of all cores."""
    wall, cores = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cores


def searched(table: Table, settings: Config) -> tuple[Found, Watched]:
    """Run our search, the binning included."""
    matrix, labels, folds = table
    features = {f"f{n}": FeatureConfig(type="float") for n in range(matrix.shape[1])}
    parts = Watched(matrix, labels, folds, features)
    parts.noted, parts.seconds = [], 0.0
    ids = np.arange(len(labels)).astype(str).astype(object)
    problem = Problem(parts, folds, ids, labels, FIXED)
    with tempfile.TemporaryDirectory() as kept:
        return find(settings, "m", problem, lambda _: None, Path(kept)), parts


def boosted(table: Table, noted: list[Work]) -> Callable[[], None]:
    """Return what grows the trees of the same fits, those after the best one, too."""
    matrix, labels, folds = table
    bins = [
        xgb.QuantileDMatrix(matrix[folds != n], labels[folds != n], max_bin=FIXED["max_bin"])
        for n in range(FOLDS)
    ]

    def grow(job: tuple[dict[str, Any], int, int]) -> None:
        params, fold, best = job
        booster = xgb.Booster({**params, "nthread": 1}, [bins[fold]])
        for number in range(min(best + PATIENCE, MOST)):
            booster.update(bins[fold], number)

    def every_tree() -> None:
        for params, which, rounds in noted:
            with ThreadPoolExecutor(estimator.threads()) as pool:
                jobs = zip([params] * len(rounds), which, rounds, strict=True)
                list(pool.map(grow, jobs))

    return every_tree


def by_cross_val_score(table: Table, found: Found, trees: int | None = None) -> float:
    """Return the best AUC that the usual loop finds among the trials, with so many trees each."""
    matrix, labels, folds = table
    cut = PredefinedSplit(folds)
    models = [xgb.XGBClassifier(n_estimators=trees or t.rounds, **t.params) for t in found.trials]
    return max(
        float(cross_val_score(each, matrix, labels, cv=cut, scoring="roc_auc").mean())
        for each in models
    )


def by_xgb_cv(table: Table, found: Found) -> None:
    matrix, labels, folds = table
    whole = xgb.DMatrix(matrix, labels)
    pairs = [(np.flatnonzero(folds != n), np.flatnonzero(folds == n)) for n in range(FOLDS)]
    for trial in found.trials:
        params = {**FIXED, **trial.params}
        xgb.cv(params, whole, MOST, folds=pairs, early_stopping_rounds=PATIENCE)


def auc(table: Table, found: Found, parts: Watched) -> float:
    """Return the AUC of the trial that was taken, mean over the folds."""
    scores = parts.score({**FIXED, **found.chosen.params}, MOST, PATIENCE).out_of_fold
    _, labels, folds = table
    return float(
        np.mean([roc_auc_score(labels[folds == n], scores[folds == n]) for n in range(FOLDS)])
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    matrix, labels = generated(int(sys.argv[2]) if len(sys.argv) > 2 else 12_000)
    ids = np.arange(len(labels)).astype(str)
    table = matrix, labels, grouped_folds(ids, labels, FOLDS, 7, task="classification")
    shown: dict[str, tuple[float, float]] = {}

    def show(name: str, wall: float, cores: float, more: str = "") -> None:
        shown[name] = wall, cores
        print(f"{name:<34} {wall:>7.1f} s {cores:>7.1f} s of cores  {more}", flush=True)

    for racing in (False, True):
        name = "with racing" if racing else "without racing"
        (found, parts), *seconds = timed(
            lambda racing=racing: searched(table, config(count, racing=racing))
        )
        noted, fits = list(parts.noted), found.summary.fits
        around = 1 - parts.seconds / seconds[0]
        score = auc(table, found, parts)
        show(f"search {name}", *seconds, f"{fits} fits, AUC {score:.4f}, around {around:.1%}")
        show(f"pure boosting {name}", *timed(boosted(table, noted))[1:])
        if not racing:
            for title, trees in ((USUAL, MOST), ("the same with our trees", None)):
                best, *seconds = timed(
                    lambda found=found, trees=trees: by_cross_val_score(table, found, trees)
                )
                show(title, *seconds, f"AUC {best:.4f}")
            show("xgb.cv", *timed(lambda found=found: by_xgb_cv(table, found))[1:])
    for name in ("without racing", "with racing"):
        search, pure = shown[f"search {name}"], shown[f"pure boosting {name}"]
        usual = shown[USUAL]
        print(
            f"{name}: {search[0] / pure[0]:.2f}x pure boosting ({search[1] / pure[1]:.2f}x of"
            f" cores), 1/{usual[0] / search[0]:.1f} of the usual loop"
            f" (1/{usual[1] / search[1]:.1f} of cores)"
        )


if __name__ == "__main__":
    main()
