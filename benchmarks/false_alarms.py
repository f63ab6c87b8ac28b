"""How often drift checks of 13 columns alarm without drift, and how often they see a change.

python benchmarks/false_alarms.py [repetitions]
"""

import sys
import time

import numpy as np
import pandas as pd

from mlops_cli.config.features import FeatureConfig
from mlops_cli.config.limits import DriftConfig
from mlops_cli.domain.drift import check_columns

REFERENCE = 10_000
FEATURES = {
    "age": FeatureConfig(type="int", range=(0, 120)),
    "pressure": FeatureConfig(type="float", range=(60, 250)),
    "chol": FeatureConfig(type="float", range=(80, 600)),
    "rate": FeatureConfig(type="float"),
    "oldpeak": FeatureConfig(type="float"),
    "creatinine": FeatureConfig(type="float"),
    "visits": FeatureConfig(type="int"),
    "vessels": FeatureConfig(type="int"),
    "sugar": FeatureConfig(type="bool"),
    "angina": FeatureConfig(type="bool"),
    "sex": FeatureConfig(type="category", categories=("f", "m")),
    "pain": FeatureConfig(type="category", categories=("none", "typical", "atypical", "other")),
    "ward": FeatureConfig(type="category", categories=tuple("abcdefghij")),
}


def population(rows: int, generator: np.random.Generator) -> pd.DataFrame:
    """Draw patients: symmetric, skewed, zero-inflated and rare columns, some values missing."""
    zero = generator.random(rows) < 0.4
    table = pd.DataFrame(
        {
            "age": generator.normal(55, 12, rows).clip(18, 100).round(),
            "pressure": generator.normal(130, 18, rows).clip(80, 220),
            "chol": generator.lognormal(5.5, 0.2, rows).clip(100, 560),
            "rate": generator.normal(150, 22, rows),
            "oldpeak": np.where(zero, 0, generator.exponential(1.2, rows)),
            "creatinine": generator.lognormal(0, 0.8, rows),
            "visits": generator.poisson(2, rows),
            "vessels": generator.choice(4, rows, p=[0.6, 0.2, 0.13, 0.07]),
            "sugar": generator.random(rows) < 0.15,
            "angina": generator.random(rows) < 0.02,
            "sex": generator.choice(["f", "m"], rows, p=[0.32, 0.68]),
            "pain": generator.choice(
                ["none", "typical", "atypical", "other"], rows, p=[0.48, 0.27, 0.17, 0.08]
            ),
            "ward": generator.choice(list("abcdefghij"), rows, p=[0.37, *[0.07] * 9]),
        }
    )
    for column, share in {"chol": 0.1, "oldpeak": 0.02, "ward": 0.05}.items():
        table.loc[generator.random(rows) < share, column] = None
    return table


def zero_sentinel(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(chol=table["chol"].where(np.arange(len(table)) % 20 > 0, 0.0))


def other_unit(table: pd.DataFrame) -> pd.DataFrame:
    scale = np.where(np.arange(len(table)) % 10 > 0, 1, 0.0259)
    return table.assign(chol=table["chol"] * scale)


CHANGES = {
    "none": lambda table: table,
    "rate + 0.25 sd": lambda table: table.assign(rate=table["rate"] + 5.5),
    "rate + 0.5 sd": lambda table: table.assign(rate=table["rate"] + 11),
    "rate sd x 1.5": lambda table: table.assign(rate=150 + (table["rate"] - 150) * 1.5),
    "sex 68 -> 50 % m": lambda table: table.assign(
        sex=table["sex"].where(np.arange(len(table)) % 4 > 0, "f")
    ),
    "chol 0 in 5 %": zero_sentinel,
    "chol mmol in 10 %": other_unit,
    "rate missing 15 %": lambda table: table.assign(
        rate=table["rate"].where(np.arange(len(table)) % 7 > 0)
    ),
    "new ward in 3 %": lambda table: table.assign(
        ward=table["ward"].where(np.arange(len(table)) % 33 > 0, "z")
    ),
}


def alarm_rate(change: str, rows: int, repetitions: int) -> tuple[float, dict[str, int]]:
    """Return the share of checks with any alarm, and the alarms by column and method."""
    alarms, found = 0, {}
    for seed in range(repetitions):
        generator = np.random.default_rng(seed)
        reference = population(REFERENCE, generator)
        current = CHANGES[change](population(rows, generator))
        checks = check_columns(reference, current, FEATURES, DriftConfig(), REFERENCE, seed)
        drifted = [f"{check.column}:{check.method}" for check in checks if check.drifted]
        alarms += bool(drifted)
        for name in drifted:
            found[name] = found.get(name, 0) + 1
    return alarms / repetitions, found


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(f"{'change':20} {'rows':>6} {'any alarm':>10} {'s/check':>8}  alarms")
    for change in CHANGES:
        for rows in (100, 200, 1000):
            start = time.perf_counter()
            count = repetitions if change == "none" else max(10, repetitions // 6)
            rate, found = alarm_rate(change, rows, count)
            seconds = (time.perf_counter() - start) / count
            most = dict(sorted(found.items(), key=lambda item: -item[1])[:3])
            print(f"{change:20} {rows:6} {rate:10.1%} {seconds:8.2f}  {most}", flush=True)


if __name__ == "__main__":
    main()
