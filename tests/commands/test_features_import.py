"""`mlops features import`: keys of several columns, rejected rows, folders by month, windows."""

import errno
import json
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import Mlops, Run, import_text, quietly

from mlops_cli.backends import feature_store, files
from mlops_cli.config import load_config
from mlops_cli.errors import NotFoundError

CONFIG = """
project: ward
models:
  ward:
    task: classification
    entity: patient_id
    feature_views:
      vitals:
        source: data/vitals
        features:
          bmi: {type: float, range: [10, 60]}
          smoker: {type: bool}
          visits: {type: int}
      hospital:
        source: data/hospital.parquet
        entity: hospital_id
        features:
          beds: {type: int}
          kind: {type: category, categories: [public, private]}
    labels: {source: data/labels.parquet, column: back}
"""
ALONE = CONFIG.replace(CONFIG[CONFIG.index("      hospital:") : CONFIG.index("    labels:")], "")
WINDOWS = """
          bmi_change: {type: float, window: {of: bmi, compute: change}}
          bmi_mean: {type: float, window: {of: bmi, compute: mean, over: 40d}}
          bmi_known: {type: int, window: {of: bmi, compute: count, over: 40d}}
"""
WINDOWED = CONFIG.replace(
    "          visits: {type: int}\n", f"          visits: {{type: int}}{WINDOWS}"
)
VITALS = """patient_id,event_timestamp,bmi,smoker,visits
a,2026-01-10,20,yes,1
b,2026-01-31T23:59:59Z,30,no,2
a,2026-02-10,24,yes,3
b,2026-02-01,,no,4
a,2026-04-01,30,yes,5
"""


@pytest.fixture
def filled(ward: Path, mlops: Mlops) -> Path:
    """The project with five rows in three months."""
    assert import_text(mlops, VITALS).code == 0
    return ward


def stored(table: str) -> pd.DataFrame:
    return files.read_source(Path("data") / table)


def everything(folder: Path) -> dict[str, bytes]:
    """Return what every file below a folder holds."""
    return {
        str(each.relative_to(folder)): each.read_bytes()
        for each in sorted(folder.rglob("*"))
        if each.is_file()
    }


def moment(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


# keys of several columns


BOTH = """patient_id,hospital_id,event_timestamp,bmi,smoker,visits,beds,kind,back
a,H1,2026-01-01,20,yes,1,100,public,0
b,H1,2026-01-01,30,no,2,110,public,1
a,H2,2026-01-01T06:00:00Z,21,yes,3,50,private,1
"""


def test_rows_of_a_hospital_need_no_patient(ward: Path, mlops: Mlops) -> None:
    run = import_text(mlops, "hospital_id,event_timestamp,beds,kind\nH1,2026-01-01,9,public\n")
    assert run.code == 0
    assert list(stored("hospital.parquet")) == ["hospital_id", "event_timestamp", "beds", "kind"]
    assert not Path("data/vitals").exists()


def test_each_part_of_a_row_goes_under_its_own_key(ward: Path, mlops: Mlops) -> None:
    run = import_text(mlops, BOTH, "--json")
    rows = {Path(each["path"]).name: each["rows"] for each in run.data["tables"]}
    assert rows == {"vitals": 3, "hospital.parquet": 2, "labels.parquet": 3}
    assert list(stored("vitals"))[:2] == ["patient_id", "event_timestamp"]
    beds = stored("hospital.parquet").set_index("hospital_id")["beds"]
    assert beds.to_dict() == {"H1": 110, "H2": 50}  # of two rows of one moment the last
    labels = stored("labels.parquet")
    assert list(labels) == ["patient_id", "hospital_id", "event_timestamp", "back"]
    before = everything(ward / "data")
    assert import_text(mlops, BOTH).code == 0
    assert {n: b for n, b in everything(ward / "data").items() if "-" not in n.split("/")[0]} == {
        n: b for n, b in before.items() if "-" not in n.split("/")[0]
    }


def test_labels_of_one_patient_at_two_hospitals_are_two(ward: Path, mlops: Mlops) -> None:
    text = "patient_id,hospital_id,event_timestamp,back\na,{},2026-01-01,{}\n"
    for hospital, back in (("H1", 0), ("H2", 1), ("H1", 1)):
        assert import_text(mlops, text.format(hospital, back)).code == 0
    labels = stored("labels.parquet").set_index("hospital_id")["back"]
    assert labels.to_dict() == {"H1": 1, "H2": 1}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("patient_id,event_timestamp,beds,kind\na,2026-01-01,9,public\n", "hospital_id"),
        ("hospital_id,event_timestamp,bmi,smoker,visits\nH,2026-01-01,9,1,1\n", "patient_id"),
        ("patient_id,event_timestamp,back\na,2026-01-01,1\n", "hospital_id"),
        ("who,event_timestamp,colour\na,2026-01-01,red\n", "patient_id"),
    ],
)
def test_a_missing_key_column_is_named(ward: Path, mlops: Mlops, text: str, key: str) -> None:
    run = import_text(mlops, text)
    assert run.code == 2
    assert f"no column '{key}' with the entity of each row" in run.err
    assert not (ward / "data").exists()


