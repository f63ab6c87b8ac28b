"""How much is searched, where a command says otherwise than config.yaml."""

from collections.abc import Sequence

from mlops_cli.config.sections import Config


def budgeted(config: Config, names: Sequence[str], **changes: float | None) -> Config:
    """Return the configuration with other keys of the `search` of some models.

    The values have to be valid: they are not checked again.
    """
    models = dict(config.models)
    for name in names:
        search = models[name].search.model_copy(update=changes)
        models[name] = models[name].model_copy(update={"search": search})
    return config.model_copy(update={"models": models})
