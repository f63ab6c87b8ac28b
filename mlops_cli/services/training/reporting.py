"""The evidence beside a model: pictures, tables for programs, and one page for people."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_cli.backends import estimator, files, plots, report_page
from mlops_cli.config import Config, ModelConfig, recorded
from mlops_cli.domain import curves
from mlops_cli.domain.metrics import binary
from mlops_cli.domain.results.judging import Interval, Verdict
from mlops_cli.domain.slices import MIN_ENTITIES
from mlops_cli.errors import first_line
from mlops_cli.services.training.dataset import TrainingSet
from mlops_cli.services.training.evaluation import Evaluated
from mlops_cli.services.training.fitting import Fitted, Measured
from mlops_cli.services.training.held import Held

REPORT_FILE = "report.html"

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


def write_evidence(folder: Path, trained: Trained, record: Mapping[str, str]) -> None:
    """Write every picture, the figures behind the page, and the page.

    Args:
        folder: where they go.
        trained: what they are about.
        record: digests and versions for the end of the page, by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn, not_drawn = _pictures(trained)
    for name, svg in drawn.items():
        files.write_text(folder / f"{name}.svg", plots.document(svg))
    result = trained.evaluated
    tables: dict[str, Any] = {
        "baselines": result.baselines,
        "slices": {"found": result.found, "looked_at": result.looked_at, "groups": result.groups},
    }
    if result.curve:
        tables["learning_curve"] = result.curve
    if result.confusion:
        tables["confusion"] = result.confusion
    for name, table in tables.items():
        files.write_text(folder / f"{name}.json", json.dumps(_plain(table), indent=1))
    page = report_page.render(_facts(trained, not_drawn, record), drawn, plots.STYLE)
    files.write_text(folder / REPORT_FILE, page)


def _pictures(trained: Trained) -> tuple[dict[str, str], dict[str, str]]:
    """Return the pictures by name, and in a word why the others could not be drawn."""
    drawn, not_drawn = {}, {}
    for name, draw in _drawings(trained).items():
        try:
            drawn[name] = draw()
        except Exception as error:  # noqa: BLE001 - a picture that fails must not cost the model
            not_drawn[name] = first_line(error)
    return drawn, not_drawn


def _drawings(trained: Trained) -> dict[str, Callable[[], str]]:
    data, curve = trained.data, trained.evaluated.curve
    held = Held.of(trained.config, trained.name, data, trained.fitted)
    own = _OF_TASK[held.model.task](held)
    search = trained.fitted.search
    gains = estimator.importance(trained.fitted.booster, list(data.inputs))
    own |= {
        "importance": lambda: plots.importance(gains),
        "search": lambda: plots.search([search.told(each) for each in search.trials]),
    }
    return own | ({"learning_curve": lambda: plots.learning_curve(curve)} if curve else {})


def _of_classes(held: Held) -> dict[str, Callable[[], str]]:
    truth, scores, threshold = held.truth, held.scores, held.threshold

    def found() -> curves.Outcomes:
        return curves.outcomes(truth, scores)

    at = curves.operating_point(truth, scores, threshold)
    return {
        "roc": lambda: plots.roc(found(), at, threshold),
        "precision_recall": lambda: plots.precision_recall(found(), at, threshold, truth.mean()),
        "calibration": lambda: plots.calibration(
            curves.calibration(truth, scores, held.entities), scores
        ),
        "gain": lambda: plots.gain(found(), at, threshold),
        "lift": lambda: plots.lift(found(), at, threshold),
    }


def _of_several(held: Held) -> dict[str, Callable[[], str]]:
    words, right, chance = held.model.labels.classes, *held.told
    each = {word: (held.truth == place).astype(float) for place, word in enumerate(words)}

    def found(figure: Callable[[str], float]) -> dict[str, tuple[curves.Outcomes, float]]:
        """Of the classes that occur; there is no curve of one that does not."""
        return {
            word: (curves.outcomes(one, held.scores[:, words.index(word)]), figure(word))
            for word, one in each.items()
            if one.any()
        }

    def auc(word: str) -> float:
        weights = np.ones((1, len(right)))
        return float(binary.roc_auc(each[word], held.scores[:, words.index(word)], weights, 0.5)[0])

    return {
        "confusion": lambda: plots.confusion(held.confusion, words),
        "roc": lambda: plots.roc_of_each(found(auc)),
        "precision_recall": lambda: plots.precision_recall_of_each(
            found(lambda word: float(each[word].mean()))
        ),
        "calibration": lambda: plots.calibration(
            curves.calibration(right, chance, held.entities), chance, "predicted class is right"
        ),
    }


