import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_cli.config import ModelConfig
from mlops_cli.domain.gates import decide, judge
from mlops_cli.domain.metrics import METRICS
from mlops_cli.domain.results.judging import Decision, Gate, Verdict

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def model(task="classification", fairness=None, **gates):
    """Return the section of a model with one feature and these gates."""
    return ModelConfig.model_validate(
        {
            "task": task,
            "entity": "patient_id",
            "feature_views": {
                "vitals": {"source": "v.parquet", "features": {"age": {"type": "float"}}}
            },
            "labels": {"source": "l.parquet", "column": "label"},
            "gates": gates,
            "fairness": fairness or {},
        }
    )


def ids(size):
    return np.arange(size).astype(str)


def scores(size, strength, seed=0, noise=1.0):
    """Return labels and two models' probabilities: the first sees the label more clearly."""
    generator = np.random.default_rng(seed)
    truth = (generator.random(size) < 0.4).astype(float)
    shared = truth * 1.5 + generator.normal(0, 1, size)
    better = shared + truth * strength + generator.normal(0, noise, size)
    worse = shared + generator.normal(0, noise, size)
    return truth, 1 / (1 + np.exp(-better)), 1 / (1 + np.exp(-worse))


def judge_one(config, truth, challenger, champion=None, groups=None, entities=None):
    entities = ids(len(truth)) if entities is None else entities
    return judge(
        config,
        truth,
        challenger,
        champion,
        entities,
        groups or {},
        0,
        thresholds=(0.5, 0.5),
        metrics=METRICS[config.task],
    )


def test_without_conditions_nothing_is_decided():
    truth, score, _ = scores(100, 0)
    (gate,) = judge_one(model(), truth, score)
    assert (gate.name, gate.verdict) == ("evidence", INCONCLUSIVE)
    assert "set gates.floor" in gate.message


def test_a_floor_is_met_or_not_in_the_direction_of_its_metric():
    truth, score, _ = scores(500, 1)
    config = model(floor={"roc_auc": 0.7, "recall": 0.999, "brier": 0.3, "log_loss": 0.01})
    gates = {gate.name: gate for gate in judge_one(config, truth, score)}
    verdicts = {name: gate.verdict for name, gate in gates.items()}
    assert verdicts == {
        "floor:roc_auc": PASS,
        "floor:recall": FAIL,
        "floor:brier": PASS,
        "floor:log_loss": FAIL,
    }
    auc = gates["floor:roc_auc"]
    assert auc.low < auc.value < auc.high
    assert auc.limit == 0.7
    assert "must be at least 0.7" in auc.message
    assert "must be at most 0.3" in gates["floor:brier"].message


def test_a_floor_on_an_undefined_metric_is_not_met():
    truth, _, _ = scores(100, 0)
    (gate,) = judge_one(model(floor={"precision": 0.1}), truth, np.full(100, 0.2))
    assert (gate.verdict, gate.value) == (INCONCLUSIVE, None)
    assert gate.message == "precision is undefined on these rows"


def test_a_better_challenger_improves():
    truth, better, worse = scores(2000, 1)
    (gate,) = judge_one(model(), truth, better, worse)
    assert (gate.name, gate.verdict, gate.limit) == ("improvement:roc_auc", PASS, 0)
    assert 0 < gate.low < gate.value < gate.high


def test_a_worse_challenger_is_refused():
    truth, better, worse = scores(2000, 1)
    (gate,) = judge_one(model(), truth, worse, better)
    assert gate.verdict is FAIL
    assert gate.high < 0


def test_the_champion_itself_is_no_improvement():
    truth, score, _ = scores(200, 1)
    (gate,) = judge_one(model(), truth, score, score)
    assert (gate.verdict, gate.value, gate.low, gate.high) == (FAIL, 0, 0, 0)


def test_too_few_rows_are_inconclusive_and_say_how_many_it_takes():
    truth, better, worse = scores(100, 0.3)
    config = model(detectable=0.02)
    (gate,) = judge_one(config, truth, better, worse)
    assert gate.verdict is INCONCLUSIVE
    half_width = (gate.high - gate.low) / 2
    needed = int(np.ceil(100 * (half_width / 0.02) ** 2))
    assert f"100 rows cannot tell, about {needed:,} rows could" in gate.message
    assert needed > 500


def test_enough_rows_to_see_an_improvement_that_is_not_there_refuse():
    truth, first, second = scores(4000, 0, noise=0.2)
    (gate,) = judge_one(model(detectable=0.02), truth, first, second)
    assert gate.low < 0 < gate.high < 0.02
    assert gate.verdict is FAIL


