"""`features skew`: were predictions made from the values that a training row would hold?"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mlops_cli.backends import tables
from mlops_cli.config import Config
from mlops_cli.domain import shares
from mlops_cli.domain.records import LoggedPrediction
from mlops_cli.domain.skew import FeatureSkew, Skipped, ViewLag, Window
from mlops_cli.errors import NotFoundError
from mlops_cli.services.skew.comparing import comparable, compare
from mlops_cli.services.skew.explaining import explained


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
    end = datetime.now(UTC)
    window = Window(end - timedelta(days=days), end)
    logged = _of_version(tables.window(config, name, window.start, end), version)
    result = _checked(config, name, window, logged, files)
    _record(config, result, version)
    return result


def _checked(
    config: Config, name: str, window: Window, logged: list[LoggedPrediction], files: bool
) -> SkewResult:
    model = config.models[name]
    chosen, keys, skipped = comparable(model, logged, files)
    features: tuple[FeatureSkew, ...] = ()
    views: tuple[ViewLag, ...] = ()
    rows = 0.0
    if chosen:
        compared = compare(config, model, chosen, keys)
        features, views = explained(config, model, compared)
        rows = shares.effective_rows(compared.groups)
    skewed = any(each.skewed for each in features)
    return SkewResult(
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
