"""The training set: features joined to labels, and who is held out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_cli.backends import feature_store, files
from mlops_cli.config import Config, FeatureConfig, ModelConfig
from mlops_cli.domain import split
from mlops_cli.domain.columns import typed, words
from mlops_cli.domain.digest import TableDigests, table_digests
from mlops_cli.domain.groups import UNKNOWN
from mlops_cli.domain.labels import MIN_ROWS, checked_labels, in_order, said
from mlops_cli.domain.missing import refused, with_fills
from mlops_cli.domain.results.tables import ViewCoverage
from mlops_cli.errors import InputError, UnavailableError

_HINTS = {
    "entity": "both sides need some: bring labels of more entities, or set holdout.fraction",
    "time": "both sides need some, and who has a label at or after holdout.after is held out "
    "whole: set it otherwise, or use kind: entity",
    "group": "both sides need some, and who has a label at a held out site is held out whole: "
    "name other sites in holdout.values",
}


@dataclass(frozen=True)
class TrainingSet:
    """Features as they were known at each label's time, and who is held out."""

    features: dict[str, FeatureConfig]
    """The model's, with what fills their gaps."""
    entities: NDArray[np.object_]
    frame: pd.DataFrame
    labels: NDArray[np.float64]
    held: NDArray[np.bool_]
    digests: TableDigests
    views: tuple[ViewCoverage, ...]
    left_out: dict[str, int]
    """Labels without a value that must be there, by feature; they are in no row of this set."""
    files: dict[str, dict[str, str]]
    """As `source_files`, before they were read."""
    sites: NDArray[np.object_] | None = None
    """The site of each row, where the configuration names sites."""
    crossing: NDArray[np.bool_] | None = None
    """As `split.kept_apart`, where the holdout may take some rows of an entity and not others."""
    rule: str = ""
    """Who is held out, in words."""
    set_aside: int = 0
    """Labels for training whose entities are held out; they are in no row of this set."""

    @property
    def inputs(self) -> dict[str, FeatureConfig]:
        """The features that the model reads, in order."""
        return {name: spec for name, spec in self.features.items() if spec.input}

    def record(self) -> dict[str, Any]:
        """Return what it was made of: its tables, as they were, and what they covered."""
        return {
            "digest": self.digests.whole,
            "rows": len(self.labels),
            "columns": self.digests.columns,
            "files": self.files,
            "views": [vars(view) for view in self.views],
            "left_out": self.left_out,
            "set_aside": self.set_aside,
        }


def build(config: Config, name: str) -> TrainingSet:
    """Join the features to the labels and hold out whole entities, the same ones every time.

    Raises:
        NotFoundError: The labels or a feature source do not exist.
        InputError: The labels cannot be learnt from, or windows were computed by other definitions.
        UnavailableError: A source was written in the meantime.
    """
    model = config.models[name]
    source = model.labels.source
    files.check_windows(name, model)
    hashes = source_files(model)
    labels = in_order(checked_labels(files.read_source(Path(source)), model, source))
    known = feature_store.historical(config, model, labels)
    if source_files(model) != hashes:
        raise UnavailableError("a source table has changed while it was read", "try again")
    frame = typed(known.frame, model.features, "the feature store")
    gaps = refused(frame, model.features)
    whole = _whole(len(frame), gaps, source)
    coverage, stored = known.coverage, known.frame
    del known
    labels, stored, frame = _rows(whole, labels, stored, frame)
    groups = _sites(model, model.holdout.groups, labels, frame)
    held, used, crossing = _sides(model, labels, groups, source)
    rule = split.rule(model.holdout, groups[held])
    labels, stored, frame = _rows(used, labels, stored, frame)
    held = held[used]
    keys = {*model.keys, model.labels.timestamp}
    return TrainingSet(
        features=with_fills(model.features, frame[~held]),
        entities=labels[model.entity].to_numpy(dtype=object),
        frame=frame,
        labels=labels[model.labels.column].to_numpy(dtype=np.float64),
        held=held,
        digests=table_digests(pd.concat([labels, stored], axis=1), keys),
        views=coverage,
        left_out={name: int(gap.sum()) for name, gap in gaps.items()},
        files=hashes,
        sites=_sites(model, model.site, labels, frame) if model.site else None,
        crossing=None if model.holdout.kind == "entity" else crossing[used],
        rule=rule,
        set_aside=int((~used).sum()),
    )


def _rows(
    some: NDArray[np.bool_], *tables: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return some rows of each of three tables; where that is all, without a second copy."""
    first, second, third = tables if some.all() else (table[some] for table in tables)
    return first, second, third


def source_files(model: ModelConfig) -> dict[str, dict[str, str]]:
    """Return the sha256 of each file behind the labels and behind each view."""
    places = {name: view.source for name, view in model.feature_views.items()}
    places = {"labels": model.labels.source, **places}
    return {name: files.digests(place) for name, place in places.items()}


def _whole(rows: int, gaps: dict[str, NDArray[np.bool_]], source: str) -> NDArray[np.bool_]:
    """Tell which rows have every value that they must have."""
    whole = np.ones(rows, dtype=np.bool_)
    for gap in gaps.values():
        whole &= ~gap
    if whole.sum() < MIN_ROWS:
        lacking = ", ".join(sorted(gaps))
        raise InputError(
            f"{source}: {whole.sum()} of {rows} labels have a value of {lacking}",
            "`missing: refuse` leaves the others out; `missing: use` would learn from them",
        )
    return whole


def _sites(
    model: ModelConfig, column: str | None, labels: pd.DataFrame, frame: pd.DataFrame
) -> NDArray[np.object_]:
    """Return the site of each row as text, `unknown` where it is missing or there is no column."""
    if column is None:
        return np.full(len(labels), UNKNOWN, dtype=object)
    named = words((labels if column in model.keys else frame)[column])
    return np.where(pd.isna(named), UNKNOWN, named)


def _sides(
    model: ModelConfig, labels: pd.DataFrame, sites: NDArray[np.object_], source: str
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which rows are held out, used and crossing; refuse a side with nothing to learn."""
    holdout = model.holdout
    if unknown := set(holdout.values) - set(sites):
        raise InputError(
            f"{source}: no label has {holdout.groups} {min(unknown)!r} of holdout.values",
            f"found: {', '.join(sorted(set(sites))[:20])}",
        )
    entities = labels[model.entity].to_numpy(dtype=object)
    held = split.held_out(holdout, entities, labels[model.labels.timestamp], sites)
    used, crossing = split.kept_apart(entities, held)
    trained = used & ~held
    split.assert_disjoint(entities[held], entities[trained])
    if not trained.any() or not held.any():
        raise InputError(
            f"{source}: {len(set(entities[held]))} of {len(set(entities))} entities are held out",
            _HINTS[holdout.kind],
        )
    left = labels.loc[trained, model.labels.column]
    if model.task != "regression" and left.nunique() < 2:
        same = said(model, left.iloc[0])
        raise InputError(
            f"{source}: every {model.labels.column} outside the holdout is {same}",
            "there is nothing to tell apart: bring labels of more entities",
        )
    return held, used, crossing
