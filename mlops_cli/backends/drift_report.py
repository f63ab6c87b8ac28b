"""Evidently: the page people look at after a drift check."""

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.results import DriftCheck

os.environ.setdefault("DO_NOT_TRACK", "true")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from evidently import DataDefinition, Dataset, Report
    from evidently.core.report import Snapshot
    from evidently.metrics import ValueDrift

_NUMERIC, _CATEGORICAL = "wasserstein", "jensenshannon"
_METHODS = {"wasserstein": _NUMERIC, "jensen_shannon": _CATEGORICAL}
"""Our names of the distances, and Evidently's."""

# Evidently writes names and values raw into <script>.
_HARMLESS = str.maketrans({"<": "‹", ">": "›", "&": "＆"})

# Nothing is loaded from outside, even where Evidently reads a column's name as Markdown.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
_STYLE = """
.mlops { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 24px auto }
.mlops h1 { font-size: 24px; font-weight: 600; margin: 0 0 4px }
.mlops table { border-collapse: collapse; width: 100%; margin-top: 12px }
.mlops th, .mlops td { text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid #ddd }
.mlops td { overflow-wrap: anywhere; vertical-align: top }
.mlops td.number { font-variant-numeric: tabular-nums }
.mlops tr.drifted td { background: #fdecea }
"""
_HEADINGS = ("kind", "column", "method", "statistic", "threshold", "drifted", "message")
