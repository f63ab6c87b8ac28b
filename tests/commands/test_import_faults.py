"""`mlops features import`: what must not be lost, changed or told, however odd the input."""

import json
import sqlite3
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from running import Mlops, Run, changed, import_text

from mlops_cli.backends import feature_store, files
from mlops_cli.config import load_config
from mlops_cli.domain.columns import times as times_of

CONFIG = """
project: ward
models:
  ward:
    task: classification
    entity: patient_id
    feature_views:
      vitals:
        source: data/vitals.parquet
        features:
          bmi: {type: float}
          stage: {type: category, categories: [a, b]}
    labels: {source: data/labels.csv, column: back}
"""
WINDOW = """          bmi_mean: {type: float, window: {of: bmi, compute: mean, over: 40d}}
"""
HEADER = "patient_id,event_timestamp,bmi,stage\n"
VITALS = HEADER + "a,2026-01-10,20,a\nb,2026-01-31,30,b\na,2026-02-10,24,a\n"
SOURCES = ["vitals", "vitals.parquet"]


@pytest.fixture(params=SOURCES)
def source(ward: Path, request: pytest.FixtureRequest) -> str:
    """The project with a view that is a folder, or a file."""
    configure(("data/vitals.parquet", f"data/{request.param}"))
    return str(request.param)


def configure(*changes: tuple[str, str]) -> None:
    Path("config.yaml").write_text(changed(Path("config.yaml").read_text(), *changes))


def stored(source: str = "vitals.parquet") -> pd.DataFrame:
    table = files.read_source(Path("data") / source)
    return table.sort_values(["patient_id", "event_timestamp"], ignore_index=True)


# quotes


@pytest.mark.parametrize("block", [16 * 2**20, 4096])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("how", ["fail", "reject"])
def test_a_quote_that_is_never_closed_swallows_no_row(
    ward: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch, how: str, encoding: str, block: int
) -> None:
    monkeypatch.setattr("mlops_cli.backends.files.reading._BLOCK", block)
    rows = [f'p{n},2026-01-01,1,"a"\n' for n in range(1000)]
    rows[9] = 'p9,2026-01-01,1,"a\n'
    rows[10:] = [row.replace('"', "") for row in rows[10:]]
    run = import_text(mlops, (HEADER + "".join(rows)).encode(encoding), "--on-error", how)
    assert (run.code, "row 10 opens a quote that is never closed" in run.err) == (2, True)
    assert not (ward / "data").exists()


def test_a_quote_of_a_column_without_a_use_is_found_too(ward: Path, mlops: Mlops) -> None:
    text = HEADER.replace("stage", "stage,note") + 'a,2026-01-01,1,a,"x\nb,2026-01-01,1,a,y\n'
    run = import_text(mlops, text)
    assert (run.code, "row 1 opens a quote" in run.err) == (2, True)
    run = import_text(mlops, '"' + VITALS)
    assert (run.code, "the header opens a quote" in run.err) == (2, True)


def test_quotes_that_are_meant_are_read_across_blocks(
    ward: Path, mlops: Mlops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_cli.backends.files.reading._BLOCK", 4096)
    note = '"5"" tall,\n' + "two lines" * 30 + '\n"'
    rows = [f'p{n},2026-01-01,{n},a,{note},7" flat\n' for n in range(100)]
    header = HEADER.replace("stage", "stage,note,more")
    run = import_text(mlops, header + "".join(rows), "--json")
    assert (run.code, run.data["rows"]) == (0, 100)
    assert sorted(stored()["bmi"]) == list(range(100))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("first", "last"),
    [('"a', 'b"'), ('"a', '"b'), ('"a ""x""', '"b"'), ('"', '"')],
    ids=["closed", "opened again", "with meant ones", "alone"],
)
@pytest.mark.parametrize("column", ["note", "stage"])
def test_two_stray_quotes_swallow_no_row(
    ward: Path, mlops: Mlops, column: str, first: str, last: str, end: str, encoding: str
) -> None:
    """What stands between them is one cell, which nobody looks at where the column has no use."""
    texts = dict.fromkeys(range(20), "a") | {7: first, 11: last}
    rows = [
        f"p{n},2026-01-01,1,{f'a,{text}' if column == 'note' else f'{text},x'}{end}"
        for n, text in texts.items()
    ]
    text = HEADER.replace("stage", "stage,note").replace("\n", end) + "".join(rows)
    run = import_text(mlops, text.encode(encoding), "--on-error", "reject")
    assert run.code == 2, run.out
    assert "row 8 opens a quote, and 4 more lines that look like rows are in that cell" in run.err
    assert not (ward / "data").exists()