def test_two_tables_never_overwrite_one_file(ward: Path, mlops: Mlops) -> None:
    Path("config.yaml").write_text(CONFIG.replace("data/hospital.parquet", "data/vitals"))
    run = import_text(mlops, BOTH)
    assert run.code == 2
    assert "data/vitals is the source of two tables" in run.err
    assert not (ward / "data").exists()


# rejected rows


WRONG = """patient_id,event_timestamp,bmi,smoker,visits
a,2026-01-10,20,yes,1
secret-1,2026-01-10,thin,maybe,1.5
,2026-01-10,20,yes,1
secret-2,,20,yes,1
secret-3,soon,20,yes,1

b,2026-01-10,20,yes,1,more,cells
c,2026-01-10
d,2026-01-11,99,no,2
"""
REPORT = [
    ("bmi", "not a number", 1, [2]),
    ("smoker", "not true or false", 1, [2]),
    ("visits", "not a whole number", 1, [2]),
    ("patient_id", "no id", 1, [3]),
    ("event_timestamp", "no time", 1, [4]),
    ("event_timestamp", "not a time in ISO 8601", 1, [5]),
    (None, "longer than its header", 1, [6]),
    (None, "shorter than its header", 1, [7]),
]


def told(run: Run) -> list[tuple[str | None, str, int, list[int]]]:
    return [(r["column"], r["reason"], r["rows"], r["first"]) for r in run.data["rejected"]]


def test_wrong_rows_stop_an_import(filled: Path, mlops: Mlops) -> None:
    before = everything(filled / "data")
    run = import_text(mlops, WRONG, "--json")
    assert (run.code, run.json["status"], run.error["code"]) == (2, "error", "input")
    assert run.error["message"] == (
        "own.csv: 6 of 8 rows are wrong: column 'bmi', row 2 is not a number"
    )
    assert "--on-error reject" in run.error["hint"]
    assert told(run) == REPORT
    assert (run.data["tables"], run.data["rejects"]) == ([], None)
    assert everything(filled / "data") == before
    assert not (filled / ".mlops/rejects").exists()


@pytest.mark.parametrize("how", ["fail", "reject"])
def test_people_get_one_line_and_a_table(ward: Path, mlops: Mlops, how: str) -> None:
    run = import_text(mlops, WRONG, "--on-error", how)
    assert run.code == {"fail": 2, "reject": 3}[how]
    assert "not true or false" in run.out
    assert "secret" not in run.out + run.err
    assert run.err.count("mlops: own.csv: 6 of 8 rows are wrong") == (how == "fail")
    assert max(map(len, run.out.splitlines()[:-1])) <= 80
    quiet = import_text(mlops, WRONG, "--on-error", how, "--quiet")
    assert quiet.code == run.code
    assert "not true or false" in quiet.out


def test_rejected_rows_go_to_a_file_and_the_others_in(ward: Path, mlops: Mlops) -> None:
    run = import_text(mlops, WRONG, "--on-error", "reject", "--json")
    assert (run.code, run.json["status"], run.data["rows"]) == (3, "finding", 2)
    assert told(run) == REPORT
    assert sorted(stored("vitals")["patient_id"]) == ["a", "d"]  # 99 is out of range, not wrong
    rejects = Path(run.data["rejects"])
    assert rejects.parent == ward / ".mlops/rejects"
    lines = rejects.read_text().splitlines()
    assert lines == [
        "patient_id,event_timestamp,bmi,smoker,visits,mlops_line,mlops_row,mlops_reason",
        "secret-1,2026-01-10,thin,maybe,1.5,,2,"
        "bmi: not a number; smoker: not true or false; visits: not a whole number",
        ",2026-01-10,20,yes,1,,3,patient_id: no id",
        "secret-2,,20,yes,1,,4,event_timestamp: no time",
        "secret-3,soon,20,yes,1,,5,event_timestamp: not a time in ISO 8601",
        'b,2026-01-10,20,yes,1,"b,2026-01-10,20,yes,1,more,cells",6,longer than its header',
        'c,2026-01-10,,,,"c,2026-01-10",7,shorter than its header',
    ]
    (event,) = mlops("audit", "log", "--json").data["events"]
    assert (event["details"]["rows"], event["details"]["rejected"]) == (2, 6)


