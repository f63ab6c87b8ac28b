"""`train`: from labels to a stored model with its evidence, top to bottom."""

import time
from collections.abc import Callable

from mlops_cli.backends import own_metrics, registry
from mlops_cli.config import Config
from mlops_cli.domain import leaks
from mlops_cli.domain.contract import policy_digest
from mlops_cli.domain.labels import absent
from mlops_cli.domain.results.training import Rows, TrainResult
from mlops_cli.services.training import resuming
from mlops_cli.services.training.dataset import build
from mlops_cli.services.training.deciding import doubts
from mlops_cli.services.training.evaluation import evaluate
from mlops_cli.services.training.fitting import fit, measure
from mlops_cli.services.training.reporting import REPORT_FILE, Trained
from mlops_cli.services.training.searching import Say
from mlops_cli.services.training.storing import store, surroundings

Register = Callable[[Config, str, str], int]


def train(
    config: Config,
    name: str,
    say: Say,
    register: Register | None,
    *,
    learning_curve: bool = False,
) -> TrainResult:
    """Train, evaluate and store one model, and make its run a version if `register` is given.

    With `learning_curve` the final parameters are also fitted on parts of the training entities.

    Raises:
        NotFoundError: The labels or a feature source do not exist.
        InputError: The labels cannot be learnt from.
    """
    started = time.monotonic()
    model = config.models[name]
    own_metrics.metrics_of(config, name)  # one that cannot be had is told before anything is read
    say(f"{name}: joining features to labels")
    data = build(config, name)
    tags = {
        "mlops.model": name,
        "mlops.dataset_digest": data.digests.whole,
        "mlops.policy_digest": policy_digest(model),
        **surroundings(config, name),
    }
    with (
        resuming.keeping(config, name, data.digests.whole) as kept,
        registry.run(config, name, tags) as run_id,
    ):
        fitted = fit(config, name, data, say, kept)
        measured = measure(config, name, data, fitted)
        evaluated = evaluate(config, name, data, fitted, say, curve=learning_curve)
        digests = store(Trained(config, name, run_id, data, fitted, measured, evaluated))
    version = register(config, name, run_id) if register else None
    return TrainResult(
        model=name,
        run_id=run_id,
        version=version,
        alias=registry.CHALLENGER if register else None,
        task=model.task,
        metrics=measured.metrics,
        cross_validation=fitted.cross_validation,
        naive=measured.naive,
        sites=measured.sites,
        rows=Rows(int((~data.held).sum()), int(data.held.sum())),
        held_out=data.rule,
        views=data.views,
        left_out=data.left_out,
        set_aside=data.set_aside,
        warnings=(
            *leaks.warnings(
                data.frame[~data.held], data.labels[~data.held], data.inputs, model.task
            ),
            *absent(model, data.labels[~data.held], "training"),
            *absent(model, data.labels[data.held], "held out"),
            *doubts(model, fitted.decided),
        ),
        dataset_digest=data.digests.whole,
        model_digest=digests["model"],
        fairness=measured.fairness,
        baselines=evaluated.baselines,
        slices=evaluated.found,
        learning_curve=evaluated.curve,
        report=registry.artifact_place(config, run_id, f"evidence/{REPORT_FILE}"),
        params=fitted.params,
        search=fitted.search.summary,
        optimism=fitted.search.summary.optimism,
        calibration=fitted.decided.choice,
        operating_point=fitted.decided.operating_point,
        evals=fitted.search.summary.trials,
        seconds=round(time.monotonic() - started, 1),
    )
