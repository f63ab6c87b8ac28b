"""Why predictions were made from other values, feature by feature."""

from collections.abc import Mapping

import numpy as np

from mlops_cli.backends import feature_store
from mlops_cli.config import Config, ModelConfig
from mlops_cli.domain import shares, skew
from mlops_cli.domain.columns import typed
from mlops_cli.domain.lineage import computed_from
from mlops_cli.domain.point_in_time import last_known, since_epoch
from mlops_cli.domain.skew import Example, FeatureSkew, Flags, Reason, ViewLag
from mlops_cli.services.skew.comparing import Compared


def explained(
    config: Config, model: ModelConfig, compared: Compared
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
        inputs = [compared.differing[used] for used in computed_from(spec)]
        causes = skew.derived_reasons(compared.differing[each], inputs)
        features.append(_summed(model, compared, each, "derived", causes))
    return tuple(features), tuple(lags)


def _older(
    config: Config, model: ModelConfig, compared: Compared, view: str, differing: Flags
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
    times = np.array([since_epoch(row.time) for row in logged], dtype=np.int64)
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
    model: ModelConfig, compared: Compared, name: str, view: str, causes: Mapping[Reason, int]
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
