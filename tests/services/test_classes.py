"""Several classes through the whole life of a model: words in, words out."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from mlflow.models import Model
from running import Mlops, quietly
from scipy.special import softmax

from mlops_cli.backends import estimator, registry
from mlops_cli.config import load_config
from mlops_cli.domain.encoding import encode
from mlops_cli.domain.metrics import METRICS, evaluate

CLASSES = ["none", "mild", "severe"]
CONFIG = """project: ward
models:
  grade:
    task: multiclass
    entity: patient
    feature_views:
      ward:
        source: data/ward.parquet
        features:
          age: {type: int}
          pain: {type: float}
          sex: {type: category, categories: [f, m]}
          site: {type: category, categories: [a, b], input: false}
    labels: {source: data/labels.parquet, column: grade, classes: [none, mild, severe]}
    search: {trials: 2, folds: 3, repeats: 2, max_rounds: 80}
    protected: {sex: {}}
    slices: [sex]
    sites: site
    fairness: {limit: 0.5}
    gates: {floor: {roc_auc: 0.6, f1_macro: 0.3}, not_worse: {log_loss: 0.05}}
    drift: {min_rows: 50}
"""


def people(size: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Patients whose grade rises with age and pain."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"patient": [f"P{seed}-{n:04d}" for n in range(size)]})
    frame["event_timestamp"] = pd.Timestamp("2026-01-01", tz="UTC")
    frame["age"] = rng.integers(30, 90, size)
    frame["pain"] = np.where(rng.random(size) < 0.1, np.nan, rng.normal(3, 1.5, size))
    frame["sex"] = rng.choice(["f", "m"], size)
    frame["site"] = rng.choice(["a", "b"], size)
    level = 0.06 * (frame["age"] - 62) + 0.8 * (frame["pain"].fillna(3) - 3) + shift
    margins = np.stack([-level, np.zeros(size), 1.2 * level - 1], axis=1)
    draws = rng.gumbel(0, 0.5, (size, 3)) + margins
    frame["grade"] = np.array(CLASSES, dtype=object)[draws.argmax(axis=1)]
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion."""
    made = tmp_path_factory.mktemp("grades")
    (made / "config.yaml").write_text(CONFIG, encoding="utf-8")
    people(700, 1).to_csv(made / "people.csv", index=False)
    quietly(made, "features", "import", "grade", str(made / "people.csv"))
    for words in (("features", "apply"), ("features", "materialize"), ("train", "grade")):
        quietly(made, *words)
    quietly(made, "promote", "grade", "--challenger")
    return made


