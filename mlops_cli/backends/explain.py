"""SHAP: the picture of one explained prediction."""

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

import matplotlib.pyplot as plt
import shap

from mlops_cli.errors import InputError

FORMATS = (".png", ".svg")

_MOST_ROWS = 15
_LONGEST_WORD = 40
_LONGEST_TITLE = 80


def waterfall(
    path: Path, base_value: float, contributions: Sequence[tuple[str, object, float]], title: str
) -> None:
    """Draw how each feature moved one prediction away from the base value.

    The file is written whole or not at all.

    Args:
        path: Where the picture goes; its suffix, .png or .svg, decides the format.
        base_value: The margin of a row about which nothing is known.
        contributions: Feature, its value (None where missing), and what it adds to the margin.
        title: A line above the picture.

    Raises:
        InputError: The suffix is another one, or no feature contributes anything.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: unknown kind of picture", f"use {' or '.join(FORMATS)}")
    if not any(share for _, _, share in contributions):
        raise InputError("every contribution is zero: there is nothing to draw")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / f"plot{path.suffix.lower()}"
        _draw(temporary, _explanation(base_value, contributions), _plain(title, _LONGEST_TITLE))
        temporary.replace(path)


def _explanation(
    base_value: float, contributions: Sequence[tuple[str, object, float]]
) -> shap.Explanation:
    return shap.Explanation(
        values=np.array([share for _, _, share in contributions], dtype=float),
        base_values=base_value,
        data=np.array([_word(value) for _, value, _ in contributions], dtype=object),
        feature_names=[_plain(name) for name, _, _ in contributions],
    )


def _draw(path: Path, explanation: shap.Explanation, title: str) -> None:
    """Let SHAP draw into a figure of ours; it knows only pyplot's current one."""
    # Without date, program and random ids the same numbers give the same bytes.
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    settings = mpl.rc_context({"svg.hashsalt": "mlops", "text.usetex": False})
    with settings, warnings.catch_warnings():
        # A letter that the font lacks, or bars of no length, is no news for a terminal.
        warnings.simplefilter("ignore")
        figure = plt.figure()
        try:
            axes = shap.plots.waterfall(explanation, max_display=_MOST_ROWS, show=False)
            axes.set_title(title, pad=12, fontsize=13)
            figure.savefig(path, dpi=110, bbox_inches="tight", metadata=metadata)
        finally:
            plt.close(figure)


def _word(value: object) -> str:
    """Return a feature's value as people read it."""
    if value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
        return "missing"
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    return _plain(str(value))


def _plain(text: str, longest: int = _LONGEST_WORD) -> str:
    """Return text on one line, not too long, in which matplotlib finds no formula."""
    line = " ".join(text.split())
    short = line if len(line) <= longest else line[: longest - 1] + "…"
    return short.replace("$", r"\$")
