"""From the scores of a model to its decisions: calibration and threshold, on unseen rows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_cli.backends import estimator
from mlops_cli.config import ModelConfig
from mlops_cli.config.deciding import ThresholdConfig
from mlops_cli.domain import calibrating, operating_point, split
from mlops_cli.domain.calibration import Calibration
from mlops_cli.domain.results.training import CalibrationChoice, OperatingPoint

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Decided:
    """What makes the scores of a model an answer, and the evidence for it."""

    calibration: Calibration | None
    threshold: float
    out_of_fold: tuple[Vector, ...]
    """Each repetition, a row calibrated by what was fitted without its entity."""
    choice: CalibrationChoice | None = None
    operating_point: OperatingPoint | None = None

    def calibrated(self, scores: Vector) -> Vector:
        """Return what the stored model will answer for these scores, in their shape."""
        return scores if self.calibration is None else self.calibration.apply(scores)

    def across(self, scores: Vector, labels: Vector, folds: NDArray[np.int64]) -> Vector:
        """Calibrate scores of a training set fold by fold, as `out_of_fold`."""
        method = self.choice.method if self.choice else "none"
        return calibrating.across(method, scores, labels, folds)

    @property
    def params(self) -> dict[str, Any]:
        """What was found, under the names it has in MLflow; nothing where nothing was."""
        found: dict[str, Any] = {}
        if self.choice and self.calibration:
            found["calibration"] = self.choice.method
        if self.operating_point and self.operating_point.rule != "fixed":
            found["threshold"] = self.threshold
        return found

    def record(self) -> dict[str, Any]:
        """Return the evidence, JSON-able."""
        point = self.operating_point
        return {
            "calibration": asdict(self.choice) if self.choice else None,
            "operating_point": asdict(point) if point else None,
        }


def decide(
    model: ModelConfig,
    entities: NDArray[np.object_],
    labels: Vector,
    out_of_fold: Sequence[Vector],
    seed: int,
) -> Decided:
    """Calibrate the scores and find the threshold, on the training entities alone.

    Args:
        model: its section.
        entities: what each training row is about, `(n,)`.
        labels: theirs, `(n,)`.
        out_of_fold: scores of models that have not seen the row, `(n,)` or `(n, classes)` each
            repetition; the first decides.
        seed: the same seed gives the same folds.
    """
    rule = model.threshold
    if model.task == "regression":
        limit = 0.5 if isinstance(rule, ThresholdConfig) else rule
        return Decided(None, limit, tuple(out_of_fold))
    folds = split.grouped_folds(entities, labels, model.search.folds, seed, model.task)
    first = out_of_fold[0]
    found = calibrating.choose(
        model.calibration, first, labels, entities, folds, distorted=model.class_weight != "none"
    )
    method = found.choice.method
    across = tuple(calibrating.across(method, s, labels, folds) for s in out_of_fold)
    if model.task == "multiclass":  # the likeliest class is the answer: there is no threshold
        return Decided(found.calibration, 0.5, across, found.choice)
    scores = first if found.calibration is None else found.calibration.apply(first)
    if isinstance(rule, ThresholdConfig):
        limit, words = operating_point.threshold(rule, labels, scores), rule.words
    else:
        limit, words = rule, "fixed"
    return Decided(
        calibration=found.calibration,
        threshold=limit,
        out_of_fold=across,
        choice=found.choice,
        operating_point=operating_point.operating_point(limit, words, labels, scores),
    )


def doubts(model: ModelConfig, decided: Decided) -> tuple[str, ...]:
    """Return what a person should know of a model before it is used, a sentence each."""
    said = []
    choice, (_, device) = decided.choice, estimator.device(model)
    if choice and model.class_weight != "none":
        after = (
            f"{choice.method} calibration has put them right"
            if decided.calibration
            else "they are no longer how often it happens; `calibration: platt` puts that right"
        )
        said.append(f"class_weight distorts the probabilities: {after}")
    if choice and choice.asked not in {"auto", "none"}:
        if not decided.calibration:
            said.append(f"calibration: {choice.asked} would turn the ranking round and is left out")
        elif choice.tried[0].gain < 0:
            now = choice.tried[0].log_loss
            said.append(
                f"calibration: {choice.asked} raises the log loss on unseen rows from "
                f"{choice.log_loss:.4f} to {now:.4f}; `auto` would leave it out"
            )
    return (*said, *([device] if device else []))