def test_repaired_rejects_are_imported_as_they_are(ward: Path, mlops: Mlops) -> None:
    run = import_text(mlops, WRONG, "--on-error", "reject", "--rejects", "left.csv", "--json")
    assert run.data["rejects"] == "left.csv"
    text = Path("left.csv").read_text().replace("soon", "2026-03-03")
    assert import_text(mlops, text, "--on-error", "reject").code == 3
    assert sorted(stored("vitals")["patient_id"]) == ["a", "b", "c", "d", "secret-3"]


def test_rejecting_is_a_finding_that_exit_zero_hides(ward: Path, mlops: Mlops) -> None:
    run = import_text(mlops, WRONG, "--on-error", "reject", "--exit-zero", "--json")
    assert (run.code, run.json["status"]) == (0, "finding")
    clean = import_text(mlops, VITALS, "--on-error", "reject", "--json")
    assert (clean.code, clean.data["rejected"], clean.data["rejects"]) == (0, [], None)


def test_a_dry_run_rejects_on_paper(ward: Path, mlops: Mlops) -> None:
    run = import_text(mlops, WRONG, "--on-error", "reject", "--dry-run", "--json")
    assert (run.code, run.data["rejects"], len(run.data["rejected"])) == (3, None, 8)
    assert [path.name for path in ward.iterdir() if path.is_dir()] in ([], [".mlops"])
    assert not (ward / ".mlops/rejects").exists()


def test_where_every_row_is_wrong_no_table_is_made(ward: Path, mlops: Mlops) -> None:
    text = "patient_id,event_timestamp,bmi,smoker,visits\na,soon,1,1,1\n"
    run = import_text(mlops, text, "--on-error", "reject", "--json")
    assert (run.code, run.data["rows"]) == (3, 0)
    assert not (ward / "data").exists()


def test_rejects_need_rejecting(ward: Path, mlops: Mlops) -> None:
    run = import_text(mlops, VITALS, "--rejects", "left.csv")
    assert (run.code, "--on-error reject" in run.err) == (2, True)


def test_rejects_that_cannot_be_written_keep_the_tables(filled: Path, mlops: Mlops) -> None:
    before = everything(filled / "data")
    Path("file").touch()
    run = import_text(mlops, WRONG, "--on-error", "reject", "--rejects", "file/left.csv")
    assert (run.code, "cannot be written" in run.err) == (2, True)
    assert everything(filled / "data") == before


def test_a_row_keeps_its_number_when_one_before_it_is_broken(ward: Path, mlops: Mlops) -> None:
    """Otherwise ids made of the number would shift, and the repaired row bring another's."""
    imports = "    imports: {row_id: 'p{row}', row_time: {start: 2026-01-01, step: 1d}}\n"
    Path("config.yaml").write_text(CONFIG + imports)
    rows = [f"{n},yes,{n}" for n in range(5)]
    rows[2] = "2,yes"
    text = "\n".join(["bmi,smoker,visits", *rows])
    assert import_text(mlops, text, "--on-error", "reject").code == 3
    table = stored("vitals")
    assert dict(zip(table["patient_id"], table["bmi"], strict=True)) == {
        "p0": 0, "p1": 1, "p3": 3, "p4": 4,
    }  # fmt: skip
    assert table["event_timestamp"].max() == moment("2026-01-05")


def test_rows_of_a_folder_are_counted_over_its_files(ward: Path, mlops: Mlops) -> None:
    Path("parts").mkdir()
    header = "patient_id,event_timestamp,bmi,smoker,visits\n"
    Path("parts/1.csv").write_text(header + "a,2026-01-01,1,1,1\nb\n")
    Path("parts/2.csv").write_text(header + "c,2026-01-01,1,1,1\nd,2026-01-01,x,1,1\n")
    Path("parts/3.csv").write_text(header)
    run = mlops("features", "import", "ward", "parts", "--on-error", "reject", "--json")
    assert told(run) == [(None, "shorter than its header", 1, [2]), ("bmi", "not a number", 1, [4])]


JSONL = [
    {"patient_id": "a", "event_timestamp": "2026-01-01", "bmi": 20, "smoker": True, "visits": 1},
    {"patient_id": "b", "event_timestamp": "2026-01-01", "bmi": "21", "smoker": False, "visits": 2},
]


