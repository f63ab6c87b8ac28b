"""Sites that are left out in turn: which of them can be measured, and why the others cannot."""

from dataclasses import replace

import numpy as np
import pandas as pd

from mlops_cli.config import Config
from mlops_cli.domain.digest import table_digests
from mlops_cli.services.training.dataset import TrainingSet
from mlops_cli.services.training.deciding import Decided
from mlops_cli.services.training.sites import MOST_SITES, left_out, naive

ROWS = 600
PARAMS = {"objective": "binary:logistic", "eval_metric": "logloss", "seed": 0, "max_depth": 2}
PLAIN = Decided(calibration=None, threshold=0.5, out_of_fold=())


def config(task: str = "classification") -> Config:
    model = {
        "task": task,
        "entity": "who",
        "feature_views": {
            "v": {"source": "v.parquet", "features": {"x": {"type": "float"}}},
        },
        "labels": {"source": "l.parquet", "column": "y"},
        "search": {"folds": 2, "max_rounds": 5},
    }
    return Config.model_validate({"project": "p", "models": {"m": model}})


def rows(sites: np.ndarray) -> TrainingSet:
    """Rows of as many entities, of whom the last fifth is held out."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"x": generator.normal(size=len(sites))})
    return TrainingSet(
        features=dict(config().models["m"].features),
        entities=np.array([f"e{n}" for n in range(len(sites))], dtype=object),
        frame=frame,
        labels=(generator.random(len(sites)) < 1 / (1 + np.exp(-2 * frame["x"]))).astype(float),
        held=np.arange(len(sites)) >= 0.8 * len(sites),
        digests=table_digests(frame, set()),
        views=(),
        left_out={},
        files={},
        sites=sites.astype(object),
    )


def problems(data: TrainingSet, task: str = "classification") -> dict[str, str]:
    found = left_out(config(task), "m", data, PARAMS, 5, PLAIN)
    assert all((each.value is None) == bool(each.problem) for each in found)
    return {each.site: each.problem for each in found}


def test_the_largest_site_comes_first_and_all_are_measured():
    found = left_out(
        config(), "m", rows(np.array(["b", "a", "b", "a", "c", "b"] * 100)), PARAMS, 5, PLAIN
    )
    assert [(each.site, each.rows) for each in found] == [("b", 300), ("a", 200), ("c", 100)]
    assert all(each.low < each.value < each.high for each in found)
    assert all(each.metric == "roc_auc" for each in found)


def test_without_sites_there_is_nothing_to_report():
    assert (
        left_out(config(), "m", replace(rows(np.array(["a"] * 9)), sites=None), PARAMS, 5, PLAIN)
        == ()
    )


def test_a_class_of_too_few_entities_is_said_however_many_rows_they_have():
    data = rows(np.array(["a", "b"] * 300))
    here = np.flatnonzero(data.sites == "b")
    entities, labels = data.entities.copy(), data.labels.copy()
    labels[here], labels[here[:30]] = 0.0, 1.0
    entities[here[:30]] = "the only one"
    found = problems(replace(data, entities=entities, labels=labels))
    assert found == {"a": "", "b": "too few: 1 of 5 entities of a class"}


def test_where_the_rest_has_one_class_nothing_is_learnt():
    data = rows(np.array(["a", "b"] * 300))
    labels = np.where(data.sites == "b", 0.0, data.labels)
    assert problems(replace(data, labels=labels))["a"] == "one class only elsewhere"


def test_where_only_one_site_is_trained_on_it_cannot_be_left_out():
    data = rows(np.array(["a"] * 480 + ["b"] * 120))
    assert problems(data) == {"a": "no training row elsewhere", "b": ""}


def test_whoever_was_at_the_site_is_not_in_the_model_that_is_measured_there():
    """Everybody was at both sites: then nobody is left to learn from."""
    data = rows(np.array(["a"] * 300 + ["b"] * 300))
    entities = np.array([f"e{n % 300}" for n in range(ROWS)], dtype=object)
    held = np.tile(np.arange(300) >= 240, 2)
    found = problems(replace(data, entities=entities, held=held))
    assert set(found.values()) == {"no training row elsewhere"}


def test_smaller_sites_than_the_largest_are_counted_only():
    sites = np.concatenate([[f"s{n:02}"] * (60 - n) for n in range(MOST_SITES + 2)])
    found = problems(rows(sites))
    left = [site for site, problem in found.items() if "largest" in problem]
    assert left == [f"s{MOST_SITES}", f"s{MOST_SITES + 1}"]
    assert len(found) == MOST_SITES + 2


def test_amounts_have_no_positives():
    data = rows(np.array(["a", "b"] * 300))
    params = {**PARAMS, "objective": "reg:squarederror", "eval_metric": "rmse"}
    found = left_out(config("regression"), "m", data, params, 5, PLAIN)
    assert [(each.metric, each.positives) for each in found] == [("rmse", None), ("rmse", None)]


def test_a_split_by_rows_is_measured_where_an_entity_has_two():
    data = rows(np.array(["a"] * ROWS))
    assert naive(config(), "m", data, PARAMS, 1, PLAIN) is None
    twice = np.array([f"e{n // 2}" for n in range(ROWS)], dtype=object)
    found = [
        naive(config(), "m", replace(data, entities=twice), PARAMS, n, PLAIN) for n in (1, 1, 2)
    ]
    assert found[0] == found[1] != found[2]
    assert 0.6 < found[0]["roc_auc"] < 1
