"""`features skew`: were predictions made from the values that a training row would hold?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from mlops_cli.backends import feature_store, tables
from mlops_cli.config import Config, ModelConfig
from mlops_cli.config.expression import names
from mlops_cli.domain import shares, skew
from mlops_cli.domain.columns import typed
from mlops_cli.domain.keys import read_key
from mlops_cli.domain.point_in_time import Rows, last_known
from mlops_cli.domain.records import LoggedPrediction
from mlops_cli.domain.skew import Example, FeatureSkew, Flags, Reason, Skipped, ViewLag, Window
from mlops_cli.errors import InputError, NotFoundError


@dataclass(frozen=True)
class SkewResult:
    """What a check of one model has found."""

    model: str
    versions: tuple[int, ...]
    """The versions that made the predictions compared."""
    skewed: bool
    conclusive: bool
    """False where too few independent rows were compared, and nothing was found in them."""
    rows: int
    """Predictions in the window."""
    compared: int
    effective_rows: int
    """Independent ones: an entity asked again before its values have changed counts once."""
    skipped: Skipped
    min_rows: int
    limit: float
    detectable: float
    """The smallest share that would have been a finding."""
    features: tuple[FeatureSkew, ...]
    views: tuple[ViewLag, ...]
    window: Window


@dataclass(frozen=True)
class _Compared:
    """Predictions beside what was known at their time; everything has shape (rows, ...)."""

    logged: list[LoggedPrediction]
    keys: pd.DataFrame
    served: pd.DataFrame
    had: pd.DataFrame
    known: pd.DataFrame
    differing: dict[str, Flags]
    groups: Rows
    """Predictions for the same entity while nothing new was known of it."""


def check(
    config: Config, name: str, days: float, version: int | None = None, files: bool = False
) -> SkewResult:
    """Compare what recent predictions were made from with what was known at their time.

    Args:
        config: The project.
        name: The model.
        days: How much of the inference log to look at.
        version: Only predictions of this version.
        files: Also predictions for rows of files, where they name an entity.

    Raises:
        NotFoundError: The window has predictions, and none of them is of this version.
        InputError: A cell of a source is not of its feature's type.
    """
    model = config.models[name]
    end = datetime.now(UTC)
    window = Window(end - timedelta(days=days), end)
    logged = _of_version(tables.window(config, name, window.start, end), version)
    chosen, keys, skipped = _comparable(model, logged, files)
    features: tuple[FeatureSkew, ...] = ()
    views: tuple[ViewLag, ...] = ()
    rows = 0.0
    if chosen:
        compared = _compare(config, model, chosen, keys)
        features, views = _explained(config, model, compared)
        rows = shares.effective_rows(compared.groups)
    skewed = any(each.skewed for each in features)
    result = SkewResult(
        model=name,
        versions=tuple(sorted({row.version for row in chosen})),
        skewed=skewed,
        conclusive=skewed or rows >= model.drift.min_rows,
        rows=len(logged),
        compared=len(chosen),
        effective_rows=int(rows),
        skipped=skipped,
        min_rows=model.drift.min_rows,
        limit=model.drift.max_skew,
        detectable=shares.detectable(rows, model.drift.max_skew),
        features=features,
        views=views,
        window=window,
    )
    _record(config, result, version)
    return result


def _record(config: Config, result: SkewResult, version: int | None) -> None:
    details = {
        "skewed": result.skewed,
        "conclusive": result.conclusive,
        "features": [each.feature for each in result.features if each.skewed],
        "rows": result.rows,
        "compared": result.compared,
        "limit": result.limit,
        "start": result.window.start.isoformat(),
    }
    tables.append(config, "features.skew_checked", result.model, version, details)


def _of_version(logged: list[LoggedPrediction], version: int | None) -> list[LoggedPrediction]:
    found = [row for row in logged if version in {None, row.version}]
    if logged and not found:
        known = ", ".join(map(str, sorted({row.version for row in logged})))
        raise NotFoundError(
            f"no prediction of {logged[0].model} version {version} in the window",
            f"it has predictions of version {known}",
        )
    return found


def _comparable(
    model: ModelConfig, logged: list[LoggedPrediction], files: bool
) -> tuple[list[LoggedPrediction], pd.DataFrame, Skipped]:
    """Return the predictions that can be compared, with their keys, and count the others."""
    chosen, keys = [], []
    no_entity = from_files = not_readable = 0
    for row in logged:
        if row.entity is None:
            no_entity += 1
        elif row.feature_age_seconds is None and not files:
            from_files += 1
        elif (key := _key(model, row)) is None:
            not_readable += 1
        else:
            chosen.append(row)
            keys.append(key)
    frame = pd.DataFrame(keys, columns=list(model.keys), dtype=object)
    return chosen, frame, Skipped(no_entity, from_files, not_readable)


def _key(model: ModelConfig, row: LoggedPrediction) -> dict[str, str] | None:
    """Return the ids of a prediction, or None where it was logged under other definitions."""
    try:
        key = read_key(str(row.entity), model.keys)
    except InputError:
        return None
    return key if skew.readable(row.features, model.features) else None


def _compare(
    config: Config, model: ModelConfig, logged: list[LoggedPrediction], keys: pd.DataFrame
) -> _Compared:
    served, had = skew.served_values([row.features for row in logged], model.features)
    times = pd.to_datetime([row.time for row in logged], utc=True)
    asked = keys.assign(**{model.labels.timestamp: times})
    found = feature_store.historical(config, model, asked).frame
    known = typed(found, model.features, "the sources")
    differing = {
        name: skew.different(served[name], known[name], spec) & had[name].to_numpy()
        for name, spec in model.features.items()
    }
    alike = pd.concat([keys, known[list(model.stored)]], axis=1)
    return _Compared(logged, keys, served, had, known, differing, skew.numbered(alike))


def _explained(
    config: Config, model: ModelConfig, compared: _Compared
) -> tuple[tuple[FeatureSkew, ...], tuple[ViewLag, ...]]:
    """Tell of each feature how often and why it differs, and of each view how late it was."""
    features, lags = [], []
    for name, view in model.feature_views.items():
        own = list(view.features)
        rows = np.any([compared.differing[each] for each in own], axis=0)
        older, lag = _older(config, model, compared, name, rows)
        blank = np.asarray(compared.served[own].isna().all(axis=1))
        for each in own:
            causes = skew.reasons(
                compared.served[each], compared.known[each], compared.differing[each], older, blank
            )
            features.append(_summed(model, compared, each, name, causes))
        lags += [lag] if lag else []
    for each, spec in model.derived.items():
        inputs = [compared.differing[used] for used in names(str(spec.expression))]
        causes = skew.derived_reasons(compared.differing[each], inputs)
        features.append(_summed(model, compared, each, "derived", causes))
    return tuple(features), tuple(lags)


def _older(
    config: Config, model: ModelConfig, compared: _Compared, view: str, differing: Flags
) -> tuple[Flags, ViewLag | None]:
    """Return which predictions were served an earlier row of a view, and how much older it was.

    Of a source that is no file of ours nothing is known but the values at a time.
    """
    older = np.zeros(len(differing), dtype=bool)
    if not differing.any():
        return older, None
    own = model.feature_views[view].features
    keys = compared.keys.loc[differing, list(model.view_keys(view))]
    past = feature_store.history(config, view, list(own), keys)
    if past is None or not len(past.codes):
        return older, None
    logged = [row for row, differs in zip(compared.logged, differing, strict=True) if differs]
    times = skew.microseconds([row.time for row in logged])
    values = typed(past.values, own, "the sources")
    served = compared.served.loc[differing, list(own)]
    rows = skew.same_row(values, past.codes, past.events, past.created, served, past.asked, times)
    newest = last_known(past.codes, past.events, past.created, past.asked, times).rows
    late = (rows >= 0) & (rows != newest)
    older[differing] = late
    if not late.any():
        return older, None
    seconds = (past.events[newest] - past.events[rows])[late] / 1_000_000
    lag = ViewLag(view, len(seconds), float(np.median(seconds)), float(seconds.max()))
    return older, lag


def _summed(
    model: ModelConfig, compared: _Compared, name: str, view: str, causes: Mapping[Reason, int]
) -> FeatureSkew:
    had, differing = compared.had[name].to_numpy(), compared.differing[name]
    rows, count = int(had.sum()), int(differing.sum())
    share = (
        shares.wilson(count / rows, shares.effective_rows(compared.groups[had])) if rows else None
    )
    first = compared.logged[int(np.argmax(differing))] if count else None
    return FeatureSkew(
        feature=name,
        view=view,
        rows=rows,
        differing=count,
        share=share.value if share else None,
        low=share.low if share else None,
        high=share.high if share else None,
        skewed=bool(share and share.low > model.drift.max_skew),
        reasons=causes,
        mean_difference=skew.mean_difference(compared.served[name], compared.known[name], differing)
        if model.features[name].type in {"int", "float"}
        else None,
        example=Example(first.prediction_id, first.time) if first else None,
    )
