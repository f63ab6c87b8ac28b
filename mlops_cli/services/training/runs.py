"""`train`: from labels to a stored model with its evidence, top to bottom."""

import time

from mlops_cli.backends import own_metrics, registry
from mlops_cli.config import Config
from mlops_cli.domain.results.sending import Delivered, Unsent
from mlops_cli.domain.results.training import Rows, TrainResult
from mlops_cli.errors import MlopsError
from mlops_cli.services.training import outbox, resuming
from mlops_cli.services.training.dataset import build
from mlops_cli.services.training.evaluation import evaluate
from mlops_cli.services.training.fitting import fit, measure
from mlops_cli.services.training.memory import foreseen
from mlops_cli.services.training.outbox import Register
from mlops_cli.services.training.page import Trained
from mlops_cli.services.training.searching import Say
from mlops_cli.services.training.storing import Circumstances, lineage, store


def train(
    config: Config,
    name: str,
    say: Say,
    register: Register | None,
    *,
    learning_curve: bool = False,
) -> TrainResult:
    """Train, evaluate and store one model, and make its run a version if `register` is given.

    The run is whole in the outbox before MLflow is asked for anything. Where MLflow cannot take it
    the result says so, and `sync` sends it later. With `learning_curve` the final parameters are
    also fitted on parts of the training entities.

    Raises:
        NotFoundError: The labels or a feature source do not exist.
        InputError: The labels cannot be learnt from, or the memory is too small for them.
    """
    started, start = time.monotonic(), round(1000 * time.time())
    model, key, earlier = config.models[name], outbox.new_key(name), outbox.waiting(config)
    own_metrics.metrics_of(config, name)  # one that cannot be had is told before anything is read
    memory = foreseen(config, name, say)
    say(f"{name}: joining features to labels")
    data = build(config, name)
    tags = lineage(config, name, data)
    with resuming.keeping(config, name, data.digests.whole) as kept:
        with registry.watching(config.tracking.system_metrics) as samples:
            fitted = fit(config, name, data, say, kept)
            measured = measure(config, name, data, fitted)
            evaluated = evaluate(config, name, data, fitted, say, curve=learning_curve)
        trained = Trained(config, name, key, data, fitted, measured, evaluated)
        digests = store(trained, Circumstances(start, tags, samples, register is not None))
    sent = _send(config, key, register)
    delivered = sent if isinstance(sent, Delivered) else None
    return TrainResult(
        model=name,
        run_id=delivered.run_id if delivered else None,
        version=delivered.version if delivered else None,
        alias=registry.CHALLENGER if delivered and delivered.version else None,
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
        warnings=(*trained.warnings, *_left_behind(config, earlier, sent)),
        dataset_digest=data.digests.whole,
        model_digest=digests["model"],
        fairness=measured.fairness,
        baselines=evaluated.baselines,
        slices=evaluated.found,
        learning_curve=evaluated.curve,
        report=sent.report,
        params=fitted.params,
        search=fitted.search.summary,
        optimism=fitted.search.summary.optimism,
        calibration=fitted.decided.choice,
        operating_point=fitted.decided.operating_point,
        memory_mib=None if memory is None else round(memory / 2**20),
        evals=fitted.search.summary.trials,
        seconds=round(time.monotonic() - started, 1),
        unsent=sent if isinstance(sent, Unsent) else None,
    )


def _send(config: Config, key: str, register: Register | None) -> Delivered | Unsent:
    """Send a run that is in the outbox; where that fails it stays there."""
    try:
        return outbox.deliver(config, key, register, config.tracking.deadline)
    except MlopsError as error:
        return outbox.keep(config, key, error)


def _left_behind(config: Config, earlier: list[str], sent: Delivered | Unsent) -> list[str]:
    """Say how many runs that waited when this one began still do, where MLflow takes runs now.

    Others may be on their way: those of models that are trained beside this one.
    """
    count = len({*earlier} & {*outbox.waiting(config)})
    if not count or isinstance(sent, Unsent):
        return []
    what = "1 finished run waits" if count == 1 else f"{count} finished runs wait"
    return [f"{what} to be sent: `mlops sync`"]
