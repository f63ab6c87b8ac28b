"""XGBoost behind our functions: folds, predictions, categories, exact explanations."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from mlops_cli.backends import environment, estimator, registry, search
from mlops_cli.backends.estimator import models
from mlops_cli.backends.estimator.models import threads_of
from mlops_cli.config import ModelConfig
from mlops_cli.config.training import DimensionConfig
from mlops_cli.domain.calibration import Platt
from mlops_cli.domain.contract import Contract
from mlops_cli.domain.encoding import encode
from mlops_cli.errors import InputError

WARDS = ("surgery", "medicine", "cardiology")
FEATURES: dict[str, Any] = {
    "age": {"type": "int", "range": [18, 100]},
    "ward": {"type": "category", "categories": list(WARDS)},
    "smoker": {"type": "bool"},
    "bmi": {"type": "float"},
    "region": {"type": "category", "categories": ["north", "south"], "input": False},
}
PARAMS = {"max_depth": 3, "learning_rate": 0.3, "seed": 7}


def model_of(task: str = "classification", **more: Any) -> ModelConfig:
    view = {"source": "x.parquet", "features": FEATURES}
    labels = {"source": "y.parquet", "column": "label"}
    return ModelConfig.model_validate(
        {"task": task, "entity": "id", "feature_views": {"view": view}, "labels": labels, **more}
    )


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    """Rows where the ward and the age decide, with some values missing."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 100, count).astype(float),
            "ward": rng.choice(np.array(WARDS, dtype=object), count),
            "smoker": rng.integers(0, 2, count).astype(float),
            "bmi": rng.normal(27, 4, count),
            "region": rng.choice(np.array(["north", "south"], dtype=object), count),
        }
    )
    frame.loc[rng.random(count) < 0.1, "bmi"] = np.nan
    return frame


def labels_of(frame: pd.DataFrame) -> Any:
    return ((frame["ward"] == "medicine") | (frame["age"] > 70)).to_numpy(float)


def fitted(model: ModelConfig, frame: pd.DataFrame, rounds: int = 20) -> Any:
    matrix, params = encode(frame, model.inputs), {**estimator.objective(model), **PARAMS}
    return estimator.fit(matrix, labels_of(frame), model.inputs, params, rounds)


def saved(
    folder: Path, model: ModelConfig, booster: Any, calibration: Platt | None = None
) -> estimator.StoredModel:
    registry.write_model(folder, booster, list(model.inputs), environment.pins())
    contract = Contract.of(
        "heart", model, model.features, 10, "digest", threshold=0.5, calibration=calibration
    )
    digests = estimator.seal(folder, contract)
    return estimator.load(folder, digests["manifest"])


@pytest.mark.parametrize(
    "model",
    [
        model_of(),
        model_of("regression"),
        model_of("regression", output_range=[0, 1]),
        model_of("regression", output="count"),
    ],
    ids=["classification", "regression", "bounded regression", "counts"],
)
def test_a_model_read_back_predicts_the_same_bits(tmp_path: Path, model: ModelConfig) -> None:
    booster = fitted(model, rows(300))
    fresh = rows(200, seed=1)
    before = estimator.predict(booster, encode(fresh, model.inputs), model.inputs)
    after = saved(tmp_path / "model", model, booster).predict(fresh)
    assert before.tobytes() == after.tobytes()
    assert len(np.unique(after)) > 2


def test_another_process_predicts_the_same_bits(tmp_path: Path) -> None:
    model, fresh = model_of(), rows(50, seed=1)
    stored = saved(tmp_path / "model", model, fitted(model, rows(300)))
    fresh.to_parquet(tmp_path / "rows.parquet")
    manifest = models._sha256(tmp_path / "model/manifest.json")
    code = (
        "import sys, pandas as pd; from pathlib import Path;"
        "from mlops_cli.backends import estimator;"
        f"stored = estimator.load(Path({str(tmp_path / 'model')!r}), {manifest!r});"
        f"frame = pd.read_parquet({str(tmp_path / 'rows.parquet')!r});"
        "sys.stdout.write(stored.predict(frame).tobytes().hex())"
    )
    other = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=other, capture_output=True, text=True, check=True
    )
    assert done.stdout == stored.predict(fresh).tobytes().hex()


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    model, frame = model_of(), rows(300)
    for name in ("one", "two"):
        registry.write_model(tmp_path / name, fitted(model, frame), list(model.inputs), [])
    one, two = ((tmp_path / name / "model.ubj").read_bytes() for name in ("one", "two"))
    assert one == two


