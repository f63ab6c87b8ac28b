"""The evidence beside a model: pictures, tables for programs, and one page for people."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlops_cli.backends import estimator, files, plots, report_page
from mlops_cli.domain import curves
from mlops_cli.errors import first_line
from mlops_cli.services.training.evaluation import Held
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
    own = _of_classes(held) if held.model.task == "classification" else _of_values(held)
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


def _of_values(held: Held) -> dict[str, Callable[[], str]]:
    return {
        "predicted_actual": lambda: plots.predicted_actual(held.truth, held.scores),
        "residuals": lambda: plots.residuals(held.truth, held.scores),
    }


def _plain(value: Any) -> Any:
    """Return a result as JSON holds it: what is not a finite number is null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
