"""The held out rows beside what the model says of them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.backends import own_metrics
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain import resampling
from mlops_cli.domain.metrics import MetricDefinition, multiclass
from mlops_cli.domain.results.judging import Interval
from mlops_cli.services.training.dataset import TrainingSet
from mlops_cli.services.training.fitting import Fitted

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Held:
    """The held out rows and what the model says of them."""

    model: ModelConfig
    metrics: dict[str, MetricDefinition]
    threshold: float
    """As configured, or as a rule has found it."""
    seed: int
    truth: Vector
    scores: Vector
    """Of several classes `(n, classes)`."""
    entities: NDArray[np.object_]
    frame: pd.DataFrame

    @classmethod
    def of(cls, config: Config, name: str, data: TrainingSet, fitted: Fitted) -> Self:
        """Take the held out part of a training set."""
        held = data.held
        return cls(
            model=config.models[name],
            metrics=own_metrics.metrics_of(config, name),
            threshold=fitted.decided.threshold,
            seed=config.seed,
            truth=data.labels[held],
            scores=fitted.scores[held],
            entities=data.entities[held],
            frame=data.frame[held].reset_index(drop=True),
        )

    def metric(
        self, scores: Vector, rows: NDArray[np.bool_] | None = None, count: int = 1000
    ) -> Interval:
        """Return the metric that decides, of these predictions and on these rows."""
        some = np.ones(len(scores), dtype=bool) if rows is None else rows
        wanted = self.model.metric
        found = resampling.intervals(
            {wanted: self.metrics[wanted]},
            self.truth[some],
            scores[some],
            self.entities[some],
            self.threshold,
            self.seed,
            count,
        )
        return found[wanted]

    def better(self, first: Vector, second: Vector) -> Interval:
        """Return how much better the first predictions are in the metric that decides."""
        return resampling.paired_difference(
            self.metrics[self.model.metric],
            self.truth,
            first,
            second,
            self.entities,
            self.threshold,
            self.seed,
            count=1000,
        )

    @property
    def told(self) -> tuple[Vector, Vector]:
        """What is observed and what was predicted, a number a row.

        Of several classes: whether the likeliest was right, and the probability it was given.
        """
        if self.model.task != "multiclass":
            return self.truth, self.scores
        return (multiclass.named(self.scores) == self.truth).astype(float), self.scores.max(axis=1)

    @property
    def confusion(self) -> NDArray[np.float64]:
        """Rows of each of several classes, down, that are predicted as each, across."""
        count = len(self.model.labels.classes)
        true, said = (
            multiclass.one_hot(each, count) for each in (self.truth, multiclass.named(self.scores))
        )
        return true.T @ said
