"""Who is held out by time and by site, and what a split by rows would have claimed."""

import importlib.util
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from mlflow import MlflowClient
from running import ROOT, Mlops, Run, quietly
from sklearn.metrics import roc_auc_score

from mlops_cli.backends import estimator, registry
from mlops_cli.config import load_config
from mlops_cli.domain.split import in_holdout
from mlops_cli.main import main

PATIENTS, MONTHS, SITES = 300, 12, 4
VITALS = [f"vital_{n}" for n in range(8)]
CONFIG = """\
project: clinics
seed: 0
models:
  sick:
    task: classification
    entity: patient_id
    feature_views:
      visits:
        source: data/visits.parquet
        features: {VITALS}
    labels: {source: data/labels.parquet, column: sick}
    search:
      {trials: 3, folds: 5, max_rounds: 400, repeats: 1, space: {
      max_depth: {low: 2, high: 6, scale: int}, learning_rate: {low: 0.02, high: 0.2, scale: log},
      min_child_weight: {low: 1, high: 30, scale: log}, subsample: {low: 0.5, high: 0.95},
      colsample_bytree: {low: 0.4, high: 0.95}, reg_lambda: {low: 0.1, high: 30, scale: log}}}
    gates: {floor: {roc_auc: 0.5}}
  at_clinics:
    task: classification
    entity: patient_id
    feature_views:
      visits:
        source: data/visits.parquet
        features: {VITALS}
      clinics:
        entity: clinic
        source: data/clinics.parquet
        features: {beds: {type: int}}
    HOLDOUT
    labels: {source: data/stays.parquet, column: sick}
    search: {trials: 1, folds: 2, max_rounds: 20}
    gates: {floor: {roc_auc: 0.5}}
  leaky:
    task: classification
    entity: patient_id
    feature_views:
      billing:
        source: data/billing.parquet
        features:
          age: {type: float}
          code: {type: category, categories: [Z00, I21]}
          payer: {type: category, categories: [state]}
          fee: {type: float}
          note: {type: float}
    labels: {source: data/first.parquet, column: sick}
    search: {trials: 1, folds: 2, max_rounds: 10}
"""
SITES_LINE = "sites: clinic"