def test_broken_lines_of_jsonl_are_rejected(ward: Path, mlops: Mlops) -> None:
    """A column of numbers and texts is no broken line."""
    lines = [json.dumps(JSONL[0]), '{"patient_id": "c"', "", "[1]", json.dumps(JSONL[1])]
    text = "\n".join(lines)
    run = import_text(mlops, text, "--on-error", "reject", "--json", name="own.jsonl")
    assert (run.code, told(run)) == (3, [(None, "not a JSON object", 2, [2, 3])])
    assert stored("vitals")["bmi"].tolist() == [20, 21]


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "query"])
def test_long_numbers_as_ids_keep_their_digits_beside_a_gap(
    ward: Path, mlops: Mlops, kind: str
) -> None:
    ids = [2**53 + 1, None, 2**62 + 1]
    rows = {"patient_id": ids, "event_timestamp": ["2026-01-01"] * 3, "bmi": [20, None, 22]}
    rows |= {"smoker": [True] * 3, "visits": [1, None, 3]}
    table = pa.table(rows)
    where: tuple[str, ...] = (f"own.{kind}",)
    if kind == "parquet":
        pq.write_table(table, "own.parquet")
    elif kind == "jsonl":
        Path("own.jsonl").write_text("\n".join(json.dumps(row) for row in table.to_pylist()))
    else:
        with sqlite3.connect("clinic.db") as clinic:
            clinic.execute("CREATE TABLE v (patient_id, event_timestamp, bmi, smoker, visits)")
            for row in table.to_pylist():
                clinic.execute("INSERT INTO v VALUES (?, ?, ?, ?, ?)", list(row.values()))
        where = ("--sql", "sqlite:///clinic.db", "--query", "SELECT * FROM v")
    run = mlops("features", "import", "ward", *where, "--on-error", "reject", "--json")
    assert told(run) == [("patient_id", "no id", 1, [2])]
    assert stored("vitals")["patient_id"].tolist() == [str(ids[0]), str(ids[2])]
    assert stored("vitals")["visits"].tolist() == [1, 3]


