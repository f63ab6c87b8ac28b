"""Pictures: whole SVG whatever the numbers, words as text, and few bytes."""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.backends import plots
from mlops_cli.backends.plots.canvas import WIDTH, numbers
from mlops_cli.domain import curves
from mlops_cli.domain.results.evaluation import CurvePoint, LearningCurve
from mlops_cli.domain.results.judging import Interval, Verdict
from mlops_cli.domain.results.training import SiteValue

SVG = "{http://www.w3.org/2000/svg}"


def whole(svg: str) -> ET.Element:
    """Parse a picture as the file it becomes; no number in it may be nan."""
    text = plots.document(svg)
    assert not re.search(r"\b(nan|inf)\b", text.partition("</style>")[2])
    return ET.fromstring(text)  # noqa: S314 - our own file


def ranked(truth: np.ndarray, score: np.ndarray, threshold: float = 0.5) -> list[str]:
    found, at = curves.outcomes(truth, score), curves.operating_point(truth, score, threshold)
    tenths = curves.calibration(truth, score, np.arange(len(truth)))
    return [
        plots.roc(found, at, threshold),
        plots.precision_recall(found, at, threshold, float(truth.mean())),
        plots.gain(found, at, threshold),
        plots.lift(found, at, threshold),
        plots.calibration(tenths, score),
    ]


@pytest.mark.parametrize(
    "score",
    [
        np.linspace(0, 1, 50), np.full(50, 0.3), np.zeros(50), np.ones(50),
        np.r_[np.zeros(49), 1.0], np.full(50, 1e-300),
    ],
    ids=["spread", "constant", "zeros", "ones", "one", "tiny"],
)  # fmt: skip
@pytest.mark.parametrize("ones", [1, 25, 49])
def test_classification_whatever_is_predicted(score: np.ndarray, ones: int) -> None:
    truth = (np.arange(50) >= 50 - ones).astype(float)
    for svg in ranked(truth, score):
        assert whole(svg).tag == f"{SVG}svg"


@pytest.mark.parametrize(
    ("truth", "prediction"),
    [
        (np.zeros(5), np.zeros(5)), (np.arange(5.0), np.full(5, 2.0)), (np.ones(1), np.zeros(1)),
        (np.array([1e300, -1e300]), np.zeros(2)), (np.full(5, 1e-9), np.full(5, 2e-9)),
    ],
    ids=["zeros", "constant", "one row", "huge", "tiny"],
)  # fmt: skip
def test_regression_whatever_is_predicted(truth: np.ndarray, prediction: np.ndarray) -> None:
    for draw in (plots.predicted_actual, plots.residuals):
        assert whole(draw(truth, prediction)).tag == f"{SVG}svg"


@pytest.mark.parametrize(
    "losses", [[0.5], [0.5, 0.5], [math.nan, 0.4], [0.3, 1e9, 0.2] * 10], ids=len
)
def test_search_whatever_is_lost(losses: list[float]) -> None:
    whole(plots.search(losses))


@pytest.mark.parametrize(
    "draw",
    [
        lambda word: plots.importance({word: 0.5, "age": 0.5}),
        lambda word: plots.learning_curve(
            LearningCurve(
                word,
                (CurvePoint(1.0, 9, 9, Interval(0.5, math.nan, math.nan)),),
                (), None, Verdict.INCONCLUSIVE, "",
            )
        ),
    ],
    ids=["importance", "learning curve"],
)  # fmt: skip
def test_words_are_text(draw: Callable[[str], str]) -> None:
    words = [each.text for each in whole(draw("<script>&'\"")).iter(f"{SVG}text")]
    assert "<script>&'\"" in words


def of_each(classes: int, rows: int = 60) -> dict[str, tuple[curves.Outcomes, float]]:
    generator = np.random.default_rng(classes)
    truth = np.arange(rows) % classes
    return {
        f"<b>{n}": (curves.outcomes((truth == n).astype(float), generator.random(rows)), 0.5)
        for n in range(classes)
    }