def benchmark() -> ModuleType:
    """The program that draws the patients."""
    place = ROOT / "benchmarks" / "entity_leak.py"
    spec = importlib.util.spec_from_file_location("entity_leak", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_tables(data: Path) -> None:
    """Write visits with a sticky label, clinics that some patients change, and what a bill says."""
    data.mkdir()
    visits = benchmark().visits(PATIENTS, 0)
    visits.drop(columns="sick").to_parquet(data / "visits.parquet", index=False)
    labels = visits[["patient_id", "event_timestamp", "sick"]]
    labels.to_parquet(data / "labels.parquet", index=False)
    number = visits["patient_id"].str[1:].astype(int)
    month = visits.groupby("patient_id").cumcount()
    clinic = np.where(number < 6, 3, number % 3)  # the last clinic is a small one
    clinic = np.where((number >= 280) & (month >= 6), (clinic + 1) % 3, clinic)
    stays = labels.assign(clinic=[f"C{each}" for each in clinic])
    stays.to_parquet(data / "stays.parquet", index=False)
    houses = pd.DataFrame({"clinic": [f"C{n}" for n in range(SITES)], "beds": [50, 90, 120, 10]})
    houses.assign(event_timestamp=visits["event_timestamp"].min()).to_parquet(
        data / "clinics.parquet", index=False
    )
    first = labels[month == 0].reset_index(drop=True)
    first.to_parquet(data / "first.parquet", index=False)
    billing = first[["patient_id", "event_timestamp"]].assign(
        age=np.arange(PATIENTS) % 70 + 20.0,
        code=np.where(first["sick"] == 1, "I21", "Z00"),
        payer="state",
        fee=np.exp(-3.0 * first["sick"]) + 1e-6 * np.arange(PATIENTS),
        note=np.where(first["sick"] == 1, 1.0, np.nan),
    )
    billing.to_parquet(data / "billing.parquet", index=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("clinics")
    vitals = "{" + ", ".join(f"{name}: {{type: float}}" for name in VITALS) + "}"
    text = CONFIG.replace("{VITALS}", vitals)
    (made / "config.yaml").write_text(text.replace("HOLDOUT", SITES_LINE), encoding="utf-8")
    for name, line in {
        "held.yaml": "holdout: {kind: group, groups: clinic, values: [C1]}",
        "both.yaml": "sites: clinic\n    holdout: {kind: group, groups: beds, values: [90]}",
        "typo.yaml": "holdout: {kind: group, groups: clinic, values: [C9]}",
        "every.yaml": "holdout: {kind: group, groups: clinic, values: [C0, C1, C2, C3]}",
    }.items():
        (made / name).write_text(text.replace("HOLDOUT", line), encoding="utf-8")
    write_tables(made / "data")
    quietly(made, "features", "apply")
    return made


@pytest.fixture(autouse=True)
def _inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def stored(config_file: str, model: str, number: int) -> estimator.StoredModel:
    """A version, read back."""
    config = load_config(Path(config_file))
    return estimator.load(*registry.files_of(config, registry.version(config, model, number)))


def evidence(model: str, run_id: str, file: str) -> Any:
    client = MlflowClient(load_config(Path("config.yaml")).tracking.uri)
    return json.loads(Path(client.download_artifacts(run_id, f"evidence/{file}")).read_text())


# A split by rows


@pytest.fixture(scope="module")
def sticky(folder: Path) -> dict[str, Any]:
    """The answer of one training where the label sticks to the patient."""
    return trained(folder, "sick")


def trained(folder: Path, model: str) -> dict[str, Any]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["train", model, "--json", "--config", str(folder / "config.yaml")])
    run = Run(code, out.getvalue(), err.getvalue())
    assert run.code == 0, run.err
    return run.data


def test_the_holdout_interval_holds_the_truth_and_a_split_by_rows_is_far_from_it(
    sticky: dict[str, Any],
) -> None:
    """The truth: the same model on 3,000 patients who were never seen."""
    strangers = benchmark().visits(3000, 77, "N")
    model = stored("config.yaml", "sick", sticky["version"])
    truth = roc_auc_score(strangers["sick"], model.predict(strangers[VITALS]))
    held = sticky["metrics"]["roc_auc"]
    assert held["low"] < truth < held["high"] < 0.85
    assert sticky["naive"]["roc_auc"] > 0.93
    assert sticky["naive"]["roc_auc"] - truth > 0.2
    assert abs(sticky["cross_validation"]["roc_auc"] - truth) < 0.08


def test_the_claim_of_a_split_by_rows_is_among_the_figures_of_the_run(
    sticky: dict[str, Any],
) -> None:
    client = MlflowClient(load_config(Path("config.yaml")).tracking.uri)
    kept = client.get_run(sticky["run_id"]).data.metrics
    assert kept["naive_roc_auc"] == pytest.approx(sticky["naive"]["roc_auc"])


def test_people_read_what_a_split_by_rows_would_have_claimed(mlops: Mlops) -> None:
    run = mlops("train", "sick", "--no-register")
    said = run.out.replace("\n", " ")
    assert "a split by rows would have claimed roc_auc 0.9" in said
    assert "by entities it is 0.6" in said
    assert "held out: 20% of the entities, by a hash of the id" in said


def test_where_each_entity_has_one_row_there_is_nothing_to_claim(mlops: Mlops) -> None:
    assert mlops("train", "leaky", "--no-register", "--json").data["naive"] is None
    run = mlops("train", "leaky", "--no-register")
    assert "each entity has one row: a split by rows would have claimed the same" in run.out


# Sites


@pytest.fixture(scope="module")
def by_site(folder: Path) -> dict[str, Any]:
    return trained(folder, "at_clinics")


def test_each_site_is_measured_by_a_model_of_the_others(by_site: dict[str, Any]) -> None:
    """Against a fit of our own: without the site, and without the patients who were there."""
    stays, visits = pd.read_parquet("data/stays.parquet"), pd.read_parquet("data/visits.parquet")
    rows = stays.merge(visits, on=["patient_id", "event_timestamp"])
    rows["beds"] = rows["clinic"].map({"C0": 50, "C1": 90, "C2": 120, "C3": 10})
    contract = stored("config.yaml", "at_clinics", by_site["version"]).contract
    held = in_holdout(rows["patient_id"].to_numpy(), 0.2, contract.holdout.salt)
    params = {**by_site["params"], "objective": "binary:logistic", "seed": 0, "nthread": 1}
    rounds = params.pop("rounds")
    rows = rows.sort_values(["patient_id", "clinic", "event_timestamp"])
    held, inputs = pd.Series(held)[rows.index].to_numpy(), list(contract.inputs)
    found = {each["site"]: each for each in by_site["sites"]}
    assert set(found) == {"C0", "C1", "C2", "C3"}
    for site in ("C0", "C1", "C2"):
        here = (rows["clinic"] == site).to_numpy()
        own = rows["patient_id"].isin(rows["patient_id"][here]).to_numpy()
        train, test = rows[~held & ~own], rows[here]
        booster = xgb.train(params, xgb.DMatrix(train[inputs], train["sick"]), rounds)
        auc = roc_auc_score(test["sick"], booster.predict(xgb.DMatrix(test[inputs])))
        assert found[site]["value"] == pytest.approx(auc, abs=1e-6)
        assert found[site]["low"] < auc < found[site]["high"]
        assert (found[site]["rows"], found[site]["positives"]) == (len(test), test["sick"].sum())
        assert found[site]["entities"] == test["patient_id"].nunique()


def test_a_site_with_too_few_patients_has_no_figure(by_site: dict[str, Any]) -> None:
    (small,) = [each for each in by_site["sites"] if each["site"] == "C3"]
    assert (small["entities"], small["rows"], small["value"]) == (6, 72, None)
    assert small["problem"] == "too few: 6 of 20 entities"


def test_the_sites_are_kept_as_evidence(by_site: dict[str, Any]) -> None:
    kept = evidence("at_clinics", by_site["run_id"], "sites.json")
    assert kept == by_site["sites"]


def test_people_see_the_sites_as_a_table(mlops: Mlops) -> None:
    run = mlops("train", "at_clinics", "--no-register")
    assert "Trained on the other sites" in run.out
    assert "too few: 6 of 20 entities" in run.out
    lines = run.out.splitlines()
    assert max(len(line) for line in lines if not line.startswith("report ")) <= 80


def test_whole_sites_are_held_out_with_everybody_who_was_there(mlops: Mlops) -> None:
    data = mlops("train", "at_clinics", "--config", "held.yaml", "--json").data
    stays = pd.read_parquet("data/stays.parquet")
    here = stays["clinic"] == "C1"
    elsewhere = ~here & stays["patient_id"].isin(stays["patient_id"][here])
    assert elsewhere.sum() > 20
    assert data["rows"] == {"train": int((~here & ~elsewhere).sum()), "test": int(here.sum())}
    assert (data["set_aside"], data["held_out"]) == (int(elsewhere.sum()), "clinic C1")
    model = stored("held.yaml", "at_clinics", data["version"])
    assert (model.contract.holdout.kind, model.contract.holdout.values) == ("group", ("C1",))
    kept = model.rows(estimator.HOLDOUT_FILE)
    crossing = stays["patient_id"].isin(stays["patient_id"][elsewhere])[here].sum()
    assert kept["mlops_crossing"].sum() == crossing
    (site,) = [each for each in data["sites"] if each["site"] == "C1"]
    assert site["value"] == pytest.approx(data["metrics"]["roc_auc"]["value"])


def test_the_sites_of_the_report_may_be_others_than_those_held_out(mlops: Mlops) -> None:
    words = ("train", "at_clinics", "--no-register", "--json", "--config")
    held, both = (mlops(*words, file).data for file in ("held.yaml", "both.yaml"))
    assert (both["rows"], both["held_out"]) == (held["rows"], "beds 90")
    assert both["model_digest"] == held["model_digest"]
    assert both["sites"] == held["sites"]


def test_a_version_with_other_people_held_out_is_not_judged(mlops: Mlops) -> None:
    assert mlops("train", "at_clinics").code == 0
    assert mlops("promote", "at_clinics", "--challenger").code == 0
    assert mlops("train", "at_clinics", "--config", "held.yaml").code == 0
    run = mlops("promote", "at_clinics", "--challenger", "--config", "held.yaml", "--json")
    assert run.code == 5
    (gate,) = run.data["results"][0]["gates"]
    assert "the holdout was changed" in gate["message"]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("typo.yaml", "no label has clinic 'C9' of holdout.values"),
        ("every.yaml", "300 of 300 entities are held out"),
    ],
)
def test_sites_that_cannot_be_held_out(mlops: Mlops, file: str, said: str) -> None:
    run = mlops("train", "at_clinics", "--config", file)
    assert run.code == 2
    assert said in run.err