def test_a_large_csv_is_numbered_across_its_blocks(ward: Path, mlops: Mlops) -> None:
    rows = [f"p{n},2026-01-01,{n},yes,1" for n in range(3000)]
    for n in (17, 1500, 2999):
        rows[n] = f"p{n},2026-01-01"
    rows[2000] = "p2000,2026-01-01,x,yes,1"
    text = "\n".join(["patient_id,event_timestamp,bmi,smoker,visits", *rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlops_cli.backends.files.reading._BLOCK", 4096)
        run = import_text(mlops, text, "--on-error", "reject", "--json")
    assert told(run) == [
        (None, "shorter than its header", 3, [18, 1501, 3000]), ("bmi", "not a number", 1, [2001]),
    ]  # fmt: skip
    table = stored("vitals")
    assert (table["patient_id"] == "p" + table["bmi"].astype(int).astype(str)).all()


def test_times_are_kept_to_the_microsecond(ward: Path, mlops: Mlops) -> None:
    text = VITALS.replace("2026-01-10,", "2026-01-10T00:00:00.123456789Z,")
    for _ in range(2):
        assert import_text(mlops, text).code == 0
    assert len(stored("vitals")) == 5


# folders by month


def months(folder: str = "data/vitals") -> dict[str, int]:
    """Return the inode of each part."""
    return {each.name: each.stat().st_ino for each in sorted(Path(folder).iterdir())}


def test_a_source_without_an_ending_has_a_file_for_each_month(filled: Path) -> None:
    link = Path("data/vitals")
    assert link.is_symlink()
    assert link.readlink() == Path(".vitals-1")
    assert list(months()) == ["2026-01.parquet", "2026-02.parquet", "2026-04.parquet"]
    for part in link.iterdir():
        times = pq.read_table(part)["event_timestamp"].to_pandas()
        assert set(times.dt.strftime("%Y-%m")) == {part.stem}
    assert len(stored("vitals")) == 5


def test_only_the_months_of_new_rows_are_written_again(filled: Path, mlops: Mlops) -> None:
    before = months()
    more = "patient_id,event_timestamp,bmi,smoker,visits\nc,2026-02-03,25,no,1\n"
    run = import_text(mlops, more, "--json")
    (table,) = run.data["tables"]
    assert (table["rows"], table["new"], table["replaced"]) == (6, 1, 0)
    after = months()
    assert {name for name in after if after[name] != before[name]} == {"2026-02.parquet"}


def test_a_known_row_is_replaced_in_its_month(filled: Path, mlops: Mlops) -> None:
    more = "patient_id,event_timestamp,bmi,smoker,visits\na,2026-02-10,25,no,9\n"
    (table,) = import_text(mlops, more, "--json").data["tables"]
    assert (table["rows"], table["new"], table["replaced"]) == (5, 0, 1)
    assert sorted(stored("vitals")["visits"]) == [1, 2, 4, 5, 9]


def test_importing_again_changes_no_byte(filled: Path, mlops: Mlops) -> None:
    before = everything(Path("data/vitals"))
    assert import_text(mlops, VITALS).code == 0
    assert everything(Path("data/vitals")) == before


def test_the_version_before_stays_for_who_reads_it(filled: Path, mlops: Mlops) -> None:
    for n in range(2, 5):
        was = Path("data/vitals").resolve()
        held = everything(was)
        assert import_text(mlops, VITALS.replace("20,yes", f"{n},yes")).code == 0
        assert everything(was) == held
        names = sorted(each.name for each in Path("data").iterdir())
        assert names == [f".vitals-{n - 1}", f".vitals-{n}", "vitals"]


def test_a_dry_run_of_a_folder_makes_nothing(ward: Path, mlops: Mlops) -> None:
    run = import_text(mlops, VITALS, "--dry-run", "--json")
    assert run.data["tables"][0]["new"] == 5
    assert not (ward / "data").exists()


def test_a_bad_row_leaves_no_trace_of_a_new_version(filled: Path, mlops: Mlops) -> None:
    before = everything(filled / "data")
    text = BOTH.replace("110,public", "many,public")
    assert import_text(mlops, text).code == 2
    assert everything(filled / "data") == before


def test_a_failure_while_writing_leaves_the_old_version(
    filled: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(filled / "data")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    run = import_text(mlops, VITALS)
    assert (run.code, "data/vitals cannot be written: No space left" in run.err) == (2, True)
    assert everything(filled / "data") == before


def test_parts_are_copied_where_links_cannot_be_made(
    filled: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = months()

    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    more = "patient_id,event_timestamp,bmi,smoker,visits\nc,2026-02-03,25,no,1\n"
    assert import_text(mlops, more).code == 0
    assert not set(before.values()) & set(months().values())
    assert len(stored("vitals")) == 6


def by_hand(folder: str = "data/vitals") -> Path:
    """Fill a folder as a user might: other names, months mixed, a folder below."""
    made = Path(folder)
    (made / "more").mkdir(parents=True)
    frame = pd.DataFrame(
        {"patient_id": ["a", "b", "z"], "bmi": [1.0, 2.0, 3.0], "smoker": [True, False, False],
         "visits": [1, 2, 3], "note": ["x", "y", "z"],
         "event_timestamp": [moment("2026-01-10"), moment("2026-03-01"), moment("2025-12-31")]}
    )  # fmt: skip
    frame.head(2).to_parquet(made / "part-0.parquet", index=False)
    frame.tail(1).to_parquet(made / "more/part-1.parquet", index=False)
    (made / "README").write_text("mine")
    (made / ".hidden.parquet").write_text("not a table")
    (made / "_log").mkdir()
    (made / "_log/1.parquet").write_text("not a table")
    return made


def test_a_folder_that_was_filled_by_hand_is_a_source(ward: Path, mlops: Mlops) -> None:
    (by_hand() / "README").unlink()
    Path("config.yaml").write_text(ALONE)
    assert mlops("features", "apply").code == 0
    config = load_config(Path("config.yaml"))
    known = feature_store.as_of(
        config, config.models["ward"], {"patient_id": "z"}, moment("2026-06-01")
    )
    assert known is not None
    assert known["visits"].value == 3


def test_importing_into_a_folder_filled_by_hand_keeps_it(ward: Path, mlops: Mlops) -> None:
    held = everything(by_hand())
    run = import_text(mlops, VITALS, "--json")
    (table,) = run.data["tables"]
    assert (table["rows"], table["new"], table["replaced"]) == (7, 4, 1)
    assert table["moved"] == str(ward / "data/vitals.original")
    assert "vitals.original" in run.json["warnings"][0]
    assert everything(ward / "data/vitals.original") == held
    assert list(months()) == [
        f"20{m}.parquet" for m in ("25-12", "26-01", "26-02", "26-03", "26-04")
    ]
    assert sorted(stored("vitals")["visits"]) == [1, 2, 2, 3, 3, 4, 5]
    again = import_text(mlops, VITALS, "--json").data["tables"][0]
    assert (again["rows"], again["new"], again["moved"]) == (7, 0, None)
    assert everything(ward / "data/vitals.original") == held


def test_a_bad_table_in_a_folder_filled_by_hand_is_named(ward: Path, mlops: Mlops) -> None:
    made = by_hand()
    pq.write_table(pa.table({"patient_id": ["q"]}), made / "odd.parquet")
    before = everything(ward / "data")
    run = import_text(mlops, VITALS)
    assert run.code == 2
    assert "odd.parquet has no column 'event_timestamp'" in run.err
    assert everything(ward / "data") == before


def test_an_empty_folder_is_filled(ward: Path, mlops: Mlops) -> None:
    Path("data/vitals").mkdir(parents=True)
    assert import_text(mlops, VITALS).code == 0
    assert sorted(each.name for each in Path("data").iterdir()) == [".vitals-1", "vitals"]


def test_a_link_of_the_users_own_is_replaced_and_its_folder_kept(ward: Path, mlops: Mlops) -> None:
    held = everything(by_hand("elsewhere"))
    Path("data").mkdir()
    Path("data/vitals").symlink_to("../elsewhere")
    assert import_text(mlops, VITALS).code == 0
    assert Path("data/vitals").readlink() == Path(".vitals-1")
    assert len(stored("vitals")) == 7
    assert everything(ward / "elsewhere") == held


def test_a_link_to_nothing_is_no_reason_to_start_anew(filled: Path, mlops: Mlops) -> None:
    shutil.rmtree("data/.vitals-1")
    run = import_text(mlops, VITALS)
    assert (run.code, "is a link to .vitals-1, which is not there" in run.err) == (2, True)


def test_a_file_where_a_folder_belongs(ward: Path, mlops: Mlops) -> None:
    Path("data").mkdir()
    Path("data/vitals").write_text("mine")
    run = import_text(mlops, VITALS)
    assert (run.code, "data/vitals is a file" in run.err) == (2, True)
    assert Path("data/vitals").read_text() == "mine"


@pytest.mark.parametrize("stage", ["before the move", "after the move"])
def test_an_import_that_was_killed_as_it_swung_is_finished_by_the_next(
    ward: Path, mlops: Mlops, stage: str
) -> None:
    by_hand()
    assert import_text(mlops, VITALS).code == 0
    Path("data/vitals").unlink()
    Path("data/.vitals.next").symlink_to(".vitals-1")
    if stage == "before the move":
        Path("data/vitals.original").rename("data/vitals")
    run = import_text(mlops, VITALS, "--json")
    assert run.data["tables"][0]["rows"] == 7
    assert not Path("data/.vitals.next").is_symlink()
    assert len(stored("vitals")) == 7
    assert Path("data/vitals.original/README").read_text() == "mine"


def test_a_copy_of_a_project_goes_on(filled: Path, mlops: Mlops, tmp_path: Path) -> None:
    """A plain copy turns the link into a folder."""
    copy = tmp_path / "copy"
    shutil.copytree(filled / "data", copy / "data")
    shutil.copy(filled / "config.yaml", copy)
    more = filled / "more.csv"
    more.write_text("patient_id,event_timestamp,bmi,smoker,visits\nc,2026-02-03,25,no,1\n")
    quietly(copy, "features", "import", "ward", str(more))
    assert len(files.read_source(copy / "data/vitals")) == 6


def test_a_new_feature_is_missing_in_the_rows_that_were_there(filled: Path, mlops: Mlops) -> None:
    Path("config.yaml").write_text(
        CONFIG.replace("bmi: {", "waist: {type: float}\n          bmi: {")
    )
    text = VITALS.replace("bmi", "waist,bmi").replace(",20,", ",80,20,").splitlines()[:2]
    run = import_text(mlops, "\n".join(text), "--json")
    assert (run.code, run.data["tables"][0]["added"]) == (0, ["waist"])
    assert "data/vitals had no column of waist" in run.json["warnings"][0]
    assert stored("vitals")["waist"].dropna().tolist() == [80]
    assert import_text(mlops, "\n".join(text), "--json").data["tables"][0]["added"] == []


def test_a_damaged_part_is_found(filled: Path, mlops: Mlops) -> None:
    part = Path("data/vitals/2026-02.parquet")
    content = bytearray(part.read_bytes())
    content[40] ^= 1
    part.write_bytes(content)
    run = import_text(mlops, VITALS)
    assert run.code == 2
    assert "2026-02.parquet cannot be read" in run.err
    assert not list(Path("data").glob(".vitals-2*"))


def test_labels_may_be_a_folder_too(ward: Path, mlops: Mlops) -> None:
    Path("config.yaml").write_text(CONFIG.replace("data/labels.parquet", "data/labels"))
    assert import_text(mlops, BOTH).code == 0
    assert list(months("data/labels")) == ["2026-01.parquet"]
    run = mlops("features", "validate", "--json")
    found = {(each["table"], each["rule"]) for each in run.data["results"][0]["findings"]}
    assert ("labels", "the column is there") not in found


def test_a_source_is_read_whole_while_it_is_replaced(filled: Path, mlops: Mlops) -> None:
    """The name is looked up once: what follows is read from that version."""
    real = Path.resolve
    done: list[int] = []

    def resolve(path: Path, strict: bool = False) -> Path:
        found = real(path, strict)
        if path.name == "vitals" and not done:
            done.append(1)
            assert import_text(mlops, VITALS.replace("yes", "no")).code == 0
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "resolve", resolve)
        table = files.read_source(Path("data/vitals"))
    assert table["smoker"].sum() == 3
    assert stored("vitals")["smoker"].sum() == 0


def test_an_empty_folder_is_no_source(ward: Path) -> None:
    Path("data/vitals").mkdir(parents=True)
    with pytest.raises(NotFoundError, match="holds no table"):
        files.read_source(Path("data/vitals"))


# windows


def as_configured(source: str) -> None:
    Path("config.yaml").write_text(WINDOWED.replace("data/vitals", f"data/{source}"))


SOURCES = ["vitals", "vitals.parquet"]


@pytest.fixture(params=SOURCES)
def source(ward: Path, request: pytest.FixtureRequest) -> str:
    """A project with windows, in a folder and in a file."""
    as_configured(request.param)
    return str(request.param)


def of(source: str) -> pd.DataFrame:
    table = stored(source).sort_values(["patient_id", "event_timestamp"], ignore_index=True)
    return table[["patient_id", "bmi", "bmi_change", "bmi_mean", "bmi_known"]]


def test_windows_are_computed_from_the_rows(source: str, mlops: Mlops) -> None:
    assert import_text(mlops, VITALS).code == 0
    nan = np.nan
    expected = pd.DataFrame(
        [("a", 20, nan, 20, 1), ("a", 24, 4, 22, 2), ("a", 30, 6, 30, 1),
         ("b", 30, nan, 30, 1), ("b", nan, nan, 30, 1)],
        columns=["patient_id", "bmi", "bmi_change", "bmi_mean", "bmi_known"],
    )  # fmt: skip
    pd.testing.assert_frame_equal(of(source), expected, check_dtype=False)
    assert str(stored(source)["bmi_known"].dtype) == "int64"
    names = list(stored(source))
    assert names[-3:] == ["bmi_change", "bmi_mean", "bmi_known"]


def test_window_columns_of_a_file_are_not_believed(source: str, mlops: Mlops) -> None:
    text = VITALS.replace("visits", "visits,bmi_change").replace("yes,", "yes,7,")
    text = text.replace("no,", "no,7,")
    assert import_text(mlops, text).code == 0
    assert of(source)["bmi_change"].tolist()[1:3] == [4, 6]


def test_an_earlier_row_that_comes_later_changes_later_months(source: str, mlops: Mlops) -> None:
    header, *rows = VITALS.splitlines()
    assert import_text(mlops, "\n".join([header, *rows[2:]])).code == 0
    assert import_text(mlops, "\n".join([header, *rows[:2]])).code == 0
    late = of(source)
    shutil.rmtree("data")
    assert import_text(mlops, VITALS).code == 0
    pd.testing.assert_frame_equal(late, of(source))


def test_importing_a_table_with_windows_again_changes_no_byte(source: str, mlops: Mlops) -> None:
    assert import_text(mlops, VITALS).code == 0
    place = Path("data") / source
    before = everything(place) if place.is_dir() else place.read_bytes()
    assert import_text(mlops, VITALS).code == 0
    assert (everything(place) if place.is_dir() else place.read_bytes()) == before


def test_a_window_that_is_changed_is_computed_anew_everywhere(source: str, mlops: Mlops) -> None:
    assert import_text(mlops, VITALS).code == 0
    config = Path("config.yaml")
    config.write_text(config.read_text().replace("over: 40d", "over: 400d"))
    header, *_, last = VITALS.splitlines()
    assert import_text(mlops, f"{header}\n{last}\n").code == 0
    assert of(source)["bmi_known"].tolist() == [1, 2, 3, 1, 1]


def test_windows_can_be_added_to_a_table(ward: Path, mlops: Mlops) -> None:
    assert import_text(mlops, VITALS).code == 0
    as_configured("vitals")
    header, *_, last = VITALS.splitlines()
    assert import_text(mlops, f"{header}\n{last}\n").code == 0
    assert of("vitals")["bmi_change"].tolist()[1:3] == [4, 6]


def test_a_month_out_of_reach_is_not_written_again(ward: Path, mlops: Mlops) -> None:
    Path("config.yaml").write_text(WINDOWED.replace("compute: change", "compute: min, over: 1d"))
    assert import_text(mlops, VITALS).code == 0
    before = months()
    more = "patient_id,event_timestamp,bmi,smoker,visits\na,2026-01-20,25,no,1\n"
    assert import_text(mlops, more).code == 0
    after = months()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"2026-01.parquet", "2026-02.parquet"}


def test_late_corrections_are_not_known_earlier(ward: Path, mlops: Mlops) -> None:
    config = WINDOWED.replace(
        "source: data/vitals", "source: data/vitals\n        created: written"
    )
    Path("config.yaml").write_text(config)
    text = """patient_id,event_timestamp,written,bmi,smoker,visits
a,2026-01-10,2026-01-10,20,yes,1
a,2026-02-10,2026-02-10,24,yes,1
a,2026-01-10,2026-03-01,10,yes,1
a,2026-03-10,2026-03-10,30,yes,1
"""
    assert import_text(mlops, text).code == 0
    table = stored("vitals").sort_values(["written"], ignore_index=True)
    assert table["bmi_change"].fillna(-1).tolist() == [-1, 4, -1, 6]
    assert table["bmi_mean"].tolist() == [20, 22, 10, 27]


def test_windows_are_served_and_joined_like_other_features(ward: Path, mlops: Mlops) -> None:
    as_configured("vitals")
    config_file = Path("config.yaml")
    text = config_file.read_text()
    hospital = text[text.index("      hospital:") : text.index("    labels:")]
    config_file.write_text(text.replace(hospital, ""))
    assert import_text(mlops, VITALS).code == 0
    assert mlops("features", "apply").code == 0
    assert mlops("features", "materialize").code == 0
    found = mlops("features", "get", "ward", "a", "--json").data["features"]
    assert (found["bmi_change"]["value"], found["bmi_known"]["value"]) == (6, 1)
    then = mlops("features", "get", "ward", "a", "--at", "2026-03-01", "--json").data["features"]
    assert (then["bmi_change"]["value"], then["bmi_mean"]["value"]) == (4, 22)
    config = load_config(config_file)
    labels = pd.DataFrame({"patient_id": ["b", "a"], "event_timestamp": moment("2026-03-01")})
    known = feature_store.historical(config, config.models["ward"], labels).frame
    assert known["bmi_mean"].tolist() == [30, 22]
    assert known["bmi_change"].fillna(-1).tolist() == [-1, 4]


ROW = st.tuples(
    st.sampled_from("ab"), st.sampled_from([1, 9, 28, 33, 59, 61, 95]),
    st.sampled_from(["", "1", "2.5", "40"]),
)  # fmt: skip


@given(rows=st.lists(ROW, min_size=2, max_size=9, unique_by=lambda r: r[:2]), cut=st.integers(1, 8))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_files_may_come_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, str]], cut: int
) -> None:
    header = "patient_id,event_timestamp,bmi,smoker,visits"
    first = pd.Timestamp("2026-01-01")
    lines = [
        f"{who},{(first + pd.Timedelta(days=day)).date()},{bmi},yes,1" for who, day, bmi in rows
    ]
    found = []
    for source in SOURCES:
        for parts in ([lines], [lines[:cut], lines[cut:]], [lines[cut:], lines[:cut]]):
            folder = tmp_path_factory.mktemp("order")
            text = WINDOWED.replace("data/vitals", f"data/{source}")
            (folder / "config.yaml").write_text(text)
            for part in filter(None, parts):
                (folder / "own.csv").write_text("\n".join([header, *part]))
                quietly(folder, "features", "import", "ward", str(folder / "own.csv"))
            table = files.read_source(folder / "data" / source)
            found.append(table.sort_values(["patient_id", "event_timestamp"], ignore_index=True))
    for each in found[1:]:
        pd.testing.assert_frame_equal(each, found[0])


