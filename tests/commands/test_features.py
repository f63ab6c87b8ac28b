"""`mlops features`: tables in, checks, registry, online store."""

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from running import ROOT, Mlops, Run, import_text

CONFIG = """
project: ward
models:
  ward:
    task: classification
    entity: patient_id
    feature_views:
      base:
        source: data/base.parquet
        ttl: 30d
        features:
          age: {type: int, range: [0, 120], required: true}
          sex: {type: category, categories: [female, male]}
      lab:
        source: data/lab.parquet
        features:
          sugar: {type: float, range: [10, 900]}
          smoker: {type: bool}
    labels: {source: data/labels.parquet, column: back}
"""
HEADER = "patient_id,event_timestamp,age,sex,sugar,smoker,back\n"
ROWS = """00123,2026-01-01T00:00:00Z,41,female,88.5,yes,0
NA,2026-01-02,52,male,,no,1
x9,2026-01-03 10:30:00+02:00,63,,101,1,0
"""
TABLES = ("base", "lab", "labels")


@pytest.fixture
def filled(ward: Path, mlops: Mlops) -> Path:
    """The project with three rows in its tables."""
    assert import_text(mlops, HEADER + ROWS).code == 0
    return ward


def stored(table: str) -> pd.DataFrame:
    return pq.read_table(f"data/{table}.parquet").to_pandas()


