"""The linear baseline against scikit-learn's own pipeline, and on tables that are hard to fit."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from running import ROOT
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlops_cli.backends import linear
from mlops_cli.config import FeatureConfig, ModelConfig
from mlops_cli.domain.encoding import encode

FEATURES = {
    "age": FeatureConfig(type="float"),
    "ward": FeatureConfig(type="category", categories=("a", "b", "c")),
    "lactate": FeatureConfig(type="float"),
}


def model(task: str, **more: object) -> ModelConfig:
    view = {"source": "a.parquet", "timestamp": "when", "features": FEATURES}
    labels = {"source": "a.parquet", "column": "y", "timestamp": "when"}
    block = {"task": task, "entity": "id", "feature_views": {"v": view}, "labels": labels}
    return ModelConfig.model_validate({**block, **more})


@pytest.fixture
def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": random.normal(60, 9, 300),
            "ward": random.choice(["a", "b", "c"], 300),
            "lactate": random.exponential(2, 300),
        }
    )
    frame.loc[random.random(300) < 0.2, "lactate"] = np.nan
    frame["y"] = (random.random(300) < 0.3 + 0.3 * (frame["ward"] == "b")).astype(float)
    return frame


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_it_is_the_textbook_pipeline(table: pd.DataFrame, task: str) -> None:
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    columns = make_column_transformer((numbers, ["age", "lactate"]), (OneHotEncoder(), ["ward"]))
    classes = task == "classification"
    last = LogisticRegression(max_iter=1000, tol=1e-8) if classes else Ridge()
    left, right = table.iloc[:200], table.iloc[200:]
    pipeline = make_pipeline(columns, last).fit(left, left["y"])
    expected = pipeline.predict_proba(right)[:, 1] if classes else pipeline.predict(right)
    matrix = encode(table, FEATURES)
    ours = linear.fitted_scores(
        model(task), FEATURES, matrix[:200], left["y"].to_numpy(), matrix[200:]
    )
    np.testing.assert_allclose(ours, expected, atol=2e-3)


def test_a_bounded_output_stays_in_its_bounds() -> None:
    features = {"age": FEATURES["age"]}
    rows = np.linspace(0, 1, 50, dtype=np.float32)[:, np.newaxis]
    far = np.array([[-5.0], [5.0]], dtype=np.float32)
    bounded = model("regression", output_range=[0, 1])
    found = linear.fitted_scores(bounded, features, rows, rows[:, 0].astype(float), far)
    assert found.tolist() == [0.0, 1.0]


def test_what_says_nothing_changes_nothing(table: pd.DataFrame) -> None:
    constant = FEATURES | {"site": FeatureConfig(type="float"), "gone": FeatureConfig(type="float")}
    frame = table.assign(site=0.1, gone=np.nan)
    frame.loc[250:, ["site", "gone"]] = [0.2, 3.0]
    labels = table["y"].to_numpy()[:200]
    one, other = (encode(each, specs) for each, specs in ((table, FEATURES), (frame, constant)))
    plain = linear.fitted_scores(model("classification"), FEATURES, one[:200], labels, one[200:])
    more = linear.fitted_scores(model("classification"), constant, other[:200], labels, other[200:])
    np.testing.assert_allclose(plain[:50], more[:50], atol=1e-3)
    assert np.isfinite(more).all()


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_many_words_are_kept_sparse_and_words_unseen_in_training_are_fine(task: str) -> None:
    words = tuple(f"w{n}" for n in range(1000))
    features = {"word": FeatureConfig(type="category", categories=words)}
    codes = np.arange(3000, dtype=np.float32)[:, np.newaxis] % 500
    labels = (codes[:, 0] < 250).astype(float)
    others = np.array([[0.0], [499.0], [999.0], [np.nan]], dtype=np.float32)
    low, high, unseen, missing = linear.fitted_scores(
        model(task), features, codes, labels, others
    ).tolist()[:4]
    assert low > 0.7
    assert high < 0.3
    assert unseen == pytest.approx(missing)
    assert 0.3 < unseen < 0.7


def test_the_number_of_cores_changes_nothing() -> None:
    program = """
import hashlib, numpy as np
from mlops_cli.backends import linear
from mlops_cli.config import FeatureConfig, ModelConfig
random = np.random.default_rng(0)
features = {f"x{n}": FeatureConfig(type="float") for n in range(40)}
view = {"source": "a.parquet", "timestamp": "when", "features": features}
labels = {"source": "a.parquet", "column": "y", "timestamp": "when"}
model = ModelConfig.model_validate({"task": "classification", "entity": "id",
    "feature_views": {"v": view}, "labels": labels})
rows = random.normal(size=(4000, 40)).astype(np.float32)
y = (random.random(4000) < 1 / (1 + np.exp(-rows[:, 0]))).astype(float)
found = linear.fitted_scores(model, features, rows[:3000], y[:3000], rows[3000:])
print(hashlib.sha256(found.tobytes()).hexdigest())
"""
    digests = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": count, "OMP_NUM_THREADS": count},
        ).stdout
        for count in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1
    assert len(digests.pop().strip()) == hashlib.sha256().digest_size * 2