def test_the_improvement_has_to_exceed_the_minimum():
    truth, better, worse = scores(2000, 1)
    (small,) = judge_one(model(), truth, better, worse)
    (large,) = judge_one(model(min_improvement=small.high), truth, better, worse)
    assert (small.verdict, large.verdict) == (PASS, FAIL)


def test_lower_is_better_for_an_error():
    generator = np.random.default_rng(0)
    truth = generator.normal(0, 1, 400)
    near, far = (truth + generator.normal(0, scale, 400) for scale in (0.3, 0.6))
    (better,) = judge_one(model("regression"), truth, near, far)
    (worse,) = judge_one(model("regression"), truth, far, near)
    assert (better.name, better.verdict, worse.verdict) == ("improvement:rmse", PASS, FAIL)
    assert better.value > 0


def test_not_worse_passes_fails_or_stays_open():
    truth, better, worse = scores(2000, 1)
    verdicts = [
        judge_one(model(not_worse={"brier": margin}), truth, *pair)[1].verdict
        for margin, pair in (
            (0.001, (better, worse)),
            (0.001, (worse, better)),
            (0.05, (worse, better)),
        )
    ]
    assert verdicts == [PASS, FAIL, PASS]
    few = scores(60, 0)
    gate = judge_one(model(not_worse={"brier": 0.001}), *few)[1]
    assert (gate.name, gate.verdict, gate.limit) == ("not_worse:brier", INCONCLUSIVE, -0.001)
    assert "60 rows cannot rule out a loss of 0.001" in gate.message


def fairness_gate(size, gap, limit=0.1):
    truth, score, _ = scores(size, 3)
    groups = np.tile(["f", "m"], size // 2).astype(object)
    score = np.where((groups == "f") & (np.random.default_rng(1).random(size) < gap), 0.0, score)
    config = model(fairness={"limit": limit})
    (gate,) = judge_one(config, truth, score, groups={"sex": groups})
    return gate


def test_fairness_fails_where_the_gap_is_large_and_certain():
    gate = fairness_gate(2000, 0.5)
    assert (gate.name, gate.verdict) == ("fairness:sex:equal_opportunity", FAIL)
    assert gate.limit == 0.1 < gate.low < gate.value


def test_fairness_passes_a_small_gap():
    assert fairness_gate(2000, 0.0).verdict is PASS


def test_fairness_that_cannot_tell_is_no_pass():
    gate = fairness_gate(100, 0.2)
    assert gate.verdict is INCONCLUSIVE
    assert "100 rows cannot rule out chance" in gate.message
    few = fairness_gate(40, 0.5)
    assert (few.verdict, few.value) == (INCONCLUSIVE, None)
    assert few.message == "fewer than two groups of sex have enough rows for equal_opportunity"


@pytest.mark.parametrize(
    ("truth", "entities", "message"),
    [
        (np.tile([0.0, 1.0], 9), ids(18), "18 rows of 18 entities: at least 20"),
        (np.tile([0.0, 1.0], 50), np.repeat(ids(10), 10), "100 rows of 10 entities"),
        (np.zeros(100), ids(100), "all 100 labels of the holdout are 0: both classes"),
        (np.array([]), ids(0), "0 rows of 0 entities"),
    ],
)
def test_a_degenerate_holdout_decides_nothing(truth, entities, message):
    score = np.linspace(0, 1, len(truth))
    config = model(floor={"accuracy": 0.0})
    (gate,) = judge_one(config, truth, score, score, entities=entities)
    assert (gate.name, gate.verdict) == ("evidence", INCONCLUSIVE)
    assert message in gate.message
    assert decide([gate], False) is Decision.INCONCLUSIVE


@given(st.lists(st.sampled_from(list(Verdict)), max_size=5), st.booleans())
def test_one_failure_refuses_and_one_doubt_leaves_it_open(verdicts, approval):
    decision = decide([Gate("g", verdict, "") for verdict in verdicts], approval)
    assert (decision is Decision.REFUSED) == (FAIL in verdicts)
    assert (decision is Decision.INCONCLUSIVE) == (
        FAIL not in verdicts and INCONCLUSIVE in verdicts
    )
    passed = set(verdicts) <= {PASS}
    assert (decision is Decision.PROMOTED) == (passed and not approval)
    assert (decision is Decision.APPROVAL_REQUIRED) == (passed and approval)


def test_two_equal_models_are_hardly_ever_promoted():
    lucky = 0
    for seed in range(60):
        truth, first, second = scores(150, 0, seed)
        gates = judge_one(model(), truth, first, second)
        lucky += decide(gates, approval=False) is Decision.PROMOTED
    assert lucky <= 4
