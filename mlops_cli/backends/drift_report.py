"""Evidently: the page people look at after a drift check."""

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from html import escape

import numpy as np
import pandas as pd

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.groups import spelled
from mlops_cli.domain.results.judging import DriftCheck

os.environ.setdefault("DO_NOT_TRACK", "true")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from evidently import DataDefinition, Dataset, Report
    from evidently.core.report import Snapshot
    from evidently.legacy.calculations import stattests
    from evidently.legacy.core import ColumnType
    from evidently.metrics import ValueDrift

#: Our distances and the names under which Evidently knows them.
_METHODS = {"wasserstein": "wasserstein_sd", "jensen_shannon": "jensen_shannon_bits"}

#: Evidently writes names and values raw into <script>: full-width signs in place of < > &.
_HARMLESS = str.maketrans("<>&", "\uff1c\uff1e\uff06")

_OTHERS = "(any other)"

#: Nothing is loaded from outside, even where Evidently reads a column's name as Markdown.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
_STYLE = """
.mlops { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; padding: 24px }
.mlops h1 { font-size: 24px; font-weight: 600; margin: 0 0 4px }
.mlops table { border-collapse: collapse; width: 100%; margin-top: 12px }
.mlops th, .mlops td { text-align: left; padding: 4px 12px 4px 0; border-bottom: 1px solid #ddd }
.mlops td { vertical-align: top }
.mlops p, .mlops td:nth-child(2), .mlops td:last-child { overflow-wrap: anywhere }
.mlops tr.drifted td { background: #fdecea }
"""
_HEADINGS = ("kind", "column", "method", "statistic", "threshold", "drifted", "message")
_BARE_PAGE = '<!DOCTYPE html>\n<html lang="en">\n<head>\n</head>\n<body>\n</body>\n</html>\n'


def _wasserstein(
    reference: pd.Series, current: pd.Series, kind: ColumnType, threshold: float
) -> tuple[float, bool]:
    """Return Evidently's distance in units of one deviation: it takes none below 0.001 as it is."""
    deviation = reference.std(ddof=0)
    distance: tuple[float, bool] = stattests.wasserstein_stat_test.func(
        reference / deviation, current / deviation, kind, threshold
    )
    return distance


stattests.register_stattest(
    stattests.StatTest(
        _METHODS["wasserstein"], "Wasserstein distance (normed)", [ColumnType.Numerical]
    ),
    _wasserstein,
)
# Ours is to base 2, so that it lies between 0 and 1; Evidently's is to base e.
stattests.register_stattest(
    stattests.StatTest(
        _METHODS["jensen_shannon"], "Jensen-Shannon distance", [ColumnType.Categorical]
    ),
    partial(stattests.jensenshannon_stat_test.func, base=2),
)


def render(
    title: str,
    reference: pd.DataFrame,
    current: pd.DataFrame,
    features: Mapping[str, FeatureConfig],
    checks: Sequence[DriftCheck],
) -> str:
    """Return one HTML page that loads nothing: our verdict, then Evidently's look at each column.

    Evidently compares with the method and the threshold of our checks, so that the page and the
    exit code say the same. It sees the columns that have values in both tables; the others raise
    there, and our own table says what is wrong with them.
    """
    page, note = _BARE_PAGE, "No column has values in both tables, so there is nothing to draw."
    try:
        if distances := _distances(reference, current, features, checks):
            snapshot = _repeat(reference, current, features, distances)
            page, note = _page(snapshot), _disagreement(snapshot, distances)
    except Exception as error:  # noqa: BLE001 - a picture that fails must not cost the verdict
        note = f"Evidently could not draw the columns: {error}"
    head = (
        f'<meta charset="UTF-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}: drift</title><style>{_STYLE}</style>"
    )
    page = page.replace("<head>", f"<head>{head}", 1)
    return page.replace("<body>", f"<body>{_verdict(title, checks, note)}", 1)


def _page(snapshot: Snapshot) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page = str(snapshot.get_html_str(as_iframe=False))
    if "<head>" not in page or "<body>" not in page:
        raise ValueError("its page has another form than that of version 0.7")
    return page


def _disagreement(snapshot: Snapshot, distances: Mapping[str, DriftCheck]) -> str:
    """Name the columns so near their threshold that rounding lets Evidently say otherwise."""
    tests = zip(distances.items(), snapshot.tests_results, strict=True)
    near = [name for (name, check), test in tests if (test.status == "FAIL") != check.drifted]
    if not near:
        return ""
    return f"Within rounding of the threshold, where this table decides: {', '.join(near)}."