def test_a_file_put_into_a_version_of_ours_is_taken_in(filled: Path, mlops: Mlops) -> None:
    """As a month of its own it would stand beside the real one, with the same keys."""
    part = files.read_source(Path("data/vitals/2026-01.parquet"))
    part.assign(visits=[7, 8]).to_parquet("data/vitals/extra.parquet", index=False)
    more = "patient_id,event_timestamp,bmi,smoker,visits\nc,2026-02-03,25,no,1\n"
    (table,) = import_text(mlops, more, "--json").data["tables"]
    assert (table["rows"], table["new"], table["moved"]) == (6, 1, None)
    assert list(months()) == ["2026-01.parquet", "2026-02.parquet", "2026-04.parquet"]
    assert sorted(stored("vitals")["visits"]) == [1, 3, 4, 5, 7, 8]


@pytest.mark.parametrize("fault", ["tail", "none"])
def test_what_is_left_of_a_killed_import_is_cleared_away(
    filled: Path, mlops: Mlops, fault: str
) -> None:
    left = Path("data/.vitals-2")
    left.mkdir()
    if fault == "tail":
        (left / "2026-01.parquet").write_text("half")
    assert import_text(mlops, VITALS.replace("yes", "no")).code == 0
    assert sorted(each.name for each in Path("data").iterdir()) == [
        ".vitals-1", ".vitals-3", "vitals",
    ]  # fmt: skip
    assert stored("vitals")["smoker"].sum() == 0
