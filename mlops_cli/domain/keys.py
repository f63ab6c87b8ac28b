"""Who or what a row is about, as one text: an id, or several named ids.

One id stands for itself. Several are written `patient_id=PT1,hospital_id=H2`, in the order of
the configuration; `%`, `,` and `=` within an id are written as `%25`, `%2C` and `%3D`.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from mlops_cli.errors import InputError

Key = Mapping[str, str]
_QUOTED = str.maketrans({"%": "%25", ",": "%2C", "=": "%3D"})


def key_text(key: Key) -> str:
    """Return a key as text.

    >>> key_text({"patient_id": "PT1"}), key_text({"patient_id": "a,b", "hospital_id": "H2"})
    ('PT1', 'patient_id=a%2Cb,hospital_id=H2')
    """
    if len(key) == 1:
        return next(iter(key.values()))
    return ",".join(f"{name}={value.translate(_QUOTED)}" for name, value in key.items())


def read_key(text: str, names: Sequence[str]) -> dict[str, str]:
    """Return the ids by name, in the order of the names.

    Raises:
        InputError: A name is missing, unknown or named twice.

    >>> read_key("hospital_id=H2,patient_id=a%2Cb", ["patient_id", "hospital_id"])
    {'patient_id': 'a,b', 'hospital_id': 'H2'}
    >>> read_key("a,b=c", ["patient_id"])
    {'patient_id': 'a,b=c'}
    """
    if len(names) == 1:
        return {names[0]: text}
    parts = [part.partition("=") for part in text.split(",")]
    found = {name.strip(): unquote(value) for name, _, value in parts}
    if set(found) != set(names) or len(parts) != len(names):
        raise InputError(
            f"{text!r} does not name each of {', '.join(names)} once",
            "as " + ",".join(f"{name}=ID" for name in names),
        )
    return {name: found[name] for name in names}
