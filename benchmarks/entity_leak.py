"""What a split by rows claims where patients come back, what ours says, and what is true.

Generated patients with twelve monthly rows each: vital signs that are mostly the patient's own, and
a label that sticks to the patient. A model that has seen eleven months of somebody knows the
twelfth; of a stranger it knows little. Truth is measured on new patients.

    python benchmarks/entity_leak.py [seeds] [patients]
"""

import sys

import numpy as np
import pandas as pd

from mlops_cli.backends import estimator
from mlops_cli.config import Config
from mlops_cli.domain.digest import table_digests
from mlops_cli.domain.encoding import encode
from mlops_cli.domain.metrics import METRICS, evaluate
from mlops_cli.domain.results.judging import Interval
from mlops_cli.domain.split import held_out
from mlops_cli.services.training.dataset import TrainingSet
from mlops_cli.services.training.fitting import fit, measure

MONTHS, VITALS = 12, 8
START = pd.Timestamp("2025-01-01", tz="UTC")
SEARCH = {"trials": 3, "folds": 5, "max_rounds": 400, "repeats": 1}


def visits(patients: int, seed: int, prefix: str = "P") -> pd.DataFrame:
    """Draw one row a patient and month: vital signs, and a label that hardly ever changes."""
    generator = np.random.default_rng(seed)
    level = generator.standard_normal((patients, VITALS))
    latent = 0.5 * level[:, 0] + 0.4 * level[:, 1] + generator.standard_normal(patients)
    sick = np.repeat(latent > 0.6, MONTHS)
    wander = 0.1 * generator.standard_normal((patients * MONTHS, VITALS))
    vitals = np.repeat(level, MONTHS, axis=0) + wander
    months = np.tile(np.arange(MONTHS), patients)
    flips = generator.random(len(sick)) < 0.01
    return pd.DataFrame(
        {
            "patient_id": np.repeat([f"{prefix}{n:05}" for n in range(patients)], MONTHS),
            "event_timestamp": START + pd.to_timedelta(30 * months, unit="D"),
            **{f"vital_{n}": vitals[:, n].round(2) for n in range(VITALS)},
            "sick": (sick ^ flips).astype(int),
        }
    )


def config_of(seed: int) -> Config:
    """Return a project with the one model, as config.yaml would say it."""
    features = {f"vital_{n}": {"type": "float"} for n in range(VITALS)}
    model = {
        "task": "classification",
        "entity": "patient_id",
        "feature_views": {"visits": {"source": "visits.parquet", "features": features}},
        "labels": {"source": "labels.parquet", "column": "sick"},
        "search": SEARCH,
    }
    return Config.model_validate({"project": "leak", "seed": seed, "models": {"sick": model}})


def training_set(config: Config, table: pd.DataFrame) -> TrainingSet:
    """Return the visits as `train` would see them, without the stores."""
    model = config.models["sick"]
    entities = table["patient_id"].to_numpy(dtype=object)
    return TrainingSet(
        features=model.features,
        entities=entities,
        frame=table[list(model.features)],
        labels=table["sick"].to_numpy(dtype=float),
        held=held_out(model.holdout, entities, table["event_timestamp"], entities),
        digests=table_digests(table, {"patient_id", "event_timestamp"}),
        views=(),
        left_out={},
        files={},
    )


def claims(seed: int, patients: int) -> tuple[float, float, Interval, float]:
    """Return the AUC by rows, by entities, on the holdout, and on new patients."""
    config = config_of(seed)
    features = config.models["sick"].features
    data = training_set(config, visits(patients, seed))
    fitted = fit(config, "sick", data, lambda _: None)
    measured = measure(config, "sick", data, fitted)
    strangers = visits(4000, 10_000 + seed, "N")
    scores = estimator.predict(fitted.booster, encode(strangers, features), features)
    ours = METRICS["classification"].values()
    truth = evaluate(ours, strangers["sick"].to_numpy(float), scores)["roc_auc"]
    assert measured.naive is not None
    honest = fitted.cross_validation["roc_auc"]
    return measured.naive["roc_auc"], honest, measured.metrics["roc_auc"], truth


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    patients = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    print(f"AUC, {patients} patients with {MONTHS} rows each")
    print("seed  by rows by entity         holdout [95 %] new patients")
    found = []
    for seed in range(seeds):
        naive, honest, held, truth = claims(seed, patients)
        found.append((naive, honest, held.value, truth, held.low <= truth <= held.high))
        span = f"{held.value:.3f} [{held.low:.3f}, {held.high:.3f}]"
        print(f"{seed:4} {naive:8.3f} {honest:9.3f} {span:>22} {truth:12.3f}", flush=True)
    means = np.mean(found, axis=0)
    print(f"mean {means[0]:8.3f} {means[1]:9.3f} {means[2]:22.3f} {means[3]:12.3f}")
    print(f"the interval holds the truth in {sum(each[-1] for each in found)} of {seeds}")


if __name__ == "__main__":
    main()
