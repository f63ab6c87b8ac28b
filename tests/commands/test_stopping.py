"""Ctrl-C and SIGTERM: whatever swallows them on the way, the command ends, and soon."""

import gc
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import Mlops

from mlops_cli.backends import estimator

WORDS = ("train", "heart_disease", "--trials", "40", "--no-register", "--json")
SIGNALS = [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]


@pytest.fixture(autouse=True)
def _here(hospital: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hospital)


class Finalized:
    """Sends a signal from its finalizer, where Python prints an exception and goes on."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


def from_a_finalizer(number: int) -> None:
    Finalized(number)


def from_a_collection(number: int) -> None:
    """As in SQLAlchemy's pool, whose callback runs where the collector happens to."""

    def collected(_phase: str, _info: object) -> None:
        gc.callbacks.remove(collected)
        signal.raise_signal(number)

    gc.callbacks.append(collected)
    gc.collect()


def from_a_library(number: int) -> None:
    try:
        signal.raise_signal(number)
        time.sleep(1)
    except BaseException:  # noqa: BLE001, S110 - as libraries do
        pass


@pytest.mark.parametrize(("number", "code", "word"), SIGNALS)
@pytest.mark.parametrize("swallow", [from_a_finalizer, from_a_collection, from_a_library])
def test_a_signal_that_is_swallowed_ends_the_command_all_the_same(
    mlops: Mlops,
    monkeypatch: pytest.MonkeyPatch,
    swallow: Callable[[int], None],
    number: int,
    code: int,
    word: str,
) -> None:
    fits = []
    fit = estimator.Folds.fit

    def interrupted(self: estimator.Folds, *arguments: Any) -> list[estimator.FoldFit]:
        fits.append(len(fits))
        if len(fits) == 1:
            swallow(number)
        return fit(self, *arguments)

    monkeypatch.setattr(estimator.Folds, "fit", interrupted)
    run = mlops(*WORDS)
    assert (run.code, run.error["code"]) == (code, word)
    assert len(fits) < 40
    assert "Traceback" not in run.err
    assert "ignored" not in run.err


def test_what_a_finalizer_raises_besides_is_told_as_ever(
    mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: seen.append(raised.exc_type))

    class Broken:
        def __del__(self) -> None:
            raise ValueError

    def load(_path: Path) -> None:
        Broken()
        raise KeyboardInterrupt

    monkeypatch.setattr("mlops_cli.config.load_config", load)
    assert mlops("models", "list").code == 130
    assert seen == [ValueError]


STOPPED = """
import os, signal, threading, numpy as np
from mlops_cli.backends import estimator
from mlops_cli.config import FeatureConfig
rng = np.random.default_rng(0)
matrix, labels = rng.normal(size=(4000, 9)).astype("f4"), rng.integers(0, 2, 4000).astype(float)
parts = estimator.Folds(matrix, labels, np.arange(4000) % 5,
                        {f"f{n}": FeatureConfig(type="float") for n in range(9)})
threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
params = {"objective": "binary:logistic", "eval_metric": "logloss", "learning_rate": 1e-9}
try:
    parts.fit(params, 10_000_000, 10_000_000, range(5))
except KeyboardInterrupt:
    print("stopped")
"""


def test_folds_that_are_being_fitted_stop_with_the_command() -> None:
    """Ten million rounds would take hours: only a fit that is told to stop comes back."""
    done = subprocess.run(
        [sys.executable, "-c", STOPPED], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "stopped\n"
