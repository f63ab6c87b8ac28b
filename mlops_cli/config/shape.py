"""What may be written where: the pydantic models, walked along a key path."""

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from mlops_cli.config.section import Section
from mlops_cli.config.sections import Config
from mlops_cli.config.yaml_source import KeyPath


def annotation_at(path: KeyPath) -> Any:
    """Return the type of what may be written at `path`, or None where nothing may be.

    >>> annotation_at(("tracking", "timeout"))
    <class 'int'>
    >>> annotation_at(("tracking", "tiemout")) is None
    True
    """
    annotation: Any = Config
    for key in path:
        annotation = _bare(_child(annotation, key))
    return annotation


def is_section(annotation: Any) -> bool:
    """Return whether keys, rather than a value, are written there."""
    return get_origin(annotation) is dict or (
        isinstance(annotation, type) and issubclass(annotation, Section)
    )


def known_keys(annotation: Any, written: Any) -> Sequence[str] | None:
    """Return the keys a section can have, or None if any will do.

    The keys of a mapping from names to sections are those written in the file.

    >>> known_keys(annotation_at(("logs",)), {})
    ['inference', 'audit']
    """
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return list(annotation.model_fields)
    if get_origin(annotation) is not dict:
        return None if annotation is Any else []
    key, value = (_bare(part) for part in get_args(annotation))
    if get_origin(key) is Literal:
        return list(get_args(key))
    if is_section(value):
        return list(written) if isinstance(written, dict) else []
    return None


def _child(annotation: Any, key: str | int) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        field = annotation.model_fields.get(str(key))
        return field.annotation if field else None
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    return Any if annotation is Any else None


def _bare(annotation: Any) -> Any:
    """Strip `Annotated` and `| None`."""
    while get_origin(annotation) in {Annotated, Union, UnionType}:
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    return annotation