def test_probabilities_are_between_zero_and_one(tmp_path: Path) -> None:
    stored = saved(tmp_path / "model", model_of(), fitted(model_of(), rows(300)))
    scores = stored.predict(rows(200, seed=1))
    assert scores.min() > 0
    assert scores.max() < 1


def test_a_bounded_regression_stays_inside_its_range(tmp_path: Path) -> None:
    model = model_of("regression", output_range=[0, 1])
    scores = saved(tmp_path / "model", model, fitted(model, rows(300), 200)).predict(rows(200, 1))
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_counts_are_never_negative(tmp_path: Path) -> None:
    model = model_of("regression", output="count")
    scores = saved(tmp_path / "model", model, fitted(model, rows(300), 200)).predict(rows(200, 1))
    assert scores.min() >= 0
    assert len(np.unique(scores)) > 2


def test_a_calibration_comes_after_the_trees(tmp_path: Path) -> None:
    booster, fresh = fitted(model_of(), rows(300)), rows(200, seed=1)
    plain = saved(tmp_path / "plain", model_of(), booster)
    line = Platt(slope=0.5, intercept=-1.0)
    stored = saved(tmp_path / "model", model_of(), booster, line)
    assert stored.contract.calibration == line
    odds = np.log(plain.predict(fresh) / (1 - plain.predict(fresh)))
    expected = 1 / (1 + np.exp(-(0.5 * odds - 1)))
    np.testing.assert_allclose(stored.predict(fresh), expected, rtol=1e-6)
    for one, two in zip(stored.contributions(fresh), plain.contributions(fresh), strict=True):
        assert one.tobytes() == two.tobytes()


def test_the_digest_of_decisions_is_that_of_what_decides(tmp_path: Path) -> None:
    booster = fitted(model_of(), rows(300))
    made = [
        saved(tmp_path / str(number), model_of(), booster, line).contract.decision_digest
        for number, line in enumerate(
            [None, None, Platt(slope=1, intercept=0), Platt(slope=1, intercept=0.1)]
        )
    ]
    assert made[0] == made[1]
    assert len(set(made)) == 3


# Constraints and weights


def monotone(direction: str | None) -> ModelConfig:
    features = {**FEATURES, "age": {"type": "int", "monotone": direction}}
    view = {"source": "x.parquet", "features": features}
    return model_of(feature_views={"view": view})


def noisy(frame: pd.DataFrame) -> Any:
    """Labels that rise with the age, one in three turned round."""
    turned = np.random.default_rng(4).random(len(frame)) < 1 / 3
    return np.where(turned, frame["age"] < 60, frame["age"] > 60).astype(float)


def steps_by_age(folder: Path, model: ModelConfig) -> Any:
    """How the prediction moves from one year of age to the next, for 40 people, (40, 81)."""
    frame = rows(400)
    params = {**estimator.settings(model, noisy(frame)), **PARAMS, "max_depth": 6}
    booster = estimator.fit(encode(frame, model.inputs), noisy(frame), model.inputs, params, 60)
    stored, ages = saved(folder, model, booster), np.arange(18.0, 100.0)
    people = rows(40, seed=1)
    scores = [stored.predict(people.assign(age=age)) for age in ages]
    return np.diff(np.array(scores).T, axis=1)


@pytest.mark.parametrize(("direction", "sign"), [("increasing", 1), ("decreasing", -1)])
def test_a_prediction_never_goes_against_the_direction_of_a_feature(
    tmp_path: Path, direction: str, sign: int
) -> None:
    against = -sign * steps_by_age(tmp_path / "model", monotone(direction))
    assert against.max() <= 0
    if direction == "increasing":
        assert against.min() < -0.1