def _verdict(title: str, checks: Sequence[DriftCheck], note: str) -> str:
    """Return our part of the page, every text in it escaped."""
    drifted = [check for check in checks if check.drifted]
    places = dict.fromkeys(check.column or check.kind for check in drifted)
    sentence = f"No drift: {len(checks)} checks, none of them found a change that matters."
    if drifted:
        found = f"{len(drifted)} of {len(checks)} checks found a change that matters"
        sentence = f"Drift: {found} ({', '.join(places)})."
    headings = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
    rows = "".join(_row(check) for check in _drifted_first(checks))
    return (
        f'<main class="mlops"><h1>{escape(title)}: drift</h1><p>{escape(sentence)}</p>'
        f"<table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>"
        f"<p>{escape(note)}</p></main>"
    )


def _drifted_first(checks: Sequence[DriftCheck]) -> list[DriftCheck]:
    return sorted(checks, key=lambda check: not check.drifted)


def _row(check: DriftCheck) -> str:
    cells = (
        check.kind,
        check.column or "",
        check.method,
        f"{check.statistic:.4g}",
        f"{check.threshold:.4g}",
        "yes" if check.drifted else "no",
        check.message,
    )
    kind = ' class="drifted"' if check.drifted else ""
    return f"<tr{kind}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _repeat(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    features: Mapping[str, FeatureConfig],
    distances: Mapping[str, DriftCheck],
) -> Snapshot:
    """Let Evidently measure the same distances and hold them against the same thresholds."""
    names = _harmless(distances)
    kinds: dict[str, list[str]] = {method: [] for method in _METHODS}
    before, after, metrics = {}, {}, []
    for column, check in distances.items():
        name = names[column]
        prepare = _numbers if check.method == "wasserstein" else _words
        before[name], after[name] = prepare(reference[column], current[column], features[column])
        kinds[check.method].append(name)
        method = _METHODS[check.method]
        metrics.append(ValueDrift(column=name, method=method, threshold=check.threshold))
    definition = DataDefinition(
        numerical_columns=kinds["wasserstein"], categorical_columns=kinds["jensen_shannon"]
    )
    old, new = (
        Dataset.from_pandas(pd.DataFrame(columns), data_definition=definition)
        for columns in (before, after)
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return Report(metrics, include_tests=True).run(new, old)


def _distances(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    features: Mapping[str, FeatureConfig],
    checks: Sequence[DriftCheck],
) -> dict[str, DriftCheck]:
    """Return the distance check of each column that has values in both tables."""
    return {
        check.column: check
        for check in _drifted_first(checks)
        if check.method in _METHODS
        and check.column is not None
        and check.column in features
        and all(
            check.column in frame and frame[check.column].notna().any()
            for frame in (reference, current)
        )
    }


def _harmless(words: Iterable[str]) -> dict[str, str]:
    """Replace what HTML reads as markup; different words stay different."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for word in words:
        name = word.translate(_HARMLESS)
        while name in taken:
            name += "*"
        taken.add(name)
        names[word] = name
    return names


def _numbers(
    reference: pd.Series, current: pd.Series, _: FeatureConfig
) -> tuple[pd.Series, pd.Series]:
    """Return both columns as numbers, clipped as our check clips them."""
    before, after = (values.astype(float).reset_index(drop=True) for values in (reference, current))
    low, high = before.quantile([0.001, 0.999])
    return before.clip(low, high), after.clip(low, high)


def _words(
    reference: pd.Series, current: pd.Series, spec: FeatureConfig
) -> tuple[pd.Series, pd.Series]:
    """Return both columns as the words that our check counts; all others are one more."""
    if spec.type == "category":
        before, after = (each.map(spelled, na_action="ignore") for each in (reference, current))
        words: dict[object, str] = {word: word for word in spec.categories}
    else:
        before, after = (each.astype(float) for each in (reference, current))
        constant = before.quantile(0.001)
        words = {0.0: "false", 1.0: "true"} if spec.type == "bool" else {constant: f"{constant:g}"}
    names = _harmless(words.values())
    known = {word: names[text] for word, text in words.items()}
    return _named(before, known), _named(after, known)


def _named(values: pd.Series, names: Mapping[object, str]) -> pd.Series:
    named = values.map(names).astype(object).mask(values.notna() & ~values.isin(names), _OTHERS)
    return named.reset_index(drop=True)
