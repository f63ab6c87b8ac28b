"""Keep secrets out of what is shown."""

import re
from typing import Any
from urllib.parse import unquote

from mlops_cli.config.sections import Config

MASK = "***"
_SECRET_KEY = re.compile(r"password|passwd|pwd|secret|token|api_?key|access_?key", re.IGNORECASE)
# Greedy up to the last @: a password may hold an @ or a / that should have been quoted.
_USER_INFO = re.compile(r"(?<=://)([^:/@\s]*):.*@", re.DOTALL)
# The length of a name is bounded, or else long text would take quadratic time.
_PARAMETER = re.compile(rf"((?:{_SECRET_KEY.pattern})[\w.-]{{0,40}}=)[^&,;\s]+", re.IGNORECASE)


def masked(config: Config) -> dict[str, Any]:
    """Return the effective configuration as JSON-able values, without its secrets."""
    data: dict[str, Any] = _mask(config.model_dump(mode="json"), free=False)
    return data


def mask_text(text: str) -> str:
    """Hide the password of a URL and the secrets among its parameters.

    >>> mask_text("postgresql://ml:hunter2@db/logs?sslmode=require&token=abc")
    'postgresql://ml:***@db/logs?sslmode=require&token=***'
    >>> mask_text("redis:6379,ssl=true,password=abc")
    'redis:6379,ssl=true,password=***'
    """
    return _PARAMETER.sub(rf"\1{MASK}", _USER_INFO.sub(rf"\1:{MASK}@", text))


def mask_reason(reason: str, url: str) -> str:
    """Hide in a driver's words what may be of the password of a URL.

    An @ in a password that should have been quoted makes a driver take what follows for the host.

    >>> mask_reason("cannot resolve host 'ss@db'", "postgresql://u:pa@ss@db/logs")
    "***@db'"
    >>> mask_reason("no role 'pa' for 'part'", "postgresql://u:pa@db/logs")
    "no role '***' for 'part'"
    """
    user = url.partition("://")[2].rpartition("@")[0]
    password = user.partition(":")[2]
    for secret in {password, unquote(password)} - {""}:
        reason = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, reason)
    return re.sub(r".*@", f"{MASK}@", mask_text(reason), flags=re.DOTALL)


def is_secret(key: str | int) -> bool:
    """Return whether a key of this name holds a secret."""
    return bool(_SECRET_KEY.search(str(key)))


def _mask(value: Any, *, free: bool) -> Any:
    """Mask a value; `free` below online_store, where a mapping may be a secret as a whole.

    Elsewhere the keys of a mapping are names of ours, and a feature may be called token_count.
    """
    if isinstance(value, dict):
        return {
            key: MASK
            if is_secret(key) and item is not None and (free or not isinstance(item, dict))
            else _mask(item, free=free or key == "online_store")
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_mask(item, free=free) for item in value]
    return mask_text(value) if isinstance(value, str) else value