def test_without_a_direction_noise_moves_predictions_both_ways(tmp_path: Path) -> None:
    steps = steps_by_age(tmp_path / "model", monotone(None))
    assert steps.min() < 0 < steps.max()


@pytest.mark.parametrize(
    ("asked", "weight"), [("none", None), ("balanced", 3.0), ({"positive": 2}, 2.0)]
)
def test_the_weight_of_a_class_is_what_is_asked(asked: Any, weight: float | None) -> None:
    labels = np.array([0.0, 0.0, 0.0, 1.0] * 10)
    told = estimator.settings(model_of(class_weight=asked), labels)
    assert told.get("scale_pos_weight") == weight
    assert "monotone_constraints" not in told
    assert "device" not in told


@pytest.mark.parametrize(("count", "bins"), [(300, 128), (19_999, 128), (20_000, None)])
def test_a_small_table_needs_fewer_bins(count: int, bins: int | None) -> None:
    assert estimator.settings(model_of(), np.zeros(count)).get("max_bin") == bins


def test_weighted_trees_stop_growing_where_they_stop_learning() -> None:
    """Judged by the plain log loss of distorted scores they grow on to calibrate themselves.

    How far is chance: with a look every ten rounds and a patience of 20 two unlucky looks end it,
    at 140 to 300 trees over folds and draws, where a look each round gives 139 to 277.
    """
    rng = np.random.default_rng(0)
    frame = rows(3000)
    rare = (rng.random(3000) < 0.01 + 0.06 * (frame["age"] > 70)).astype(float).to_numpy()
    model = model_of(class_weight="balanced")
    told = {**estimator.settings(model, rare), **PARAMS}
    matrix, folds = encode(frame, model.inputs), np.arange(3000) % 3
    weight = told["scale_pos_weight"]
    assert weight > 20
    grown = [
        estimator.Folds(matrix, rare, folds, model.inputs, each).score(told, 300, 20).rounds
        for each in (1.0, weight)
    ]
    assert grown[1] <= estimator.folds.CHECKED
    assert grown[0] > 10 * grown[1]


# Categories


@pytest.fixture
def stored(tmp_path: Path) -> estimator.StoredModel:
    return saved(tmp_path / "model", model_of(), fitted(model_of(), rows(300)))


def young(ward: str | None, **more: Any) -> pd.DataFrame:
    row = {"age": 30.0, "ward": ward, "smoker": 0.0, "bmi": 27.0, "region": "north", **more}
    return pd.DataFrame([row])


def test_a_category_decides_by_its_word(stored: estimator.StoredModel) -> None:
    assert stored.predict(young("medicine"))[0] > 0.9
    assert stored.predict(young("surgery"))[0] < 0.1


def test_the_other_rows_of_a_table_do_not_change_what_a_word_means(
    stored: estimator.StoredModel,
) -> None:
    alone = stored.predict(young("cardiology"))[0]
    among = stored.predict(pd.concat([young("cardiology"), young("medicine"), young("surgery")]))
    assert among[0] == alone


def test_an_unknown_word_is_a_missing_one(stored: estimator.StoredModel) -> None:
    assert stored.predict(young("maternity"))[0] == stored.predict(young(None))[0]


def test_a_feature_that_is_no_input_changes_nothing(stored: estimator.StoredModel) -> None:
    north, south = (stored.predict(young("medicine", region=r))[0] for r in ("north", "south"))
    assert north == south


def test_no_rows_are_refused(stored: estimator.StoredModel) -> None:
    with pytest.raises(InputError, match="no row"):
        stored.predict(rows(10).head(0))


# Explanations