def digests(folder: Path) -> dict[str, str]:
    """Return the sha256 of every table below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("data/**/*.*"))
    }


def moment(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


# generate


def hospital_tables(folder: Path, mlops: Mlops, *options: str) -> dict[str, str]:
    folder.mkdir()
    assert mlops("init", folder).code == 0
    words = ("--patients", "30", "--months", "3", *options)
    run = mlops("features", "generate", *words, "--config", folder / "config.yaml", "--json")
    assert run.code == 0
    return digests(folder)


def test_generate_writes_the_same_bytes_again(tmp_path: Path, mlops: Mlops) -> None:
    options = ("--end", "2026-01-31", "--drift")
    first = hospital_tables(tmp_path / "first", mlops, *options)
    assert first == hospital_tables(tmp_path / "again", mlops, *options)
    assert "data/heart_disease/drifted_patients.csv" in first


def test_generate_writes_no_drifted_patients_unless_asked(tmp_path: Path, mlops: Mlops) -> None:
    made = hospital_tables(tmp_path / "calm", mlops)
    assert not [name for name in made if "drifted" in name]


@pytest.mark.parametrize(("patients", "months"), [(20, 2), (37, 5)])
def test_generate_makes_as_many_visits_as_asked(
    tmp_path: Path, mlops: Mlops, patients: int, months: int
) -> None:
    assert mlops("init", tmp_path).code == 0
    run = mlops(
        "features", "generate", "--patients", patients, "--months", months, "--end", "2026-01-31",
        "--config", tmp_path / "config.yaml", "--json",
    )  # fmt: skip
    rows = {Path(table["path"]).name: table["rows"] for table in run.data["tables"]}
    assert rows["vitals.parquet"] == patients * months
    assert rows["labels.parquet"] == patients * (months - 1)
    visits = pq.read_table(tmp_path / "data/heart_disease/vitals.parquet").to_pandas()
    assert visits["patient_id"].nunique() == patients
    assert visits["event_timestamp"].max() < moment("2026-01-31")


def test_generated_tables_are_as_configured(hospital: Path, mlops: Mlops) -> None:
    run = mlops("features", "validate", "--config", hospital / "config.yaml", "--json")
    assert run.code == 0
    assert [result["findings"] for result in run.data["results"]] == [[], [], []]


def test_generate_refuses_a_project_without_the_hospital(ward: Path, mlops: Mlops) -> None:
    run = mlops("features", "generate")
    assert run.code == 2
    assert "has none of the sample hospital's models" in run.err
    assert not (ward / "data").exists()


def test_generate_writes_nothing_for_views_of_a_feast_repository(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    text = text.replace("models:\n", "feature_store: {repo: repo}\nmodels:\n", 1)
    views = ("vitals", "tests", "labs", "stays", "history")
    sources = tuple(f"/{view}.parquet" for view in views)
    lines = [line for line in text.splitlines() if not line.endswith(sources)]
    (tmp_path / "config.yaml").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    run = mlops("features", "generate", "--patients", "20", "--months", "2")
    assert run.code == 2
    assert not (tmp_path / "None").exists()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "options",
    [("--patients", "5"), ("--months", "1"), ("--patients", "many"), ("--end", "soon")],
)
def test_generate_refuses_sizes_it_cannot_make(
    ward: Path, mlops: Mlops, options: tuple[str, ...]
) -> None:
    assert mlops("features", "generate", *options).code == 2


# import


def test_import_writes_views_and_labels_of_one_file(ward: Path, mlops: Mlops) -> None:
    run = import_text(mlops, HEADER + ROWS, "--json")
    assert run.code == 0
    tables = {Path(table["path"]).stem: table["rows"] for table in run.data["tables"]}
    assert tables == {"base": 3, "lab": 3, "labels": 3}
    assert list(stored("base")) == ["patient_id", "event_timestamp", "age", "sex"]
    assert stored("lab")["sugar"].fillna(-1).tolist() == [88.5, -1, 101]
    assert stored("lab")["smoker"].tolist() == [True, False, True]
    assert stored("labels")["back"].tolist() == [0, 1, 0]


def test_imported_ids_keep_their_form(filled: Path) -> None:
    assert stored("base")["patient_id"].tolist() == ["00123", "NA", "x9"]


def test_imported_times_are_utc(filled: Path) -> None:
    assert stored("base")["event_timestamp"].tolist() == [
        moment("2026-01-01"), moment("2026-01-02"), moment("2026-01-03 08:30"),
    ]  # fmt: skip


def test_imported_columns_have_their_configured_types(filled: Path) -> None:
    kinds = {field.name: str(field.type) for field in pq.read_schema("data/base.parquet")}
    assert kinds == {
        "patient_id": "string",
        "event_timestamp": "timestamp[us, tz=UTC]",
        "age": "int64",
        "sex": "string",
    }


def test_parquet_and_jsonl_import_as_csv_does(filled: Path, mlops: Mlops) -> None:
    expected = {name: stored(name) for name in TABLES}
    rows = [
        {"patient_id": "00123", "event_timestamp": "2026-01-01T00:00:00Z", "age": 41,
         "sex": "female", "sugar": 88.5, "smoker": True, "back": 0},
        {"patient_id": "NA", "event_timestamp": "2026-01-02T00:00:00Z", "age": 52, "sex": "male",
         "sugar": None, "smoker": False, "back": 1},
        {"patient_id": "x9", "event_timestamp": "2026-01-03T08:30:00Z", "age": 63, "sex": None,
         "sugar": 101, "smoker": True, "back": 0},
    ]  # fmt: skip
    lines = "\n".join(json.dumps(row) for row in rows)
    table = pa.Table.from_pylist(
        [{**row, "event_timestamp": datetime.fromisoformat(row["event_timestamp"])} for row in rows]
    )
    pq.write_table(table, "own.parquet")
    Path("own.jsonl").write_text(lines)
    for name in ("own.jsonl", "own.parquet"):
        assert mlops("features", "import", "ward", name).code == 0
        for each in TABLES:
            pd.testing.assert_frame_equal(stored(each), expected[each])


def test_flags_and_categories_may_be_numbers_in_parquet(ward: Path, mlops: Mlops) -> None:
    Path("config.yaml").write_text(CONFIG.replace("[female, male]", "['1', '2']"))
    frame = pd.DataFrame(
        {"patient_id": [7, 8], "event_timestamp": [moment("2026-01-01")] * 2, "age": [1, 2],
         "sex": [1.0, None], "sugar": [99, 98], "smoker": [0, 1]}
    )  # fmt: skip
    frame.to_parquet("own.parquet")
    assert mlops("features", "import", "ward", "own.parquet").code == 0
    assert stored("base")["patient_id"].tolist() == ["7", "8"]
    assert stored("base")["sex"].tolist() == ["1", None]
    assert stored("lab")["smoker"].tolist() == [False, True]


@pytest.mark.parametrize(
    "text",
    ["\ufeff" + HEADER + ROWS, (HEADER + ROWS).replace("\n", "\r\n"), (HEADER + ROWS).rstrip(),
     (HEADER + ROWS).replace("x9", '"x9"')],
    ids=["byte order mark", "windows", "no last newline", "quoted"],
)  # fmt: skip
def test_import_reads_what_spreadsheets_write(ward: Path, mlops: Mlops, text: str) -> None:
    assert import_text(mlops, text).code == 0
    assert stored("base")["patient_id"].tolist() == ["00123", "NA", "x9"]


def test_import_of_one_view_leaves_the_others_alone(filled: Path, mlops: Mlops) -> None:
    before = digests(filled)
    run = import_text(mlops, "patient_id,event_timestamp,sugar,smoker\na,2026-01-01,90,no\n")
    assert run.code == 0
    changed = {name for name, digest in digests(filled).items() if digest != before[name]}
    assert changed == {"data/lab.parquet"}


def test_import_of_labels_alone(filled: Path, mlops: Mlops) -> None:
    run = import_text(mlops, "patient_id,event_timestamp,back\na,2026-01-01,1\n", "--json")
    assert [Path(table["path"]).stem for table in run.data["tables"]] == ["labels"]


def test_import_takes_one_time_for_all_rows(ward: Path, mlops: Mlops) -> None:
    run = import_text(mlops, "patient_id,sugar,smoker\na,90,no\n", "--time", "2026-01-31")
    assert run.code == 0
    assert stored("lab")["event_timestamp"].tolist() == [moment("2026-01-31")]


def test_the_time_column_of_the_file_goes_before_the_option(ward: Path, mlops: Mlops) -> None:
    import_text(mlops, HEADER + ROWS, "--time", "2020-01-01")
    assert stored("base")["event_timestamp"].min() == moment("2026-01-01")


def test_import_without_times_says_how_to_give_one(ward: Path, mlops: Mlops) -> None:
    run = import_text(mlops, "patient_id,sugar,smoker\na,90,no\n")
    assert run.code == 2
    assert "no column 'event_timestamp' with the time of each row" in run.err
    assert "hint: name a time for all rows with --time 2026-01-31" in run.err


def test_import_keeps_the_time_of_writing(ward: Path, mlops: Mlops) -> None:
    Path("config.yaml").write_text(CONFIG.replace("ttl: 30d", "created: written"))
    text = "patient_id,event_timestamp,written,age,sex\na,2026-01-01,2026-01-05T12:00Z,41,male\n"
    assert import_text(mlops, text).code == 0
    assert stored("base")["written"].tolist() == [moment("2026-01-05 12:00")]


BAD = {
    "a word for a number": (HEADER + ROWS.replace("101", "high"), "column 'sugar', row 3 is"),
    "half a year": (HEADER + ROWS.replace("52", "52.5"), "row 2 is not a whole number"),
    "a huge number": (HEADER + ROWS.replace("52", "1e30"), "row 2 is not a whole number"),
    "an odd flag": (HEADER + ROWS.replace("yes", "often"), "row 1 is not true or false"),
    "a word for a label": (HEADER + ROWS.replace(",1,0", ",1,dead"), "column 'back', row 3"),
    "no entity": (HEADER + ROWS.replace("x9", ""), "row 3 has no patient_id"),
    "no such day": (HEADER + ROWS.replace("01-02", "02-30"), "row 2 is not a time in ISO 8601"),
    "no time": (HEADER + ROWS.replace("2026-01-02", ""), "row 2 has no event_timestamp"),
    "a column missing": ((HEADER + ROWS).replace("smoker", "smokes"), "column 'smoker'"),
    "no entity column": ((HEADER + ROWS).replace("patient_id", "id"), "no column 'patient_id'"),
    "a column twice": ((HEADER + ROWS).replace("sugar", "age"), "a column name occurs twice"),
    "semicolons": ((HEADER + ROWS).replace(",", ";"), "no column 'patient_id'"),
    "a longer row": (HEADER + ROWS + "a,b,c,d,e,f,g,h,i\n", "row 4 is longer than its header"),
    "a shorter row": (HEADER + ROWS + "a,b\n", "row 4 is shorter than its header"),
    "latin-1": ((HEADER + ROWS.replace("x9", "Zoë")).encode("latin-1"), "own.csv cannot be read"),
    "utf-16 without a mark": ((HEADER + ROWS).encode("utf-16-le"), "own.csv cannot be read"),
    "nothing": ("", "own.csv is empty"),
    "only a header": (HEADER, "own.csv has no rows"),
    "nothing of ours": ("patient_id,colour\na,red\n", "column 'age' is missing"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_a_bad_file_changes_no_table(
    filled: Path, mlops: Mlops, text: str | bytes, message: str
) -> None:
    before = digests(filled)
    run = import_text(mlops, text)
    assert run.code == 2
    assert message in run.err
    assert "internal" not in run.err
    assert digests(filled) == before


@pytest.mark.parametrize(
    ("line", "message"),
    [('{"patient_id": "a"', "row 1 is not a JSON object"), ('["a"]', "not a JSON object"),
     ('{"patient_id": "a", "event_timestamp": 2026, "sugar": 1, "smoker": true}', "not a time"),
     ('{"patient_id": "a", "event_timestamp": "2026-01-01", "sugar": [1], "smoker": true}',
      "is not a number"),
     ('{"patient_id": null, "event_timestamp": "2026-01-01", "sugar": 1, "smoker": true}',
      "row 1 has no patient_id")],
)  # fmt: skip
def test_bad_json_changes_no_table(filled: Path, mlops: Mlops, line: str, message: str) -> None:
    before = digests(filled)
    run = import_text(mlops, line + "\n", name="own.jsonl")
    assert (run.code, message in run.err) == (2, True), run.err
    assert digests(filled) == before


def test_a_column_of_numbers_is_no_column_of_times(filled: Path, mlops: Mlops) -> None:
    frame = pd.DataFrame({"patient_id": ["a"], "event_timestamp": [2026], "back": [1]})
    frame.to_parquet("own.parquet")
    run = mlops("features", "import", "ward", "own.parquet")
    assert run.code == 2
    assert "row 1 is not a time" in run.err


@pytest.mark.parametrize("name", ["own.xlsx", "own"])
def test_another_kind_of_file_is_refused(ward: Path, mlops: Mlops, name: str) -> None:
    run = import_text(mlops, HEADER + ROWS, name=name)
    assert run.code == 2
    assert "unknown kind of file" in run.err
    assert "hint: use .parquet, .csv, .jsonl" in run.err


def test_a_second_file_adds_its_rows(filled: Path, mlops: Mlops) -> None:
    later = "00123,2026-02-01,42,female,90,yes,1\n"
    run = import_text(mlops, HEADER + later)
    assert run.code == 0
    assert list(stored("base")["age"]) == [41, 52, 63, 42]
    assert list(stored("labels")["back"]) == [0, 1, 0, 1]


def test_importing_a_file_again_changes_nothing(filled: Path, mlops: Mlops) -> None:
    before = digests(filled / "data")
    assert import_text(mlops, HEADER + ROWS).code == 0
    assert digests(filled / "data") == before


def test_a_row_of_a_known_entity_and_time_is_replaced(filled: Path, mlops: Mlops) -> None:
    assert import_text(mlops, HEADER + "NA,2026-01-02,53,male,77,no,0\n").code == 0
    assert sorted(stored("base")["age"]) == [41, 53, 63]


def test_samples_never_replace_imported_tables(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mlops("init")
    small = ("features", "generate", "--patients", "60", "--months", "3")
    assert mlops(*small).code == 0
    own = tmp_path / "data/heart_disease/new_patients.csv"
    assert mlops("features", "import", "heart_disease", own, "--time", "2026-01-01").code == 0
    before = digests(tmp_path / "data")
    run = mlops(*small)
    assert run.code == 2
    assert "heart_disease has imported tables" in run.err
    assert digests(tmp_path / "data") == before


def test_a_new_table_is_as_readable_as_the_umask_says(ward: Path, mlops: Mlops) -> None:
    old = os.umask(0o077)
    try:
        assert import_text(mlops, HEADER + ROWS).code == 0
    finally:
        os.umask(old)
    assert (ward / "data/base.parquet").stat().st_mode & 0o777 == 0o600


def test_an_import_is_in_the_audit_log(filled: Path, mlops: Mlops) -> None:
    (event,) = mlops("audit", "log", "--json").data["events"]
    assert (event["action"], event["model"]) == ("features.imported", "ward")
    assert event["details"] == {
        "file": "own.csv", "rows": 3, "tables": 3, "views": ["base", "lab"],
    }  # fmt: skip


# validate


def findings(run: Run) -> set[tuple[str, str, int]]:
    (result,) = run.data["results"]
    return {(each["table"], each["column"], each["rows"]) for each in result["findings"]}


def change(table: str, frame: pd.DataFrame) -> None:
    """Write a table as it is, without the checks of an import."""
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), f"data/{table}.parquet")


def test_clean_tables_have_no_finding(filled: Path, mlops: Mlops) -> None:
    run = mlops("features", "validate")
    assert (run.code, run.out.strip()) == (0, "3 tables are as configured")


@pytest.mark.parametrize(
    ("table", "column", "values", "rows"),
    [("base", "age", [41, 121, -1], 2), ("base", "age", [41, None, 63], 1),
     ("base", "sex", ["female", "other", None], 1), ("lab", "sugar", [9.0, None, 901.0], 2),
     ("labels", "back", [0, 1, 2], 1), ("labels", "back", [0.0, 1.0, None], 1)],
)  # fmt: skip
def test_a_value_that_is_not_as_configured_is_a_finding(
    filled: Path, mlops: Mlops, table: str, column: str, values: list[object], rows: int
) -> None:
    change(table, stored(table).assign(**{column: values}))
    run = mlops("features", "validate", "ward", "--json")
    assert (run.code, run.json["status"]) == (3, "finding")
    assert findings(run) == {(table, column, rows)}


@pytest.mark.parametrize(
    ("table", "column", "values"),
    [("base", "age", ["41", "old", "63"]), ("base", "age", [41.0, 52.5, 63.0]),
     ("lab", "smoker", ["yes", "no", "maybe"]), ("lab", "sugar", ["high", "1", "2"]),
     ("base", "event_timestamp", ["2026-01-01", "soon", "2026-01-03"]),
     ("labels", "back", ["0", "1", "dead"])],
)  # fmt: skip
def test_a_column_of_another_type_is_a_finding(
    filled: Path, mlops: Mlops, table: str, column: str, values: list[object]
) -> None:
    change(table, stored(table).assign(**{column: values}))
    run = mlops("features", "validate", "ward", "--json")
    assert run.code == 3
    assert {(name, where) for name, where, _ in findings(run)} == {(table, column)}


def test_categories_may_be_stored_as_numbers(filled: Path, mlops: Mlops) -> None:
    Path("config.yaml").write_text(CONFIG.replace("[female, male]", "['1', '2']"))
    change("base", stored("base").assign(sex=[1, None, 2]))
    assert mlops("features", "validate").code == 0


@pytest.mark.parametrize(
    ("table", "column"),
    [("base", "age"), ("base", "patient_id"), ("lab", "event_timestamp"), ("labels", "back")],
)
def test_a_missing_column_is_a_finding(filled: Path, mlops: Mlops, table: str, column: str) -> None:
    change(table, stored(table).drop(columns=column))
    run = mlops("features", "validate", "ward", "--json")
    assert run.code == 3
    assert findings(run) == {(table, column, 3)}


def test_a_missing_time_of_writing_is_a_finding(filled: Path, mlops: Mlops) -> None:
    Path("config.yaml").write_text(CONFIG.replace("ttl: 30d", "created: written"))
    run = mlops("features", "validate", "ward", "--json")
    assert findings(run) == {("base", "written", 3)}


@pytest.mark.parametrize("table", TABLES)
def test_two_rows_of_one_moment_are_a_finding(filled: Path, mlops: Mlops, table: str) -> None:
    frame = stored(table)
    change(table, pd.concat([frame, frame.head(1)]))
    run = mlops("features", "validate", "ward", "--json")
    assert run.code == 3
    assert findings(run) == {(table, "patient_id, event_timestamp", 2)}


def test_a_correction_of_a_moment_is_no_finding(filled: Path, mlops: Mlops) -> None:
    """Two rows of one moment are what a column with the time of writing is for."""
    Path("config.yaml").write_text(CONFIG.replace("ttl: 30d", "created: written"))
    frame = stored("base")
    first = frame.assign(written=frame["event_timestamp"])
    again = first.assign(written=first["written"] + pd.Timedelta(days=1))
    change("base", pd.concat([first, again]))
    assert mlops("features", "validate", "ward").code == 0


def test_findings_quote_no_id(filled: Path, mlops: Mlops) -> None:
    ids, times = ["secret-1", "secret-1", None], ["secret-2", "2026-01-01", "2026-01-01"]
    frame = stored("base").assign(patient_id=ids, event_timestamp=times, age=[999, 41, 63])
    change("base", pd.concat([frame, frame]))
    for options in (("--json",), ()):
        run = mlops("features", "validate", "ward", *options)
        assert run.code == 3
        assert "secret" not in run.out + run.err


def test_findings_are_a_table_for_people(filled: Path, mlops: Mlops) -> None:
    change("base", stored("base").assign(age=[41, 121, 63]))
    run = mlops("features", "validate")
    assert run.code == 3
    assert "in range 0 to 120" in run.out


def test_exit_zero_reports_findings_with_0(filled: Path, mlops: Mlops) -> None:
    change("base", stored("base").assign(age=[41, 121, 63]))
    run = mlops("features", "validate", "--exit-zero", "--json")
    assert (run.code, run.json["status"], run.json["exit_code"]) == (0, "finding", 0)


def test_validate_without_the_tables_says_how_to_bring_them(ward: Path, mlops: Mlops) -> None:
    run = mlops("features", "validate", "ward")
    assert run.code == 6
    assert "base.parquet" in run.err
    assert "mlops features import" in run.err


# apply, materialize, list, get


@pytest.fixture
def online(filled: Path, mlops: Mlops) -> Path:
    """The project with its values online."""
    assert mlops("features", "apply").code == 0
    assert mlops("features", "materialize").code == 0
    return filled


def values(mlops: Mlops, entity: str) -> dict[str, object]:
    found = mlops("features", "get", "ward", entity, "--json").data["features"]
    return {name: each["value"] for name, each in found.items()}


def test_apply_again_changes_nothing(filled: Path, mlops: Mlops) -> None:
    first, second = (mlops("features", "apply", "--json") for _ in range(2))
    assert first.data["views"] == second.data["views"] == ["base", "lab"]
    assert [each["action"] for each in first.data["plan"]] == ["create"] * 3
    assert second.data["plan"] == []


def test_materialize_again_changes_no_value(online: Path, mlops: Mlops) -> None:
    before = {who: values(mlops, who) for who in ("00123", "NA", "x9")}
    assert before["NA"] == {"age": 52, "sex": "male", "sugar": None, "smoker": False}
    assert mlops("features", "materialize").code == 0
    assert {who: values(mlops, who) for who in before} == before


def test_materialize_before_apply_names_the_next_step(filled: Path, mlops: Mlops) -> None:
    run = mlops("features", "materialize")
    assert run.code == 6
    assert "hint: run `mlops features apply`" in run.err


def test_an_old_row_does_not_overwrite_a_newer_value(online: Path, mlops: Mlops) -> None:
    frame = stored("lab")
    old = frame.assign(event_timestamp=moment("2020-01-01"), sugar=500.0)
    change("lab", pd.concat([frame, old]))
    assert mlops("features", "materialize").code == 0
    assert values(mlops, "00123")["sugar"] == 88.5


def test_a_newer_row_does(online: Path, mlops: Mlops) -> None:
    frame = stored("lab")
    new = frame.assign(event_timestamp=moment("2026-01-05"), sugar=500.0)
    change("lab", pd.concat([new, frame]))
    assert mlops("features", "materialize").code == 0
    assert values(mlops, "00123")["sugar"] == 500


def test_get_at_a_time_shows_what_was_known_then(online: Path, mlops: Mlops) -> None:
    frame = stored("lab")
    new = frame.assign(event_timestamp=moment("2026-01-05"), sugar=500.0)
    change("lab", pd.concat([new, frame]))
    shown = []
    for at in ("2026-01-04", "2026-01-05T00:00:00", "2026-01-04T23:59:59"):
        run = mlops("features", "get", "ward", "00123", "--at", at, "--json")
        sugar = run.data["features"]["sugar"]
        shown.append((sugar["value"], sugar["event_time"], sugar["age_seconds"], sugar["view"]))
    assert shown == [
        (88.5, "2026-01-01T00:00:00+00:00", 3 * 86400, "lab"),
        (500, "2026-01-05T00:00:00+00:00", 0, "lab"),
        (88.5, "2026-01-01T00:00:00+00:00", 4 * 86400 - 1, "lab"),
    ]
    assert values(mlops, "00123")["sugar"] == 88.5  # not online yet


@pytest.mark.parametrize(
    ("entity", "at"), [("00123", "2025-12-31"), ("nobody", "2026-01-09"), ("123", "2026-01-09")]
)
def test_get_at_a_time_before_anything_was_known(
    online: Path, mlops: Mlops, entity: str, at: str
) -> None:
    run = mlops("features", "get", "ward", entity, "--at", at)
    assert run.code == 6
    assert f"no patient_id '{entity}' known at {at} 00:00:00" in run.err


def test_materialize_says_what_it_wrote_and_at_which_time(filled: Path, mlops: Mlops) -> None:
    assert mlops("features", "apply").code == 0
    first = mlops("features", "materialize", "--at", "2026-01-02", "--json").data["views"]["lab"]
    assert (first["entities"], first["written"]) == (2, 2)
    assert first["until"] == "2026-01-02T00:00:00+00:00"
    second = mlops("features", "materialize", "--json").data["views"]["lab"]
    assert (second["entities"], second["written"]) == (3, 1)
    full = mlops("features", "materialize", "--full", "--json").data["views"]["lab"]
    assert (full["entities"], full["written"]) == (3, 3)
    back = mlops("features", "materialize", "--at", "2026-01-02")
    assert back.code == 2
    assert "2026-01-02 00:00:00 is earlier" in back.err
    ahead = mlops("features", "materialize", "--at", "2200-01-01")
    assert ahead.code == 2
    assert "in the future" in ahead.err


def test_a_row_from_the_future_is_not_served(online: Path, mlops: Mlops) -> None:
    frame = stored("lab")
    later = frame.assign(event_timestamp=moment("2200-01-01"), sugar=500.0)
    change("lab", pd.concat([frame, later]))
    assert mlops("features", "materialize").code == 0
    assert values(mlops, "00123")["sugar"] == 88.5


def test_a_value_of_another_type_does_not_go_online(online: Path, mlops: Mlops) -> None:
    """Feast itself would serve 52.5 as 52, and training would refuse it."""
    change("base", stored("base").assign(age=[41.0, 52.5, 63.0]))
    run = mlops("features", "materialize")
    assert run.code == 2
    assert "base.parquet: column 'age', row 2 is not a whole number" in run.err
    assert values(mlops, "NA")["age"] == 52


def test_list_says_what_is_registered(filled: Path, mlops: Mlops) -> None:
    def registered() -> list[tuple[str, bool]]:
        views = mlops("features", "list", "--json").data["views"]
        return [(view["name"], view["registered"]) for view in views]

    assert registered() == [("base", False), ("lab", False)]
    mlops("features", "apply")
    assert registered() == [("base", True), ("lab", True)]


def test_get_says_value_time_and_age(online: Path, mlops: Mlops) -> None:
    answer = mlops("features", "get", "ward", "x9", "--json").data
    age = answer["features"]["age"]
    since = datetime.now(UTC) - datetime(2026, 1, 3, 8, 30, tzinfo=UTC)
    assert answer["entity"] == "x9"
    assert (age["value"], age["view"]) == (63, "base")
    assert age["event_time"] == "2026-01-03T08:30:00+00:00"
    assert age["age_seconds"] == pytest.approx(since.total_seconds(), abs=60)


def test_get_tells_which_values_have_expired(ward: Path, mlops: Mlops) -> None:
    """Only the view base has a ttl, of 30 days."""
    times = {who: datetime.now(UTC) - timedelta(days=d) for who, d in (("fresh", 29), ("old", 31))}
    rows = [f"{who},{time.isoformat()},41,male,88,no,0\n" for who, time in times.items()]
    assert import_text(mlops, HEADER + "".join(rows)).code == 0
    mlops("features", "apply")
    mlops("features", "materialize")
    for who, stale in (("fresh", False), ("old", True)):
        found = mlops("features", "get", "ward", who, "--json").data["features"]
        assert (found["age"]["stale"], found["sugar"]["stale"]) == (stale, False)
    assert "(expired)" in mlops("features", "get", "ward", "old").out


def test_get_of_an_unknown_entity(online: Path, mlops: Mlops) -> None:
    run = mlops("features", "get", "ward", "123")
    assert run.code == 6
    assert "no patient_id '123' in the online store" in run.err
    assert "mlops features materialize" in run.err


def test_an_entity_that_only_one_view_knows(online: Path, mlops: Mlops) -> None:
    text = "patient_id,event_timestamp,sugar,smoker\nnew,2026-01-01,90,no\n"
    assert import_text(mlops, text).code == 0
    assert mlops("features", "materialize").code == 0
    found = mlops("features", "get", "ward", "new", "--json").data["features"]
    assert (found["sugar"]["value"], found["age"]["value"]) == (90, None)
    assert (found["age"]["event_time"], found["age"]["stale"]) == (None, False)


@pytest.mark.parametrize("who", ["[/b]", "[red]x", "a b", "ünï", "'; --", "日本"])
def test_an_id_may_be_any_text(ward: Path, mlops: Mlops, who: str) -> None:
    assert import_text(mlops, HEADER + ROWS.replace("x9", who)).code == 0
    mlops("features", "apply")
    mlops("features", "materialize")
    run = mlops("features", "get", "ward", who)
    assert run.code == 0
    assert run.out.splitlines()[0].strip() == who


def test_failures_of_several_models_are_told_even_when_quiet(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mlops("init")
    run = mlops("features", "validate", "--quiet")
    assert run.code == 6
    assert run.err.count("mlops: ") == 3


def test_failures_of_several_models_are_an_error_in_json(
    tmp_path: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mlops("init")
    run = mlops("features", "validate", "--json")
    assert (run.code, run.json["status"], run.error["code"]) == (6, "error", "not_found")
    assert run.error["message"].startswith("heart_disease: no file")


def test_status_tells_how_old_the_newest_value_online_is(filled: Path, mlops: Mlops) -> None:
    def told() -> tuple[float | None, str]:
        (state,) = mlops("status", "--json").data["models"]
        return state["data_age"], mlops("status").out

    assert told()[0] is None
    assert "never" in told()[1].splitlines()[-2]
    for command in ("apply", "materialize"):
        assert mlops("features", command).code == 0
    newest = min(stored(table)["event_timestamp"].max() for table in ("base", "lab"))
    seconds, shown = told()
    assert seconds == pytest.approx((pd.Timestamp.now("UTC") - newest).total_seconds(), abs=60)
    assert " d old" in shown
