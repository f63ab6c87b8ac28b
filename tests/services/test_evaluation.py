"""What stands beside a trained model: baselines, slices, learning curve and pictures."""

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from one_table import Train, project, rows
from running import Mlops

from mlops_cli.backends import registry
from mlops_cli.config import load_config
from mlops_cli.domain.split import in_holdout


def evidence(data: dict[str, Any]) -> Path:
    return Path(data["report"]).parent


# Baselines


def test_a_linear_truth_is_not_beaten_and_the_answer_says_so(trained: Train) -> None:
    data = trained(rows())
    majority, logistic = data["baselines"]
    assert (majority["name"], logistic["name"]) == ("majority", "logistic")
    assert majority["metrics"]["roc_auc"]["value"] == 0.5
    assert majority["beaten"]
    assert not logistic["beaten"]
    assert logistic["difference"]["low"] <= 0 <= logistic["difference"]["high"] + 0.05


def test_the_view_says_that_a_simpler_model_does_as_well(trained: Train, mlops: Mlops) -> None:
    trained(rows(), "--no-register")
    out = " ".join(mlops("train", "m").out.split())
    assert "not shown to beat the logistic baseline: a simpler model may do as well" in out
    assert "beat the majority baseline" not in out


def test_what_no_line_can_tell_apart_is_beaten(trained: Train) -> None:
    table = rows(800)
    table["y"] = (table["x"].abs() < 0.67).astype(int)
    _, logistic = trained(table)["baselines"]
    assert logistic["beaten"]
    assert logistic["difference"]["low"] > 0.2
    assert logistic["metrics"]["roc_auc"]["value"] < 0.65


def test_a_regression_has_a_mean_and_a_linear_baseline(trained: Train) -> None:
    table = rows()
    table["y"] = 3 * table["x"] + 10
    data = trained(table, task="regression")
    mean, linear = data["baselines"]
    assert (mean["name"], linear["name"]) == ("mean", "linear")
    assert mean["beaten"]
    assert not linear["beaten"]
    assert linear["metrics"]["rmse"]["value"] < 0.1
    assert linear["difference"]["high"] < 0
    page = Path(data["report"]).read_text(encoding="utf-8")
    assert "worse than linear" in page


def test_the_same_training_has_the_same_evidence(trained: Train, mlops: Mlops) -> None:
    first = trained(rows(), "--learning-curve")
    again = mlops("train", "m", "--json", "--learning-curve").data
    for name in ("baselines.json", "slices.json", "learning_curve.json", "roc.svg", "search.svg"):
        assert (evidence(first) / name).read_bytes() == (evidence(again) / name).read_bytes(), name


# Slices


def test_a_weak_spot_is_found_and_named(trained: Train) -> None:
    random = np.random.default_rng(1)
    ward = random.choice(["icu", "day", "night"], 1500)
    table = rows(1500, ward=ward)
    coin = random.integers(0, 2, 1500)
    table["y"] = np.where(ward == "icu", coin, (table["x"] > 0).astype(int))
    data = trained(table)
    assert data["slices"][0]["parts"] == ["ward = icu"]
    assert data["slices"][0]["excess"]["low"] > 0
    kept = json.loads((evidence(data) / "slices.json").read_text(encoding="utf-8"))
    assert kept["found"] == data["slices"]
    assert kept["looked_at"] > 10


def test_configured_groups_are_measured_even_where_nothing_is_wrong(trained: Train) -> None:
    sex = np.random.default_rng(2).choice(["f", "m", "x"], 1000, p=[0.49, 0.5, 0.01])
    data = trained(rows(1000, sex=sex), protected={"x": {"bins": [0]}}, slices=["sex", "x"])
    kept = json.loads((evidence(data) / "slices.json").read_text(encoding="utf-8"))
    groups = {each["parts"][0]: each for each in kept["groups"]}
    assert set(groups) == {"sex = f", "sex = m", "x under 0", "x 0 and over"}
    halves = [groups[name]["rows"] for name in ("x under 0", "x 0 and over")]
    assert sum(halves) == data["rows"]["test"]
    assert groups["sex = f"]["metric"]["low"] < groups["sex = f"]["metric"]["high"]
    text = " ".join(Path(data["report"]).read_text(encoding="utf-8").split())
    assert "Groups of fewer than 30 rows or 10 entities are not shown" in text


def test_a_slice_by_what_is_no_feature_is_refused(tmp_path: Path, mlops: Mlops) -> None:
    project(tmp_path, rows(), slices=["ward"])
    run = mlops("train", "m", "--config", tmp_path / "config.yaml")
    assert run.code == 2
    assert "'ward' is not a feature" in run.err


# Learning curve


