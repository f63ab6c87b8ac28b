"""`audit`: who did what, whether the record is whole, fairness, and where an answer came from."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from running import Mlops, Run, quietly, with_champion

from mlops_cli.backends import registry, tables
from mlops_cli.config import load_config
from mlops_cli.domain import chain

HEART = "heart_disease"
ENV = "MLOPS_MODELS__HEART_DISEASE__"
NEW = "data/heart_disease/new_patients.csv"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose champion has made a prediction."""
    folder = with_champion(tmp_path_factory.mktemp("audit"))
    quietly(folder, "predict", HEART, "PT000001")
    return folder


@pytest.fixture
def clinic(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(recorded)
    return recorded


@pytest.fixture
def forged(clinic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    """A copy of the audit log without its triggers, which the commands use."""
    monkeypatch.setenv("MLOPS_LOGS__AUDIT", f"sqlite:///{tmp_path}/audit.db")
    copy = sqlite3.connect(tmp_path / "audit.db", isolation_level=None)
    with sqlite3.connect(clinic / ".mlops/audit.db") as source:
        source.backup(copy)
    for name in ("no_update", "no_delete", "next_only"):
        copy.execute(f"DROP TRIGGER audit_log_{name}")
    return copy


def events(mlops: Mlops, *arguments: object) -> list[dict[str, Any]]:
    return list(mlops("audit", "log", *arguments, "--json").data["events"])


# Log


def test_the_log_tells_the_story_in_order(clinic: Path, mlops: Mlops) -> None:
    told = events(mlops)
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
    assert [event["time"] for event in told] == sorted(event["time"] for event in told)
    assert [event["action"] for event in told][:7] == [
        "features.generated", "features.applied", "features.materialized",
        "model.trained", "model.registered", "promotion.intent", "promotion.done",
    ]  # fmt: skip


def test_an_event_has_the_promised_keys(clinic: Path, mlops: Mlops) -> None:
    for event in events(mlops):
        assert {"seq", "time", "actor", "action", "model", "version", "details", "hash"} <= set(
            event
        )
        assert len(event["hash"]) == 64


def test_last_gives_the_newest(clinic: Path, mlops: Mlops) -> None:
    assert events(mlops, "--last", 2) == events(mlops)[-2:]


def test_last_can_be_more_than_there_are(clinic: Path, mlops: Mlops) -> None:
    assert events(mlops, "--last", 10_000) == events(mlops)


def test_a_model_gives_its_own_events(clinic: Path, mlops: Mlops) -> None:
    own = [event for event in events(mlops) if event["model"] == HEART]
    assert own
    assert events(mlops, HEART) == own
    assert events(mlops, "readmission") == []


def test_people_see_a_table(clinic: Path, mlops: Mlops) -> None:
    run = mlops("audit", "log")
    assert (run.code, run.err) == (0, "")
    assert "model.trained" in run.out


def test_the_actor_is_the_one_of_the_environment(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_ACTOR", "ci: release 7 (Zoë)")
    mlops("audit", "bias", HEART)
    assert events(mlops, "--last", 1)[0]["actor"] == "ci: release 7 (Zoë)"


def test_the_actor_is_the_account_otherwise(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLOPS_ACTOR")
    monkeypatch.setenv("LOGNAME", "nightly")
    mlops("audit", "bias", HEART)
    assert events(mlops, "--last", 1)[0]["actor"] == "nightly"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_a_container_without_an_account_still_has_an_actor() -> None:
    code = (
        "import os; from mlops_cli.backends import tables; os.setuid(54321); print(tables.actor())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "uid 54321\n", done.stderr


def last_action(folder: Path) -> str:
    return tables.events(load_config(folder / "config.yaml"))[-1].action


@pytest.mark.parametrize(
    ("command", "action"),
    [
        (("features", "apply"), "features.applied"),
        (("features", "materialize"), "features.materialized"),
        (("train", HEART, "--no-register"), "model.trained"),
        (("train", HEART), "model.registered"),
        (("promote", HEART, "--challenger"), "promotion.refused"),
        (("audit", "bias", HEART), "fairness.assessed"),
        (("drift", "check", HEART), "drift.checked"),
        (("predict", HEART, "--input", NEW, "--output", "out.csv"), "batch.scored"),
    ],
)
def test_every_change_leaves_an_event(
    clinic: Path, mlops: Mlops, command: tuple[str, ...], action: str
) -> None:
    before = len(tables.chain_rows(load_config(clinic / "config.yaml")))
    assert mlops(*command).code in {0, 3, 5}
    assert last_action(clinic) == action
    assert len(tables.chain_rows(load_config(clinic / "config.yaml"))) > before


@pytest.mark.parametrize(
    "command",
    [
        ("status",), ("models", "list"), ("models", "show", HEART), ("models", "history", HEART),
        ("audit", "log"), ("audit", "verify"), ("drift", "history"), ("features", "list"),
        ("promote", HEART, "--challenger", "--dry-run"),
    ],
)  # fmt: skip
def test_looking_leaves_none(clinic: Path, mlops: Mlops, command: tuple[str, ...]) -> None:
    before = tables.chain_rows(load_config(clinic / "config.yaml"))
    mlops(*command)
    assert tables.chain_rows(load_config(clinic / "config.yaml")) == before


# Verify


def test_a_whole_record_is_intact(clinic: Path, mlops: Mlops) -> None:
    run = mlops("audit", "verify", "--json")
    told = events(mlops)
    assert (run.code, run.json["status"]) == (0, "ok")
    assert run.data == {
        "intact": True, "events": len(told), "head": told[-1]["hash"], "problems": [],
    }  # fmt: skip


def test_an_empty_record_is_intact(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLOPS_LOGS__AUDIT", f"sqlite:///{tmp_path}/new.db")
    assert mlops("audit", "verify", "--json").data == {
        "intact": True, "events": 0, "head": chain.GENESIS, "problems": [],
    }  # fmt: skip


def edited(log: sqlite3.Connection) -> None:
    log.execute("UPDATE audit_log SET body = replace(body, 'heart', 'heard') WHERE seq = 4")


def deleted(log: sqlite3.Connection) -> None:
    log.execute("DELETE FROM audit_log WHERE seq = 4")


def closed_up(log: sqlite3.Connection) -> None:
    deleted(log)
    log.execute("UPDATE audit_log SET seq = -seq WHERE seq > 4")
    log.execute("UPDATE audit_log SET seq = -seq - 1 WHERE seq < 0")


def beheaded(log: sqlite3.Connection) -> None:
    log.execute("DELETE FROM audit_log WHERE seq = 1")


def inserted(log: sqlite3.Connection) -> None:
    log.execute("UPDATE audit_log SET seq = -seq WHERE seq >= 4")
    previous = log.execute("SELECT hash FROM audit_log WHERE seq = 3").fetchone()[0]
    body = chain.canonical({"action": "model.trained", "seq": 4})
    row = (4, previous, body, chain.link(previous, body))
    log.execute("INSERT INTO audit_log VALUES (?, ?, ?, ?)", row)
    log.execute("UPDATE audit_log SET seq = -seq + 1 WHERE seq < 0")


def swapped(log: sqlite3.Connection) -> None:
    (four,), (five,) = log.execute("SELECT body FROM audit_log WHERE seq IN (4, 5)")
    log.execute("UPDATE audit_log SET body = ? WHERE seq = 4", (five,))
    log.execute("UPDATE audit_log SET body = ? WHERE seq = 5", (four,))


def rehashed(log: sqlite3.Connection) -> None:
    """Forge an event and make its own hash fit: the next event still follows the old hash."""
    edited(log)
    previous, body = log.execute("SELECT previous, body FROM audit_log WHERE seq = 4").fetchone()
    body = body if isinstance(body, bytes) else body.encode()
    link = sha256(previous.encode() + body).hexdigest()
    log.execute("UPDATE audit_log SET body = ?, hash = ? WHERE seq = 4", (body, link))


def emptied(log: sqlite3.Connection) -> None:
    log.execute("UPDATE audit_log SET body = x'' WHERE seq = 4")


def renamed(log: sqlite3.Connection) -> None:
    log.execute("UPDATE audit_log SET hash = upper(hash) WHERE seq = 4")


@pytest.mark.parametrize(
    ("forge", "seqs"),
    [
        (edited, {4}),
        (deleted, {5}),
        (closed_up, {4}),
        (beheaded, {2}),
        (inserted, {5}),
        (swapped, {4, 5}),
        (rehashed, {5}),
        (emptied, {4}),
        (renamed, {4, 5}),
    ],
)
def test_a_forged_record_is_found_where_it_was_forged(
    forged: sqlite3.Connection,
    mlops: Mlops,
    forge: Callable[[sqlite3.Connection], None],
    seqs: set[int],
) -> None:
    forge(forged)
    run = mlops("audit", "verify", "--json")
    assert (run.code, run.json["status"], run.data["intact"]) == (3, "finding", False)
    assert {problem["seq"] for problem in run.data["problems"]} == seqs


def test_people_are_told_where(forged: sqlite3.Connection, mlops: Mlops) -> None:
    edited(forged)
    run = mlops("audit", "verify")
    assert run.code == 3
    assert "The audit log has been changed" in run.out
    assert "the hash does not fit the content" in " ".join(run.out.split())


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff", b'{"seq":4}', b'{"x":1}'])
@pytest.mark.parametrize("command", [("audit", "log"), ("models", "history", HEART)])
def test_a_damaged_event_is_one_line(
    forged: sqlite3.Connection, mlops: Mlops, command: tuple[str, ...], body: bytes
) -> None:
    forged.execute("UPDATE audit_log SET body = ? WHERE seq = 4", (body,))
    run = mlops(*command)
    assert (run.code, run.out) == (3, "")
    assert "event 4 of the audit log is damaged" in run.err
    assert "mlops audit verify" in run.err


@pytest.mark.parametrize(
    "place",
    [
        "sqlite:////proc/nowhere/audit.db",
        "sqlite:////etc/passwd",
        "nonsense://mlops:secret@127.0.0.1:9/audit",
    ],
)
def test_a_log_that_cannot_be_opened_is_one_line(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("MLOPS_LOGS__AUDIT", place)
    run = mlops("audit", "verify")
    assert (run.code, run.out) == (75, "")
    assert "audit_log at" in run.err
    assert "secret" not in run.err


@pytest.mark.skipif(find_spec("MySQLdb") is not None, reason="the driver is installed")
def test_a_driver_that_is_not_installed_is_named(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_LOGS__AUDIT", "mysql://mlops:secret@127.0.0.1:9/audit")
    run = mlops("audit", "verify")
    assert (run.code, run.out) == (2, "")
    assert "MySQLdb" in run.err
    assert "secret" not in run.err


# Bias


def test_bias_has_the_groups_with_their_sizes(clinic: Path, mlops: Mlops) -> None:
    run = mlops("audit", "bias", HEART, "--json")
    assert (run.data["model"], run.data["version"]) == (HEART, 1)
    assert {gap["attribute"] for gap in run.data["fairness"]} == {"sex", "age"}
    for gap in run.data["fairness"]:
        assert gap["metric"] == "equal_opportunity"
        assert sum(group["rows"] for group in gap["groups"]) == run.data["rows"]


def test_gaps_inside_a_wide_limit_pass(clinic: Path, mlops: Mlops) -> None:
    run = mlops("audit", "bias", HEART, "--json")
    assert (run.code, {gap["verdict"] for gap in run.data["fairness"]}) == (0, {"pass"})


def test_a_gap_over_the_limit_that_chance_explains_is_inconclusive(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{ENV}FAIRNESS__LIMIT", "0.0001")
    run = mlops("audit", "bias", HEART, "--json")
    gaps = run.data["fairness"]
    assert (run.code, run.json["status"]) == (5, "inconclusive")
    assert all(gap["value"] > gap["limit"] and gap["low"] == 0 for gap in gaps)
    assert {gap["verdict"] for gap in gaps} == {"inconclusive"}


def test_a_significant_gap_over_the_limit_is_a_finding(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has pain in the exercise test is ill, and predicted to be ill, far more often."""
    text = (clinic / "config.yaml").read_text(encoding="utf-8")
    text = text.replace("      sex: {}\n", "      exercise_angina: {}\n", 1)
    text = text.replace("metrics: [equal_opportunity]", "metrics: [demographic_parity]", 1)
    (clinic / "angina.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv(f"{ENV}FAIRNESS__LIMIT", "0.05")
    run = mlops("audit", "bias", HEART, "--config", "angina.yaml", "--json")
    (angina,) = [gap for gap in run.data["fairness"] if gap["attribute"] == "exercise_angina"]
    assert (run.code, run.json["status"], angina["verdict"]) == (3, "finding", "fail")
    assert angina["low"] > 0


def test_groups_that_are_too_small_decide_nothing(
    clinic: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{ENV}FAIRNESS__MIN_GROUP_ROWS", "100000")
    run = mlops("audit", "bias", HEART, "--json")
    assert (run.code, run.json["status"]) == (5, "inconclusive")
    assert {gap["value"] for gap in run.data["fairness"]} == {None}
    assert "too few" in mlops("audit", "bias", HEART).out


def test_an_attribute_that_the_version_does_not_know_is_no_pass(clinic: Path, mlops: Mlops) -> None:
    text = (clinic / "config.yaml").read_text(encoding="utf-8")
    text = text.replace("      sex: {}\n", "      sex: {}\n      region: {}\n", 1)
    region = "          region: {type: category, categories: [north, south], input: false}\n"
    text = text.replace("          smoker:", region + "          smoker:", 1)
    (clinic / "region.yaml").write_text(text, encoding="utf-8")
    run = mlops("audit", "bias", HEART, "--config", "region.yaml", "--json")
    verdicts = {gap["attribute"]: gap["verdict"] for gap in run.data["fairness"]}
    assert (run.code, verdicts["region"]) == (5, "inconclusive")


@pytest.mark.parametrize("number", [99, 0])
def test_bias_of_an_unknown_version(clinic: Path, mlops: Mlops, number: int) -> None:
    run = mlops("audit", "bias", HEART, "--version", number)
    assert (run.code, run.out) == (6, "")
    assert f"no version {number} of heart_disease" in run.err


def test_bias_without_a_champion(clinic: Path, mlops: Mlops) -> None:
    run = mlops("audit", "bias", "readmission")
    assert run.code == 6
    assert "readmission has no champion" in run.err


# Lineage


@pytest.fixture
def traced(clinic: Path, mlops: Mlops) -> Run:
    (answer,) = mlops("predict", HEART, "PT000001", "--json").data["predictions"]
    run = mlops("audit", "lineage", answer["prediction_id"], "--json")
    assert run.data["prediction"]["prediction_id"] == answer["prediction_id"]
    assert run.data["prediction"]["features"] == answer["features"]
    return run


def test_lineage_leads_to_the_run(clinic: Path, traced: Run) -> None:
    config = load_config(clinic / "config.yaml")
    version = registry.champion(config, HEART)
    _, tags = registry.run_status(config, version.run_id)
    assert (traced.data["version"], traced.data["run_id"]) == (version.number, version.run_id)
    assert traced.data["model_digest"] == tags["mlops.model_digest"]
    assert traced.data["dataset_digest"] == tags["mlops.dataset_digest"]


def test_lineage_leads_to_the_very_bytes_of_the_model(clinic: Path, traced: Run) -> None:
    config = load_config(clinic / "config.yaml")
    folder, _ = registry.files_of(config, registry.champion(config, HEART))
    digest = sha256((folder / "model.ubj").read_bytes()).hexdigest()
    assert traced.data["model_digest"] == digest


def test_lineage_leads_to_data_and_packages(traced: Run) -> None:
    assert traced.data["feature_views"] == ["heart_vitals", "heart_tests"]
    assert {"python", "xgboost", "mlops-cli"} <= set(traced.data["packages"])


def test_lineage_has_what_was_decided(traced: Run) -> None:
    actions = [event["action"] for event in traced.data["events"]]
    assert actions[:4] == [
        "model.trained",
        "model.registered",
        "promotion.intent",
        "promotion.done",
    ]


def test_lineage_is_readable(clinic: Path, mlops: Mlops, traced: Run) -> None:
    shown = mlops("audit", "lineage", traced.data["prediction"]["prediction_id"])
    assert (shown.code, shown.err) == (0, "")
    assert traced.data["run_id"] in shown.out
    assert "promotion.done" in shown.out


def test_lineage_outlives_the_model_in_the_configuration(
    clinic: Path, mlops: Mlops, traced: Run
) -> None:
    text = (clinic / "config.yaml").read_text(encoding="utf-8")
    (clinic / "renamed.yaml").write_text(text.replace("  heart_disease:\n", "  heart:\n", 1))
    ident = traced.data["prediction"]["prediction_id"]
    run = mlops("audit", "lineage", ident, "--config", "renamed.yaml", "--json")
    assert (run.code, run.data["run_id"]) == (0, traced.data["run_id"])


@pytest.mark.parametrize("ident", ["nope", "00000000-0000-0000-0000-000000000000", "' OR 1=1 --"])
def test_an_unknown_prediction(clinic: Path, mlops: Mlops, ident: str) -> None:
    run = mlops("audit", "lineage", ident)
    assert (run.code, run.out) == (6, "")
    assert "in the inference log" in run.err


def test_every_answer_is_json(clinic: Path, mlops: Mlops) -> None:
    """The events are in the log as canonical JSON, byte by byte."""
    rows = tables.chain_rows(load_config(clinic / "config.yaml"))
    assert all(chain.canonical(json.loads(body)) == body for _, _, body, _ in rows)