def test_a_quoted_header_after_a_byte_order_mark_is_read(ward: Path, mlops: Mlops) -> None:
    header = ",".join(f'"{name}"' for name in HEADER.strip().split(",")) + "\n"
    run = import_text(mlops, (header + VITALS.removeprefix(HEADER)).encode("utf-8-sig"), "--json")
    assert (run.code, run.data["rows"]) == (0, 3)


def test_a_note_of_several_lines_is_no_swallowed_row(ward: Path, mlops: Mlops) -> None:
    notes = ["two\nlines", "a, b\nc, d", "1,2,3,4\n5", "\n\n", "x\na,2026-01-01,1,a"]
    rows = [f'p{n},2026-01-01,{n},a,"{note}"\n' for n, note in enumerate(notes)]
    run = import_text(mlops, HEADER.replace("stage", "stage,note") + "".join(rows), "--json")
    assert (run.code, run.data["rows"]) == (0, len(notes))


@pytest.mark.parametrize(("column", "text"), [
    ("stage", 'a,2026-01-01,1,"a\nb"\n'),
    ("patient_id", '"a\n1",2026-01-01,1,a\n'),
])  # fmt: skip
def test_a_word_of_several_lines_is_wrong(ward: Path, mlops: Mlops, column: str, text: str) -> None:
    run = import_text(mlops, HEADER + text)
    assert run.code == 2
    assert f"column '{column}', row 1 is not a word: it has several lines" in run.err


def test_labels_that_end_inside_a_quote_are_refused(ward: Path, mlops: Mlops) -> None:
    Path("data").mkdir()
    Path("data/labels.csv").write_text('patient_id,event_timestamp,back\na,2026-01-01,"1\nb,x,0\n')
    run = mlops("train", "ward")
    assert (run.code, "row 1 opens a quote that is never closed" in run.err) == (2, True)


# what is there is kept


def test_a_column_that_nobody_names_is_not_dropped(ward: Path, mlops: Mlops) -> None:
    assert import_text(mlops, VITALS).code == 0
    table = files.read_source(Path("data/vitals.parquet")).assign(extra=1)
    table.to_parquet("data/vitals.parquet", index=False)
    before = Path("data/vitals.parquet").read_bytes()
    run = import_text(mlops, VITALS)
    assert (run.code, "a column 'extra' that config.yaml does not name" in run.err) == (2, True)
    assert Path("data/vitals.parquet").read_bytes() == before
    Path("data/labels.csv").write_text("patient_id,event_timestamp,back,who\na,2026-01-01,1,x\n")
    run = import_text(mlops, "patient_id,event_timestamp,back\nb,2026-01-01,1\n")
    assert (run.code, "a column 'who'" in run.err) == (2, True)


def test_a_feature_that_was_given_up_is_not_dropped_but_a_window_is(
    source: str, mlops: Mlops
) -> None:
    configure(("          stage", WINDOW + "          stage"))
    assert import_text(mlops, VITALS).code == 0
    configure((WINDOW, ""))
    assert import_text(mlops, VITALS).code == 0
    configure(("          bmi: {type: float}\n", ""))
    run = import_text(mlops, VITALS)
    assert (run.code, "a column 'bmi'" in run.err) == (2, True)


def test_a_link_to_a_file_stays_a_link(ward: Path, mlops: Mlops) -> None:
    Path("data").mkdir()
    Path("data/vitals.parquet").symlink_to("../elsewhere.parquet")
    for _ in range(2):
        assert import_text(mlops, VITALS).code == 0
    assert Path("data/vitals.parquet").readlink() == Path("../elsewhere.parquet")
    assert len(files.read_table(Path("elsewhere.parquet"))) == 3


def test_a_dry_run_moves_nothing_and_says_so(ward: Path, mlops: Mlops) -> None:
    configure(("data/vitals.parquet", "data/vitals"))
    Path("data/vitals").mkdir(parents=True)
    frame = pd.DataFrame({"patient_id": ["z"], "bmi": [1.0], "stage": ["a"]})
    frame = frame.assign(event_timestamp=pd.Timestamp("2026-01-01", tz="UTC"))
    frame.to_parquet("data/vitals/mine.parquet", index=False)
    run = import_text(mlops, VITALS, "--dry-run", "--json")
    assert (run.json["warnings"], run.data["tables"][0]["moved"]) == ([], None)
    assert import_text(mlops, VITALS).code == 0
    Path("data/vitals").unlink()
    Path("data/.vitals.next").symlink_to(".vitals-1")
    run = import_text(mlops, VITALS, "--dry-run", "--json")
    assert (run.data["tables"][0]["rows"], run.data["tables"][0]["new"]) == (4, 0)
    assert Path("data/.vitals.next").is_symlink()
    assert not Path("data/vitals").exists()


