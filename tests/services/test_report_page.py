"""The page about a training: what it says, and that its words are only words."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from one_table import SEARCH, Train, rows

EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Every element, every address and every open element of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.text += " " if tag in {"td", "th"} else ""
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in {"meta", "path", "circle", "rect", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(data: dict[str, Any]) -> Page:
    page = Page(Path(data["report"]).read_text(encoding="utf-8"))
    assert page.open == []
    return page


def test_the_page_loads_nothing_and_runs_nothing(trained: Train) -> None:
    page = read(trained(rows(), "--learning-curve"))
    assert not {"script", "link", "img", "iframe", "object", "image", "use"} & set(page.elements)
    names = {name for name, _ in page.attributes}
    assert not {"src", "href", "xlink:href", "onload", "onclick", "onerror"} & names
    assert not any("//" in value or "url(" in value for _, value in page.attributes)
    assert page.elements.count("svg") == 8


def test_the_page_says_what_the_answer_says(trained: Train) -> None:
    data = trained(rows(sex=np.tile(["f", "m"], 200)), protected={"sex": {}})
    text = read(data).text
    for word in (
        data["run_id"], data["dataset_digest"], data["model_digest"], "logistic", "mcc", "brier",
        "equal_opportunity", "sex = f", "learning_rate", "table", "No entity is on both sides",
    ):  # fmt: skip
        assert word in text, word
    assert f"{data['rows']['test']} rows of" in text


def test_words_of_the_data_are_text_on_the_page(trained: Train) -> None:
    ward = np.where(np.arange(400) % 2, EVIL, '"><b onclick=x>')
    data = trained(rows(ward=ward), slices=["ward"], description=EVIL)
    page = read(data)
    assert "script" not in page.elements
    assert "b" not in page.elements
    assert EVIL in page.text
    for picture in Path(data["report"]).parent.glob("*.svg"):
        ET.fromstring(picture.read_text(encoding="utf-8"))  # noqa: S314 - our own file


# What the answer says, the page says


def said(data: dict[str, Any]) -> str:
    """The text of the page, white space folded."""
    return " ".join(read(data).text.split())


def repeated(count: int = 300, visits: int = 4, **columns: Any) -> pd.DataFrame:
    """Return several rows of each entity, whose label sticks to it."""
    return rows(count, **columns).loc[np.repeat(np.arange(count), visits)].reset_index(drop=True)


def test_the_page_says_what_a_split_by_rows_would_have_claimed(trained: Train) -> None:
    data = trained(repeated(150))
    text = said(data)
    claim, honest = (data[key]["roc_auc"] for key in ("naive", "cross_validation"))
    assert claim > honest + 0.02
    assert (
        f"a split by rows would have claimed roc_auc {claim:.3f}; by entities it is {honest:.3f}"
        in text
    )
    assert "split by rows roc_auc" in text
    assert f"{data['naive']['brier']:.3f}" in text


def test_where_each_entity_has_one_row_the_page_claims_nothing(trained: Train) -> None:
    text = said(trained(rows()))
    assert "Each entity has one row, so that a split by rows would have claimed the same" in text
    assert "would have claimed roc_auc" not in text


def test_the_page_shows_the_sites_and_draws_them(trained: Train) -> None:
    site = np.where(np.arange(600) < 6, "tiny", np.where(np.arange(600) % 2, "a<b", "c"))
    data = trained(rows(600, site=site), sites="site")
    text, found = said(data), {each["site"]: each for each in data["sites"]}
    low, high = sorted(each["value"] for each in found.values() if each["value"] is not None)
    assert f"trained on the other sites: roc_auc from {low:.3f}" in text
    for name in ("a<b", "c"):
        value, low, high = (found[name][key] for key in ("value", "low", "high"))
        assert f"{name} {found[name]['rows']}" in text
        assert f"{value:.3f} [{low:.3f}, {high:.3f}]" in text
    assert "tiny 6 6" in text
    assert found["tiny"]["problem"] in text
    picture = ET.fromstring(  # noqa: S314 - our own file
        (Path(data["report"]).parent / "sites.svg").read_text(encoding="utf-8")
    )
    words = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a<b", "c"} <= set(words)
    assert "tiny" not in words


def test_where_no_site_can_be_measured_there_is_no_picture(trained: Train) -> None:
    data = trained(rows(site=np.full(400, "only")), sites="site")
    assert not (Path(data["report"]).parent / "sites.svg").exists()
    assert data["sites"][0]["problem"] in said(data)


def test_the_page_says_which_threshold_was_found_and_what_it_comes_to(trained: Train) -> None:
    data = trained(rows(800), threshold={"rule": "sensitivity", "at_least": 0.9})
    text, point = said(data), data["operating_point"]
    assert "found by the rule sensitivity, at least 0.9" in text
    assert f"predicted 1 from {point['threshold']:.6g} on" in text
    row = f"{point['rows']} {point['positives']} {100 * point['selected']:.1f} %"
    assert row.replace(".0 %", " %") in text
    assert f"{point['sensitivity']:.3f} {point['specificity']:.3f}" in text
    assert f"held out entities {data['rows']['test']}" in text


def test_the_page_says_why_the_probabilities_are_calibrated_as_they_are(trained: Train) -> None:
    left = said(trained(rows(), threshold=0.4, search={**SEARCH, "max_rounds": 400}))
    assert "predicted 1 from 0.4 on (as configured)" in left
    assert "none (calibration: auto): no method lowers the log loss" in left
    data = trained(rows(), class_weight="balanced")
    text, (trial, *_) = said(data), data["calibration"]["tried"]
    assert "platt (calibration: auto): class_weight distorts the scores" in text
    assert f"none {data['calibration']['log_loss']:.4f} - platt {trial['log_loss']:.4f}" in text
    assert "none (calibration: none): none was asked for" in said(
        trained(rows(), calibration="none")
    )
    assert "isotonic (calibration: isotonic): as asked for" in said(
        trained(rows(), calibration="isotonic")
    )


def test_amounts_have_no_decision(trained: Train) -> None:
    table = rows()
    table["y"] = 3 * table["x"] + 10
    text = said(trained(table, task="regression"))
    assert "Decision" not in text
    assert "Calibration" not in text


def test_the_page_says_how_lucky_the_best_of_many_is(trained: Train) -> None:
    table = rows()
    table["y"] = np.random.default_rng(5).permutation(table["y"])
    data = trained(table, search={**SEARCH, "trials": 8, "folds": 3})
    text, search = said(data), data["search"]
    assert f"The best of 8 trials, number {search['lowest']}," in text
    assert f"has a log loss of {search['lowest_loss']:.4f}" in text
    assert search["optimism"] > 0
    higher = search["lowest_loss"] + search["optimism"]
    assert f"on new entities, {higher:.4f}." in text


def test_one_trial_has_no_luck(trained: Train) -> None:
    assert "lucky" not in said(trained(rows(), search={**SEARCH, "trials": 1}))


def test_the_page_warns_as_the_command_does(trained: Train) -> None:
    table = rows(still=1.0)
    data = trained(table.assign(copy=table["y"] + 0.5))
    assert len(data["warnings"]) == 2
    text = said(data)
    for words in data["warnings"]:
        assert f"? {words}" in text


def test_the_page_says_who_is_held_out(trained: Train) -> None:
    table = repeated(100, late="no")
    table.loc[3:200:4, "late"] = "yes"
    data = trained(table, holdout={"kind": "group", "groups": "late", "values": ["yes"]})
    text = said(data)
    assert data["set_aside"] > 0
    assert f"Held out: {data['held_out']}. No entity is on both sides." in text
    assert f"{data['set_aside']} more labels are of held out entities" in text
