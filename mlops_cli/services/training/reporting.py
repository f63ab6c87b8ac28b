"""The evidence beside a model: pictures, tables for programs, and one page for people."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlops_cli.backends import estimator, files, plots, report_page
from mlops_cli.domain import curves
from mlops_cli.domain.metrics import binary
from mlops_cli.errors import first_line
from mlops_cli.services.training.held import Held
from mlops_cli.services.training.page import Trained, facts

REPORT_FILE = "report.html"


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
    page = report_page.render(facts(trained, not_drawn, record), drawn, plots.STYLE)
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
    data, curve, sites = trained.data, trained.evaluated.curve, trained.measured.sites
    held = Held.of(trained.config, trained.name, data, trained.fitted)
    own = _OF_TASK[held.model.task](held)
    search = trained.fitted.search
    gains = estimator.importance(trained.fitted.booster, list(data.inputs))
    own |= {
        "importance": lambda: plots.importance(gains),
        "search": lambda: plots.search([search.told(each) for each in search.trials]),
    }
    if any(each.value is not None for each in sites):
        value = trained.measured.metrics[held.model.metric]
        own["sites"] = lambda: plots.sites(sites, value)
    if curve:
        own["learning_curve"] = lambda: plots.learning_curve(curve)
    return own


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


def _plain(value: Any) -> Any:
    """Return a result as JSON holds it: what is not a finite number is null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
