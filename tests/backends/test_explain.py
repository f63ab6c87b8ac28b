import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from mlops_cli.backends import estimator, explain
from mlops_cli.config import FeatureConfig
from mlops_cli.domain.encoding import encode
from mlops_cli.errors import InputError

PARTS = [
    ("chest_pain", "asymptomatic", 1.31),
    ("age", 67, 0.42),
    ("max_heart_rate", 108.0, -0.7),
    ("cost_$_and_$x^{$", "female $x_1$ \\frac{", -0.31),
    ("smoker", True, 0.11),
    ("cholesterol", None, 0.0),
]
FEATURES = {
    "age": FeatureConfig(type="int"),
    "pressure": FeatureConfig(type="float"),
    "smoker": FeatureConfig(type="bool"),
    "pain": FeatureConfig(type="category", categories=("none", "typical", "atypical")),
}
NUMERIC = {name: spec for name, spec in FEATURES.items() if spec.type != "category"}


@pytest.mark.parametrize("suffix", [".png", ".svg", ".PNG"])
def test_a_picture_is_written_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new" / f"why{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain.waterfall(path, -0.35, PARTS, "heart_disease $1 and $2: 漢字")
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert plt.get_fignums() == []
    assert len(path.read_bytes()) > 20_000
    if suffix == ".svg":
        assert len(list(ET.parse(path).iter("{http://www.w3.org/2000/svg}path"))) > 50  # noqa: S314
    else:
        height, width, _ = plt.imread(path, format="png").shape
        assert height > 300
        assert width > 600


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_same_numbers_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    one, two = tmp_path / f"one{suffix}", tmp_path / f"two{suffix}"
    for path in (one, two):
        explain.waterfall(path, -0.35, PARTS, "heart_disease")
    assert one.read_bytes() == two.read_bytes()


def test_many_features_and_long_words_stay_on_the_page(tmp_path: Path) -> None:
    path = tmp_path / "why.png"
    parts = [(f"feature_{i}" * 20, "word " * 50, (-1) ** i / (i + 1)) for i in range(60)]
    explain.waterfall(path, 0.0, parts, "title " * 100)
    height, width, _ = plt.imread(path).shape
    assert height < 1_200
    assert width < 2_000


@pytest.mark.parametrize("name", ["why.pdf", "why", "why.svg.html"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="unknown kind of picture") as error:
        explain.waterfall(tmp_path / name, 0.0, PARTS, "title")
    assert error.value.hint == "use .png or .svg"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("parts", [[], [("age", 1, 0.0)]])
def test_nothing_to_draw_is_refused(tmp_path: Path, parts: list[tuple[str, object, float]]) -> None:
    with pytest.raises(InputError, match="nothing to draw"):
        explain.waterfall(tmp_path / "why.png", 0.0, parts, "title")


def test_a_picture_that_fails_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "why.png"
    path.write_bytes(b"old")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("half way")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(RuntimeError, match="half way"):
        explain.waterfall(path, 0.0, PARTS, "title")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (41.0, "41"),
        (67, "67"),
        (0.123456789, "0.123457"),
        (True, "true"),
        (np.False_, "false"),
        (None, "missing"),
        (float("nan"), "missing"),
        ("a\n$b", "a \\$b"),
    ],
)
def test_values_read_as_people_write_them(value: object, word: str) -> None:
    assert explain._word(value) == word


def _model(features: dict[str, FeatureConfig]) -> tuple[xgb.Booster, xgb.DMatrix, np.ndarray]:
    generator = np.random.default_rng(7)
    rows = 400
    frame = pd.DataFrame(
        {
            "age": generator.integers(20, 90, rows).astype(float),
            "pressure": generator.normal(130, 15, rows),
            "smoker": generator.integers(0, 2, rows).astype(float),
            "pain": generator.choice(["none", "typical", "atypical"], rows),
        }
    )
    margin = (frame["age"] - 55) / 15 + 2 * (frame["pain"] == "typical") - frame["smoker"]
    labels = (margin + generator.logistic(size=rows) > 0).to_numpy(float)
    for name in frame:
        frame.loc[generator.random(rows) < 0.15, name] = None
    matrix = encode(frame, features)
    params = {"objective": "binary:logistic", "max_depth": 4, "learning_rate": 0.2, "seed": 1}
    booster = estimator.fit(matrix, labels, features, params, 40)
    return booster, estimator.table(matrix, features), matrix


def test_xgboost_explains_as_shap_does() -> None:
    booster, table, matrix = _model(NUMERIC)
    values = booster.predict(table, pred_contribs=True)
    explainer = explain.shap.TreeExplainer(booster)
    np.testing.assert_allclose(values[:, :-1], explainer.shap_values(matrix), atol=1e-4)
    np.testing.assert_allclose(values[:, -1], explainer.expected_value, atol=1e-4)


@pytest.mark.parametrize("features", [NUMERIC, FEATURES], ids=["numbers", "with a category"])
def test_base_and_contributions_sum_to_the_margin(features: dict[str, FeatureConfig]) -> None:
    booster, table, _ = _model(features)
    values = booster.predict(table, pred_contribs=True)
    margin = booster.predict(table, output_margin=True)
    np.testing.assert_allclose(values.sum(axis=1), margin, atol=1e-4)
    assert np.abs(values[:, :-1]).max(axis=0).min() > 0.01