def test_the_learning_curve_ends_at_the_model(trained: Train) -> None:
    data = trained(rows(600), "--learning-curve")
    curve = data["learning_curve"]
    counts = [point["entities"] for point in curve["points"]]
    assert [point["share"] for point in curve["points"]] == [0.1, 0.2, 0.4, 0.7, 1.0]
    assert counts == sorted(set(counts))
    assert curve["points"][-1]["rows"] == data["rows"]["train"]
    assert curve["points"][-1]["metric"] == data["metrics"]["roc_auc"]
    assert curve["more_data"] in {"pass", "fail", "inconclusive"}
    assert curve["message"] in Path(data["report"]).read_text(encoding="utf-8")
    assert (evidence(data) / "learning_curve.svg").is_file()


def test_no_curve_unless_asked(trained: Train) -> None:
    data = trained(rows())
    assert data["learning_curve"] is None
    assert not (evidence(data) / "learning_curve.svg").exists()


def test_shares_that_are_too_few_are_left_out_with_a_word(trained: Train) -> None:
    curve = trained(rows(60), "--learning-curve")["learning_curve"]
    assert curve["left_out"]
    assert all("rows" in each or "every label" in each for each in curve["left_out"])


def test_a_curve_is_not_for_reproduce(tmp_path: Path, mlops: Mlops) -> None:
    project(tmp_path, rows())
    config = ("--config", tmp_path / "config.yaml")
    run = mlops("train", "m", "--reproduce", "abc", "--learning-curve", *config)
    assert run.code == 2
    assert "no other option" in run.err


# Tables that leave little to draw


def test_one_positive_in_the_holdout(trained: Train) -> None:
    table = rows(300)
    held = in_holdout(table["id"].to_numpy(dtype=object), 0.2, "holdout")
    table.loc[held, "y"] = 0
    table.loc[np.flatnonzero(held)[0], "y"] = 1
    data = trained(table, "--learning-curve")
    assert data["metrics"]["roc_auc"]["value"] is not None
    assert data["metrics"]["roc_auc"]["low"] is None
    assert not any(each["beaten"] for each in data["baselines"])
    assert "roc.svg" in {each.name for each in evidence(data).iterdir()}


def test_a_holdout_of_one_class_has_no_roc_and_says_so(trained: Train, mlops: Mlops) -> None:
    table = rows(300)
    table.loc[in_holdout(table["id"].to_numpy(dtype=object), 0.2, "holdout"), "y"] = 0
    data = trained(table, "--learning-curve")
    assert data["metrics"]["roc_auc"]["value"] is None
    text = Path(data["report"]).read_text(encoding="utf-8")
    assert "roc is not drawn: every held out label is 0" in " ".join(text.split())
    assert not (evidence(data) / "roc.svg").exists()
    assert (evidence(data) / "calibration.svg").is_file()
    assert "nan" not in mlops("train", "m", "--learning-curve").out


def test_constant_predictions(trained: Train) -> None:
    table = rows(300).assign(x=1.0, z=2.0)
    data = trained(table, "--learning-curve")
    assert data["metrics"]["roc_auc"]["value"] == 0.5
    assert data["baselines"][1]["metrics"]["roc_auc"]["value"] == 0.5
    assert {"roc.svg", "calibration.svg", "importance.svg"} <= {
        each.name for each in evidence(data).iterdir()
    }


def test_a_thousand_categories(trained: Train) -> None:
    words = np.array([f"w{n}" for n in range(1000)])
    table = rows(2000, word=np.tile(words, 2))
    data = trained(table, slices=["word"])
    assert data["baselines"][1]["metrics"]["roc_auc"]["value"] > 0.7
    kept = json.loads((evidence(data) / "slices.json").read_text(encoding="utf-8"))
    assert len(kept["groups"]) <= 21


def test_a_feature_that_is_always_missing(trained: Train) -> None:
    data = trained(rows(1000, gone=np.nan))
    kept = json.loads((evidence(data) / "slices.json").read_text(encoding="utf-8"))
    assert kept["looked_at"] > 0
    json.loads(example(data), parse_constant=pytest.fail)


# The example beside the model


def example(data: dict[str, Any]) -> str:
    return (model_folder(data) / "input_example.json").read_text(encoding="utf-8")


def model_folder(data: dict[str, Any]) -> Path:
    config = load_config(Path("config.yaml"))
    return registry.files_of(config, registry.version(config, "m", data["version"]))[0]


def test_the_example_is_nobody_and_the_model_takes_it(trained: Train) -> None:
    table = rows(401, ward=np.random.default_rng(3).choice(["a", "b"], 401, p=[0.2, 0.8]))
    data = trained(table)
    kept = json.loads(example(data))
    (values,) = kept["data"]
    known = dict(zip(kept["columns"], values, strict=True))
    assert known["ward"] == 1.0
    own = table[["x", "z"]].to_numpy()
    assert not np.isclose(own, [known["x"], known["z"]], atol=1e-6).all(axis=1).any()
    model = mlflow.pyfunc.load_model(str(model_folder(data)))
    assert 0 < float(model.predict(model.input_example)[0]) < 1
    assert {str(each.type) for each in model.metadata.signature.inputs} == {"DataType.double"}