@pytest.fixture
def ward(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project as the current folder; its configuration and its labels are put back."""
    monkeypatch.chdir(folder)
    kept = {path: (folder / path).read_bytes() for path in ("config.yaml", "data/labels.parquet")}
    yield folder
    for path, whole in kept.items():
        (folder / path).write_bytes(whole)


@pytest.fixture
def stored(ward: Path) -> estimator.StoredModel:
    config = load_config(ward / "config.yaml")
    return estimator.load(*registry.files_of(config, registry.version(config, "grade", 1)))


def change(old: str, new: str) -> None:
    text = Path("config.yaml").read_text(encoding="utf-8")
    assert old in text
    Path("config.yaml").write_text(text.replace(old, new), encoding="utf-8")


# Training


def test_a_training_tells_what_it_is_worth(ward: Path, mlops: Mlops) -> None:
    run = mlops("train", "grade", "--no-register", "--learning-curve", "--json")
    assert run.code == 0, run.err
    found = run.data
    assert found["task"] == "multiclass"
    assert list(found["metrics"]) == list(METRICS["multiclass"])
    auc = found["metrics"]["roc_auc"]
    assert 0.75 < auc["low"] < auc["value"] < auc["high"] < 1
    assert found["cross_validation"]["roc_auc"] == pytest.approx(auc["value"], abs=0.1)
    majority, logistic = found["baselines"]
    assert (majority["name"], majority["beaten"]) == ("majority", True)
    assert majority["metrics"]["roc_auc"]["value"] == 0.5
    assert logistic["metrics"]["roc_auc"]["value"] > 0.75
    assert (found["operating_point"], found["calibration"]["asked"]) == (None, "auto")
    assert [each["method"] for each in found["calibration"]["tried"]] == ["temperature"]
    assert found["fairness"][0]["metric"] == "accuracy"
    assert len(found["learning_curve"]["points"]) >= 3
    assert found["search"]["loss_name"] == "log loss"
    assert {(each["site"], each["positives"]) for each in found["sites"]} == {
        ("a", None),
        ("b", None),
    }
    assert all(each["low"] < each["value"] < each["high"] for each in found["sites"])
    evidence = Path(found["report"]).parent
    pictures = {path.stem for path in evidence.glob("*.svg")}
    wanted = {"confusion", "roc", "precision_recall", "calibration", "importance", "search"}
    assert pictures == wanted | {"learning_curve", "sites"}
    page = Path(found["report"]).read_text(encoding="utf-8")
    assert "is not drawn" not in page
    assert "none " in page.partition("share of each class")[2]
    assert all(word in (evidence / "confusion.svg").read_text() for word in CLASSES)
    counts = json.loads((evidence / "confusion.json").read_text(encoding="utf-8"))
    assert list(counts) == CLASSES
    assert sum(sum(row.values()) for row in counts.values()) == found["rows"]["test"]
    right = sum(counts[word][word] for word in CLASSES) / found["rows"]["test"]
    assert right == pytest.approx(found["metrics"]["accuracy"]["value"])


def test_what_is_kept_with_the_model_is_what_it_answers(stored: estimator.StoredModel) -> None:
    rows = stored.rows(estimator.HOLDOUT_FILE)
    found = stored.predict(rows)
    assert found.shape == (len(rows), 3)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert found.argmax(axis=1).tolist() == rows["mlops_prediction"].tolist()
    truth = rows["mlops_label"].to_numpy()
    right = evaluate([METRICS["multiclass"]["accuracy"]], truth, found)["accuracy"]
    assert right == pytest.approx((found.argmax(axis=1) == truth).mean())
    unseen = stored.rows(estimator.REFERENCE_FILE)
    agreement = (unseen["mlops_prediction"] == unseen["mlops_label"]).mean()
    assert agreement == pytest.approx(right, abs=0.12)


def test_the_contract_holds_the_classes_in_their_order(stored: estimator.StoredModel) -> None:
    contract = json.loads((stored.folder / "contract.json").read_text(encoding="utf-8"))
    assert contract["classes"] == CLASSES
    signature = Model.load(str(stored.folder)).signature
    assert signature.outputs.input_names() == CLASSES


def test_labels_as_positions_give_the_same_model_as_words(ward: Path, mlops: Mlops) -> None:
    words = mlops("train", "grade", "--no-register", "--json").data
    labels = pd.read_parquet("data/labels.parquet")
    labels["grade"] = labels["grade"].map({word: n for n, word in enumerate(CLASSES)})
    labels.to_parquet("data/labels.parquet")
    assert mlops("features", "validate").code == 0
    numbers = mlops("train", "grade", "--no-register", "--json").data
    assert numbers["model_digest"] == words["model_digest"]
    assert numbers["dataset_digest"] == words["dataset_digest"]


def test_a_run_is_reproduced_digest_by_digest(ward: Path, mlops: Mlops) -> None:
    config = load_config(ward / "config.yaml")
    run_id = registry.version(config, "grade", 1).run_id
    run = mlops("train", "grade", "--reproduce", run_id, "--json")
    assert (run.code, run.data["differences"]) == (0, [])


def test_a_temperature_is_kept_and_explained_before(
    ward: Path, mlops: Mlops, stored: estimator.StoredModel
) -> None:
    change("search:", "calibration: temperature\n    search:")
    run = mlops("train", "grade", "--json")
    assert run.data["calibration"]["method"] == "temperature"
    config = load_config(ward / "config.yaml")
    number = run.data["version"]
    new = estimator.load(*registry.files_of(config, registry.version(config, "grade", number)))
    assert new.contract.calibration is not None
    rows = new.rows(estimator.HOLDOUT_FILE)
    inputs = new.contract.inputs
    before = estimator.predict(new.booster, encode(rows, inputs), inputs)
    assert new.predict(rows) == pytest.approx(new.contract.calibration.apply(before))
    assert np.abs(new.predict(rows) - before).max() > 0.01


# Labels that cannot be learnt from


def test_labels_that_are_no_class_are_counted_and_not_quoted(ward: Path, mlops: Mlops) -> None:
    labels = pd.read_parquet("data/labels.parquet")
    labels.loc[:2, "grade"] = "grave"
    labels.to_parquet("data/labels.parquet")
    run = mlops("train", "grade")
    assert run.code == 2
    assert "3 of 700 labels are none of none, mild, severe" in run.err
    assert "grave" not in run.err
    found = mlops("features", "validate", "--json")
    assert found.code == 3
    assert "is a known category" in json.dumps(found.data)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["mild"] * 700, "every grade is mild; there is nothing to tell apart"),
        ([None, *["mild", "none"] * 350][:700], "1 of 700 labels are missing"),
        ([5.0] * 700, "700 of 700 labels are none of none, mild, severe"),
    ],
)
def test_a_label_column_that_cannot_be_learnt_is_refused(
    ward: Path, mlops: Mlops, values: list[object], message: str
) -> None:
    pd.read_parquet("data/labels.parquet").assign(grade=values).to_parquet("data/labels.parquet")
    run = mlops("train", "grade")
    assert run.code == 2
    assert message in run.err


def test_a_class_that_nobody_has_is_warned_of(ward: Path, mlops: Mlops) -> None:
    labels = pd.read_parquet("data/labels.parquet")
    labels[labels["grade"] != "severe"].to_parquet("data/labels.parquet")
    run = mlops("train", "grade", "--no-register", "--json")
    assert run.code == 0, run.err
    said = "grade: no training row is severe: nothing can be said of that class"
    assert said in run.json["warnings"]
    assert np.isfinite(run.data["metrics"]["roc_auc"]["value"])


def test_words_for_two_classes_point_to_the_task_for_several(ward: Path, mlops: Mlops) -> None:
    change("task: multiclass", "task: classification")
    change(", classes: [none, mild, severe]", "")
    change("gates: {floor: {roc_auc: 0.6, f1_macro: 0.3}", "gates: {floor: {roc_auc: 0.6}")
    run = mlops("train", "grade")
    assert run.code == 2
    assert "task: multiclass" in run.err


# In service


def test_an_answer_is_a_word_with_the_probability_of_each(
    ward: Path, mlops: Mlops, stored: estimator.StoredModel
) -> None:
    who = [f"P1-{n:04d}" for n in range(30)]
    answers = mlops("predict", "grade", *who, "--explain", "--json").data["predictions"]
    margins = stored.booster.predict(
        estimator.table(
            encode(pd.DataFrame([each["features"] for each in answers]), stored.contract.inputs),
            stored.contract.inputs,
        ),
        output_margin=True,
    )
    assert {each["prediction"] for each in answers} == set(CLASSES)
    for answer, row in zip(answers, margins, strict=True):
        chances = answer["probabilities"]
        assert list(chances) == CLASSES
        assert answer["prediction"] == max(chances, key=chances.get)
        assert answer["probability"] == chances[answer["prediction"]]
        assert sum(chances.values()) == pytest.approx(1, abs=1e-6)
        total = answer["base_value"] + sum(c["contribution"] for c in answer["contributions"])
        assert total == pytest.approx(row[CLASSES.index(answer["prediction"])], abs=1e-5)
        if answer["calibration"] is None:
            assert list(chances.values()) == pytest.approx(softmax(row), abs=1e-5)
        assert answer["scale"] == "margin of the class"
    shown = mlops("predict", "grade", who[0], "--explain").out
    assert f"{who[0]}: {answers[0]['prediction']}, probability 0." in shown
    assert "on the scale of the margin of that class" in shown


def test_predictions_are_logged_and_followed_back_as_words(ward: Path, mlops: Mlops) -> None:
    (answer,) = mlops("predict", "grade", "P1-0007", "--json").data["predictions"]
    with sqlite3.connect(".mlops/inference.db") as log:
        query = "SELECT prediction, probability, probabilities FROM inference_log"
        code, chance, chances = log.execute(f"{query} ORDER BY rowid DESC LIMIT 1").fetchone()
    assert CLASSES[int(code)] == answer["prediction"]
    assert (chance, json.loads(chances)) == (answer["probability"], answer["probabilities"])
    shown = mlops("audit", "lineage", answer["prediction_id"]).out
    assert f"{answer['prediction']} with probability" in shown


def test_a_log_of_an_earlier_version_gets_the_new_column(
    ward: Path, mlops: Mlops, tmp_path: Path
) -> None:
    old = tmp_path / "old.db"
    with sqlite3.connect(".mlops/inference.db") as log:
        (made,) = log.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'inference_log'"
        ).fetchone()
    columns = [line for line in made.splitlines() if "probabilities" not in line]
    with sqlite3.connect(old) as log:
        log.execute("\n".join(columns))
        log.execute(
            "INSERT INTO inference_log VALUES ('a', '2026-01-01T00:00:00.000000+00:00', 'grade', 1,"
            " NULL, 1.0, 0.7, '{}', NULL)"
        )
    change("project: ward", f"project: ward\nlogs: {{inference: 'sqlite:///{old}'}}")
    assert mlops("predict", "grade", "P1-0001").code == 0
    with sqlite3.connect(old) as log:
        found = log.execute("SELECT probabilities FROM inference_log ORDER BY rowid").fetchall()
    assert found[0] == (None,)
    assert set(json.loads(found[1][0])) == set(CLASSES)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_a_file_gets_a_column_for_each_class(
    ward: Path, mlops: Mlops, tmp_path: Path, suffix: str
) -> None:
    rows = people(60, 2).drop(columns=["grade", "event_timestamp"])
    rows.to_parquet(tmp_path / "given.parquet")
    made = tmp_path / f"made{suffix}"
    run = mlops("predict", "grade", "--input", tmp_path / "given.parquet", "--output", made)
    assert run.code == 0, run.err
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    found = read.get(suffix, lambda path: pd.read_json(path, lines=True))(made)
    chances = found[[f"probability_{word}" for word in CLASSES]].to_numpy()
    said = np.array(CLASSES)[chances.argmax(axis=1)]
    assert found["prediction"].tolist() == said.tolist()
    assert found["probability"].to_numpy() == pytest.approx(chances.max(axis=1))
    again = mlops("predict", "grade", "--input", made, "--output", tmp_path / "o.csv")
    assert (again.code, "already" in again.err) == (2, True)


# What it is judged and watched by


def test_the_same_model_again_is_not_promoted(ward: Path, mlops: Mlops) -> None:
    assert mlops("train", "grade").code == 0
    run = mlops("promote", "grade", "--challenger", "--dry-run", "--json")
    (result,) = run.data["results"]
    gates = {gate["name"]: gate for gate in result["gates"]}
    assert result["decision"] == "refused"
    assert gates["improvement:roc_auc"]["value"] == 0
    assert gates["not_worse:log_loss"]["passed"]
    assert gates["floor:f1_macro"]["passed"]


def test_other_classes_cannot_be_compared(ward: Path, mlops: Mlops) -> None:
    labels = pd.read_parquet("data/labels.parquet")
    labels["grade"] = labels["grade"].replace({"mild": "light"})
    labels.to_parquet("data/labels.parquet")
    change("[none, mild, severe]", "[none, light, severe]")
    assert mlops("train", "grade").code == 0
    run = mlops("promote", "grade", "--challenger", "--dry-run", "--json")
    (result,) = run.data["results"]
    assert result["decision"] == "inconclusive"
    assert "classes none, mild, severe, the challenger none, light" in result["gates"][0]["message"]


def drifted(mlops: Mlops, frame: pd.DataFrame, path: Path) -> tuple[int, dict[str, bool]]:
    frame.to_csv(path, index=False)
    run = mlops("drift", "check", "grade", "--current", path, "--json")
    (result,) = run.data["results"]
    of_classes = [each for each in result["checks"] if each["kind"] in {"prediction", "target"}]
    assert {each["method"] for each in of_classes} == {"jensen_shannon"}
    assert all("share of" in each["message"] for each in of_classes)
    return run.code, {each["kind"]: each["drifted"] for each in result["checks"]}


def test_drift_is_that_of_the_shares_of_the_classes(
    ward: Path, mlops: Mlops, tmp_path: Path
) -> None:
    same = drifted(mlops, people(300, 3), tmp_path / "same.csv")
    assert same == (0, {"data": False, "prediction": False, "target": False})
    worse = people(300, 4, shift=3.0)
    code, kinds = drifted(mlops, worse, tmp_path / "worse.csv")
    assert (code, kinds["target"], kinds["prediction"]) == (3, True, False)
    older = people(300, 5).assign(age=88)
    assert drifted(mlops, older, tmp_path / "older.csv")[1]["prediction"]
    unheard_of = people(300, 6).assign(grade="grave")
    assert drifted(mlops, unheard_of, tmp_path / "new.csv")[1]["target"]


def test_fairness_of_a_class_that_is_to_be_found(ward: Path, mlops: Mlops) -> None:
    run = mlops("audit", "bias", "grade", "--json")
    assert [each["metric"] for each in run.data["fairness"]] == ["accuracy"]
    change("fairness: {limit: 0.5}", "fairness: {limit: 0.9, positive: severe}")
    (gap,) = mlops("audit", "bias", "grade", "--json").data["fairness"]
    assert gap["metric"] == "equal_opportunity"
    assert all(0 <= group["value"] <= 1 for group in gap["groups"])


def test_the_objective_is_that_of_probabilities(stored: estimator.StoredModel) -> None:
    assert isinstance(stored.booster, xgb.Booster)
    settings = json.loads(stored.booster.save_config())["learner"]
    assert settings["learner_train_param"]["objective"] == "multi:softprob"
