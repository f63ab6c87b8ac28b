"""`mlops predict`: the same answer online and from a file, logged, explained, and never stale."""

import csv
import json
import math
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from running import Mlops, Run, build, quietly

from mlops_cli.backends import estimator, feature_store, registry
from mlops_cli.config import load_config
from mlops_cli.domain.columns import typed

MODEL = "heart_disease"
PEOPLE = [f"PT{n:06d}" for n in range(1, 41)]
NEW = "data/heart_disease/new_patients.csv"
WRITERS = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
    ".jsonl": lambda frame, path: path.write_text(
        "\n".join(json.dumps(row) for row in frame.replace({np.nan: None}).to_dict("records"))
    ),
}
READERS = {
    ".csv": lambda path: pd.read_csv(path, float_precision="round_trip"),
    ".parquet": pd.read_parquet,
    ".jsonl": lambda path: pd.DataFrame(json.loads(line) for line in path.open()),
}


def predictions(run: Run) -> list[dict[str, object]]:
    assert run.code == 0, run.err
    return list(run.data["predictions"])


def logged(folder: Path) -> list[sqlite3.Row]:
    with sqlite3.connect(folder / ".mlops/inference.db") as log:
        log.row_factory = sqlite3.Row
        return log.execute("SELECT * FROM inference_log ORDER BY rowid").fetchall()


# online


@pytest.fixture(scope="module")
def answers(served: Path) -> list[dict[str, object]]:
    """The explained predictions of forty patients, as `--json` gives them."""
    from mlops_cli.commands.session import jsonable
    from mlops_cli.services import prediction

    config = load_config(served / "config.yaml")
    return list(jsonable(prediction.predict(config, MODEL, PEOPLE, explain=True, strict=True)))


