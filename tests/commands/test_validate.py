"""`mlops features validate`: findings that quote nobody, and the comparison with earlier tables."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from running import Mlops, Run

CONFIG = """
project: ward
models:
  ward:
    task: classification
    entity: patient_id
    feature_views:
      lab:
        source: data/lab.parquet
        features:
          age: {type: int, range: [0, 120]}
          sugar: {type: float, range: [10, 900]}
          smoker: {type: bool}
          ward: {type: category, categories: [north, south]}
    labels: {source: data/labels.parquet, column: back}
"""
PEOPLE = 200


def lab(seed: int = 1, people: int = PEOPLE, **columns: Any) -> pd.DataFrame:
    """Two visits of each patient."""
    draw = np.random.default_rng(seed)
    rows = 2 * people
    visit = np.repeat([0, 1], people)
    made = {
        "patient_id": [f"secret-{row % people}" for row in range(rows)],
        "event_timestamp": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(visit, unit="D"),
        "age": draw.integers(20, 90, rows),
        "sugar": draw.normal(100, 15, rows),
        "smoker": draw.random(rows) < 0.3,
        "ward": draw.choice(["north", "south"], rows).astype(object),
    }
    return pd.DataFrame({**made, **columns})


def labels(people: int = PEOPLE, sick: int = 4) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient_id": [f"secret-{row}" for row in range(people)],
            "event_timestamp": pd.Timestamp("2026-01-03", tz="UTC"),
            "back": (np.arange(people) % sick == 0).astype(int),
        }
    )


def write(folder: str, table: pd.DataFrame, truth: pd.DataFrame | None = None) -> None:
    Path(folder).mkdir(exist_ok=True)
    table.to_parquet(f"{folder}/lab.parquet", index=False)
    (labels() if truth is None else truth).to_parquet(f"{folder}/labels.parquet", index=False)


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with tables as configured, and an earlier state of them."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(CONFIG)
    write("data", lab())
    write("old", lab(seed=2))
    return tmp_path


def findings(run: Run) -> list[dict[str, Any]]:
    (result,) = run.data["results"]
    return list(result["findings"])


def seen(run: Run) -> dict[tuple[str, str], list[str] | None]:
    return {(each["column"], each["rule"]): each["examples"] for each in findings(run)}


def some(values: Any, rows: int, cell: object) -> list[object]:
    """Return a column with other cells in its first rows."""
    return [cell] * rows + list(values)[rows:]


# what may be said


def test_a_finding_has_its_rows_and_their_share(ward: Path, mlops: Mlops) -> None:
    write("data", lab(age=some(lab()["age"], 100, 0 - 1)))
    run = mlops("features", "validate", "--json")
    assert run.code == 3
    assert findings(run) == [
        {"table": "lab", "column": "age", "rule": "in range 0 to 120", "rows": 100, "share": 0.25,
         "examples": ["-1 (100 rows)"]}
    ]  # fmt: skip


def test_a_value_of_a_few_is_not_quoted_and_a_range_is_rounded(ward: Path, mlops: Mlops) -> None:
    write("data", lab(age=some(lab()["age"], 4, 12_345)))
    run = mlops("features", "validate", "--json")
    assert seen(run) == {("age", "in range 0 to 120"): None}
    write("data", lab(age=[121, 122, 123, 124, 12_345, *lab()["age"][5:]]))
    run = mlops("features", "validate", "--json")
    assert seen(run) == {("age", "in range 0 to 120"): ["about 120 to 12000"]}


def test_an_unknown_word_is_quoted_if_five_patients_have_it(ward: Path, mlops: Mlops) -> None:
    words = lab()["ward"].tolist()
    words[:5] = ["west"] * 5
    words[5], words[5 + PEOPLE] = "Lovelace", "Lovelace"
    write("data", lab(ward=words))
    run = mlops("features", "validate", "--json")
    assert seen(run) == {("ward", "is a known category"): ["west (5 rows)"]}
    assert findings(run)[0]["rows"] == 7
    assert "Lovelace" not in mlops("features", "validate").out


def test_many_rows_of_one_patient_are_too_few_to_quote(ward: Path, mlops: Mlops) -> None:
    table = lab(ward=some(lab()["ward"], 12, "Lovelace"))
    table.loc[:11, "patient_id"] = "secret-0"
    table["event_timestamp"] += pd.to_timedelta(np.arange(2 * PEOPLE), unit="s")
    write("data", table)
    run = mlops("features", "validate")
    assert "Lovelace" not in run.out
    assert "too few rows to quote" in " ".join(run.out.split())


def test_the_patient_counts_also_where_the_key_is_longer(ward: Path, mlops: Mlops) -> None:
    """Six hospitals of one patient are one patient."""
    longer = CONFIG.replace("lab.parquet\n", "lab.parquet\n        entity: [site, patient_id]\n")
    Path("config.yaml").write_text(longer)
    table = lab(site=[f"S{row % 50}" for row in range(2 * PEOPLE)])
    table.loc[:5, "patient_id"] = "secret-0"
    table.loc[:5, "ward"] = "Lovelace"
    write("data", table, labels().assign(site="S1"))
    run = mlops("features", "validate", "--json")
    assert seen(run) == {("ward", "is a known category"): None}


def test_no_two_rows_agree_in_all_keys_and_times(ward: Path, mlops: Mlops) -> None:
    longer = CONFIG.replace("lab.parquet\n", "lab.parquet\n        entity: [site, patient_id]\n")
    Path("config.yaml").write_text(longer)
    table = lab(site="S1")
    other = table.head(3).assign(site=["S1", "S2", "S2"])
    write("data", pd.concat([table, other]), labels().assign(site="S1"))
    (found,) = findings(mlops("features", "validate", "--json"))
    assert (found["column"], found["rows"]) == ("site, patient_id, event_timestamp", 2)


def test_labels_are_identified_by_all_keys(ward: Path, mlops: Mlops) -> None:
    longer = CONFIG.replace("lab.parquet\n", "lab.parquet\n        entity: [site, patient_id]\n")
    Path("config.yaml").write_text(longer)
    write("data", lab(site="S1"))
    run = mlops("features", "validate", "--json")
    assert seen(run) == {("site", "the column is there"): []}


def test_words_for_numbers_are_quoted_by_the_same_rule(ward: Path, mlops: Mlops) -> None:
    cells = [str(cell) for cell in lab()["sugar"]]
    cells[:6] = ["?"] * 6
    cells[6] = "see the letter of Dr Lovelace"
    write("data", lab(sugar=cells))
    run = mlops("features", "validate", "--json")
    assert seen(run) == {("sugar", "has its type"): ["? (6 rows)"]}


def test_fractions_in_whole_numbers_are_counted(ward: Path, mlops: Mlops) -> None:
    write("data", lab(age=some(lab()["age"].astype(float), 7, 40.5)))
    (found,) = findings(mlops("features", "validate", "--json"))
    assert (found["rule"], found["rows"], found["examples"]) == (
        "has its type",
        7,
        ["40.5 (7 rows)"],
    )


def test_ids_and_times_are_never_quoted(ward: Path, mlops: Mlops) -> None:
    table = lab().astype({"event_timestamp": str})
    table["event_timestamp"] = some(table["event_timestamp"], 20, "secret-time")
    table.loc[30:39, "patient_id"] = None
    table["ward"] = some(table["ward"], 20, "secret-9")
    write("data", table)
    for options in ((), ("--json",)):
        run = mlops("features", "validate", *options)
        assert run.code == 3
        assert "secret" not in run.out + run.err
    assert seen(run)["event_timestamp", "has its type"] == []
    assert seen(run)["ward", "is a known category"] is None


def test_a_table_without_rows_is_a_finding(ward: Path, mlops: Mlops) -> None:
    write("data", lab().head(0))
    run = mlops("features", "validate", "--json")
    assert run.code == 3
    assert ("", "has rows") in seen(run)


def test_findings_fit_80_columns(ward: Path, mlops: Mlops) -> None:
    write("data", lab(age=some(lab()["age"], 100, -1), ward=some(lab()["ward"], 3, "x")))
    run = mlops("features", "validate")
    assert max(len(line) for line in run.out.splitlines()) <= 80
    assert "25%" in run.out
    assert "-1 (100 rows)" in " ".join(run.out.split())


def test_a_view_of_two_models_is_told_once_to_people(ward: Path, mlops: Mlops) -> None:
    block = CONFIG.partition("models:\n")[2]
    Path("config.yaml").write_text(
        CONFIG + block.replace("  ward:\n    task", "  second:\n    task")
    )
    write("data", lab(age=some(lab()["age"], 100, -1)), labels().assign(back=2))
    run = mlops("features", "validate", "--json")
    both = run.data["results"]
    assert [each["model"] for each in both] == ["ward", "second"]
    assert both[0]["findings"] == both[1]["findings"] != []
    shown = mlops("features", "validate").out
    assert shown.count("in range 0 to 120") == 1
    assert "labels of ward" in " ".join(shown.split())
    assert shown.count("is 0 or 1") == 2


# against an earlier state


def test_an_earlier_state_like_this_one_is_no_finding(ward: Path, mlops: Mlops) -> None:
    run = mlops("features", "validate", "--against", "old")
    assert (run.code, run.out.strip()) == (0, "2 tables are as configured and as in old")
    told = mlops("features", "validate", "--against", "old", "--json").data["results"][0]
    compared = [(each["table"], each["rows"], each["conclusive"]) for each in told["comparisons"]]
    assert compared == [("lab", 200, True), ("labels", 200, True)]
    assert mlops("features", "validate", "--against", "old", "--quiet").out == ""


@pytest.mark.parametrize(
    ("columns", "column", "rule"),
    [
        ({"sugar": lab()["sugar"] + 30}, "sugar", "values as before"),
        ({"sugar": [None] * 200 + [99.0, 101.0] * 100}, "sugar", "values as before"),
        ({"sugar": [99.0, None] * 200}, "sugar", "missing as seldom as before"),
        ({"age": [*lab()["age"][:380], *[110] * 20]}, "age", "in the range before"),
        ({"smoker": True}, "smoker", "varies, as before"),
        ({"ward": ["north"] * 180 + ["south"] * 220}, "ward", "values as before"),
        ({"ward": ["north", "west"] * 200}, "ward", "unknown words as seldom as before"),
        ({"smoker": lab()["smoker"].astype(int)}, "smoker", "type as before"),
        ({"weight": 80.0}, "weight", "was a column before"),
    ],
)  # fmt: skip
def test_a_change_since_then_is_a_finding(
    ward: Path, mlops: Mlops, columns: dict[str, Any], column: str, rule: str
) -> None:
    write("data", lab(**columns))
    run = mlops("features", "validate", "--against", "old", "--json")
    assert run.code == 3
    assert (column, rule) in seen(run)
    assert {name for name, _ in seen(run)} == {column}


def test_a_column_that_is_gone_is_one_finding(ward: Path, mlops: Mlops) -> None:
    write("data", lab().drop(columns="smoker"))
    write("old", lab(seed=2, weight=80.0))
    run = mlops("features", "validate", "--against", "old", "--json")
    assert set(seen(run)) == {("smoker", "the column is there"), ("weight", "still is a column")}


def test_more_sick_patients_are_a_finding_in_the_labels(ward: Path, mlops: Mlops) -> None:
    write("data", lab(), labels(sick=2))
    run = mlops("features", "validate", "--against", "old", "--json")
    ((column, rule),) = seen(run)
    assert (column, rule, findings(run)[0]["table"]) == ("back", "values as before", "labels")
    assert seen(run)[column, rule][0].startswith("share of 1 0.25 -> 0.5")


def test_visits_of_one_patient_are_one_row(ward: Path, mlops: Mlops) -> None:
    """Twenty patients with a hundred rows each are twenty: too few, whatever they show."""
    write("data", pd.concat([lab(people=20, sugar=300.0 + n).assign(
        event_timestamp=pd.Timestamp("2026-02-01", tz="UTC") + pd.Timedelta(days=n)
    ).head(20) for n in range(100)]))  # fmt: skip
    run = mlops("features", "validate", "--against", "old")
    assert run.code == 5
    assert "inconclusive: lab has 20 entities, its reference 200; drift.min_rows is 100" in run.out


def test_a_short_reference_is_no_quiet_pass(ward: Path, mlops: Mlops) -> None:
    write("old", lab(people=99), labels(people=99))
    run = mlops("features", "validate", "--against", "old", "--json")
    assert (run.code, run.json["status"]) == (5, "inconclusive")
    (result,) = run.data["results"]
    assert (result["conclusive"], result["min_rows"]) == (False, 100)
    write("data", lab(weight=1))
    assert mlops("features", "validate", "--against", "old").code == 3


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_one_table_with_the_features_is_a_reference(ward: Path, mlops: Mlops, suffix: str) -> None:
    columns = ["age", "sugar", "smoker", "ward"]
    before = lab(seed=2)[columns]
    if suffix == "csv":
        before.to_csv("before.csv", index=False)
    elif suffix == "jsonl":
        before.to_json("before.jsonl", orient="records", lines=True)
    else:
        before.to_parquet("before.parquet", index=False)
    run = mlops("features", "validate", "--against", f"before.{suffix}", "--json")
    assert (run.code, findings(run)) == (0, [])
    (compared,) = run.data["results"][0]["comparisons"]
    assert (compared["rows"], compared["reference_rows"]) == (200, 400)
    write("data", lab(sugar=lab()["sugar"] + 30))
    assert mlops("features", "validate", "--against", f"before.{suffix}").code == 3


def test_a_table_called_like_the_source_is_one_table_still(ward: Path, mlops: Mlops) -> None:
    write("data", lab(weight=80.0))
    run = mlops("features", "validate", "--against", "old/lab.parquet", "--json")
    assert (run.code, findings(run)) == (0, [])


def test_a_view_that_the_one_table_says_nothing_of_is_inconclusive(
    ward: Path, mlops: Mlops
) -> None:
    other = "      other: {source: data/other.parquet, features: {beds: {type: int}}}\n"
    Path("config.yaml").write_text(CONFIG.replace("    labels:", f"{other}    labels:"))
    lab()[["patient_id", "event_timestamp"]].assign(beds=1).to_parquet("data/other.parquet")
    run = mlops("features", "validate", "--against", "old/lab.parquet")
    assert run.code == 5
    assert "inconclusive: old/lab.parquet has no rows of other" in run.out


def test_a_reference_that_was_not_of_the_type_is_a_finding(ward: Path, mlops: Mlops) -> None:
    lab(seed=2, age="old").to_csv("before.csv", index=False)
    run = mlops("features", "validate", "--against", "before.csv", "--json")
    assert seen(run) == {("age", "type as before"): ["of another type before"]}


def test_an_earlier_copy_keeps_its_folders(ward: Path, mlops: Mlops) -> None:
    """Of two tables with the same name, the one in the same folder is meant."""
    Path("config.yaml").write_text(CONFIG.replace("data/l", "data/ward/l"))
    Path("data/ward").mkdir()
    for name in ("lab", "labels"):
        shutil.move(f"data/{name}.parquet", f"data/ward/{name}.parquet")
    shutil.copytree("data", "copy")
    write("copy", lab(seed=2, sugar=400.0))
    run = mlops("features", "validate", "--against", "copy", "--json")
    assert run.code == 0
    places = [each["reference"] for each in run.data["results"][0]["comparisons"]]
    assert places == ["copy/ward/lab.parquet", "copy/ward/labels.parquet"]


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("nowhere", None, 6, "no file or folder nowhere"),
        ("empty.csv", "", 2, "empty.csv is empty"),
        ("header.csv", "age,sugar\n", 2, "header.csv has no row of a feature of ward"),
        ("other.csv", "weight\n80\n", 2, "other.csv has no row of a feature of ward"),
        ("notes.txt", "hello", 2, "unknown kind of file"),
    ],
)
def test_a_reference_that_is_none(
    ward: Path, mlops: Mlops, name: str, text: str | None, code: int, said: str
) -> None:
    if text is not None:
        Path(name).write_text(text)
    run = mlops("features", "validate", "--against", name)
    assert run.code == code
    assert said in run.err


def test_a_folder_without_the_table_is_not_found(ward: Path, mlops: Mlops) -> None:
    Path("old/lab.parquet").unlink()
    run = mlops("features", "validate", "--against", "old")
    assert run.code == 6
    assert "old has no lab.parquet for view lab" in run.err


def test_a_folder_without_labels_compares_the_features(ward: Path, mlops: Mlops) -> None:
    Path("old/labels.parquet").unlink()
    write("data", lab(), labels(sick=2))
    assert mlops("features", "validate", "--against", "old").code == 0


@pytest.mark.parametrize("place", ["data", ".", "data/lab.parquet"])
def test_the_source_itself_is_no_reference(ward: Path, mlops: Mlops, place: str) -> None:
    run = mlops("features", "validate", "--against", place)
    assert run.code == 2
    assert "is the source of lab itself" in run.err
