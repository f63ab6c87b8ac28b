import numpy as np
import pandas as pd
import pytest

from mlops_cli.config import DriftConfig, FeatureConfig
from mlops_cli.domain.drift import check_columns, check_values
from mlops_cli.errors import InputError

SIZE = 5_000
NUMBER = FeatureConfig(type="float")
RANGED = FeatureConfig(type="float", range=(2, 8))
FLAG = FeatureConfig(type="bool")
WORD = FeatureConfig(type="category", categories=("a", "b", "c"))


def check(before, now, spec=NUMBER, **limits):
    """Compare one column; return its checks by method."""
    checks = check_columns(
        pd.DataFrame({"x": before}),
        pd.DataFrame({"x": now}),
        {"x": spec},
        DriftConfig(**limits),
        len(before),
        0,
    )
    return {found.method: found for found in checks}


def alarms(before, now, spec=NUMBER, **limits):
    return [name for name, found in check(before, now, spec, **limits).items() if found.drifted]


def normal(rows, seed=0, mean=0.0, deviation=1.0):
    return np.random.default_rng(seed).normal(mean, deviation, rows)


def words(rows, seed=0, shares=(0.6, 0.3, 0.1)):
    return np.random.default_rng(seed).choice(["a", "b", "c"], rows, p=shares).astype(object)


def test_the_same_population_is_no_drift():
    assert alarms(normal(SIZE), normal(200, 1)) == []
    assert alarms(normal(SIZE) > 0, normal(200, 1) > 0, FLAG) == []
    assert alarms(words(SIZE), words(200, 1), WORD) == []


def test_a_shift_is_seen_with_its_size_in_standard_deviations_and_told_in_words():
    found = check(normal(SIZE, 0, 200, 50), normal(500, 1, 240, 50))["wasserstein"]
    assert found.drifted
    assert found.statistic == pytest.approx(0.8, abs=0.1)
    assert found.statistic == found.effect
    assert found.threshold == found.detectable
    assert (found.kind, found.column) == ("data", "x")
    assert found.p_value < 0.001
    assert found.message.startswith("x: mean 199.8 -> 238.2 (Wasserstein 0.768 sd, limit 0.1")


def test_a_change_of_spread_is_seen_and_told():
    found = check(normal(SIZE, 0, 0, 1), normal(500, 1, 0, 2))["wasserstein"]
    assert found.drifted
    assert ", sd 0.99" in found.message or ", sd 1" in found.message


def test_a_small_shift_is_no_drift_however_many_rows():
    found = check(normal(100_000), normal(100_000, 1, 0.05))["wasserstein"]
    assert found.p_value < 0.001
    assert not found.drifted
    assert found.threshold == 0.1


def test_few_rows_raise_the_threshold():
    thresholds = [
        check(normal(SIZE), normal(rows, 1))["wasserstein"].threshold for rows in (50, 200, 5000)
    ]
    assert thresholds[0] > thresholds[1] > thresholds[2] == 0.1


def test_few_independent_reference_rows_raise_the_threshold():
    tables = pd.DataFrame({"x": normal(SIZE)}), pd.DataFrame({"x": normal(1000, 1)})
    thresholds = [
        check_columns(*tables, {"x": NUMBER}, DriftConfig(), size, 0)[1].threshold
        for size in (50, SIZE)
    ]
    assert thresholds[0] > 2 * thresholds[1]


def test_one_wild_value_is_no_drift():
    now = normal(1000, 1)
    now[0] = 1e9
    assert alarms(normal(SIZE), now) == []


def test_more_columns_raise_the_threshold():
    before = pd.DataFrame({f"x{i}": normal(SIZE, i) for i in range(10)})
    now = pd.DataFrame({f"x{i}": normal(100, 50 + i) for i in range(10)})
    alone = check_columns(before, now, {"x0": NUMBER}, DriftConfig(), SIZE, 0)
    features = dict.fromkeys(before.columns, NUMBER)
    every = check_columns(before, now, features, DriftConfig(), SIZE, 0)
    assert len(every) == 20
    assert every[1].threshold > 1.2 * alone[1].threshold
    assert every[1].statistic == alone[1].statistic


