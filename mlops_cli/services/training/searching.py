"""The search: sets of parameters tried on the same folds, raced, kept and chosen from."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_cli.backends import estimator, search
from mlops_cli.backends.registry import TrialRun
from mlops_cli.config import Config
from mlops_cli.config.training import SearchConfig
from mlops_cli.domain import boosting
from mlops_cli.domain.results.training import SearchSummary
from mlops_cli.domain.search.choosing import lowest, optimism, simplest
from mlops_cli.domain.search.losses import NAMES, Blocks, row_losses, told
from mlops_cli.domain.search.racing import behind, expected
from mlops_cli.domain.search.trials import Trial, TrialDone
from mlops_cli.services.training import resuming

Say = Callable[[object], None]
STEP = 2
"""Folds that are fitted before a trial is compared with the best."""


@dataclass(frozen=True)
class Problem:
    """What sets of parameters are tried on: one row for each training row."""

    parts: estimator.Folds
    folds: NDArray[np.int64]
    """Number of the fold, `(n,)`."""
    entities: NDArray[np.object_]
    labels: NDArray[np.float64]
    fixed: Mapping[str, Any]
    """XGBoost's parameters that are not searched, the loss among them."""
    positive_weight: float = 1.0
    """What a row with label 1 weighs in the loss."""

    @property
    def metric(self) -> str:
        """XGBoost's name of the loss."""
        return str(self.fixed["eval_metric"])


@dataclass(frozen=True)
class Found:
    """What a search has tried and taken."""

    trials: tuple[Trial, ...]
    metric: str
    """XGBoost's name of the loss."""
    chosen: Trial
    summary: SearchSummary
    space: dict[str, Any]

    def record(self) -> dict[str, Any]:
        """Return what a run keeps of it: each list has an item for each trial."""
        return {
            **vars(self.summary),
            "space": self.space,
            "losses": [self.told(each) for each in self.trials],
            "params": [dict(each.params) for each in self.trials],
            "rounds": [each.rounds for each in self.trials],
            "folds": [each.fits for each in self.trials],
        }

    def told(self, trial: Trial) -> float:
        """Return the loss of a trial as people know it."""
        return told(self.metric, trial.loss)

    def _finite_loss(self, trial: Trial) -> dict[str, float]:
        return {"loss": self.told(trial)} if np.isfinite(self.told(trial)) else {}

    def runs(self) -> tuple[TrialRun, ...]:
        """Return each trial as a run in MLflow."""
        return tuple(
            TrialRun(
                number=each.number,
                params={key: str(value) for key, value in each.params.items()},
                metrics={"rounds": each.rounds, "folds": each.fits, **self._finite_loss(each)},
                tags={"mlops.stopped": str(each.stopped).lower()},
                seconds=each.seconds,
            )
            for each in self.trials
        )


def find(config: Config, name: str, problem: Problem, say: Say, kept: Path | None) -> Found:
    """Try sets of parameters until the trials or the minutes are used up, and choose one.

    A trial that is finished is kept, and a search begins after those that are kept already: one
    that was killed ends as if it had not been.

    Args:
        config: the whole configuration.
        name: the model.
        problem: the folds and what else a trial needs.
        say: is given a `TrialDone` after each.
        kept: folder of the trials of this very search; None keeps none.
    """
    budget = config.models[name].search
    blocks = Blocks.of(problem.entities, problem.folds)
    space = budget.space_for(len(set(problem.entities)))
    done, trials = resuming.read(kept) if kept else {}, list[Trial]()
    if done:
        say(f"{name}: going on after {len(done)} trials of a search that was cut short")

    def loss(params: search.Params) -> float:
        trial = done.get(len(trials) + 1)
        if trial is None or trial.params != params:
            trial = _tried(params, problem, blocks, budget, trials)
            if kept:
                resuming.keep(kept, trial)
            say(_done(name, problem.metric, budget, [*trials, trial]))
        trials.append(trial)
        return trial.loss

    search.minimise(loss, space, budget.trials, config.seed, lambda: _spent(budget, trials))
    return Found(
        trials=tuple(trials),
        metric=problem.metric,
        chosen=simplest(trials, blocks.counts),
        summary=_summary(problem, blocks, budget, trials, config.seed),
        space={key: each.model_dump() for key, each in space.items()},
    )


def _tried(
    params: search.Params,
    problem: Problem,
    blocks: Blocks,
    budget: SearchConfig,
    earlier: list[Trial],
) -> Trial:
    """Fit fold after fold, two at a time, for as long as the trial can still win."""
    started, folds = time.monotonic(), len(problem.parts)
    best = lowest(earlier) if earlier and budget.racing else None
    sums, fits, out = np.empty(0), list[estimator.FoldFit](), False
    while len(fits) < folds and not out:
        which = range(len(fits), min(len(fits) + STEP, folds) if best else folds)
        more = problem.parts.fit(
            {**problem.fixed, **params}, budget.max_rounds, budget.patience, which
        )
        sums = np.concatenate([sums, _sums(problem, blocks, more, which)])
        fits += more
        out = best is not None and len(fits) < folds and behind(sums, best.sums, blocks)
    return Trial(
        number=len(earlier) + 1,
        params=params,
        loss=expected(sums, best.sums, blocks) if best and out else _mean(sums, blocks),
        sums=sums,
        rounds=int(np.median([each.rounds for each in fits])),
        fits=len(fits),
        stopped=out,
        seconds=time.monotonic() - started,
    )


def _mean(sums: NDArray[np.float64], blocks: Blocks) -> float:
    return float(sums.sum() / blocks.counts.sum())


def _sums(
    problem: Problem, blocks: Blocks, fits: list[estimator.FoldFit], which: range
) -> NDArray[np.float64]:
    weights = boosting.row_weights(problem.labels, problem.positive_weight)
    parts = [
        blocks.sums(
            each.held,
            row_losses(problem.metric, problem.labels[each.held], each.predicted)
            * weights[each.held],
            fold,
            fold + 1,
        )
        for fold, each in zip(which, fits, strict=True)
    ]
    return np.concatenate(parts)


def _spent(budget: SearchConfig, trials: list[Trial]) -> bool:
    """Tell whether the minutes are used up; those of a killed search count."""
    seconds = sum(each.seconds for each in trials)
    return budget.minutes is not None and seconds >= 60 * budget.minutes


def _done(name: str, metric: str, budget: SearchConfig, trials: list[Trial]) -> TrialDone:
    spent = sum(each.seconds for each in trials)
    left = spent / len(trials) * (budget.trials - len(trials))
    if budget.minutes is not None:
        left = max(0.0, min(left, 60 * budget.minutes - spent))
    return TrialDone(name, trials[-1], budget.trials, lowest(trials).loss, metric, left)


def _summary(
    problem: Problem, blocks: Blocks, budget: SearchConfig, trials: list[Trial], seed: int
) -> SearchSummary:
    best, chosen = lowest(trials), simplest(trials, blocks.counts)
    fits, luck = sum(each.fits for each in trials), optimism(trials, blocks.counts, seed)
    metric = problem.metric
    return SearchSummary(
        trials=len(trials),
        ended_by="trials" if len(trials) == budget.trials else "time",
        fits=fits,
        fits_saved=len(trials) * len(problem.parts) - fits,
        loss_name=NAMES[metric],
        lowest=best.number,
        lowest_loss=told(metric, best.loss),
        chosen=chosen.number,
        chosen_loss=told(metric, chosen.loss),
        optimism=None if luck is None else told(metric, best.loss + luck) - told(metric, best.loss),
    )