def test_tables_in_a_folder_below_are_not_left_out(ward: Path, mlops: Mlops) -> None:
    Path("own/2025").mkdir(parents=True)
    Path("own/a.csv").write_text(VITALS)
    assert mlops("features", "import", "ward", "own").code == 0
    Path("own/2025/b.csv").write_text(VITALS)
    run = mlops("features", "import", "ward", "own")
    assert (run.code, "the folder '2025' in there holds tables, too" in run.err) == (2, True)


def test_what_is_no_table_in_a_source_is_ignored(ward: Path, mlops: Mlops) -> None:
    configure(("data/vitals.parquet", "data/vitals"))
    assert import_text(mlops, VITALS).code == 0
    for name in ("README.txt", ".hidden.parquet", "_log.parquet"):
        Path("data/vitals", name).write_text("mine")
    assert len(stored("vitals")) == 3
    assert mlops("features", "apply").code == 0
    run = mlops("features", "get", "ward", "a", "--at", "2026-03-01", "--json")
    assert run.data["features"]["bmi"]["value"] == 24


def test_rejected_rows_are_for_their_owner_only(ward: Path, mlops: Mlops) -> None:
    run = import_text(mlops, VITALS.replace("20,a", "x,a"), "--on-error", "reject", "--json")
    assert run.code == 3
    assert Path(run.data["rejects"]).stat().st_mode & 0o777 == 0o600


def test_a_new_feature_is_there_in_every_month(source: str, mlops: Mlops) -> None:
    assert import_text(mlops, VITALS).code == 0
    configure(("          stage", "          first: {type: bool}\n          stage"))
    text = VITALS.replace("bmi,", "bmi,first,").replace("24,", "24,yes,").splitlines()
    run = import_text(mlops, "\n".join([text[0], text[-1]]), "--json")
    (table,) = run.data["tables"]
    assert (table["rows"], table["new"], table["added"]) == (3, 0, ["first"])
    assert f"data/{source} had no column of first" in run.json["warnings"][0]
    assert stored(source)["first"].tolist() == [None, True, None]


# ids made of row numbers


NUMBERED = "    imports: {row_id: 'p{row}', row_time: {start: 2026-01-01, step: 1h}}\n"


def test_numbered_rows_of_another_file_replace_nobody(source: str, mlops: Mlops) -> None:
    with Path("config.yaml").open("a") as file:
        file.write(NUMBERED)
    text = "bmi,stage\n20,a\n30,b\n"
    for _ in range(2):
        assert import_text(mlops, text).code == 0
    other = text.replace("30", "31")
    run = import_text(mlops, other, name="other.csv")
    assert (run.code, "has other rows with the ids" in run.err) == (2, True)
    assert stored(source)["bmi"].tolist() == [20, 30]


def test_the_name_of_the_file_tells_numbered_rows_apart(ward: Path, mlops: Mlops) -> None:
    with Path("config.yaml").open("a") as file:
        file.write(NUMBERED.replace("p{row}", "{file}-{row}"))
    text = "bmi,stage\n20,a\n30,b\n"
    Path("own").mkdir()
    Path("own/x.csv").write_text(text)
    Path("own/y.csv").write_text(text)
    assert mlops("features", "import", "ward", "own").code == 0
    assert stored()["patient_id"].tolist() == ["x-0", "x-1", "y-2", "y-3"]
    configure(("step: 1h", "step: 1h, order: bmi"))
    assert mlops("features", "import", "ward", "own").code == 0
    assert sorted(set(stored()["patient_id"])) == ["x-0", "x-1", "y-2", "y-3"]


# queries


@pytest.fixture
def clinic(ward: Path) -> str:
    """A database in a folder with a space; yields its URL."""
    Path("my data").mkdir()
    with sqlite3.connect("my data/clinic.db") as clinic:
        clinic.execute("CREATE TABLE v (patient_id, event_timestamp, bmi, stage)")
        clinic.execute("INSERT INTO v VALUES ('a', '2026-01-01', 20, 'a')")
    return "sqlite:///my data/clinic.db"


def ask(mlops: Mlops, url: str, query: str, *options: str) -> Run:
    return mlops("features", "import", "ward", "--sql", url, "--query", query, *options)


