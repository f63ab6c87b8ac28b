"""`train`: how much is searched, what it says meanwhile, and what the run keeps of it."""

import json
import os
import pty
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from rich.console import Console
from running import Mlops, Run, build

from mlops_cli.commands.progress import trials_table
from mlops_cli.config import load_config
from mlops_cli.domain.search.trials import Trial, TrialDone

HEART = "heart_disease"
SEARCH = "MLOPS_MODELS__HEART_DISEASE__SEARCH__"


@pytest.fixture(scope="module")
def clinic_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("search"))


@pytest.fixture
def clinic(clinic_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of 300 patients as the current folder: 2 trials on 2 folds."""
    monkeypatch.chdir(clinic_folder)
    return clinic_folder


def kept(folder: Path, run: Run) -> dict[str, Any]:
    """The run's own record of its search."""
    client = MlflowClient(load_config(folder / "config.yaml").tracking.uri)
    place = client.get_run(run.data["run_id"]).info.artifact_uri.removeprefix("file://")
    return dict(json.loads((Path(place) / "evidence/search.json").read_text(encoding="utf-8")))


def below(folder: Path, run: Run) -> list[Any]:
    """The runs that MLflow has below that of a model."""
    client = MlflowClient(load_config(folder / "config.yaml").tracking.uri)
    experiments = [each.experiment_id for each in client.search_experiments()]
    return list(
        client.search_runs(experiments, f"tags.`mlflow.parentRunId` = '{run.data['run_id']}'")
    )


# What comes of it


def test_the_answer_says_what_was_tried_and_how_much_of_it_is_luck(
    clinic: Path, mlops: Mlops
) -> None:
    run = mlops("train", HEART, "--trials", "6", "--no-register", "--json")
    assert run.code == 0, run.err
    found = run.data["search"]
    assert (run.data["evals"], found["trials"], found["ended_by"]) == (6, 6, "trials")
    assert found["fits"] + found["fits_saved"] == 12
    assert (found["loss_name"], run.data["optimism"]) == ("log loss", found["optimism"])
    assert 0 <= found["optimism"] < 0.1
    record = kept(clinic, run)
    assert found["lowest_loss"] == min(record["losses"]) == record["losses"][found["lowest"] - 1]
    chosen = record["params"][found["chosen"] - 1]
    assert {key: run.data["params"][key] for key in chosen} == chosen
    assert found["chosen_loss"] >= found["lowest_loss"]
    assert [len(record[key]) for key in ("losses", "params", "rounds", "folds")] == [6] * 4


def test_people_are_told_in_a_sentence(clinic: Path, mlops: Mlops) -> None:
    run = mlops("train", HEART, "--no-register")
    said = " ".join(run.out.split())
    assert "log loss of the best of 2 trials 0." in said
    assert "higher on new entities" in said
    assert "4 of 4 fits" in said


def test_each_trial_is_a_run_below_that_of_the_model(clinic: Path, mlops: Mlops) -> None:
    run = mlops("train", HEART, "--no-register", "--json")
    record, runs = kept(clinic, run), below(clinic, run)
    losses = {each.data.tags["mlops.trial"]: each.data.metrics["loss"] for each in runs}
    assert losses == {"1": record["losses"][0], "2": record["losses"][1]}
    first = next(each for each in runs if each.data.tags["mlops.trial"] == "1")
    assert first.data.params == {key: str(value) for key, value in record["params"][0].items()}
    assert {each.info.status for each in runs} == {"FINISHED"}
    assert first.info.start_time <= first.info.end_time
    refused = mlops("register", HEART, "--run", first.info.run_id)
    assert refused.code == 2


def test_trials_are_no_runs_where_nobody_wants_them(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{SEARCH}NESTED", "false")
    run = mlops("train", HEART, "--no-register", "--json")
    assert below(clinic, run) == []
    assert len(kept(clinic, run)["losses"]) == 2


# How much


def test_the_flag_is_stronger_than_config_yaml(clinic: Path, mlops: Mlops) -> None:
    run = mlops("train", HEART, "--trials", "3", "--no-register", "--json")
    assert run.data["evals"] == 3
    again = mlops("train", HEART, "--reproduce", run.data["run_id"], "--json")
    assert (again.code, again.data["reproduced"]) == (0, True)
    assert {each["name"] for each in again.data["differences"]} == {"search.trials"}


def test_time_ends_a_search_and_it_is_reproduced_all_the_same(clinic: Path, mlops: Mlops) -> None:
    run = mlops("train", HEART, "--trials", "500", "--minutes", "0.01", "--no-register", "--json")
    assert run.code == 0, run.err
    found = run.data["search"]
    assert 1 <= run.data["evals"] == found["trials"] < 500
    assert (found["ended_by"], kept(clinic, run)["ended_by"]) == ("time", "time")
    again = mlops("train", HEART, "--reproduce", run.data["run_id"], "--json")
    assert (again.code, again.data["reproduced"]) == (0, True), again.data["differences"]
    assert f"trial {found['trials']}/{found['trials']}" in again.err


def test_people_are_told_that_time_has_decided(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{SEARCH}MINUTES", "0.001")
    run = mlops("train", HEART, "--trials", "400", "--no-register")
    assert "another machine may find another model" in " ".join(run.out.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--trials", "0"), "--trials"),
        (("--trials", "many"), "--trials"),
        (("--minutes", "0"), "--minutes is 0"),
        (("--minutes", "-1"), "--minutes is -1"),
        (("--minutes", "nan"), "--minutes is nan"),
    ],
)
def test_a_budget_of_nothing_is_refused(
    clinic: Path, mlops: Mlops, words: tuple[str, ...], said: str
) -> None:
    run = mlops("train", HEART, *words)
    assert run.code == 2
    assert said in run.err


def test_a_reproduction_takes_no_budget(clinic: Path, mlops: Mlops) -> None:
    run = mlops("train", HEART, "--reproduce", "a" * 32, "--minutes", "1")
    assert run.code == 2
    assert "no other option" in run.err


# Racing


def test_racing_saves_fits_and_finds_as_good_a_model(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{SEARCH}FOLDS", "5")
    words = ("train", HEART, "--trials", "25", "--no-register", "--json")
    raced = mlops(*words).data["search"]
    monkeypatch.setenv(f"{SEARCH}RACING", "false")
    whole = mlops(*words).data["search"]
    assert (whole["fits"], whole["fits_saved"]) == (125, 0)
    assert raced["fits"] + raced["fits_saved"] == 125
    assert raced["fits_saved"] > 10
    assert raced["lowest_loss"] == pytest.approx(whole["lowest_loss"], abs=0.005)


# Meanwhile


def test_a_line_for_each_trial_where_there_is_no_terminal(clinic: Path, mlops: Mlops) -> None:
    lines = mlops("train", HEART, "--no-register").err.splitlines()
    told = [line for line in lines if "trial" in line]
    assert [line.split(",")[0] for line in told] == [f"{HEART}: trial {n}/2" for n in (1, 2)]
    assert all("log loss 0." in line and "s left" in line for line in told)
    assert mlops("train", HEART, "--no-register", "--quiet") == Run(0, "", "")


def test_the_table_fits_a_narrow_terminal() -> None:
    trials = [
        TrialDone(
            "a_model_with_quite_a_long_name",
            Trial(number, {}, 0.4, np.ones(1), 120, 2, number % 2 == 0, 1.0),
            10_000, 0.39, "poisson-nloglik", 4000,
        )
        for number in range(9_990, 9_998)
    ]  # fmt: skip
    out = StringIO()
    Console(file=out, width=80).print(trials_table(trials))
    lines = out.getvalue().splitlines()
    assert "trial 9997 of 10000" in lines[0]
    assert lines[-1].strip() == "1:06:40 left"
    assert sum("2, stopped" in line for line in lines) == 4
    assert max(map(len, lines)) <= 80


@pytest.mark.slow
def test_a_terminal_shows_a_table(clinic: Path) -> None:
    theirs, ours = pty.openpty()
    words = ["train", HEART, "--no-register"]
    child = subprocess.Popen(
        [sys.executable, "-m", "mlops_cli", *words],
        env={**os.environ, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=ours,
    )
    os.close(ours)
    shown = b""
    while True:
        try:
            part = os.read(theirs, 65_536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(theirs)
    out, _ = child.communicate()
    assert child.returncode == 0, out
    text = shown.decode()
    assert "trial 2 of 2" in text
    assert f"{HEART}: fitting" in text
    assert "trial 1/2" not in text
    assert b"trial 2 of 2" not in out


# The space


def test_the_space_goes_by_the_number_of_training_entities(clinic: Path, mlops: Mlops) -> None:
    run = mlops("train", HEART, "--no-register", "--json")
    assert kept(clinic, run)["space"]["max_depth"] == {"low": 1, "high": 3, "scale": "int"}