@pytest.mark.parametrize(
    ("model", "scale", "margin_of"),
    [
        (model_of(), "log odds", lambda score: np.log(score / (1 - score))),
        (model_of("regression"), "value", lambda score: score),
        (
            model_of("regression", output_range=[0, 1]),
            "log odds",
            lambda score: np.log(score / (1 - score)),
        ),
        (model_of("regression", output="count"), "log", np.log),
    ],
    ids=["classification", "regression", "bounded regression", "counts"],
)
def test_contributions_sum_to_the_margin(
    tmp_path: Path, model: ModelConfig, scale: str, margin_of: Any
) -> None:
    stored = saved(tmp_path / "model", model, fitted(model, rows(300)))
    fresh = rows(100, seed=1)
    values, bases = stored.contributions(fresh)
    score = stored.predict(fresh)
    margin = margin_of(score)
    assert stored.scale == scale
    assert values.shape == (100, len(model.inputs))
    np.testing.assert_allclose(values.sum(axis=1) + bases, margin, atol=2e-5)


def test_a_feature_that_decides_contributes_most(stored: estimator.StoredModel) -> None:
    values, _ = stored.contributions(young("medicine"))
    assert list(model_of().inputs)[int(np.argmax(np.abs(values[0])))] == "ward"


def test_importance_is_a_share_of_every_input() -> None:
    shares = estimator.importance(fitted(model_of(), rows(300)), list(model_of().inputs))
    assert list(shares) == ["age", "ward", "smoker", "bmi"]
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["ward"] > shares["smoker"]


def test_a_model_without_a_split_gives_no_feature_importance() -> None:
    frame = rows(300)
    params = {**estimator.objective(model_of()), **PARAMS, "gamma": 1e9}
    matrix = encode(frame, model_of().inputs)
    booster = estimator.fit(matrix, labels_of(frame), model_of().inputs, params, 1)
    assert set(estimator.importance(booster, ["age", "ward"]).values()) == {0.0}


# Folds and search


def scored(folds: np.ndarray[Any, Any]) -> estimator.FoldScores:
    model, frame = model_of(), rows(300)
    parts = estimator.Folds(encode(frame, model.inputs), labels_of(frame), folds, model.inputs)
    return parts.score({**estimator.objective(model), **PARAMS}, 50, 5)


def test_every_row_is_predicted_by_a_model_that_has_not_seen_it() -> None:
    """With labels of pure chance, a model that had seen them would know them."""
    model, frame = model_of(), rows(300)
    chance = np.random.default_rng(3).integers(0, 2, 300).astype(float)
    folds = np.arange(300) % 3
    parts = estimator.Folds(encode(frame, model.inputs), chance, folds, model.inputs)
    params = {**estimator.objective(model), **PARAMS, "max_depth": 8}
    guesses = (parts.score(params, 50, 50).out_of_fold > 0.5) == chance
    assert 0.35 < guesses.mean() < 0.65


def test_early_stopping_keeps_to_the_best_number_of_trees() -> None:
    found = scored(np.arange(300) % 3)
    assert 1 <= found.rounds <= 50
    assert found.loss < 0.3


def test_a_parameter_that_xgboost_does_not_take() -> None:
    model, frame = model_of(), rows(60)
    with pytest.raises(InputError, match="max_depth"):
        estimator.fit(
            encode(frame, model.inputs), labels_of(frame), model.inputs, {"max_depth": 2.5}, 1
        )


def test_the_folds_are_those_of_xgboost_itself() -> None:
    """Bins built once and a look every ten rounds change no tree and no prediction."""
    model, frame = model_of(), rows(300)
    matrix, labels, held = encode(frame, model.inputs), labels_of(frame), np.arange(300) % 3 == 1
    params = {**estimator.objective(model), **PARAMS, "subsample": 0.7}
    parts = estimator.Folds(matrix, labels, np.arange(300) % 3, model.inputs)
    (found,) = parts.fit(params, 60, 20, [1])
    booster = estimator.fit(matrix[~held], labels[~held], model.inputs, params, found.rounds)
    plain = estimator.predict(booster, matrix[held], model.inputs)
    assert (found.held == held).all()
    assert found.predicted.tobytes() == plain.tobytes()
    seen = labels[held] * np.log(plain) + (1 - labels[held]) * np.log1p(-plain)
    assert found.loss == pytest.approx(-seen.mean(), rel=1e-5)


