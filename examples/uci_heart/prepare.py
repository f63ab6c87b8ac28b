"""Turn the published UCI Heart Disease files into the tables that config.yaml names.

    python prepare.py heart_all_sites.csv            # one file with a column `site`
    python prepare.py folder/ --output other/        # processed.cleveland.data and the other three

What is changed, and nothing else:

- A cholesterol or blood pressure of 0 is a missing value in disguise, and `?` is missing.
- Codes become words, as in heart-disease.names; num > 0 becomes disease = 1.
- A patient is `cleveland-000`: the site and the row in its file, from 0.
- The files hold no dates. So that "later" has a meaning, each site gets a year of its own and
  its rows are spread over that year in their order: a device, not a fact about the patients.
"""

import argparse
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_cli.config import load_config
from mlops_cli.domain.split import in_holdout

HERE = Path(__file__).resolve().parent
RAW_COLUMNS = [
    "age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak",
    "slope", "ca", "thal", "num",
]  # fmt: skip
YEARS = {"cleveland": 2021, "hungary": 2022, "switzerland": 2023, "va": 2024}
FILES = {"cleveland": "cleveland", "hungary": "hungarian", "switzerland": "switzerland", "va": "va"}
HALF = "heart_cleveland_half"

WORDS = {
    "sex": {0: "female", 1: "male"},
    "chest_pain": {
        1: "typical_angina",
        2: "atypical_angina",
        3: "non_anginal",
        4: "asymptomatic",
    },
    "resting_ecg": {0: "normal", 1: "st_t_abnormality", 2: "ventricular_hypertrophy"},
    "st_slope": {1: "up", 2: "flat", 3: "down"},
    "thal": {3: "normal", 6: "fixed_defect", 7: "reversible_defect"},
}
FEATURES = {
    "age": ("age", pa.int64()),
    "sex": ("sex", pa.string()),
    "chest_pain": ("cp", pa.string()),
    "resting_bp": ("trestbps", pa.float64()),
    "cholesterol": ("chol", pa.float64()),
    "fasting_sugar_high": ("fbs", pa.bool_()),
    "resting_ecg": ("restecg", pa.string()),
    "max_heart_rate": ("thalach", pa.float64()),
    "exercise_angina": ("exang", pa.bool_()),
    "st_depression": ("oldpeak", pa.float64()),
    "st_slope": ("slope", pa.string()),
    "narrowed_vessels": ("ca", pa.int64()),
    "thal": ("thal", pa.string()),
}
ENTITY, TIME, LABEL = "patient_id", "event_timestamp", "disease"
SCHEMA = pa.schema(
    [
        (ENTITY, pa.string()),
        (TIME, pa.timestamp("us", tz="UTC")),
        *((name, kind) for name, (_, kind) in FEATURES.items()),
        (LABEL, pa.int64()),
    ]
)


def read_raw(path: Path) -> pd.DataFrame:
    """Read the four sites, with the columns `site` and `row` and what is missing as NaN."""
    if path.is_dir():
        sites = {site: path / f"processed.{name}.data" for site, name in FILES.items()}
        parts = [
            pd.read_csv(file, header=None, names=RAW_COLUMNS, na_values="?").assign(site=site)
            for site, file in sites.items()
        ]
        raw = pd.concat(parts, ignore_index=True)
    else:
        raw = pd.read_csv(path, na_values="?").replace({"site": {"hungarian": "hungary"}})
    return raw.assign(row=raw.groupby("site").cumcount())


def prepare(raw: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each patient: id, time, features in words, label and site."""
    columns = {
        ENTITY: [f"{site}-{row:03d}" for site, row in zip(raw["site"], raw["row"], strict=True)],
        TIME: _times(raw),
        **{name: _feature(raw[source], name) for name, (source, _) in FEATURES.items()},
        LABEL: (raw["num"] > 0).astype(int),
        "site": raw["site"],
    }
    return pd.DataFrame(columns)


def _feature(values: pd.Series, name: str) -> pd.Series:
    kind = FEATURES[name][1]
    if name in WORDS:
        return values.map(WORDS[name])
    if name in {"resting_bp", "cholesterol"}:
        return values.mask(values == 0)
    if kind == pa.bool_():
        return values.astype("Int64").astype("boolean")
    return values.astype("Int64") if kind == pa.int64() else values


def _times(raw: pd.DataFrame) -> pd.Series:
    """Spread the rows of each site evenly over the year of the site."""
    start = pd.to_datetime(raw["site"].map(YEARS).astype(str) + "-01-01", utc=True)
    share = (raw["row"] + 0.5) / raw.groupby("site")["row"].transform("size")
    return (start + pd.to_timedelta(share * 365, unit="D")).dt.floor("min")


def write(patients: pd.DataFrame, output: Path) -> None:
    """Write the feature view, the labels, and the batches for drift checks."""
    output.mkdir(parents=True, exist_ok=True)
    cleveland = patients[patients["site"] == "cleveland"]
    labels = [ENTITY, TIME, LABEL]
    _write_parquet(patients[[ENTITY, TIME, *FEATURES]], output / "measurements.parquet")
    _write_parquet(patients[labels], output / "labels.parquet")
    _write_parquet(cleveland[labels], output / "labels_cleveland.parquet")
    for site in ("hungary", "switzerland", "va"):
        _write_csv(patients[patients["site"] == site], output / f"{site}.csv")
    holdout = load_config(HERE / "config.yaml").models[HALF].holdout
    held_back = in_holdout(cleveland[ENTITY].to_numpy(), holdout.fraction, holdout.salt)
    _write_csv(cleveland[held_back], output / "cleveland_held_back.csv")


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    schema = pa.schema([SCHEMA.field(name) for name in frame.columns])
    pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), path)


def _write_csv(frame: pd.DataFrame, path: Path) -> None:
    frame[[ENTITY, *FEATURES]].to_csv(path, index=False)


def main() -> None:
    """Read the command line, prepare the tables and say where they are."""
    parser = argparse.ArgumentParser(description="Prepare the UCI Heart Disease data.")
    parser.add_argument("source", type=Path, help="heart_all_sites.csv, or the folder of the files")
    parser.add_argument("--output", type=Path, default=HERE / "data", help="folder to write to")
    arguments = parser.parse_args()
    patients = prepare(read_raw(arguments.source))
    write(patients, arguments.output)
    counts = ", ".join(f"{site} {rows}" for site, rows in patients["site"].value_counts().items())
    print(f"{len(patients)} patients ({counts}) in {arguments.output}")


if __name__ == "__main__":
    main()
