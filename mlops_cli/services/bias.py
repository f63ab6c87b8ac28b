"""`audit bias`: does a version treat the groups of a protected attribute alike?"""

from dataclasses import dataclass

from mlops_cli.backends import estimator, own_metrics, registry, tables
from mlops_cli.config import Config
from mlops_cli.domain import fairness
from mlops_cli.domain.groups import protected_groups
from mlops_cli.domain.results.judging import FairnessGap, Verdict


@dataclass(frozen=True)
class BiasResult:
    """Fairness of one version on its holdout."""

    model: str
    version: int
    rows: int
    fairness: tuple[FairnessGap, ...]


def measure(config: Config, name: str, number: int | None) -> BiasResult:
    """Measure fairness of the champion, or of any version, on its frozen holdout rows."""
    model = config.models[name]
    version = (
        registry.champion(config, name)
        if number is None
        else registry.version(config, name, number)
    )
    stored = estimator.load(*registry.files_of(config, version))
    rows = stored.rows(estimator.HOLDOUT_FILE)
    groups, metrics = protected_groups(model, rows), own_metrics.metrics_of(config, name)
    gaps = fairness.assess(
        model.task,
        rows["mlops_label"].to_numpy(float),
        stored.predict(rows),
        groups,
        rows["mlops_entity"].to_numpy(),
        metrics=model.fairness_metrics,
        limit=model.fairness.limit,
        min_group_rows=model.fairness.min_group_rows,
        threshold=stored.contract.threshold,
        seed=config.seed,
        own={each: metrics[each] for each in model.metrics},
        positive=model.positive,
    )
    gaps += tuple(
        FairnessGap(
            key, metric, None, None, None, model.fairness.limit, Verdict.INCONCLUSIVE, groups=()
        )
        for key in model.protected
        if key not in groups  # the version was trained before this was a feature
        for metric in model.fairness_metrics
    )
    details = {
        "gaps": [
            {"attribute": gap.attribute, "metric": gap.metric, "verdict": gap.verdict}
            for gap in gaps
        ]
    }
    tables.append(config, "fairness.assessed", name, version.number, details)
    return BiasResult(name, version.number, len(rows), gaps)