def test_a_large_table_is_judged_by_its_bins_and_no_prediction_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = model_of()
    numbers = {name: spec for name, spec in whole.inputs.items() if name != "ward"}
    frame = rows(600)
    params = {**estimator.objective(whole), **PARAMS, "subsample": 0.7}
    found = []
    for compact in (False, True):
        parts = estimator.Folds(
            encode(frame, numbers), labels_of(frame), np.arange(600) % 3, numbers, 2.0
        )
        parts._compact = compact
        found.append(parts.fit(params, 60, 20, range(3)))
        kind = xgb.QuantileDMatrix if compact else xgb.DMatrix
        assert {type(part.valid) for part in parts._parts} == {kind}
    for one, two in zip(*found, strict=True):
        assert (one.loss, one.rounds) == (two.loss, two.rounds)
        assert one.predicted.tobytes() == two.predicted.tobytes()


def test_a_category_that_only_the_judged_rows_have_is_not_taken_for_another() -> None:
    model, frame = model_of(), rows(300)
    folds = (frame["ward"] == "cardiology").to_numpy(np.int64)
    matrix, labels = encode(frame, model.inputs), labels_of(frame)
    params = {**estimator.objective(model), **PARAMS}
    (found,) = estimator.Folds(matrix, labels, folds, model.inputs).fit(params, 20, 20, [1])
    known = folds == 0
    booster = estimator.fit(matrix[known], labels[known], model.inputs, params, found.rounds)
    plain = estimator.predict(booster, matrix[~known], model.inputs)
    assert found.predicted.tobytes() == plain.tobytes()


def test_another_number_of_bins_is_another_model_and_back_again_the_same() -> None:
    model, frame = model_of(), rows(300)
    parts = estimator.Folds(
        encode(frame, model.inputs), labels_of(frame), np.arange(300) % 3, model.inputs
    )
    params = {**estimator.objective(model), **PARAMS}
    losses = [parts.score({**params, "max_bin": bins}, 20, 20).loss for bins in (256, 3, 256)]
    assert losses[0] == losses[2] != losses[1]
    assert parts.score(params, 20, 20).loss == losses[0]


def folds_of(count: int) -> estimator.Folds:
    model, frame = model_of(), rows(count)
    matrix, labels = encode(frame, model.inputs), labels_of(frame)
    return estimator.Folds(matrix, labels, np.arange(count) % 3, model.inputs)


def test_folds_that_were_fitted_are_not_fitted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model, frame = model_of(), rows(300)
    matrix, labels = encode(frame, model.inputs), labels_of(frame)
    parts = estimator.Folds(matrix, labels, np.arange(300) % 3, model.inputs)
    params = {**estimator.objective(model), **PARAMS}
    part_of_them = parts.fit(params, 20, 20, [0, 1, 2], out=lambda fits: True)
    assert len(part_of_them) == 2
    first = parts.score(params, 20, 20)
    monkeypatch.setattr(estimator.folds, "_boosted", None)  # nothing is fitted from here on
    again = parts.score(dict(reversed(params.items())), 20, 20)
    assert again.out_of_fold.tobytes() == first.out_of_fold.tobytes()
    with pytest.raises(TypeError):
        parts.score({**params, "max_depth": 2}, 20, 20)


def test_folds_leave_the_threads_of_later_fits_alone() -> None:
    """XGBoost's global number of threads holds a large fit to it, whatever the fit is told."""
    before = xgb.get_config()["nthread"]
    parts, params = folds_of(300), {**estimator.objective(model_of()), **PARAMS}
    parts.fit(params, 20, 20, range(3))
    fitted(model_of(), rows(300))
    assert xgb.get_config()["nthread"] == before == 0


