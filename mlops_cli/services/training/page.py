"""What the page about a training says, before it is laid out."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_cli.config import Config, ModelConfig, recorded
from mlops_cli.domain import leaks, operating_point
from mlops_cli.domain.labels import absent
from mlops_cli.domain.results.judging import Interval, Verdict
from mlops_cli.domain.results.training import CalibrationChoice, SiteValue
from mlops_cli.domain.slices import MIN_ENTITIES
from mlops_cli.services.training.dataset import TrainingSet
from mlops_cli.services.training.deciding import doubts
from mlops_cli.services.training.evaluation import Evaluated
from mlops_cli.services.training.fitting import Fitted, Measured

Said = list[tuple[str, str]]


@dataclass(frozen=True)
class Trained:
    """All there is to say of one training."""

    config: Config
    name: str
    key: str
    """Of the run, which has no id yet."""
    data: TrainingSet
    fitted: Fitted
    measured: Measured
    evaluated: Evaluated

    @property
    def model(self) -> ModelConfig:
        """The section of the model."""
        return self.config.models[self.name]

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of the data and the decisions, a sentence each."""
        data = self.data
        frame, labels = data.frame[~data.held], data.labels[~data.held]
        return (
            *leaks.warnings(frame, labels, data.inputs, self.model.task),
            *absent(self.model, labels, "training"),
            *absent(self.model, data.labels[data.held], "held out"),
            *doubts(self.model, self.fitted.decided),
        )


def facts(
    trained: Trained, not_drawn: Mapping[str, str], record: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the page says, by the names it has in the template."""
    model, data = trained.model, trained.data
    result, fitted, measured = trained.evaluated, trained.fitted, trained.measured
    return {
        "model": trained.name,
        "description": model.description,
        "task": model.task,
        "metric": model.metric,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "run_id": trained.key,
        "said": sentences(trained),
        "split": _split(data, model),
        "metrics": measured.metrics,
        "cross_validation": fitted.cross_validation,
        "naive": measured.naive,
        "decision": _decision(trained),
        "baselines": result.baselines,
        "sites": measured.sites,
        "search": fitted.search.summary,
        "not_drawn": not_drawn,
        "fairness": measured.fairness,
        "found": result.found,
        "looked_at": result.looked_at,
        "groups": result.groups,
        "fewest": {"rows": model.fairness.min_group_rows, "entities": MIN_ENTITIES},
        "curve": result.curve,
        "views": data.views,
        "left_out": data.left_out,
        "params": fitted.params,
        "configuration": json.dumps(recorded(trained.config, trained.name), indent=2),
        "record": record,
    }


def sentences(trained: Trained) -> Said:
    """Return what a reader must know first, each with good, bad, open or fact."""
    model, result, measured = trained.model, trained.evaluated, trained.measured
    said: Said = [_reached(model.metric, measured.metrics[model.metric])]
    said += [("open", each) for each in trained.warnings]
    if measured.naive:
        claim, honest = measured.naive[model.metric], trained.fitted.cross_validation[model.metric]
        words = f"a split by rows would have claimed {model.metric} {claim:.3f}; by entities it is"
        said.append(("fact", f"{words} {honest:.3f}"))
    for each in result.baselines:
        by = f"{each.metric} {_with_interval(each.difference, '+')}"
        if each.beaten:
            said.append(("good", f"better than {each.name}: {by}"))
        elif each.difference.high < 0:
            said.append(("bad", f"worse than {each.name}: {by}; use the simpler model"))
        else:
            said.append(("open", f"not shown to be better than {each.name}: {by}"))
    said += _across_sites(measured.sites)
    for gap in measured.fairness:
        kind = {Verdict.PASS: "good", Verdict.FAIL: "bad"}.get(gap.verdict, "open")
        said.append((kind, f"fairness, {gap.metric} by {gap.attribute}: {gap.verdict}"))
    said += [
        ("open", f"higher loss than elsewhere where {each.name} ({each.rows} rows)")
        for each in result.found
    ]
    return said + ([("fact", result.curve.message)] if result.curve else [])


def _reached(metric: str, value: Interval) -> tuple[str, str]:
    if not math.isfinite(value.value):
        return "open", f"{metric} is not defined on the held out rows"
    return "fact", f"{metric} {_with_interval(value, '')}"


def _across_sites(sites: tuple[SiteValue, ...]) -> Said:
    """Say between what the sites lie, each measured by a model of the others."""
    known = sorted((each.value, each.site) for each in sites if each.value is not None)
    if len(known) < 2:
        return []
    ends = " to ".join(f"{value:.3f} ({site})" for value, site in (known[0], known[-1]))
    return [("fact", f"trained on the other sites: {sites[0].metric} from {ends}")]


def _with_interval(each: Interval, sign: str) -> str:
    value, low, high = (round(part, 3) + 0.0 for part in (each.value, each.low, each.high))
    return f"{value:{sign}.3f} [{low:.3f}, {high:.3f}]"


def _split(data: TrainingSet, model: ModelConfig) -> dict[str, Any]:
    """Return the sizes of the parts, and their mean label or of several classes their shares."""
    parts = {"train": ~data.held, "test": data.held}
    sides = {
        f"{part}_{key}": value
        for part, rows in parts.items()
        for key, value in (
            ("rows", int(rows.sum())),
            ("entities", len(set(data.entities[rows]))),
            ("mean", float(data.labels[rows].mean())),
            ("classes", _shares(data.labels[rows], model)),
        )
    }
    return {**sides, "rule": data.rule, "set_aside": data.set_aside}


def _shares(labels: NDArray[np.float64], model: ModelConfig) -> str:
    return ", ".join(
        f"{word} {(labels == place).mean():.1%}" for place, word in enumerate(model.labels.classes)
    )


def _decision(trained: Trained) -> dict[str, Any] | None:
    """Return how scores become decisions and what comes of it; None where there are no classes."""
    decided, data = trained.fitted.decided, trained.data
    point, choice = decided.operating_point, decided.choice
    if not point and not choice:
        return None
    points = [("training entities, out of fold", point)] if point else []
    truth = data.labels[data.held]
    if point and 0 < truth.sum() < len(truth):
        scores = trained.fitted.scores[data.held]
        here = operating_point.operating_point(point.threshold, point.rule, truth, scores)
        points.append(("held out entities", here))
    return {
        "points": points,
        "calibration": choice,
        "why": choice and why(choice, distorted=trained.model.class_weight != "none"),
    }


def why(choice: CalibrationChoice, *, distorted: bool) -> str:
    """Say why a calibration was chosen.

    Args:
        choice: what was asked for, tried and taken.
        distorted: whether the model was trained to give other scores than probabilities.

    >>> why(CalibrationChoice("auto", "none", 0.5, ()), distorted=False)
    'no method lowers the log loss by more than its standard error'
    """
    if choice.asked == "none":
        return "none was asked for"
    if choice.method == "none":
        helps = any(each.gain > each.standard_error for each in choice.tried)
        if choice.asked == "auto" and not distorted and not helps:
            return "no method lowers the log loss by more than its standard error"
        return "any other would turn the ranking round"
    if choice.asked != "auto":
        return "as asked for"
    if distorted and choice.method == "platt":
        return "class_weight distorts the scores: they are never left as they are"
    return "it lowers the log loss by more than its standard error"
