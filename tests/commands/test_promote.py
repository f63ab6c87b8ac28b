"""`promote`, `approve`, `reject` and `rollback`: who becomes champion, and who does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from running import Mlops, Run, build, quietly

from mlops_cli.backends import registry, tables
from mlops_cli.config import Config, load_config
from mlops_cli.services import promotion
from mlops_cli.services.promotion import moving

HEART = "heart_disease"
ENV = "MLOPS_MODELS__HEART_DISEASE__"
PROMOTE = ("promote", HEART, "--challenger")

FEEBLE, BETTER, TWIN, SALTED, TINY = 1, 2, 3, 4, 5


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with versions of every kind; only FEEBLE has been promoted."""
    folder = build(tmp_path_factory.mktemp("promote"))
    train(folder, SEARCH__MAX_ROUNDS="1")
    train(folder)
    train(folder)
    train(folder, HOLDOUT__SALT="other")
    train(folder, HOLDOUT__FRACTION="0.05")
    return folder


def train(folder: Path, **settings: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for key, value in settings.items():
            patch.setenv(ENV + key, value)
        quietly(folder, "train", HEART)


@pytest.fixture
def arena(built: Path, monkeypatch: pytest.MonkeyPatch) -> "Arena":
    monkeypatch.chdir(built)
    arena = Arena(load_config(built / "config.yaml"))
    arena.set(champion=FEEBLE, challenger=BETTER)
    return arena


@pytest.fixture
def approval(arena: "Arena", monkeypatch: pytest.MonkeyPatch) -> "Arena":
    """The project where a person has to approve."""
    monkeypatch.setenv(f"{ENV}GATES__APPROVAL", "true")
    return arena


class Arena:
    """The registry of the project, put into a known state before each test."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def set(self, champion: int | None, challenger: int | None) -> None:
        """Give out the aliases anew; no version waits, only the champion was ever promoted."""
        for alias, number in (("champion", champion), ("challenger", challenger)):
            if number is None:
                registry.drop_alias(self.config, HEART, alias)
            else:
                registry.set_alias(self.config, HEART, alias, number)
        for version in registry.versions(self.config, HEART):
            promoted = "2026-01-01T00:00:00+00:00" if version.number == champion else ""
            tags = {"mlops.approval": "", "mlops.promoted": promoted, "mlops.rolled_back": ""}
            registry.set_tags(self.config, HEART, version.number, tags)

    @property
    def aliases(self) -> dict[str, int]:
        return registry.aliases(self.config, HEART)

    @property
    def champion(self) -> int | None:
        return self.aliases.get("champion")

    @property
    def state(self) -> tuple[Any, ...]:
        """Everything that a command could have changed."""
        versions = registry.versions(self.config, HEART)
        return (
            self.aliases,
            [(each.number, each.aliases, each.tags) for each in versions],
            len(tables.chain_rows(self.config)),
        )

    @property
    def last(self) -> Any:
        return tables.events(self.config)[-1]


def only(run: Run) -> dict[str, Any]:
    (result,) = run.data["results"]
    return dict(result)


def gates(run: Run) -> dict[str, Any]:
    return {gate["name"]: gate for gate in only(run)["gates"]}


def assert_refused(run: Run, code: int, *words: str) -> None:
    assert run.code == code, run.err
    assert run.out == ""
    (line,) = [line for line in run.err.splitlines() if line.startswith("mlops: ")]
    for word in words:
        assert word in line


# The decision


def test_a_first_champion_is_judged_by_the_absolute_gates(arena: Arena, mlops: Mlops) -> None:
    arena.set(champion=None, challenger=BETTER)
    run = mlops(*PROMOTE, "--json")
    assert (run.code, only(run)["decision"], only(run)["champion"]) == (0, "promoted", None)
    assert {name.partition(":")[0] for name in gates(run)} == {"floor", "fairness"}
    assert arena.aliases == {"champion": BETTER}


def test_a_better_challenger_is_promoted(arena: Arena, mlops: Mlops) -> None:
    run = mlops(*PROMOTE, "--json")
    assert (run.code, only(run)["decision"]) == (0, "promoted")
    assert (only(run)["challenger"], only(run)["champion"]) == (BETTER, FEEBLE)
    assert gates(run)["improvement:roc_auc"]["low"] > 0
    assert arena.aliases == {"champion": BETTER}


def test_every_gate_has_the_promised_keys(arena: Arena, mlops: Mlops) -> None:
    for gate in gates(mlops(*PROMOTE, "--dry-run", "--json")).values():
        assert {"name", "passed", "value", "low", "high", "limit", "message"} <= set(gate)


def test_an_equal_challenger_is_refused(arena: Arena, mlops: Mlops) -> None:
    arena.set(champion=BETTER, challenger=TWIN)
    run = mlops(*PROMOTE, "--json")
    assert (run.code, only(run)["decision"], run.json["status"]) == (3, "refused", "finding")
    assert arena.aliases == {"champion": BETTER, "challenger": TWIN}


def test_a_worse_challenger_is_refused(arena: Arena, mlops: Mlops) -> None:
    arena.set(champion=BETTER, challenger=FEEBLE)
    assert mlops(*PROMOTE).code == 3
    assert arena.champion == BETTER


def test_a_floor_that_is_not_met_is_named(
    arena: Arena, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{ENV}GATES__FLOOR__ROC_AUC", "0.999")
    run = mlops(*PROMOTE)
    assert run.code == 3
    assert "floor:roc_auc: roc_auc is" in " ".join(run.out.split())
    assert "refused" in run.out
    assert arena.champion == FEEBLE


def test_a_refusal_is_on_record_with_its_gates(
    arena: Arena, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{ENV}GATES__FLOOR__ROC_AUC", "0.999")
    mlops(*PROMOTE)
    assert (arena.last.action, arena.last.version) == ("promotion.refused", BETTER)
    failed = [gate["name"] for gate in arena.last.details["gates"] if gate["verdict"] == "fail"]
    assert failed == ["floor:roc_auc"]


def test_a_tiny_holdout_decides_nothing(arena: Arena, mlops: Mlops) -> None:
    arena.set(champion=None, challenger=TINY)
    run = mlops(*PROMOTE, "--json")
    assert (run.code, run.json["status"]) == (5, "inconclusive")
    assert "at least 20 entities are needed" in gates(run)["evidence"]["message"]
    assert arena.champion is None


def test_a_changed_holdout_is_never_judged(arena: Arena, mlops: Mlops) -> None:
    arena.set(champion=FEEBLE, challenger=SALTED)
    run = mlops(*PROMOTE, "--json")
    assert (run.code, only(run)["decision"]) == (5, "inconclusive")
    assert list(gates(run)) == ["evidence"]
    assert "holdout was changed" in gates(run)["evidence"]["message"]
    assert arena.champion == FEEBLE


def test_a_protected_attribute_that_the_version_does_not_know_is_no_pass(
    arena: Arena, mlops: Mlops, tmp_path: Path
) -> None:
    text = Path("config.yaml").read_text(encoding="utf-8")
    text = text.replace("      sex: {}\n", "      sex: {}\n      region: {}\n", 1)
    region = "          region: {type: category, categories: [north, south], input: false}\n"
    text = text.replace("          smoker:", region + "          smoker:", 1)
    Path("region.yaml").write_text(text, encoding="utf-8")
    run = mlops(*PROMOTE, "--config", "region.yaml", "--json")
    assert (run.code, only(run)["decision"]) == (5, "inconclusive")
    assert gates(run)["fairness:region"]["passed"] is False
    assert arena.champion == FEEBLE


def test_a_damaged_challenger_is_not_promoted(arena: Arena, mlops: Mlops) -> None:
    version = registry.version(arena.config, HEART, BETTER)
    model = registry.files_of(arena.config, version)[0] / "model.ubj"
    whole = model.read_bytes()
    model.write_bytes(whole[:-1])
    try:
        assert_refused(mlops(*PROMOTE), 3, "model.ubj")
    finally:
        model.write_bytes(whole)
    assert arena.champion == FEEBLE


@pytest.mark.parametrize("settings", [{}, {"GATES__APPROVAL": "true"}])
def test_dry_run_changes_nothing(
    arena: Arena, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    for key, value in settings.items():
        monkeypatch.setenv(ENV + key, value)
    before = arena.state
    expected = "approval_required" if settings else "promoted"
    assert only(mlops(*PROMOTE, "--dry-run", "--json"))["decision"] == expected
    assert arena.state == before


def test_dry_run_leaves_a_killed_promotion_as_it_is(arena: Arena, mlops: Mlops) -> None:
    arena.set(champion=BETTER, challenger=BETTER)
    before = arena.state
    mlops(*PROMOTE, "--dry-run")
    assert arena.state == before


def test_exit_zero_reports_a_refusal_with_zero(arena: Arena, mlops: Mlops) -> None:
    arena.set(champion=BETTER, challenger=TWIN)
    run = mlops(*PROMOTE, "--exit-zero", "--json")
    assert (run.code, run.json["status"]) == (0, "finding")


def test_what_to_promote_has_to_be_said(arena: Arena, mlops: Mlops) -> None:
    assert_refused(mlops("promote", HEART), 2, "say what to promote")


# Which models


def test_without_a_challenger_anywhere_there_is_nothing_to_do(arena: Arena, mlops: Mlops) -> None:
    arena.set(champion=BETTER, challenger=None)
    run = mlops("promote", "--challenger")
    assert (run.code, run.out) == (0, "no model has a challenger\n")


def test_without_a_challenger_anywhere_scripts_see_no_result(arena: Arena, mlops: Mlops) -> None:
    arena.set(champion=BETTER, challenger=None)
    run = mlops("promote", "--challenger", "--json")
    assert (run.code, run.data) == (0, {"results": []})


def test_a_named_model_without_a_challenger_is_not_found(arena: Arena, mlops: Mlops) -> None:
    arena.set(champion=BETTER, challenger=None)
    run = mlops(*PROMOTE, "--json")
    assert (run.code, only(run)["decision"]) == (6, "no_challenger")


def test_without_a_name_each_model_with_a_challenger_is_judged(arena: Arena, mlops: Mlops) -> None:
    run = mlops("promote", "--challenger", "--json")
    assert (run.code, only(run)["model"], only(run)["decision"]) == (0, HEART, "promoted")


def test_an_unreachable_registry_is_never_no_challenger(
    arena: Arena, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_TRACKING__URI", "http://127.0.0.1:9")
    run = mlops("promote", "--challenger")
    assert run.code == 75
    assert "no model has a challenger" not in run.out
    assert "127.0.0.1:9" in run.err


# Approval


def test_passed_gates_wait_for_a_person(approval: Arena, mlops: Mlops) -> None:
    run = mlops(*PROMOTE, "--json")
    assert (run.code, run.json["status"]) == (4, "approval_required")
    assert only(run)["decision"] == "approval_required"
    assert approval.aliases == {"champion": FEEBLE, "challenger": BETTER}


def test_asking_twice_is_one_request(approval: Arena, mlops: Mlops) -> None:
    mlops(*PROMOTE)
    before = approval.state
    assert mlops(*PROMOTE).code == 4
    assert approval.state == before


def test_status_says_what_waits(approval: Arena, mlops: Mlops) -> None:
    mlops(*PROMOTE)
    states = {each["name"]: each["waiting"] for each in mlops("status", "--json").data["models"]}
    assert states == {HEART: True, "diabetes_score": False, "readmission": False}
    assert "waits" in mlops("status").out


def waiting(mlops: Mlops) -> list[int]:
    shown = mlops("models", "show", HEART, "--json").data["versions"]
    return [each["number"] for each in shown if each["waiting"]]


def test_models_show_says_what_waits(approval: Arena, mlops: Mlops) -> None:
    mlops(*PROMOTE)
    assert waiting(mlops) == [BETTER]
    assert "waiting" in mlops("models", "show", HEART).out


def test_models_show_writes_a_run_so_that_it_can_be_copied(arena: Arena, mlops: Mlops) -> None:
    versions = mlops("models", "show", HEART, "--json").data["versions"]
    out = mlops("models", "show", HEART).out
    assert max(map(len, out.splitlines())) <= 80
    for each in versions:
        assert each["run_id"] in out


def test_a_version_that_is_no_longer_challenger_does_not_wait(
    approval: Arena, mlops: Mlops
) -> None:
    mlops(*PROMOTE)
    registry.set_alias(approval.config, HEART, "challenger", TWIN)
    assert waiting(mlops) == []


def test_approve_promotes(approval: Arena, mlops: Mlops) -> None:
    mlops(*PROMOTE)
    run = mlops("approve", HEART, "--reason", "seen by the board", "--json")
    assert run.code == 0
    assert run.data == {
        "model": HEART, "version": BETTER, "previous": FEEBLE, "champion": BETTER,
        "actor": "tester", "reason": "seen by the board", "event": approval.last.seq,
    }  # fmt: skip
    assert approval.aliases == {"champion": BETTER}
    assert waiting(mlops) == []


def test_history_has_who_approved_and_why(
    approval: Arena, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlops(*PROMOTE)
    monkeypatch.setenv("MLOPS_ACTOR", "dr.weber")
    mlops("approve", HEART, "--reason", "fits the ward")
    last = mlops("models", "history", HEART, "--json").data["events"][-1]
    assert last.pop("time") == approval.last.time
    assert last == {
        "actor": "dr.weber", "action": "approval.done", "from": FEEBLE, "to": BETTER,
        "reason": "fits the ward",
    }  # fmt: skip


def test_the_reviewed_version_can_be_named(approval: Arena, mlops: Mlops) -> None:
    mlops(*PROMOTE)
    approve = ("approve", HEART, "--version", BETTER, "--reason", "fine")
    assert mlops(*approve).code == 0
    assert approval.champion == BETTER


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_another_version_than_the_waiting_one_is_not_found(
    approval: Arena, mlops: Mlops, verdict: str
) -> None:
    mlops(*PROMOTE)
    before = approval.state
    refused = mlops(verdict, HEART, "--version", TWIN, "--reason", "fine")
    assert_refused(refused, 6, f"version {TWIN}")
    assert approval.state == before


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_there_has_to_be_something_waiting(arena: Arena, mlops: Mlops, verdict: str) -> None:
    before = arena.state
    assert_refused(mlops(verdict, HEART, "--reason", "fine"), 6, "waits for approval")
    assert arena.state == before


@pytest.mark.parametrize("verdict", ["approve", "reject", "rollback"])
def test_a_reason_has_to_be_given(arena: Arena, mlops: Mlops, verdict: str) -> None:
    assert_refused(mlops(verdict, HEART), 2, "--reason")


def test_reject_keeps_the_champion(approval: Arena, mlops: Mlops) -> None:
    mlops(*PROMOTE)
    run = mlops("reject", HEART, "--reason", "too few women", "--json")
    assert (run.code, run.data["champion"], run.data["version"]) == (0, FEEBLE, BETTER)
    assert approval.aliases == {"champion": FEEBLE}
    assert (approval.last.action, approval.last.details["reason"]) == (
        "approval.rejected",
        "too few women",
    )


def test_what_was_rejected_cannot_be_approved(approval: Arena, mlops: Mlops) -> None:
    mlops(*PROMOTE)
    mlops("reject", HEART, "--reason", "no")
    assert mlops("approve", HEART, "--reason", "yes").code == 6
    assert approval.champion == FEEBLE


def test_approval_holds_only_against_the_champion_that_was_judged(
    approval: Arena, mlops: Mlops
) -> None:
    mlops(*PROMOTE)
    registry.set_alias(approval.config, HEART, "champion", TWIN)
    refused = mlops("approve", HEART, "--reason", "fine")
    assert_refused(refused, 75, "champion of heart_disease has changed")
    assert approval.champion == TWIN


def test_a_later_refusal_takes_the_request_back(
    approval: Arena, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlops(*PROMOTE)
    monkeypatch.setenv(f"{ENV}GATES__FLOOR__ROC_AUC", "0.999")
    assert mlops(*PROMOTE).code == 3
    assert mlops("approve", HEART, "--reason", "fine").code == 6
    assert (approval.champion, waiting(mlops)) == (FEEBLE, [])


@contextmanager
def killed_at_the_move(patch: pytest.MonkeyPatch, *, moved: bool = True) -> Iterator[None]:
    """Die when the alias has been moved and before that is on record, or before it is moved."""
    original = registry.set_alias

    def dying(*arguments: Any) -> None:
        if moved:
            original(*arguments)
        raise KeyboardInterrupt

    with patch.context() as patched:
        patched.setattr(registry, "set_alias", dying)
        with pytest.raises(KeyboardInterrupt):
            yield


def test_a_killed_approval_is_finished_by_running_it_again(
    approval: Arena, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlops(*PROMOTE)
    with killed_at_the_move(monkeypatch):
        promotion.approve(approval.config, HEART, None, "fine")
    run = mlops("approve", HEART, "--reason", "fine", "--json")
    assert (run.code, run.data["previous"], run.data["champion"]) == (0, FEEBLE, BETTER)
    assert (approval.last.action, approval.last.version) == ("approval.done", BETTER)
    assert approval.last.details["reason"] == "fine"
    assert approval.aliases == {"champion": BETTER}


# Rollback


@pytest.fixture
def grown(arena: Arena) -> Arena:
    """Champions 1, then 2, then 3; the others never were."""
    move(arena, FEEBLE, BETTER)
    move(arena, BETTER, TWIN)
    return arena


def move(arena: Arena, old: int, new: int) -> None:
    """Promote a version that no gate would let pass."""
    moving.move(arena.config, "promotion", HEART, new, old, {})


def test_rollback_goes_to_the_champion_before(grown: Arena, mlops: Mlops) -> None:
    run = mlops("rollback", HEART, "--reason", "complaints", "--json")
    assert run.code == 0
    assert (run.data["previous"], run.data["version"], run.data["champion"]) == (3, 2, 2)
    assert grown.champion == BETTER


def test_rolling_back_twice_goes_back_two_steps(grown: Arena, mlops: Mlops) -> None:
    assert mlops("rollback", HEART, "--reason", "complaints").code == 0
    assert mlops("rollback", HEART, "--reason", "more complaints").code == 0
    assert grown.champion == FEEBLE


def test_a_rollback_that_was_killed_before_the_move_abandons_nothing(
    grown: Arena, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed_at_the_move(monkeypatch, moved=False):
        promotion.rollback(grown.config, HEART, None, "complaints")
    move(grown, TWIN, FEEBLE)
    assert mlops("rollback", HEART, "--reason", "test").code == 0
    assert grown.champion == TWIN


def test_rollback_goes_to_the_version_named(grown: Arena, mlops: Mlops) -> None:
    assert mlops("rollback", HEART, "--to", FEEBLE, "--reason", "test").code == 0
    assert grown.champion == FEEBLE


def test_rollback_is_in_the_history_with_its_reason(grown: Arena, mlops: Mlops) -> None:
    mlops("rollback", HEART, "--reason", "complaints")
    last = mlops("models", "history", HEART, "--json").data["events"][-1]
    assert (last["action"], last["from"], last["to"]) == ("rollback.done", TWIN, BETTER)
    assert (last["actor"], last["reason"]) == ("tester", "complaints")


@pytest.mark.parametrize("number", [SALTED, 99, 0])
def test_rollback_never_goes_to_a_version_that_was_not_champion(
    grown: Arena, mlops: Mlops, number: int
) -> None:
    before = grown.state
    refused = mlops("rollback", HEART, "--to", number, "--reason", "test")
    assert_refused(refused, 6, f"version {number} of heart_disease was never champion")
    assert grown.state == before


def test_a_promotion_that_was_killed_before_the_move_made_no_champion(
    arena: Arena, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed_at_the_move(monkeypatch, moved=False):
        move(arena, FEEBLE, BETTER)
    refused = mlops("rollback", HEART, "--to", BETTER, "--reason", "test")
    assert_refused(refused, 6, "was never champion")
    assert arena.champion == FEEBLE


def test_there_is_nothing_before_the_first_champion(arena: Arena, mlops: Mlops) -> None:
    assert_refused(mlops("rollback", HEART, "--reason", "test"), 6, "no earlier champion")


def test_without_a_champion_there_is_nothing_to_roll_back(mlops: Mlops, arena: Arena) -> None:
    assert_refused(mlops("rollback", "readmission", "--reason", "test"), 6, "readmission")


def test_a_damaged_version_is_not_rolled_back_to(grown: Arena, mlops: Mlops) -> None:
    version = registry.version(grown.config, HEART, BETTER)
    contract = registry.files_of(grown.config, version)[0] / "contract.json"
    whole = contract.read_bytes()
    contract.write_bytes(whole.replace(b"0.5", b"0.6"))
    try:
        assert_refused(mlops("rollback", HEART, "--reason", "test"), 3, "contract.json")
    finally:
        contract.write_bytes(whole)
    assert grown.champion == TWIN


def test_after_a_killed_rollback_promote_goes_on(
    grown: Arena, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed_at_the_move(monkeypatch):
        promotion.rollback(grown.config, HEART, FEEBLE, "complaints")
    registry.set_alias(grown.config, HEART, "challenger", BETTER)
    run = mlops(*PROMOTE, "--json")
    assert (run.code, only(run)["champion"], grown.champion) == (0, FEEBLE, BETTER)
    actions = [event.action for event in tables.events(grown.config, HEART)[-4:]]
    assert actions == ["rollback.intent", "rollback.done", "promotion.intent", "promotion.done"]


@pytest.mark.parametrize("to", [(), ("--to", BETTER)])
def test_a_killed_rollback_is_finished_by_running_it_again(
    grown: Arena, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, to: tuple[object, ...]
) -> None:
    """The bad champion must not come back."""
    with killed_at_the_move(monkeypatch):
        promotion.rollback(grown.config, HEART, BETTER, "complaints")
    run = mlops("rollback", HEART, *to, "--reason", "complaints", "--json")
    assert (run.code, run.data["previous"], run.data["champion"]) == (0, TWIN, BETTER)
    assert grown.champion == BETTER
    assert (grown.last.action, grown.last.details["reason"]) == ("rollback.done", "complaints")


def test_the_record_is_whole_after_all_of_this(arena: Arena, mlops: Mlops) -> None:
    run = mlops("audit", "verify", "--json")
    assert (run.code, run.data["intact"]) == (0, True)