def test_folds_are_left_out_once_it_is_known_enough() -> None:
    model, frame = model_of(), rows(300)
    matrix, labels = encode(frame, model.inputs), labels_of(frame)
    parts = estimator.Folds(matrix, labels, np.arange(300) % 5, model.inputs)
    params, asked = {**estimator.objective(model), **PARAMS}, list[int]()

    def out(fits: list[estimator.FoldFit]) -> bool:
        asked.append(len(fits))
        return len(fits) == 4

    whole = estimator.Folds(matrix, labels, np.arange(300) % 5, model.inputs).fit(
        params, 20, 20, range(5)
    )
    raced = parts.fit(params, 20, 20, range(5), out)
    assert asked == [2, 4]
    assert [each.predicted.tobytes() for each in raced] == [
        each.predicted.tobytes() for each in whole[:4]
    ]


@pytest.mark.parametrize("cores", [1, 2, 16])
def test_the_number_of_cores_changes_no_prediction(
    monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    alone = scored(np.arange(300) % 3)
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    again = scored(np.arange(300) % 3)
    assert again.out_of_fold.tobytes() == alone.out_of_fold.tobytes()
    assert (again.loss, again.rounds) == (alone.loss, alone.rounds)


@pytest.mark.parametrize(
    ("rows_", "columns", "expected"),
    [(12_000, 13, 1), (400_000, 9, 1), (400_000, 10, 2), (4_000_000, 10, 4)],
)
def test_threads_of_a_fit_go_by_the_size_of_the_table(
    rows_: int, columns: int, expected: int
) -> None:
    matrix = np.broadcast_to(np.float32(0), (rows_, columns))
    assert threads_of(matrix) == expected


def test_a_look_at_the_last_round_is_never_missed() -> None:
    model, frame = model_of(), rows(300)
    parts = estimator.Folds(
        encode(frame, model.inputs), labels_of(frame), np.arange(300) % 3, model.inputs
    )
    params = {**estimator.objective(model), **PARAMS, "learning_rate": 0.01}
    assert [each.rounds for each in parts.fit(params, 7, 30, range(3))] == [7, 7, 7]
    assert [each.rounds for each in parts.fit(params, 13, 30, range(3))] == [13, 13, 13]


SPACE = {
    "depth": DimensionConfig(low=2, high=6, scale="int"),
    "rate": DimensionConfig(low=0.01, high=1, scale="log"),
    "share": DimensionConfig(low=0.5, high=1),
}


def test_the_search_stays_inside_its_space() -> None:
    seen: list[dict[str, float | int]] = []
    search.minimise(lambda point: seen.append(point) or 0.0, SPACE, 20, 7)  # type: ignore[func-returns-value]
    assert len(seen) == 20
    assert all(isinstance(point["depth"], int) and 2 <= point["depth"] <= 6 for point in seen)
    assert all(0.01 <= point["rate"] <= 1 and 0.5 <= point["share"] <= 1 for point in seen)


def test_the_search_returns_the_best_point_it_has_seen() -> None:
    losses: list[tuple[float, dict[str, float | int]]] = []

    def loss(point: search.Params) -> float:
        losses.append((abs(point["share"] - 0.8), point))
        return losses[-1][0]

    best = search.minimise(loss, SPACE, 20, 7)
    assert best == min(losses, key=lambda seen: seen[0])[1]


def test_the_same_seed_searches_the_same_points() -> None:
    found = [search.minimise(lambda point: point["rate"], SPACE, 10, 7) for _ in range(2)]
    assert found[0] == found[1]


def test_dimensions_of_one_value_are_that_value() -> None:
    space = {"depth": DimensionConfig(low=3, high=3, scale="int")}
    assert search.minimise(lambda point: point["depth"], space, 3, 7) == {"depth": 3}


def test_a_longer_search_begins_with_the_trials_of_a_shorter_one() -> None:
    def points(trials: int) -> list[search.Params]:
        seen: list[search.Params] = []
        search.minimise(lambda point: seen.append(point) or point["rate"], SPACE, trials, 7)  # type: ignore[func-returns-value]
        return seen

    assert points(40)[:25] == points(25)


def test_a_search_ends_when_it_is_enough() -> None:
    seen: list[search.Params] = []
    search.minimise(
        lambda point: seen.append(point) or 0.0,  # type: ignore[func-returns-value]
        SPACE, 20, 7, lambda: len(seen) == 3,
    )  # fmt: skip
    assert len(seen) == 3