def test_a_database_in_any_place_is_read(clinic: str, ward: Path, mlops: Mlops) -> None:
    absolute = f"sqlite:///{ward}/my data/clinic.db"
    uri = "sqlite:///file:my%20data/clinic.db?uri=true"
    for url in (clinic, absolute, uri):
        run = ask(mlops, url, "SELECT *, ':x %s' AS note FROM v WHERE stage LIKE 'a%'")
        assert run.code == 0, run.err


@pytest.mark.parametrize(
    "query",
    ["drop table v", "DELETE FROM v", "INSERT INTO v VALUES (1, 2, 3, 4) RETURNING *",
     "SELECT * FROM nowhere", "SELEC 1", "SELECT ':x FROM v", "", "PRAGMA user_version = 7"],
)  # fmt: skip
def test_a_query_that_is_wrong_changes_nothing(clinic: str, mlops: Mlops, query: str) -> None:
    before = Path("my data/clinic.db").read_bytes()
    run = ask(mlops, clinic, query)
    assert (run.code, "--query" in run.err) == (2, True), run.err
    assert Path("my data/clinic.db").read_bytes() == before


def test_a_database_that_is_not_there_is_not_made(ward: Path, mlops: Mlops) -> None:
    run = ask(mlops, "sqlite:///clinc.db", "SELECT 1")
    assert (run.code, "no file clinc.db" in run.err) == (6, True)
    assert not Path("clinc.db").exists()


def test_a_locked_database_is_a_reason_to_try_again(clinic: str, mlops: Mlops) -> None:
    with sqlite3.connect("my data/clinic.db") as other:
        other.execute("BEGIN EXCLUSIVE")
        run = ask(mlops, clinic + "?timeout=0.1", "SELECT * FROM v")
        other.rollback()
    assert run.code == 75


def test_postgresql_is_only_read(ward: Path, mlops: Mlops, postgres_url: str) -> None:
    row = "SELECT 'a' AS patient_id, DATE '2026-01-01' AS event_timestamp, 1.5 AS bmi, 'a' AS stage"
    assert ask(mlops, postgres_url, f"{row} WHERE 'ab' LIKE 'a%'").code == 0
    for query in ("CREATE TABLE v (a int)", "SELECT * FROM v", "SELEC 1", "SELECT ':x"):
        run = ask(mlops, postgres_url, query)
        assert (run.code, "--query" in run.err) == (2, True), run.err


def test_no_part_of_a_password_is_told(ward: Path, mlops: Mlops) -> None:
    url = "postgresql+psycopg://u:pa@ss@127.0.0.1:1/x?connect_timeout=1"
    run = ask(mlops, url, "SELECT 1")
    assert run.code in {2, 75}
    assert "ss@" not in run.err


# words and times


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_text_of_jsonl_stays_as_it_was_written(
    ward: Path, mlops: Mlops, mark: str, broken: bool
) -> None:
    row = {"patient_id": "1990-05-17", "event_timestamp": "2026-01-01", "bmi": 1, "stage": "a"}
    other = {"patient_id": "2000-01-01T00:00", "event_timestamp": "2026-01-01", "bmi": 1}
    lines = [json.dumps(row), json.dumps(other | {"stage": "1990-05-17"}), *["{"] * broken]
    run = import_text(mlops, mark + "\n".join(lines), "--on-error", "reject", name="own.jsonl")
    assert run.code == (3 if broken else 0)
    assert stored()["patient_id"].tolist() == ["1990-05-17", "2000-01-01T00:00"]
    assert stored()["stage"].tolist() == ["a", "1990-05-17"]


@pytest.mark.parametrize("word", ["now", "today", "yesterday", "260101", "0000-01-01"])
def test_a_word_is_no_time(ward: Path, mlops: Mlops, word: str) -> None:
    run = import_text(mlops, VITALS.replace("2026-01-31", word))
    assert (run.code, "row 2 is not a time in ISO 8601" in run.err) == (2, True)


def test_times_of_any_year_are_stored_and_joined(source: str, mlops: Mlops) -> None:
    text = VITALS.replace("2026-01-10", "1650-01-01").replace("2026-01-31", "9999-12-31")
    assert import_text(mlops, text).code == 0
    assert import_text(mlops, text, "--json").data["tables"][0]["new"] == 0
    times = stored(source)["event_timestamp"].astype(str).str[:10].tolist()
    assert times == ["1650-01-01", "2026-02-10", "9999-12-31"]
    assert mlops("features", "apply").code == 0
    assert mlops("features", "materialize").code == 0
    for at, value in (("2026-02-01", 20), ("2026-03-01", 24)):
        run = mlops("features", "get", "ward", "a", "--at", at, "--json")
        assert run.data["features"]["bmi"]["value"] == value
    labels = "patient_id,event_timestamp,back\na,1700-01-01,1\nb,9999-12-31,0\n"
    assert import_text(mlops, labels).code == 0
    assert mlops("features", "validate").code in {0, 3}
    assert mlops("features", "stats", "ward").code == 0
    config = load_config(Path("config.yaml"))
    model = config.models["ward"]
    asked = files.read_source(Path("data/labels.csv"))
    asked["event_timestamp"] = times_of(asked["event_timestamp"], "labels")
    known = feature_store.historical(config, model, asked).frame
    assert known["bmi"].tolist() == [20, 30]