@pytest.mark.parametrize("classes", [3, 5, 10, 14])
def test_each_class_has_a_line_of_its_own_up_to_ten(classes: int) -> None:
    for draw in (plots.roc_of_each, plots.precision_recall_of_each):
        picture = whole(draw(of_each(classes)))
        words = [each.text or "" for each in picture.iter(f"{SVG}text")]
        assert sum(word.startswith("<b>") for word in words) == min(classes, 10)
        kinds = [each.get("class") for each in picture.iter(f"{SVG}path")]
        lines = [kind for kind in kinds if kind not in {"rule", "guide"}]
        assert len(set(lines)) == min(classes, 10)
        assert (f"the first 10 of {classes} classes" in words) == (classes > 10)


@pytest.mark.parametrize("classes", [3, 6, 7, 20])
def test_a_confusion_of_any_number_of_classes(classes: int) -> None:
    counts = np.random.default_rng(0).integers(0, 5, (classes, classes)).astype(float)
    counts[1] = 0  # a class that does not occur
    picture = whole(plots.confusion(counts, [f"<i>{n}" for n in range(classes)]))
    words = [each.text or "" for each in picture.iter(f"{SVG}text")]
    assert sum(word.startswith("<i>") for word in words) == classes * (2 if classes <= 6 else 1)
    of_all = np.trace(counts) / counts.sum()
    assert any(word.startswith(f"{of_all:.1%} are right") for word in words)


def test_many_features_show_the_largest_and_say_so() -> None:
    shares = {f"feature_{n}": n / 1000 for n in range(50)}
    words = [each.text for each in whole(plots.importance(shares)).iter(f"{SVG}text")]
    assert "feature_49" in words
    assert "feature_0" not in words
    assert "the 20 largest; 30 more are not shown" in words


def test_a_picture_of_many_rows_is_small() -> None:
    random = np.random.default_rng(0)
    score = random.random(200_000)
    for svg in ranked((random.random(200_000) < score).astype(float), score):
        assert len(svg) < 40_000
    assert len(plots.predicted_actual(score, score)) < 40_000


@given(
    st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), min_size=1, max_size=5),
    st.booleans(),
)
def test_an_axis_has_a_few_round_numbers_within_it(values: list[float], zero: bool) -> None:
    axis = numbers("x", values, zero=zero)
    assert axis.low <= min(values)
    assert axis.high >= max(values)
    assert axis.low < axis.high
    assert 1 <= len(axis.ticks) <= 7
    slack = 1e-6 * (axis.high - axis.low)
    assert all(axis.low - slack <= place <= axis.high + slack for place, _ in axis.ticks)


def test_a_long_word_at_the_end_of_an_axis_is_not_cut() -> None:
    for reach in (1.0, 1e6, 123_456_789.0):
        drawn = whole(plots.residuals(np.linspace(-reach, reach, 500), np.zeros(500)))
        for text in drawn.iter(f"{SVG}text"):
            if text.get("text-anchor") == "middle" and "transform" not in text.attrib:
                half = 6 * len(text.text or "") / 2
                assert float(text.attrib["x"]) + half <= WIDTH, text.text


@pytest.mark.parametrize("held", [Interval(0.8, 0.7, 0.9), Interval(math.nan, math.nan, math.nan)])
@pytest.mark.parametrize(
    "figures",
    [
        [(0.7, 0.6, 0.8), (0.9, None, None), None],
        [(-3.0, -9.0, 1.0)],
        [(1e9, 9e8, 2e9), (0.0, 0.0, 0.0)],
        [(0.5, 0.5, 0.5)] * 20,
    ],
    ids=["gaps", "one", "far apart", "all alike"],
)
def test_sites_whatever_they_have(figures: list, held: Interval) -> None:
    found = [
        SiteValue(
            f"S<{n}>", 9, 9, None, "r2", *(figure or (None,) * 3), "" if figure else "too few"
        )
        for n, figure in enumerate(figures)
    ]
    drawn = whole(plots.sites(found, held))
    words = {text.text for text in drawn.iter(f"{SVG}text")}
    for each in found:
        assert (each.site in words) == (each.value is not None)


def test_sites_with_long_names_are_told_apart() -> None:
    found = [
        SiteValue(f"General hospital of the city of {city}", 9, 9, 5, "roc_auc", 0.7, 0.6, 0.8)
        for city in ("Ulm", "Bonn")
    ]
    drawn = whole(plots.sites(found, Interval(0.8, 0.7, 0.9)))
    words = [text.text or "" for text in drawn.iter(f"{SVG}text")]
    assert {word[-5:] for word in words if "…" in word} == {"f Ulm", " Bonn"}
