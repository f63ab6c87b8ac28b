"""Versions of models and the aliases `champion` and `challenger`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from mlops_cli.backends.registry.connection import UNKNOWN, reaching
from mlops_cli.backends.registry.stored import fetch
from mlops_cli.config import Config
from mlops_cli.errors import NotFoundError

CHAMPION = "champion"
CHALLENGER = "challenger"
TRAINED = "mlops.trained"
"""Tag of runs and versions: when the training ended, in ISO 8601, UTC."""


@dataclass(frozen=True)
class Version:
    """A registered version of a model."""

    model: str
    number: int
    run_id: str
    source: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    created: datetime


def files_of(config: Config, version: Version) -> tuple[Path, str]:
    """Return the local folder of a version's files and the digest its manifest must have."""
    return fetch(config, version.source), version.tags.get("mlops.manifest_digest", "")


def aliases(config: Config, model: str) -> dict[str, int]:
    """Return the version behind each alias of a model; a model without versions has none.

    Raises:
        UnavailableError: The registry cannot be reached. That is never "no champion".
    """
    with reaching(config) as client:
        try:
            found = client.get_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return {}
    return {alias: int(number) for alias, number in found.aliases.items()}


def version(config: Config, model: str, number: int) -> Version:
    """Return one version of a model."""
    with reaching(config) as client:
        try:
            return _version(client.get_model_version(model, str(number)))
        except MlflowException as error:
            if error.error_code not in UNKNOWN:
                raise
            raise NotFoundError(
                f"no version {number} of {model}", f"`mlops models show {model}` lists them"
            ) from error


def by_alias(config: Config, model: str, alias: str) -> Version | None:
    """Return the version that an alias names, or None where no version has it."""
    number = aliases(config, model).get(alias)
    return None if number is None else version(config, model, number)


def champion(config: Config, model: str) -> Version:
    """Return the champion.

    Raises:
        NotFoundError: The model has none.
    """
    found = by_alias(config, model, CHAMPION)
    if found is None:
        raise NotFoundError(
            f"{model} has no champion", f"`mlops train {model}`, then `mlops promote --challenger`"
        )
    return found


def versions(config: Config, model: str) -> list[Version]:
    """Return all versions of a model, oldest first."""
    names = aliases(config, model)
    with reaching(config) as client:
        found = client.search_model_versions(f"name = '{model}'")
    return sorted((_version(each, names) for each in found), key=lambda each: each.number)


def create_version(
    config: Config, model: str, run_id: str, source: str, tags: Mapping[str, str]
) -> Version:
    """Register a stored model as the next version."""
    with reaching(config) as client:
        try:
            client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        created = client.create_model_version(
            model,
            source,
            run_id,
            tags=dict(tags),
            model_id=source.removeprefix("models:/"),  # a server refuses the source without it
        )
        return _version(created)


def set_alias(config: Config, model: str, alias: str, number: int) -> None:
    """Point an alias at a version by one upsert, so that readers always find one."""
    with reaching(config) as client:
        client.set_registered_model_alias(model, alias, str(number))


def drop_alias(config: Config, model: str, alias: str) -> None:
    """Remove an alias; the champion alias is only ever moved."""
    with reaching(config) as client:
        client.delete_registered_model_alias(model, alias)


def set_tags(config: Config, model: str, number: int, tags: Mapping[str, str]) -> None:
    """Add tags to a version."""
    with reaching(config) as client:
        for key, value in tags.items():
            client.set_model_version_tag(model, str(number), key, value)


def _version(found: ModelVersion, names: Mapping[str, int] | None = None) -> Version:
    held = [alias for alias, number in (names or {}).items() if number == int(found.version)]
    return Version(
        model=found.name,
        number=int(found.version),
        run_id=found.run_id,
        source=found.source,
        aliases=tuple(sorted({*found.aliases, *held})),
        tags=dict(found.tags),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
    )
