"""How the windows of a table were computed: said in the Parquet file that holds them."""

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from mlops_cli.backends.files.formats import parquet_files
from mlops_cli.backends.files.reading import translating
from mlops_cli.config import ModelConfig
from mlops_cli.config.features import WindowConfig
from mlops_cli.errors import InputError

_KEY = b"mlops_windows"


def metadata(windows: Mapping[str, WindowConfig]) -> dict[bytes, bytes]:
    """Return what a Parquet file says of the windows it holds."""
    said = {name: window.text for name, window in sorted(windows.items())}
    return {_KEY: json.dumps(said).encode()}


def stored_windows(path: Path) -> dict[str, str]:
    """Return how the windows of a file were computed, by feature; {} where it does not say."""
    if path.suffix.lower() != ".parquet":
        return {}
    with translating(path):
        said = (pq.read_schema(path).metadata or {}).get(_KEY)
    return dict(json.loads(said)) if said else {}


def check_windows(model_name: str, model: ModelConfig) -> None:
    """Refuse tables whose windows were computed by another definition than that of today.

    Raises:
        InputError: There is one.
    """
    for name, view in model.feature_views.items():
        if not view.windows or view.source is None or not Path(view.source).exists():
            continue
        place = Path(view.source).resolve()
        for path in parquet_files(place) if place.is_dir() else [place]:
            held = stored_windows(Path(path))
            for feature, window in view.windows.items():
                if held.get(feature, window.text) != window.text:
                    raise InputError(
                        f"feature {feature!r} of view {name!r} is stored as {held[feature]}, "
                        f"config.yaml says {window.text}",
                        f"`mlops features import {model_name} --windows` computes it anew",
                    )