def _of_values(held: Held) -> dict[str, Callable[[], str]]:
    return {
        "predicted_actual": lambda: plots.predicted_actual(held.truth, held.scores),
        "residuals": lambda: plots.residuals(held.truth, held.scores),
    }


_OF_TASK = {"classification": _of_classes, "multiclass": _of_several, "regression": _of_values}


def _facts(
    trained: Trained, not_drawn: Mapping[str, str], record: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the page says, by the names it has in the template."""
    model, result = trained.config.models[trained.name], trained.evaluated
    return {
        "model": trained.name,
        "description": model.description,
        "task": model.task,
        "metric": model.metric,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "run_id": trained.key,
        "said": sentences(trained),
        "split": _split(trained.data, model),
        "metrics": trained.measured.metrics,
        "cross_validation": trained.fitted.cross_validation,
        "baselines": result.baselines,
        "not_drawn": not_drawn,
        "fairness": trained.measured.fairness,
        "found": result.found,
        "looked_at": result.looked_at,
        "groups": result.groups,
        "fewest": {"rows": model.fairness.min_group_rows, "entities": MIN_ENTITIES},
        "curve": result.curve,
        "views": trained.data.views,
        "left_out": trained.data.left_out,
        "params": trained.fitted.params,
        "configuration": json.dumps(recorded(trained.config, trained.name), indent=2),
        "record": record,
    }


def sentences(trained: Trained) -> Said:
    """Return what a reader must know first, each with good, bad, open or fact."""
    model, result = trained.config.models[trained.name], trained.evaluated
    value = trained.measured.metrics[model.metric]
    known = math.isfinite(value.value)
    said: Said = [
        ("fact", f"{model.metric} {_with_interval(value, '')}")
        if known
        else ("open", f"{model.metric} is not defined on the held out rows")
    ]
    for each in result.baselines:
        by = f"{each.metric} {_with_interval(each.difference, '+')}"
        if each.beaten:
            said.append(("good", f"better than {each.name}: {by}"))
        elif each.difference.high < 0:
            said.append(("bad", f"worse than {each.name}: {by}; use the simpler model"))
        else:
            said.append(("open", f"not shown to be better than {each.name}: {by}"))
    for gap in trained.measured.fairness:
        kind = {Verdict.PASS: "good", Verdict.FAIL: "bad"}.get(gap.verdict, "open")
        said.append((kind, f"fairness, {gap.metric} by {gap.attribute}: {gap.verdict}"))
    said += [
        ("open", f"higher loss than elsewhere where {each.name} ({each.rows} rows)")
        for each in result.found
    ]
    return said + ([("fact", result.curve.message)] if result.curve else [])


def _with_interval(each: Interval, sign: str) -> str:
    value, low, high = (round(part, 3) + 0.0 for part in (each.value, each.low, each.high))
    return f"{value:{sign}.3f} [{low:.3f}, {high:.3f}]"


def _split(data: TrainingSet, model: ModelConfig) -> dict[str, Any]:
    """Return the sizes of the parts, and their mean label or of several classes their shares."""
    parts = {"train": ~data.held, "test": data.held}
    return {
        f"{part}_{key}": value
        for part, rows in parts.items()
        for key, value in (
            ("rows", int(rows.sum())),
            ("entities", len(set(data.entities[rows]))),
            ("mean", float(data.labels[rows].mean())),
            ("classes", _shares(data.labels[rows], model)),
        )
    }


def _shares(labels: NDArray[np.float64], model: ModelConfig) -> str:
    return ", ".join(
        f"{word} {(labels == place).mean():.1%}" for place, word in enumerate(model.labels.classes)
    )


def _plain(value: Any) -> Any:
    """Return a result as JSON holds it: what is not a finite number is null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