# windows whose definition was changed


def test_windows_of_another_definition_are_not_used(source: str, mlops: Mlops) -> None:
    configure(("          stage", WINDOW + "          stage"))
    labels = "patient_id,event_timestamp,back\na,2026-03-01,1\n"
    for text in (VITALS, labels):
        assert import_text(mlops, text).code == 0
    assert mlops("features", "apply").code == 0
    assert mlops("features", "materialize").code == 0
    configure(("over: 40d", "over: 10d"))
    for command in (
        ("train", "ward"), ("features", "materialize"),
        ("features", "get", "ward", "a", "--at", "2026-03-01"),
    ):  # fmt: skip
        run = mlops(*command)
        assert run.code == 2
        assert (
            "feature 'bmi_mean' of view 'vitals' is stored as mean of bmi over 40 days" in run.err
        )
        assert "mlops features import ward --windows" in run.err
    before = {p: p.read_bytes() for p in Path("data").rglob("*.parquet")}
    assert mlops("features", "import", "ward", "--windows", "--dry-run").code == 0
    assert {p: p.read_bytes() for p in Path("data").rglob("*.parquet")} == before
    run = mlops("features", "import", "ward", "--windows", "--json")
    assert (run.code, run.data["tables"][0]["rows"]) == (0, 3)
    assert stored(source)["bmi_mean"].tolist() == [20, 24, 30]
    assert mlops("features", "materialize").code == 0
    (event, *_) = mlops("audit", "log", "--json").data["events"][-2:]
    assert event["details"]["file"] == "--windows"


def test_a_definition_that_gives_the_same_values_is_taken_over(source: str, mlops: Mlops) -> None:
    configure(("          stage", WINDOW + "          stage"))
    assert import_text(mlops, VITALS).code == 0
    configure(("over: 40d", "over: 50d"))
    header, first, *_ = VITALS.splitlines()
    assert import_text(mlops, f"{header}\n{first}\n").code == 0
    files.check_windows("ward", load_config(Path("config.yaml")).models["ward"])


def test_windows_need_a_table(ward: Path, mlops: Mlops) -> None:
    run = mlops("features", "import", "ward", "--windows")
    assert (run.code, "has no table with windows" in run.err) == (2, True)
    run = mlops("features", "import", "ward", "own.csv", "--windows")
    assert (run.code, "or --windows" in run.err) == (2, True)
    assert not Path("data").exists()


# one source, several models


OTHER = """
  other:
    task: classification
    entity: patient_id
    feature_views:
      NAME:
        source: data/vitals.parquet
        features: {bmi: {type: float}, FEATURE}
    labels: {source: LABELS, column: back}
"""


@pytest.mark.parametrize(
    ("name", "feature", "labels", "code"),
    [("mine", "age: {type: int}", "data/other.csv", 2),
     ("mine", "stage: {type: category, categories: [a, b]}", "data/labels.csv", 0),
     ("vitals", "stage: {type: category, categories: [a, b]}", "data/labels.csv", 0),
     ("vitals", "stage: {type: category, categories: [a, b]}", "data/vitals.parquet", 2)],
)  # fmt: skip
def test_models_share_a_source_only_if_they_agree(
    ward: Path, mlops: Mlops, name: str, feature: str, labels: str, code: int
) -> None:
    text = OTHER.replace("NAME", name).replace("FEATURE", feature).replace("LABELS", labels)
    with Path("config.yaml").open("a") as file:
        file.write(text)
    run = mlops("config", "check")
    assert run.code == code
    assert ("vitals.parquet is the source of" in run.err) == bool(code)


def test_parquet_says_how_its_windows_were_made(ward: Path, mlops: Mlops) -> None:
    configure(("          stage", WINDOW + "          stage"))
    assert import_text(mlops, VITALS).code == 0
    said = pq.read_schema("data/vitals.parquet").metadata[b"mlops_windows"]
    assert json.loads(said) == {"bmi_mean": "mean of bmi over 40 days, 0:00:00"}
