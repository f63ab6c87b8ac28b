"""What a run keeps of its configuration, and the configuration that this was."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlops_cli.config.masking import masked
from mlops_cli.config.model import ModelConfig
from mlops_cli.config.sections import Config
from mlops_cli.errors import InputError


def recorded(config: Config, name: str) -> dict[str, Any]:
    """Return all that a training goes by, JSON-able: the seed and the model's block.

    Secrets are masked, and tables below the folder of the config file are relative to it, so that
    the record of another clone is the same.
    """
    model = masked(config)["models"][name]
    for section in (model["labels"], *model["feature_views"].values()):
        place = Path(section["source"] or ".")
        if place.is_relative_to(config.root) and section["source"]:
            section["source"] = place.relative_to(config.root).as_posix()
    return {"seed": config.seed, "model": model}


def restored(config: Config, name: str, record: dict[str, Any]) -> Config:
    """Return the configuration with the seed and the model's block of a record.

    The tables are where they are now: what is in them is compared, not where they stand. Functions
    are those that config.yaml names now: a record names no code that is run.

    Raises:
        InputError: This version of the program cannot read the record.
    """
    model, now = deepcopy(record["model"]), config.models[name]
    model.setdefault("calibration", "none")  # a run of before there was one had none
    model |= now.model_dump(include={"metrics"})  # code that is run is named by config.yaml
    model["labels"]["source"] = now.labels.source
    for view, section in model["feature_views"].items():
        if view in now.feature_views:
            section["source"] = now.feature_views[view].source
    try:
        block = ModelConfig.model_validate(model, context={"root": config.root})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(
            f"the recorded configuration of {name} cannot be read: {where}: {first['msg']}",
            "use the version of mlops-cli that the run names in `mlops.version.mlops-cli`",
        ) from error
    models = {**config.models, name: block}
    return config.model_copy(update={"seed": record["seed"], "models": models})
