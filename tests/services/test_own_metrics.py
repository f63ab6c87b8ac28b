"""A metric of the project's own: a function beside config.yaml, from training to audit."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from running import Mlops, Run, quietly

from mlops_cli.backends import estimator, registry
from mlops_cli.config import load_config

CONFIG = """project: clinic
models:
  sick:
    task: classification
    entity: patient
    feature_views:
      ward: {source: data/ward.parquet, features: {age: {type: int}, pain: {type: float},
        sex: {type: category, categories: [f, m]}}}
    labels: {source: data/labels.parquet, column: sick}
    metrics:
      benefit: {function: "clinic:net_benefit", description: net benefit at one in five}
      miss: {function: "clinic:missed", higher_is_better: false}
    primary_metric: benefit
    search: {trials: 2, folds: 3, repeats: 1, max_rounds: 60}
    protected: {sex: {}}
    fairness: {metrics: [equal_opportunity, miss], limit: 0.9, min_group_rows: 20}
    gates: {floor: {benefit: 0.01}, not_worse: {miss: 0.5}}
"""
CLINIC = '''"""What counts in this clinic."""


def net_benefit(labels, scores):
    """Vickers and Elkin 2006, at a probability of one in five."""
    treated = scores >= 0.2
    return (labels[treated] == 1).sum() / len(labels) - 0.25 * (
        labels[treated] == 0
    ).sum() / len(labels)


def missed(labels, scores):
    return float((scores[labels == 1] < 0.2).mean())
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion that is judged by a metric of its own, and a challenger."""
    made = tmp_path_factory.mktemp("clinic")
    (made / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (made / "clinic.py").write_text(CLINIC, encoding="utf-8")
    rng, size = np.random.default_rng(0), 600
    frame = pd.DataFrame({"patient": [f"P{n:04d}" for n in range(size)]})
    frame["event_timestamp"] = pd.Timestamp("2026-01-01", tz="UTC")
    frame["age"], frame["pain"] = rng.integers(30, 90, size), rng.normal(3, 1.5, size)
    frame["sex"] = rng.choice(["f", "m"], size)
    level = 0.08 * (frame["age"] - 65) + 0.8 * (frame["pain"] - 3)
    frame["sick"] = (rng.random(size) < 1 / (1 + np.exp(-level))).astype(int)
    frame.to_csv(made / "people.csv", index=False)
    quietly(made, "features", "import", "sick", str(made / "people.csv"))
    for words in (("features", "apply"), ("train", "sick")):
        quietly(made, *words)
    quietly(made, "promote", "sick", "--challenger")
    quietly(made, "train", "sick")
    return made


@pytest.fixture
def clinic(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project as the current folder; its configuration and its code are put back."""
    monkeypatch.chdir(folder)
    yield folder
    Path("config.yaml").write_text(CONFIG, encoding="utf-8")
    Path("clinic.py").write_text(CLINIC, encoding="utf-8")


def held_out(folder: Path) -> pd.DataFrame:
    config = load_config(folder / "config.yaml")
    version = registry.champion(config, "sick")
    return estimator.load(*registry.files_of(config, version)).rows(estimator.HOLDOUT_FILE)


def by_hand(rows: pd.DataFrame) -> float:
    treated = rows["mlops_prediction"] >= 0.2
    sick = rows["mlops_label"] == 1
    return float(((treated & sick).sum() - 0.25 * (treated & ~sick).sum()) / len(rows))


def test_it_is_measured_with_an_interval_beside_ours(clinic: Path, mlops: Mlops) -> None:
    run = mlops("train", "sick", "--no-register", "--learning-curve", "--json")
    assert run.code == 0, run.err
    found = run.data["metrics"]["benefit"]
    assert found["value"] == pytest.approx(by_hand(held_out(clinic)))
    assert found["low"] < found["value"] < found["high"]
    assert list(run.data["metrics"])[-2:] == ["benefit", "miss"]
    assert run.data["cross_validation"]["benefit"] == pytest.approx(found["value"], abs=0.15)
    assert {each["metric"] for each in run.data["baselines"]} == {"benefit"}
    assert run.data["learning_curve"]["metric"] == "benefit"
    assert "benefit" in mlops("train", "sick", "--no-register").out


def test_it_decides_between_champion_and_challenger(clinic: Path, mlops: Mlops) -> None:
    assert mlops("train", "sick").code == 0
    run = mlops("promote", "sick", "--challenger", "--dry-run", "--json")
    gates = {gate["name"]: gate for gate in run.data["results"][0]["gates"]}
    assert gates["floor:benefit"]["value"] == pytest.approx(by_hand(held_out(clinic)))
    assert gates["floor:benefit"]["passed"]
    assert gates["improvement:benefit"]["value"] == 0
    assert gates["not_worse:miss"]["passed"]
    assert {"fairness:sex:miss", "fairness:sex:equal_opportunity"} <= set(gates)


def test_a_lower_value_is_better_where_it_says_so(clinic: Path, mlops: Mlops) -> None:
    change(clinic, "floor: {benefit: 0.01}", "floor: {miss: 0.0001}")
    assert mlops("train", "sick").code == 0
    run = mlops("promote", "sick", "--challenger", "--dry-run", "--json")
    gates = {gate["name"]: gate for gate in run.data["results"][0]["gates"]}
    assert gates["floor:miss"]["verdict"] == "fail"
    assert "must be at most 0.0001" in gates["floor:miss"]["message"]


def test_its_gap_between_groups_is_audited(clinic: Path, mlops: Mlops) -> None:
    run = mlops("audit", "bias", "sick", "--json")
    gaps = {gap["metric"]: gap for gap in run.data["fairness"]}
    rows = held_out(clinic)
    sick = rows[rows["mlops_label"] == 1]
    expected = (sick["mlops_prediction"] < 0.2).groupby(sick["sex"]).mean().to_dict()
    shown = {group["group"]: group["value"] for group in gaps["miss"]["groups"]}
    assert shown == pytest.approx(expected)
    assert gaps["miss"]["value"] == pytest.approx(abs(expected["f"] - expected["m"]))
    # Of the sick, those below 0.2 and not those below 0.5: another metric than ours.
    assert gaps["equal_opportunity"]["value"] != pytest.approx(gaps["miss"]["value"])


def test_other_code_behind_a_metric_is_named(clinic: Path, mlops: Mlops) -> None:
    config = load_config(clinic / "config.yaml")
    run_id = registry.champion(config, "sick").run_id
    assert mlops("train", "sick", "--reproduce", run_id).code == 0
    Path("clinic.py").write_text(CLINIC.replace("0.25", "0.5"), encoding="utf-8")
    run = mlops("train", "sick", "--reproduce", run_id, "--json")
    found = {(each["kind"], each["name"]) for each in run.data["differences"]}
    assert {("code", "own metrics"), ("model", "benefit")} <= found
    assert run.data["model_digest"]["then"] == run.data["model_digest"]["now"]


def test_the_code_leaves_nothing_beside_it(clinic: Path, mlops: Mlops) -> None:
    assert mlops("audit", "bias", "sick").code in {0, 5}
    assert not list(clinic.rglob("__pycache__"))


# What is wrong with it


def change(folder: Path, old: str, new: str) -> None:
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    assert old in text
    (folder / "config.yaml").write_text(text.replace(old, new), encoding="utf-8")


def refused(run: Run, *words: str) -> None:
    """Check that the run ended on a wrong input, in one line and a hint, before any fit."""
    assert run.code == 2, run.err
    for each in words:
        assert each in run.err
    assert "Traceback" not in run.err
    assert "trial 1" not in run.err


def unread(run: Run) -> None:
    """Check that not even the tables were read."""
    assert "joining" not in run.err


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    return 1 / 0", ("metrics.benefit raised ZeroDivisionError: division by zero",)),
        ("    return float('nan')", ("metrics.benefit returned nan on",)),
        ("    return scores", ("metrics.benefit returned ndarray, not a number",)),
        ("    return labels.columns", ("metrics.benefit raised AttributeError",)),
    ],
)
def test_a_function_that_fails_is_told_before_the_search(
    clinic: Path, mlops: Mlops, body: str, words: tuple[str, ...]
) -> None:
    rest = CLINIC[CLINIC.index("def missed") :]
    text = f"def net_benefit(labels, scores):\n{body}\n\n\n{rest}"
    Path("clinic.py").write_text(text, encoding="utf-8")
    refused(mlops("train", "sick"), *words)


@pytest.mark.parametrize(
    ("function", "code", "words"),
    [
        ("wards:net_benefit", CLINIC, ("there is no file", "wards.py")),
        ("clinic:net_benefits", CLINIC, ("clinic.py has no function net_benefits", "net_benefit'")),
        ("clinic:net_benefit", "import wards_of_ours\n", ("cannot be run: ModuleNotFoundError",)),
        ("clinic:net_benefit", "def net_benefit(:\n", ("cannot be run: SyntaxError",)),
        ("clinic:net_benefit", "raise SystemExit(0)\n", ("cannot be run: SystemExit",)),
        ("clinic:net_benefit", "net_benefit = 3\n", ("has no function net_benefit",)),
    ],
)
@pytest.mark.parametrize(
    "command", [("train", "sick"), ("promote", "sick", "--challenger"), ("audit", "bias", "sick")]
)
def test_a_function_that_cannot_be_had_is_told(
    clinic: Path, mlops: Mlops, command: tuple[str, ...], function: str, code: str,
    words: tuple[str, ...],
) -> None:  # fmt: skip
    change(clinic, "clinic:net_benefit", function)
    Path("clinic.py").write_text(code, encoding="utf-8")
    run = mlops(*command)
    refused(run, "metrics.benefit", *words)
    unread(run)


def test_a_configuration_is_checked_and_shown_without_running_any_code(
    clinic: Path, mlops: Mlops
) -> None:
    Path("clinic.py").write_text("raise SystemExit('run')\n", encoding="utf-8")
    assert mlops("config", "check").code == 0
    assert "clinic:net_benefit" in mlops("config", "show").out
    assert mlops("models", "list").code == 0


def test_only_files_of_the_project_are_run(clinic: Path, mlops: Mlops) -> None:
    """A module that is installed is none, whatever it is called."""
    change(clinic, "clinic:net_benefit", "sklearn.metrics:roc_auc_score")
    refused(mlops("train", "sick"), "there is no file", "sklearn")
