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
    return _forms(_written_at(path))[0]


def section_at(path: KeyPath) -> Any:
    """Return the type of what may be written at `path`: of a value or keys, the one with keys.

    >>> annotation_at(("models", "heart", "threshold")), section_at(("tracking", "timeout"))
    (<class 'float'>, <class 'int'>)
    >>> section_at(("models", "heart", "threshold")).__name__
    'ThresholdConfig'
    """
    return _section(_written_at(path))


def _written_at(path: KeyPath) -> Any:
    annotation: Any = Config
    for key in path:
        annotation = _child(_section(annotation), key)
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
    key, value = (_section(part) for part in get_args(annotation))
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


def _section(annotation: Any) -> Any:
    forms = _forms(annotation)
    return next((form for form in forms if is_section(form)), forms[0])


def _forms(annotation: Any) -> list[Any]:
    """Return what may stand there, without `Annotated` and `| None`."""
    if get_origin(annotation) not in {Annotated, Union, UnionType}:
        return [annotation]
    parts = get_args(annotation)
    kept = parts[:1] if get_origin(annotation) is Annotated else parts
    return [form for part in kept if part is not type(None) for form in _forms(part)]
