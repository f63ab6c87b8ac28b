"""What goes wrong for users: one line, the right exit code, nothing lost."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from one_table import project as table
from one_table import rows
from running import Mlops, Run

from mlops_cli.backends import registry
from mlops_cli.config import load_config

NEW = "data/heart_disease/new_patients.csv"


def assert_one_line(run: Run, code: int, *words: str) -> None:
    """The error is one line that names the value, with at most a hint below it."""
    assert run.code == code
    assert run.out == ""
    lines = run.err.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("mlops: "))
    rest = lines[start + 1 :]
    assert all(line.startswith("hint: ") for line in rest)
    assert len(rest) <= 1
    for word in words:
        assert word in run.err


def test_unknown_model(project: Path, mlops: Mlops) -> None:
    run = mlops("train", "heart_diseas")
    assert_one_line(run, 6, "'heart_diseas'", "did you mean 'heart_disease'?")


@pytest.mark.parametrize("words", [("train",), ("train", "--reproduce", "1234")])
def test_a_hint_names_a_model_of_this_project(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    hint = f"hint: as `mlops {words[0]} {{}}"
    assert hint.format("MODEL") in mlops(*words).err
    table(tmp_path, rows(30))
    assert hint.format("m") in mlops(*words).err


def test_unknown_command(mlops: Mlops) -> None:
    assert_one_line(mlops("trian"), 2, "trian")


def test_unknown_option(project: Path, mlops: Mlops) -> None:
    assert_one_line(mlops("promote", "--chalenger"), 2, "--chalenger")


def test_missing_config(tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert_one_line(mlops("status"), 2, "config.yaml", "mlops init")


def test_missing_data(tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mlops("init")
    assert_one_line(mlops("train", "heart_disease"), 6, "labels.parquet")


def test_features_that_were_never_applied(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mlops("init")
    assert mlops("features", "generate", "--patients", "60", "--months", "3").code == 0
    assert_one_line(mlops("features", "materialize"), 6, "mlops features apply")


def test_no_champion(project: Path, mlops: Mlops) -> None:
    run = mlops("predict", "readmission", "PT000001")
    assert_one_line(run, 6, "readmission has no champion", "mlops promote")


def test_unknown_entity(project: Path, mlops: Mlops) -> None:
    assert_one_line(mlops("predict", "heart_disease", "PT999999"), 6, "'PT999999'")


def test_an_unknown_entity_among_known_ones_predicts_nothing(project: Path, mlops: Mlops) -> None:
    mlops("predict", "heart_disease", "PT000001")
    before = rows_in(project / ".mlops/inference.db", "inference_log")
    assert mlops("predict", "heart_disease", "PT000001", "PT999999").code == 6
    assert rows_in(project / ".mlops/inference.db", "inference_log") == before


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_empty_file(project: Path, mlops: Mlops, tmp_path: Path, suffix: str) -> None:
    empty = tmp_path / f"empty{suffix}"
    empty.touch()
    run = mlops("predict", "heart_disease", "--input", empty, "--output", tmp_path / "out.csv")
    assert_one_line(run, 2, "is empty")
    assert not (tmp_path / "out.csv").exists()


def test_a_file_with_only_its_header(project: Path, mlops: Mlops, tmp_path: Path) -> None:
    header = tmp_path / "header.csv"
    header.write_text((project / NEW).read_text().splitlines()[0] + "\n")
    run = mlops("drift", "check", "heart_disease", "--current", header)
    assert_one_line(run, 2, "header.csv has no rows")


def test_a_missing_file(project: Path, mlops: Mlops, tmp_path: Path) -> None:
    run = mlops("drift", "check", "heart_disease", "--current", tmp_path / "no.csv")
    assert_one_line(run, 6, "no.csv")


def test_csv_with_a_missing_column(project: Path, mlops: Mlops, tmp_path: Path) -> None:
    lines = [line.split(",", 2)[::2] for line in (project / NEW).read_text().splitlines()]
    (tmp_path / "new.csv").write_text("\n".join(",".join(parts) for parts in lines))
    run = mlops(
        "predict", "heart_disease", "--input", tmp_path / "new.csv", "--output", tmp_path / "o.csv"
    )
    assert_one_line(run, 2, "column 'age' is missing")


def test_a_word_in_a_number_column(project: Path, mlops: Mlops, tmp_path: Path) -> None:
    header, first, second, *_ = (project / NEW).read_text().splitlines()
    patient, _age, rest = second.split(",", 2)
    (tmp_path / "new.csv").write_text("\n".join([header, first, f"{patient},old,{rest}"]))
    run = mlops(
        "predict", "heart_disease", "--input", tmp_path / "new.csv", "--output", tmp_path / "o.csv"
    )
    assert_one_line(run, 2, "column 'age', row 2 is not a whole number")
    assert not (tmp_path / "o.csv").exists()


def test_a_row_longer_than_the_header(project: Path, mlops: Mlops, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("patient_id,age\nPT1,50\nPT2,50,60\n")
    run = mlops(
        "predict", "heart_disease", "--input", tmp_path / "new.csv", "--output", tmp_path / "o.csv"
    )
    assert_one_line(run, 2, "new.csv cannot be read")


def test_a_folder_that_is_no_file(project: Path, mlops: Mlops, tmp_path: Path) -> None:
    run = mlops("predict", "heart_disease", "--input", tmp_path, "--output", tmp_path / "o.csv")
    assert_one_line(run, 6, "no file")


def test_a_corrupted_model_file(project: Path, mlops: Mlops) -> None:
    model = champion_files(project) / "model.ubj"
    whole = model.read_bytes()
    model.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    try:
        run = mlops("predict", "heart_disease", "PT000001")
        assert_one_line(run, 3, "model.ubj", "has changed since it was registered")
    finally:
        model.write_bytes(whole)
    assert mlops("predict", "heart_disease", "PT000001").code == 0


def test_an_edited_audit_row(project: Path, mlops: Mlops, tmp_path: Path) -> None:
    log = tmp_path / "audit.db"
    with sqlite3.connect(project / ".mlops/audit.db") as source, sqlite3.connect(log) as copy:
        source.backup(copy)
        copy.execute("DROP TRIGGER audit_log_no_update")
        copy.execute(
            "UPDATE audit_log SET body = replace(body, 'features.', 'feature5.') WHERE seq = 2"
        )
    config = project / "edited.yaml"
    config.write_text(
        (project / "config.yaml").read_text() + f"\nlogs: {{audit: 'sqlite:///{log}'}}\n"
    )
    run = mlops("audit", "verify", "--config", config, "--json")
    assert run.code == 3
    assert run.json["status"] == "finding"
    assert run.data["problems"][0]["seq"] == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET body = x'00' WHERE seq = 1",
        "DELETE FROM audit_log WHERE seq = 1",
        "INSERT OR REPLACE INTO audit_log VALUES (1, '', x'00', '')",
    ],
)
def test_the_audit_log_cannot_be_changed_by_sql(
    project: Path, mlops: Mlops, statement: str
) -> None:
    with (
        sqlite3.connect(project / ".mlops/audit.db") as log,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        log.execute(statement)
    assert mlops("audit", "verify").code == 0


def test_an_unreachable_registry_is_never_no_champion(
    project: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_TRACKING__URI", "http://127.0.0.1:9")
    run = mlops("promote", "heart_disease", "--challenger")
    assert_one_line(run, 75, "MLflow at", "127.0.0.1:9")


def test_an_audit_log_that_cannot_be_written_stops_the_change(
    project: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "audit.db"
    broken.write_text("this is no database, and it is long enough to be refused as one\n" * 99)
    monkeypatch.setenv("MLOPS_LOGS__AUDIT", f"sqlite:///{broken}")
    run = mlops("rollback", "heart_disease", "--reason", "test")
    assert run.code in {6, 75}
    listed = mlops("models", "list", "--json")
    assert listed.data["models"][0]["champion"] == 1


def test_json_on_failure_is_one_object(project: Path, mlops: Mlops) -> None:
    run = mlops("predict", "heart_disease", "PT999999", "--json")
    assert (run.code, run.err) == (6, "")
    assert run.json["schema_version"] == 1
    assert run.json["command"] == "predict"
    assert (run.json["status"], run.json["exit_code"]) == ("error", 6)
    assert run.error["code"] == "not_found"


def test_an_unforeseen_failure_is_one_line(
    project: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_cli.services import models

    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(models, "listing", broken)
    assert_one_line(mlops("models", "list"), 1, "ZeroDivisionError: by nothing", "MLOPS_DEBUG")


def test_init_never_overwrites(tmp_path: Path, mlops: Mlops) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("mine")
    assert_one_line(mlops("init", tmp_path), 2, "has a config.yaml already")
    assert config.read_text() == "mine"


def champion_files(project: Path) -> Path:
    config = load_config(project / "config.yaml")
    folder, _ = registry.files_of(config, registry.champion(config, "heart_disease"))
    return folder


def rows_in(database: Path, table: str) -> int:
    with sqlite3.connect(database) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_disk_with_a_lost_model_folder(project: Path, mlops: Mlops) -> None:
    folder = champion_files(project)
    shutil.move(folder, folder.with_suffix(".away"))
    try:
        run = mlops("predict", "heart_disease", "PT000001")
        assert run.code == 3
        assert "manifest.json" in run.err
    finally:
        shutil.move(folder.with_suffix(".away"), folder)