def test_the_order_of_checks_and_their_thresholds_are_reproducible():
    first, second = (check(normal(SIZE), normal(100, 1)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("before", "now", "share"),
    [
        ("aaabbc", "aabbbb", "share of b 0.33 -> 0.67"),
        ("aaabbc", "aabccc", "share of c 0.17 -> 0.5"),
        ("aaabbc", "abczzz", "share of other words 0 -> 0.5"),
    ],
)
def test_a_change_of_words_is_seen_and_told(before, now, share):
    found = check(list(before * 100), list(now * 100), WORD)["jensen_shannon"]
    assert found.drifted
    assert share in found.message


@pytest.mark.parametrize("kind", ["bool", "float", "object", "boolean"])
def test_truth_values_are_compared_whatever_type_holds_them(kind):
    generator = np.random.default_rng(0)
    before = pd.Series(generator.random(SIZE) < 0.3)
    same, other = (pd.Series(generator.random(500) < p).astype(kind) for p in (0.3, 0.6))
    assert alarms(before, same, FLAG) == []
    assert alarms(before, other, FLAG) == ["jensen_shannon"]
    assert "share of 1 0.3 -> 0.6" in check(before, other, FLAG)["jensen_shannon"].message


def test_codes_are_words_whatever_type_holds_them():
    spec = FeatureConfig(type="category", categories=("1", "2"))
    before = pd.Series(np.tile([1, 2], 500))
    assert alarms(before, before.astype(float), spec) == []
    assert alarms(before, before.astype(str), spec) == []


def test_missing_values_are_seen():
    now = normal(200, 1)
    now[:30] = np.nan
    found = check(normal(SIZE), now)
    assert [name for name, one in found.items() if one.drifted] == ["missing_share"]
    missing = found["missing_share"]
    assert (missing.statistic, missing.effect, missing.threshold) == (0.15, 0.15, 0.05)
    assert missing.message == "x: missing values 0.0% -> 15.0% (limit 5.0%)"


def test_a_small_or_uncertain_rise_of_missing_values_is_no_alarm():
    many, few = normal(2000, 1), normal(30, 1)
    many[:80] = np.nan
    few[:2] = np.nan
    assert check(normal(SIZE), many)["missing_share"].p_value < 1e-6
    assert alarms(normal(SIZE), many) == []
    before = normal(SIZE)
    before[:100] = np.nan
    assert alarms(before, few) == []


def test_infinite_values_and_words_for_numbers_are_missing():
    now = pd.Series(normal(200, 1)).astype(object)
    now[:15] = float("inf")
    now[15:30] = "n/a"
    assert check(normal(SIZE), now)["missing_share"].statistic == 0.15


def test_words_outside_the_list_are_seen_without_quoting_them():
    now = words(1000, 1)
    now[:5] = "secret"
    found = check(words(SIZE), now, WORD)["unseen_category"]
    assert found.drifted
    assert found.message == "x: words not in the list 0.0% -> 0.5% (limit 0.0%)"
    now[1:5] = "a"
    assert not check(words(200), now[:150], WORD)["unseen_category"].drifted


def test_values_out_of_range_are_seen_even_where_few():
    before, now = normal(SIZE, 0, 5, 1).clip(2, 8), normal(500, 1, 5, 1).clip(2, 8)
    now[:8] = 1.5
    assert alarms(before, now, RANGED) == ["out_of_range"]
    assert alarms(before, now) == []


def test_a_zero_for_every_value_is_constant_and_far_away():
    found = check(normal(SIZE, 0, 246.7, 50), np.zeros(200))
    assert found["constant_column"].kind == "quality"
    assert found["constant_column"].message == "x: all 200 values are the same"
    assert found["wasserstein"].drifted
    assert "-> 0 (" in found["wasserstein"].message


def test_a_rare_word_that_does_not_occur_is_no_constant_column():
    before = np.random.default_rng(0).random(SIZE) < 0.01
    assert alarms(before, np.zeros(100, dtype=bool), FLAG) == []
    assert "constant_column" in alarms(before, np.zeros(3000, dtype=bool), FLAG)


def test_a_column_that_was_always_constant_is_no_finding():
    assert alarms(np.ones(SIZE), np.ones(100)) == []
    left = check(np.ones(SIZE), np.array([1.0] * 50 + [2.0] * 50))
    assert left["jensen_shannon"].drifted


def test_an_empty_column_is_a_finding_unless_it_was_nearly_empty_before():
    nothing = np.full(100, np.nan)
    assert alarms(normal(SIZE), nothing) == ["empty_column"]
    rare = np.where(np.random.default_rng(0).random(SIZE) < 0.005, 1.0, np.nan)
    assert alarms(rare, nothing) == []
    assert alarms(np.full(SIZE, np.nan), nothing) == []
    assert alarms(np.full(SIZE, np.nan), normal(100)) == []


def test_a_missing_column_is_a_finding_and_the_others_are_still_checked():
    before = pd.DataFrame({"x": normal(SIZE), "y": normal(SIZE, 1)})
    now = pd.DataFrame({"y": normal(200, 2, 3.0)})
    found = check_columns(before, now, {"x": NUMBER, "y": NUMBER}, DriftConfig(), SIZE, 0)
    drifted = [(one.column, one.method, one.kind) for one in found if one.drifted]
    assert drifted == [("x", "missing_column", "quality"), ("y", "wasserstein", "data")]


def test_tables_that_cannot_be_compared_are_refused():
    some, none = pd.DataFrame({"x": [1.0]}), pd.DataFrame({"x": []})
    for pair in ((some, none), (none, some)):
        with pytest.raises(InputError, match="no reference rows or no current rows"):
            check_columns(*pair, {"x": NUMBER}, DriftConfig(), 1, 0)
    with pytest.raises(InputError, match="reference lacks the features y"):
        check_columns(some, some, {"y": NUMBER}, DriftConfig(), 1, 0)


def test_predictions_and_numeric_targets_are_compared_as_numbers():
    before, now = 1 / (1 + np.exp(-normal(SIZE))), 1 / (1 + np.exp(-normal(300, 1, 1.0)))
    found = check_values("prediction", before, now, "classification", DriftConfig(), SIZE, 0)
    assert (found.kind, found.method, found.column) == ("prediction", "wasserstein", None)
    assert found.drifted
    assert found.message.startswith("prediction: mean 0.499 -> 0.683 (")
    target = check_values("target", normal(SIZE), normal(300, 1), "regression", DriftConfig(), 9, 0)
    assert (target.method, target.drifted) == ("wasserstein", False)


def test_labels_are_compared_as_words():
    before, now = (np.random.default_rng(i).random(1000) < p for i, p in ((0, 0.2), (1, 0.5)))
    found = check_values("target", before, now, "classification", DriftConfig(), 1000, 0)
    assert (found.method, found.drifted) == ("jensen_shannon", True)
    with pytest.raises(InputError, match="no finite target values"):
        check_values("target", before, np.array([np.nan]), "regression", DriftConfig(), 9, 0)


def test_without_drift_few_checks_alarm():
    def table(rows, seed):
        return pd.DataFrame({"skewed": np.exp(normal(rows, seed)), "word": words(rows, seed)})

    features = {"skewed": NUMBER, "word": WORD}
    before, alarmed = table(2000, 999), 0
    for seed in range(40):
        checks = check_columns(before, table(100, seed), features, DriftConfig(), 2000, seed)
        alarmed += any(found.drifted for found in checks)
    assert alarmed <= 6


def test_words_outside_the_list_that_training_had_too_are_no_alarm_when_they_get_fewer() -> None:
    features = {"ward": FeatureConfig(type="category", categories=("a", "b"))}
    before = pd.DataFrame({"ward": ["a"] * 480 + ["b"] * 480 + ["other"] * 40})
    now = pd.DataFrame({"ward": ["a"] * 240 + ["b"] * 240 + ["other"] * 10})
    checks = check_columns(before, now, features, DriftConfig(), 1000, 0)
    assert not [check.message for check in checks if check.drifted]
