"""What differs between a run and the same done again, by name."""

from collections.abc import Collection, Mapping
from math import isclose
from typing import Any

from mlops_cli.config.effective import dotted
from mlops_cli.config.loading import leaves
from mlops_cli.domain.results.reproduction import Difference


def differing(kind: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Return what has another value, in the order of `then`, with what is new at the end.

    Numbers that another processor may round otherwise are the same.

    >>> differing("pins", {"numpy": "2.4", "xgboost": "3.1"}, {"numpy": "2.4", "xgboost": "3.2"})
    [Difference(kind='pins', name='xgboost', then='3.1', now='3.2')]
    """
    return [
        Difference(kind, name, then.get(name), now.get(name))
        for name in dict.fromkeys([*then, *now])
        if not _same(then.get(name), now.get(name))
    ]


def _same(then: Any, now: Any) -> bool:
    if isinstance(then, float) and isinstance(now, float):
        return isclose(then, now, rel_tol=1e-9, abs_tol=1e-12)
    return bool(then == now)


def configurations(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Compare two records of a configuration key by key, and the order of the features.

    >>> then = {"seed": 7, "model": {"threshold": 0.5, "feature_views": {}}}
    >>> now = {"seed": 7, "model": {"threshold": 0.4, "feature_views": {}}}
    >>> configurations(then, now)
    [Difference(kind='config', name='threshold', then=0.5, now=0.4)]
    """
    flat, features = [], []
    for record in (then, now):
        known = leaves(dict(record["model"]))
        flat.append({dotted(key): value for key, value in known if value != {}})
        views = record["model"]["feature_views"].values()
        features.append([name for view in views for name in view["features"]])
    found = differing("config", {"seed": then["seed"]}, {"seed": now["seed"]})
    found += differing("config", *flat)
    if sorted(features[0]) == sorted(features[1]):
        found += differing("config", *({"order of the features": names} for names in features))
    return found


def training_sets(
    then: Mapping[str, Any], now: Mapping[str, Any], keys: Collection[str]
) -> list[Difference]:
    """Compare two records of a training set: its files, its rows, or else its columns by name.

    With another number of rows every column is another one, and none is named. Where `keys` are,
    the rest cannot be laid beside what it was, and only the keys are named. What `then` does not
    record is not compared.

    >>> then = {"digest": "a", "rows": 2, "columns": {"id": "c", "x": "d"}, "files": {}}
    >>> now = {"digest": "b", "rows": 2, "columns": {"id": "c", "x": "e"}, "files": {}}
    >>> training_sets(then, now, ["id"])
    [Difference(kind='data', name='column x', then='d', now='e')]
    """
    found = differing("data", _files(then), _files(now)) if "files" in then else []
    if then["digest"] == now["digest"]:
        return found
    counts = [{"rows": record["rows"]} for record in (then, now) if "rows" in then]
    rows = differing("data", *counts) if counts else []
    columns = differing("data", _columns(then), _columns(now)) if "columns" in then else []
    moved = [each for each in columns if each.name in {f"column {key}" for key in keys}]
    whole = Difference("data", "dataset_digest", then["digest"], now["digest"])
    return [*found, *(rows or moved or columns or [whole])]


def _files(record: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{table}: {name}": digest
        for table, files in record["files"].items()
        for name, digest in files.items()
    }


def _columns(record: Mapping[str, Any]) -> dict[str, str]:
    return {f"column {name}": digest for name, digest in record["columns"].items()}
