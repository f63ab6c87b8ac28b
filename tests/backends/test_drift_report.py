import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from mlops_cli.backends import drift_report
from mlops_cli.config import FeatureConfig
from mlops_cli.config.limits import DriftConfig
from mlops_cli.domain.drift import check_columns
from mlops_cli.domain.results.judging import DriftCheck

WORDS = ("none", "typical", "atypical")
FEATURES = {
    "age": FeatureConfig(type="int", range=(0, 120)),
    "dose": FeatureConfig(type="float"),
    "smoker": FeatureConfig(type="bool"),
    "pain": FeatureConfig(type="category", categories=WORDS),
    "constant": FeatureConfig(type="float"),
    "rare": FeatureConfig(type="int"),
}
WIDE_LESS = "\N{FULLWIDTH LESS-THAN SIGN}"
DISTANCES = ("wasserstein", "jensen_shannon")


def table(rows: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": generator.normal(50 + shift, 12, rows).round(),
            # a deviation below 0.001, where Evidently by itself stops scaling
            "dose": generator.gamma(2 + shift / 10, 1e-5, rows).round(6),
            "smoker": (generator.random(rows) < 0.3 + shift / 30).astype(float),
            "pain": generator.choice([*WORDS, "new"], rows, p=[0.5, 0.3, 0.18, 0.02]),
            "constant": np.where(generator.random(rows) < shift / 30, 8.25, 7.0),
            "rare": np.where(generator.random(rows) < 0.0005, 9.0, generator.poisson(2, rows)),
        }
    )
    for name in ("age", "pain", "smoker"):
        frame.loc[generator.random(rows) < 0.1, name] = None
    return frame