@pytest.fixture(scope="module")
def two_ways(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion that is calibrated and one that is not."""
    folder = build(tmp_path_factory.mktemp("two_ways"))
    text = (folder / "config.yaml").read_text()
    for name, method in CALIBRATED.items():
        start = text.index(f"\n  {name}:")
        block = text[start:].replace("task: classification", f"{TASK}{method}", 1)
        text = text[:start] + block
    (folder / "config.yaml").write_text(text)
    for name in CALIBRATED:
        quietly(folder, "train", name)
        quietly(folder, "promote", name, "--challenger")
    return folder


CALIBRATED = {"heart_disease": "platt", "diabetes_score": "none"}
TASK = "task: classification\n    calibration: "


@pytest.mark.parametrize(("name", "method"), CALIBRATED.items())
def test_contributions_and_base_value_sum_to_the_margin_before_a_calibration(
    two_ways: Path, mlops: Mlops, name: str, method: str
) -> None:
    config = two_ways / "config.yaml"
    found = predictions(mlops("predict", name, *PEOPLE, "--explain", "--json", "--config", config))
    loaded = load_config(config)
    calibration = estimator.load(
        *registry.files_of(loaded, registry.champion(loaded, name))
    ).contract.calibration
    assert (calibration is not None) == (method == "platt")
    for answer in found:
        margin = answer["base_value"] + sum(
            part["contribution"] for part in answer["contributions"]
        )
        score = 1 / (1 + math.exp(-margin))
        if calibration is not None:
            assert abs(score - answer["probability"]) > 1e-4
            (score,) = calibration.apply(np.array([score]))
        assert answer["calibration"] == (None if method == "none" else method)
        assert score == pytest.approx(answer["probability"], abs=1e-5)


def test_every_feature_contributes_its_own_value_the_largest_first(answers: list[dict]) -> None:
    for answer in answers:
        parts = {part["feature"]: part["value"] for part in answer["contributions"]}
        assert parts == answer["features"]
        sizes = [abs(part["contribution"]) for part in answer["contributions"]]
        assert sizes == sorted(sizes, reverse=True)


def test_class_and_band_follow_from_the_probability(answers: list[dict]) -> None:
    seen = set()
    for answer in answers:
        chance = answer["probability"]
        assert answer["prediction"] == float(chance >= 0.5)
        assert answer["band"] == ("low" if chance < 0.3 else "medium" if chance < 0.6 else "high")
        seen.add(answer["band"])
    assert seen == {"low", "medium", "high"}


def test_the_promised_keys_are_there(answers: list[dict]) -> None:
    promised = {
        "prediction_id", "model", "version", "entity", "prediction", "probability", "band",
        "model_age", "features", "feature_age_seconds", "contributions", "base_value",
    }  # fmt: skip
    assert all(set(answer) >= promised for answer in answers)


def test_answers_come_in_the_order_asked(project: Path, mlops: Mlops) -> None:
    asked = ["PT000009", "PT000002", "PT000009"]
    found = predictions(mlops("predict", MODEL, *asked, "--json"))
    assert [answer["entity"] for answer in found] == asked


def test_a_prediction_is_the_same_again_and_among_others(
    project: Path, mlops: Mlops, answers: list[dict]
) -> None:
    (alone,) = predictions(mlops("predict", MODEL, "PT000007", "--json"))
    assert alone["probability"] == answers[6]["probability"]


def test_each_prediction_is_logged_as_it_is_answered(project: Path, mlops: Mlops) -> None:
    before = len(logged(project))
    found = predictions(mlops("predict", MODEL, *PEOPLE[:3], "--json"))
    rows = logged(project)[before:]
    assert [
        (row["prediction_id"], row["entity"], row["probability"], json.loads(row["features"]))
        for row in rows
    ] == [(a["prediction_id"], a["entity"], a["probability"], a["features"]) for a in found]


def test_ids_of_predictions_are_unique(answers: list[dict]) -> None:
    assert len({answer["prediction_id"] for answer in answers}) == len(answers)


def test_people_see_the_band_and_what_contributed(project: Path, mlops: Mlops) -> None:
    run = mlops("predict", MODEL, "PT000001", "--explain")
    assert run.code == 0
    first = run.out.splitlines()[0]
    assert first.startswith("PT000001: probability 0.")
    assert "chest pain" in run.out
    assert "log odds" in run.out


@pytest.mark.parametrize(
    ("name", "start"), [("why.png", b"\x89PNG\r\n\x1a\n"), ("why.svg", b"<?xml")]
)
def test_plot_writes_a_picture(
    project: Path, mlops: Mlops, tmp_path: Path, name: str, start: bytes
) -> None:
    run = mlops("predict", MODEL, "PT000001", "--plot", tmp_path / name)
    assert run.code == 0
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize(
    "options",
    [(), ("--input", NEW), ("--output", "out.csv"), ("PT000001", "--output", "out.csv"),
     ("PT000001", "--input", NEW, "--output", "out.csv"),
     ("PT000001", "PT000002", "--plot", "why.png")],
    ids=" ".join,
)  # fmt: skip
def test_options_that_do_not_go_together(
    project: Path, mlops: Mlops, options: tuple[str, ...]
) -> None:
    run = mlops("predict", MODEL, *options)
    assert (run.code, run.out) == (2, "")


UNKNOWN_KINDS = [
    ("PT000001", "--plot", "why.gif"),
    ("--input", NEW, "--output", "out.xlsx"),
    ("--input", NEW, "--output", "out"),
]


@pytest.mark.parametrize("options", UNKNOWN_KINDS, ids=" ".join)
def test_an_unknown_kind_of_output_is_refused(
    project: Path, mlops: Mlops, options: tuple[str, ...]
) -> None:
    run = mlops("predict", MODEL, *options)
    assert (run.code, run.out) == (2, "")
    assert "unknown kind of" in run.err
    assert not (project / options[-1]).exists()


@pytest.mark.parametrize("options", UNKNOWN_KINDS, ids=" ".join)
def test_a_refused_output_logs_no_prediction(
    project: Path, mlops: Mlops, options: tuple[str, ...]
) -> None:
    assert mlops("predict", MODEL, "PT000123").code == 0
    before = len(logged(project))
    mlops("predict", MODEL, *options)
    assert len(logged(project)) == before


# features past their ttl


@pytest.fixture(scope="module")
def stale(served: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The served project sixty days on, with no new visits; the ttl is 45 days."""
    folder = tmp_path_factory.mktemp("stale") / "project"
    shutil.copytree(served, folder)
    (folder / ".mlops/online_store.db").unlink()
    (folder / ".mlops/feast_registry.db").unlink()
    end = f"{datetime.now(UTC) - timedelta(days=60):%Y-%m-%dT%H:%M:%S}"
    quietly(folder, "features", "generate", "--patients", "60", "--months", "3", "--end", end)
    quietly(folder, "features", "apply")
    quietly(folder, "features", "materialize")
    return folder


def test_features_past_their_ttl_count_as_missing(stale: Path, mlops: Mlops) -> None:
    run = mlops("predict", MODEL, "PT000001", "--json", "--config", stale / "config.yaml")
    (answer,) = predictions(run)
    assert set(answer["features"].values()) == {None}
    assert answer["feature_age_seconds"] > 60 * 86_400
    (warning,) = run.json["warnings"]
    assert warning.startswith("PT000001: 12 features are older than their ttl")


def test_people_are_warned_on_stderr(stale: Path, mlops: Mlops) -> None:
    run = mlops("predict", MODEL, "PT000001", "--config", stale / "config.yaml")
    assert run.code == 0
    assert "warning: PT000001: 12 features are older than their ttl" in run.err


def test_a_training_row_of_today_would_miss_the_same_values(stale: Path) -> None:
    config = load_config(stale / "config.yaml")
    assert at_this_moment(config, MODEL, ["PT000001"]).isna().to_numpy().all()


@pytest.mark.parametrize("options", [(), ("--exit-zero",), ("--explain",)])
def test_strict_refuses_stale_features_and_logs_nothing(
    stale: Path, mlops: Mlops, options: tuple[str, ...]
) -> None:
    before = len(logged(stale))
    run = mlops(
        "predict", MODEL, "PT000001", "--strict", *options, "--config", stale / "config.yaml"
    )
    assert run.code == 7
    assert "older than the ttl of the view" in run.err
    assert run.out == ""
    assert len(logged(stale)) == before


# no skew


def at_this_moment(config, name: str, people: list[str]) -> pd.DataFrame:
    """Return the features that a training row of this moment would have."""
    model = config.models[name]
    now = pd.Timestamp(datetime.now(UTC))
    labels = pd.DataFrame({model.entity: people, model.labels.timestamp: now})
    return typed(feature_store.historical(config, model, labels).frame, model.features, "offline")


@pytest.mark.parametrize("name", ["heart_disease", "diabetes_score", "readmission"])
def test_served_features_are_those_of_a_training_row_of_this_moment(
    hospital: Path, name: str
) -> None:
    config = load_config(hospital / "config.yaml")
    people = [f"PT{n:06d}" for n in range(1, 301)]
    rows = feature_store.online(
        config, config.models[name], [{"patient_id": who} for who in people]
    )
    served = pd.DataFrame([{key: each.value for key, each in row.items()} for row in rows])
    online = typed(served, config.models[name].features, "online")
    pd.testing.assert_frame_equal(online, at_this_moment(config, name, people))
    assert online.notna().to_numpy().mean() > 0.9


@pytest.mark.parametrize("suffix", READERS)
def test_a_file_with_the_served_features_gets_the_same_probabilities(
    project: Path, mlops: Mlops, tmp_path: Path, answers: list[dict], suffix: str
) -> None:
    rows = [{"patient_id": answer["entity"], **answer["features"]} for answer in answers]
    given, made = tmp_path / f"given{suffix}", tmp_path / f"made{suffix}"
    WRITERS[suffix](pd.DataFrame(rows), given)
    assert mlops("predict", MODEL, "--input", given, "--output", made).code == 0
    found = READERS[suffix](made)
    assert found["probability"].tolist() == [answer["probability"] for answer in answers]
    assert found["band"].tolist() == [answer["band"] for answer in answers]


# files


@pytest.fixture
def batch(project: Path) -> pd.DataFrame:
    """Patients of no other table with a few columns that are none of the model's."""
    frame = pd.read_csv(project / NEW).head(40).sample(frac=1, random_state=3, ignore_index=True)
    ids = ["00123", "NA", "null", *frame["patient_id"][3:]]
    exact = [n + 1 / 3e7 for n in range(len(frame))]
    return frame.assign(patient_id=ids, note=['a "b", c\nd', *["ü"] * 39], exact=exact)


@pytest.mark.parametrize("after", READERS)
@pytest.mark.parametrize("before", [".parquet", ".jsonl"])
def test_a_batch_keeps_rows_columns_and_order(
    mlops: Mlops, tmp_path: Path, batch: pd.DataFrame, before: str, after: str
) -> None:
    given, made = tmp_path / f"given{before}", tmp_path / f"made{after}"
    WRITERS[before](batch, given)
    run = mlops("predict", MODEL, "--input", given, "--output", made, "--json")
    assert run.data["rows"] == len(batch)
    found = text_of(made) if after == ".csv" else READERS[after](made)
    answers = ["prediction_id", "prediction", "probability", "band"]
    assert list(found.columns) == [*batch.columns, *answers]
    assert found["patient_id"].tolist() == batch["patient_id"].tolist()
    assert found["note"].tolist() == batch["note"].tolist()
    assert found["exact"].astype(float).tolist() == batch["exact"].tolist()


def test_a_class_in_a_file_is_written_as_the_label_is(
    project: Path, mlops: Mlops, tmp_path: Path
) -> None:
    made = tmp_path / "made.csv"
    assert mlops("predict", MODEL, "--input", NEW, "--output", made).code == 0
    found = text_of(made)
    assert set(found["prediction"]) == {"0", "1"}
    named = found["probability"].astype(float) >= 0.5
    assert (found["prediction"] == "1").tolist() == named.tolist()


def text_of(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8", newline="") as file:
        return pd.DataFrame(list(csv.DictReader(file)))


def test_csv_cells_come_out_as_they_went_in(mlops: Mlops, tmp_path: Path, project: Path) -> None:
    rows = list(csv.reader((project / NEW).open()))[:30]
    rows[1][0], rows[2][0], rows[3][0] = "00123", "NA", "null"
    given, made = tmp_path / "given.csv", tmp_path / "made.csv"
    with given.open("w", newline="") as file:
        csv.writer(file).writerows(
            [*row, text] for row, text in zip(rows, ["note", *["1.50"] * 29], strict=True)
        )
    assert mlops("predict", MODEL, "--input", given, "--output", made).code == 0
    expected = list(csv.reader(given.open()))
    assert [row[: len(expected[0])] for row in csv.reader(made.open())] == expected


@pytest.mark.parametrize("suffix", READERS)
def test_a_batch_is_logged_row_by_row(
    project: Path, mlops: Mlops, tmp_path: Path, suffix: str
) -> None:
    before = len(logged(project))
    made = tmp_path / f"made{suffix}"
    assert mlops("predict", MODEL, "--input", NEW, "--output", made).code == 0
    found, rows = READERS[suffix](made), logged(project)[before:]
    assert [row["prediction_id"] for row in rows] == found["prediction_id"].tolist()
    assert [row["probability"] for row in rows] == found["probability"].tolist()
    assert [row["entity"] for row in rows] == found["patient_id"].tolist()


def test_a_batch_without_ids_is_predicted_too(project: Path, mlops: Mlops, tmp_path: Path) -> None:
    frame = pd.read_csv(project / NEW).head(5).drop(columns="patient_id")
    frame.to_parquet(tmp_path / "given.parquet")
    words = ("--input", tmp_path / "given.parquet", "--output", tmp_path / "made.csv")
    assert mlops("predict", MODEL, *words).code == 0
    assert {row["entity"] for row in logged(project)[-5:]} == {None}


def test_a_batch_replaces_an_earlier_output_whole(
    project: Path, mlops: Mlops, tmp_path: Path
) -> None:
    made = tmp_path / "made.csv"
    made.write_text("old\n" * 10_000)
    assert mlops("predict", MODEL, "--input", NEW, "--output", made).code == 0
    assert len(text_of(made)) == 500
    assert [path.name for path in tmp_path.iterdir()] == ["made.csv"]


@pytest.mark.parametrize("column", ["prediction_id", "prediction", "probability", "band"])
def test_a_column_that_scoring_would_overwrite_is_refused(
    project: Path, mlops: Mlops, tmp_path: Path, column: str
) -> None:
    frame = pd.read_csv(project / "data/heart_disease/new_patients.csv").assign(**{column: 1})
    frame.to_csv(tmp_path / "new.csv", index=False)
    run = mlops("predict", MODEL, "--input", tmp_path / "new.csv", "--output", tmp_path / "o.csv")
    assert run.code == 2
    assert f"has a column {column!r} already" in run.err
    assert not (tmp_path / "o.csv").exists()