def test_a_run_with_sites_is_reproduced(mlops: Mlops) -> None:
    run_id = mlops("train", "at_clinics", "--config", "held.yaml", "--json").data["run_id"]
    again = mlops("train", "at_clinics", "--reproduce", run_id, "--config", "held.yaml", "--json")
    assert (again.code, again.data["differences"]) == (0, [])


# Time

AFTER = "2025-06-30"


def early(rows: pd.DataFrame) -> Any:
    return rows["event_timestamp"] < pd.Timestamp(AFTER, tz="UTC")


@pytest.fixture
def by_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own: a third of the patients came early, a third late, a third always."""
    text = (Path("config.yaml")).read_text(encoding="utf-8").partition("  at_clinics:")[0]
    text = text.replace(
        "trials: 3, folds: 5, max_rounds: 400", "trials: 1, folds: 2, max_rounds: 60"
    )
    rule = f"    holdout: {{kind: time, after: {AFTER}}}\n    labels:"
    (tmp_path / "config.yaml").write_text(text.replace("    labels:", rule), encoding="utf-8")
    (tmp_path / "data").mkdir()
    visits = benchmark().visits(PATIENTS, 0)
    visits.drop(columns="sick").to_parquet(tmp_path / "data/visits.parquet", index=False)
    number = visits["patient_id"].str[1:].astype(int)
    kept = (number < 100) & early(visits) | (number >= 200) & ~early(visits)
    both = number.between(100, 199)
    labels = visits[["patient_id", "event_timestamp", "sick"]]
    labels[kept | both & early(visits)].to_parquet(tmp_path / "first.parquet", index=False)
    labels[kept | both].to_parquet(tmp_path / "data/labels.parquet", index=False)
    quietly(tmp_path, "features", "apply")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_later_labels_are_held_out_and_nobody_is_on_both_sides(by_time: Path, mlops: Mlops) -> None:
    run = mlops("train", "sick", "--json")
    labels = pd.read_parquet("data/labels.parquet")
    number = labels["patient_id"].str[1:].astype(int)
    assert run.data["rows"] == {
        "train": int((number < 100).sum()), "test": int((~early(labels)).sum()),
    }  # fmt: skip
    assert run.data["set_aside"] == int((number.between(100, 199) & early(labels)).sum()) > 0
    assert run.data["held_out"] == f"labels from {AFTER} on"
    told = mlops("train", "sick", "--no-register").out
    assert f"{run.data['set_aside']} more labels are of held out entities" in told
    run_id = run.data["run_id"]
    assert mlops("train", "sick", "--reproduce", run_id).code == 0
    assert evidence("sick", run_id, "dataset.json")["set_aside"] == run.data["set_aside"]


def test_the_champion_is_not_judged_on_patients_it_was_trained_on(
    by_time: Path, mlops: Mlops
) -> None:
    """They came back after it was trained: its own row of them is in no table of the challenger."""
    whole = Path("data/labels.parquet").read_bytes()
    Path("data/labels.parquet").write_bytes(Path("first.parquet").read_bytes())
    assert mlops("train", "sick", "--json").data["set_aside"] == 0
    assert mlops("promote", "sick", "--challenger").code == 0
    Path("data/labels.parquet").write_bytes(whole)
    assert mlops("train", "sick", "--json").data["set_aside"] > 0
    run = mlops("promote", "sick", "--challenger", "--dry-run", "--json")
    (gate,) = [
        each for each in run.data["results"][0]["gates"] if each["name"] == "improvement:roc_auc"
    ]
    old, new = (stored("config.yaml", "sick", number) for number in (1, 2))
    rows = new.rows(estimator.HOLDOUT_FILE)
    fair = rows[~rows["mlops_crossing"].astype(bool)]
    assert (fair["mlops_entity"].nunique(), rows["mlops_entity"].nunique()) == (100, 200)
    every, expected = (
        roc_auc_score(part["mlops_label"], new.predict(part))
        - roc_auc_score(part["mlops_label"], old.predict(part))
        for part in (rows, fair)
    )
    assert gate["value"] == pytest.approx(expected)
    assert gate["value"] != pytest.approx(every, abs=0.01)


def test_where_the_champion_may_have_seen_everybody_nothing_is_decided(
    by_time: Path, mlops: Mlops
) -> None:
    labels = pd.read_parquet("data/labels.parquet")
    number = labels["patient_id"].str[1:].astype(int)
    labels[number < 200].to_parquet("data/labels.parquet", index=False)
    assert mlops("train", "sick").code == 0
    assert mlops("promote", "sick", "--challenger").code == 0
    assert mlops("train", "sick").code == 0
    run = mlops("promote", "sick", "--challenger", "--json")
    assert run.code == 5
    (gate,) = run.data["results"][0]["gates"]
    assert "may have seen every held out entity" in gate["message"]


def test_where_everybody_comes_back_the_message_says_what_to_do(
    by_time: Path, mlops: Mlops
) -> None:
    visits = benchmark().visits(PATIENTS, 0)
    labels = visits[["patient_id", "event_timestamp", "sick"]]
    labels.to_parquet("data/labels.parquet", index=False)
    run = mlops("train", "sick", "--json")
    assert run.code == 2
    assert "300 of 300 entities are held out" in run.error["message"]
    assert "kind: entity" in run.error["hint"]


# Columns that tell too much, or nothing


def test_columns_that_equal_the_label_or_never_change_are_warned_of(mlops: Mlops) -> None:
    run = mlops("train", "leaky", "--no-register", "--json")
    assert run.code == 0
    said = {line.partition(":")[0]: line for line in run.data["warnings"]}
    assert set(said) == {"code", "payer", "fee", "note"}
    for name in ("code", "fee", "note"):
        assert "leak?" in said[name]
        assert "AUC 1.000" in said[name]
    assert "the same in every training row" in said["payer"]
    assert run.json["warnings"] == [f"leaky: {line}" for line in run.data["warnings"]]
    assert "warning: leaky: fee: leak?" in mlops("train", "leaky", "--no-register").err


def test_a_training_without_suspects_warns_of_nothing(sticky: dict[str, Any]) -> None:
    assert sticky["warnings"] == []