def judged(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[DriftCheck, ...]:
    return check_columns(reference, current, FEATURES, DriftConfig(), len(reference), 5)


def drawn(
    reference: pd.DataFrame, current: pd.DataFrame, checks: tuple[DriftCheck, ...]
) -> dict[str, tuple[float, float, bool]]:
    """What Evidently says of each column: statistic, threshold, drifted."""
    distances = drift_report._distances(reference, current, FEATURES, checks)
    found = drift_report._repeat(reference, current, FEATURES, distances).dict()
    return {
        metric["config"]["column"]: (
            float(metric["value"]),
            metric["config"]["threshold"],
            test["status"] == "FAIL",
        )
        for metric, test in zip(found["metrics"], found["tests"], strict=True)
    }


class Page(HTMLParser):
    """The elements that can do something, the attributes that can, and the text outside scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.active: Counter[str] = Counter()
        self.loaded: list[str] = []
        self.text = ""
        self._raw = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._raw = tag in {"script", "style"}
        self.active[tag] += tag in {"script", "img", "iframe", "svg", "object", "link", "a", "b"}
        for name, value in attrs:
            self.active[name] += name.startswith("on")
            if name in {"src", "href"}:
                self.loaded.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.text += data + "\n"


@pytest.mark.parametrize("shift", [0.0, 8.0])
def test_evidently_repeats_our_distances_and_verdicts(shift: float) -> None:
    reference, current = table(3000, 1), table(600, 2, shift)
    checks = judged(reference, current)
    found = drawn(reference, current, checks)
    distances = {check.column: check for check in checks if check.method in DISTANCES}
    assert set(found) == set(distances) == set(FEATURES)
    for name, (statistic, threshold, drifted) in found.items():
        assert statistic == pytest.approx(distances[name].statistic, abs=1e-6), name
        assert threshold == distances[name].threshold
        assert drifted == distances[name].drifted
    assert any(drifted for *_, drifted in found.values()) == (shift > 0)


def test_many_different_numbers_agree_to_the_grid_of_our_check() -> None:
    generator = np.random.default_rng(3)
    reference = table(5000, 1).assign(age=generator.lognormal(3, 1, 5000))
    current = table(900, 2).assign(age=generator.lognormal(3.3, 1, 900))
    checks = judged(reference, current)
    ours = next(each for each in checks if each.column == "age" and each.method == "wasserstein")
    assert drawn(reference, current, checks)["age"][0] == pytest.approx(ours.statistic, abs=2e-3)


def test_the_page_shows_the_verdict_and_every_check() -> None:
    reference, current = table(2000, 1), table(500, 2, 8.0)
    checks = judged(reference, current)
    page = drift_report.render("heart_disease", reference, current, FEATURES, checks)
    text = Page(page).text
    drifted = [check for check in checks if check.drifted]
    assert f"Drift: {len(drifted)} of {len(checks)} checks found a change" in text
    assert "heart_disease: drift" in text
    for check in checks:
        assert check.message in text
        assert f"{check.statistic:.4g}" in text
    rows = [check in page for check in re.findall(r"<tr[^>]*>", page)]
    assert len(rows) == len(checks) + 1
    assert page.rindex('<tr class="drifted">') < page.index("<tr><td>")
    assert "Evidently could not draw" not in text
    assert "window.drawDashboard(" in page


def test_without_drift_the_sentence_says_so() -> None:
    same = table(1000, 1)
    checks = tuple(replace(check, drifted=False) for check in judged(same, same))
    page = drift_report.render("heart_disease", same, same, FEATURES, checks)
    assert f"No drift: {len(checks)} checks, none of them" in Page(page).text


def test_nothing_is_loaded_from_outside() -> None:
    same = table(500, 1)
    page = drift_report.render("heart_disease", same, same, FEATURES, judged(same, same))
    assert Page(page).loaded == []
    for style in re.findall(r"<style>(.*?)</style>", page, re.DOTALL):
        assert not re.search(r"@import|url\((?!data:)", style)
    policy = page.index("default-src 'none'")
    assert policy < page.index("<script")
    assert policy < page.index("@font-face")


def test_names_and_words_with_markup_stay_text() -> None:
    hostile = "</script><script>alert(1)</script>"
    column = '"><img src=x onerror=alert(2)><iframe src="//evil.example">&lt;b'
    quiet, loud = "calm", "plain"

    def page(word: str, name: str, title: str) -> str:
        specs = {name: FeatureConfig(type="category", categories=(word, "b"))}
        before = pd.DataFrame({name: [word, "b"] * 100})
        after = pd.DataFrame({name: [word, "b", "b", "b", f"{word} unseen"] * 30})
        checks = [
            DriftCheck("data", "jensen_shannon", 0.2, 0.1, True, name, message=f"share of {word}"),
            DriftCheck("quality", "missing_column", 1, 0, True, f"{name}2", message=name),
        ]
        return drift_report.render(title, before, after, specs, checks)

    benign, attack = page(quiet, loud, "model"), page(hostile, column, hostile)
    assert Page(attack).active == Page(benign).active
    assert Page(attack).loaded == []
    assert "Evidently could not draw" not in attack
    assert json.dumps(f"{WIDE_LESS}/script")[1:-1] in attack
    assert f"share of {hostile}" in Page(attack).text
    assert column in Page(attack).text


def test_words_that_look_alike_afterwards_stay_apart() -> None:
    names = drift_report._harmless(["a<", f"a{WIDE_LESS}", f"a{WIDE_LESS}*", "b"])
    assert len(set(names.values())) == 4
    assert names["b"] == "b"


def test_absent_and_missing_columns_do_not_cost_the_report() -> None:
    reference, current = table(1000, 1), table(300, 2).drop(columns="age")
    current["dose"] = np.nan
    current["pain"] = None
    checks = judged(reference, current)
    page = drift_report.render("heart_disease", reference, current, FEATURES, checks)
    text = Page(page).text
    assert "Evidently could not draw" not in text
    for method in ("missing_column", "empty_column"):
        assert method in text
    assert set(drawn(reference, current, checks)) == {"smoker", "constant", "rare"}


def test_a_column_that_only_the_checks_name_is_left_out() -> None:
    reference, current = table(200, 1), table(200, 2)
    checks = [
        DriftCheck("data", "wasserstein", 0.1, 0.2, False, column="gone"),
        DriftCheck("prediction", "wasserstein", 0.1, 0.2, False),
        DriftCheck("data", "wasserstein", 0.1, 0.2, False, column="dose"),
    ]
    reference["dose"] = np.nan
    page = drift_report.render("heart_disease", reference, current, FEATURES, checks)
    assert "No column has values in both tables" in Page(page).text
    assert len(page) < 10_000


def test_evidently_failing_does_not_cost_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("<b>no</b>")

    monkeypatch.setattr(drift_report, "Report", fail)
    reference, current = table(300, 1), table(300, 2, 8.0)
    checks = judged(reference, current)
    page = Page(drift_report.render("heart_disease", reference, current, FEATURES, checks))
    assert "Drift: " in page.text
    assert "Evidently could not draw the columns: <b>no</b>" in page.text
    assert page.active["b"] == 0


@pytest.mark.parametrize("missing", ["<head>", "<body>"])
def test_a_page_without_a_place_for_the_verdict_is_not_used(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    class Other:
        def get_html_str(self, as_iframe: bool) -> str:
            assert not as_iframe
            return "<head></head><body></body>".replace(missing, "<p>")

    monkeypatch.setattr(drift_report, "_repeat", lambda *_: Other())
    same = table(300, 1)
    page = drift_report.render("heart_disease", same, same, FEATURES, judged(same, same))
    assert "Evidently could not draw the columns: its page has another form" in Page(page).text


def test_a_tie_that_evidently_judges_otherwise_is_named() -> None:
    same = table(300, 1)
    checks = [DriftCheck("data", "wasserstein", 0.0, 0.0, False, column="age", message="a tie")]
    page = drift_report.render("heart_disease", same, same, FEATURES, checks)
    assert "where this table decides: age." in Page(page).text


def test_the_import_is_silent_and_sends_nothing() -> None:
    code = (
        "import socket\n"
        "def refuse(*a, **k): raise SystemExit('network')\n"
        "socket.socket.connect = refuse\n"
        "import mlops_cli.backends.drift_report, os\n"
        "assert os.environ['DO_NOT_TRACK']"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
