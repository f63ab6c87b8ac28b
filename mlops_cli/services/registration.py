"""`register`: from a finished run to a version, the challenger."""

from mlops_cli.backends import estimator, files, registry, tables
from mlops_cli.config import Config
from mlops_cli.errors import InputError

DECISIONS = ("promotion.", "approval.", "rollback.")


def register(config: Config, name: str, run_id: str, *, late: bool = False) -> int:
    """Make a finished, whole run a version with the alias `challenger`; return its number.

    Registering the same run again returns the version it already is. A `late` run leaves the alias
    to a version that was trained after it.

    Raises:
        NotFoundError: There is no such run.
        InputError: The run belongs to another model or has not finished.
        IntegrityError: A file of the model is not what the run has stored.
    """
    status, tags = registry.run_status(config, run_id)
    if status != "FINISHED" or "mlops.source" not in tags or tags.get("mlops.model") != name:
        raise InputError(
            f"run {run_id} is {status} and holds no whole {name}", f"run `mlops train {name}` again"
        )
    source, manifest = tags["mlops.source"], tags["mlops.manifest_digest"]
    estimator.load(registry.fetch(config, source), manifest)
    kept = {key: tags[key] for key in tags if key.endswith("_digest") or key == registry.TRAINED}
    with files.lock(config.state, f"model-{name}"):
        versions = registry.versions(config, name)
        known = [each for each in versions if each.run_id == run_id]
        version = (known or [registry.create_version(config, name, run_id, source, kept)])[0]
        newest = not versions or version.number >= versions[-1].number
        if late:
            own = tags.get(registry.TRAINED, "")
            newest = newest and all(v.tags.get(registry.TRAINED, "") <= own for v in versions)
        _enlist(config, version, newest)
    return version.number


def _enlist(config: Config, version: registry.Version, newest: bool) -> None:
    """Put a version on record and make it the challenger, as far as this has not been done."""
    name, details = version.model, {"run_id": version.run_id}
    events = [event for event in tables.events(config, name) if event.version == version.number]
    own = [n for n, event in enumerate(events) if event.details.get("run_id") == version.run_id]
    if not own:
        digests = {key.removeprefix("mlops."): value for key, value in version.tags.items()}
        tables.append(config, "model.registered", name, version.number, {**details, **digests})
        events = []
    judged = any(event.action.startswith(DECISIONS) for event in events[min(own, default=0) :])
    if newest and not judged:
        registry.set_alias(config, name, registry.CHALLENGER, version.number)
