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
from mlops_cli.domain.columns import typed
from mlops_cli.domain.digest import TableDigests, table_digests
from mlops_cli.domain.labels import MIN_ROWS, checked_labels, in_order
from mlops_cli.domain.missing import refused, with_fills
from mlops_cli.domain.results import ViewCoverage
from mlops_cli.errors import InputError, UnavailableError


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
    whole = ~np.any([np.zeros(len(frame), dtype=bool), *gaps.values()], axis=0)
    if whole.sum() < MIN_ROWS:
        lacking = ", ".join(sorted(gaps))
        raise InputError(
            f"{source}: {whole.sum()} of {len(labels)} labels have a value of {lacking}",
            "`missing: refuse` leaves the others out; `missing: use` would learn from them",
        )
    labels, stored, frame = labels[whole], known.frame[whole], frame[whole]
    held = _held(model, labels, source)
    keys = {*model.keys, model.labels.timestamp}
    return TrainingSet(
        features=with_fills(model.features, frame[~held]),
        entities=labels[model.entity].to_numpy(dtype=object),
        frame=frame,
        labels=labels[model.labels.column].to_numpy(dtype=np.float64),
        held=held,
        digests=table_digests(pd.concat([labels, stored], axis=1), keys),
        views=known.coverage,
        left_out={name: int(gap.sum()) for name, gap in gaps.items()},
        files=hashes,
    )


def source_files(model: ModelConfig) -> dict[str, dict[str, str]]:
    """Return the sha256 of each file behind the labels and behind each view."""
    places = {name: view.source for name, view in model.feature_views.items()}
    places = {"labels": model.labels.source, **places}
    return {name: files.digests(place) for name, place in places.items()}


def _held(model: ModelConfig, labels: pd.DataFrame, source: str) -> NDArray[np.bool_]:
    """Tell which rows are held out, and refuse where one side is left with nothing to learn."""
    entities = labels[model.entity].to_numpy(dtype=object)
    held = split.in_holdout(entities, model.holdout.fraction, model.holdout.salt)
    split.assert_disjoint(entities[held], entities[~held])
    if held.all() or not held.any():
        raise InputError(
            f"{source}: {len(set(entities[held]))} of {len(set(entities))} entities are held out",
            "both sides need some: bring labels of more entities, or set holdout.fraction",
        )
    left = labels.loc[~held, model.labels.column]
    if model.task == "classification" and left.nunique() < 2:
        raise InputError(
            f"{source}: every {model.labels.column} outside the holdout is {left.iloc[0]:g}",
            "there is nothing to tell apart: bring labels of more entities",
        )
    return held
