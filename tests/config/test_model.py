from datetime import UTC, datetime

import pytest

from mlops_cli.config import load_config
from mlops_cli.config.training import HoldoutConfig
from mlops_cli.errors import ConfigError

AGE = "age: {type: int, range: [18, 100]}"
SEX = "sex: {type: category, categories: [female, male]}"
SEARCH = "    search:\n      trials: 5\n"
TASK = "task: classification"


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        (SEX, "sex: {type: category}", "categories belong to type category"),
        (SEX, "sex: {type: bool, categories: [a]}", "categories belong to type category"),
        (SEX, "sex: {type: category, categories: [a, a]}", "a category is listed twice"),
        (SEX, "sex: {type: bool, range: [0, 1]}", "range is [lowest, highest]"),
        (AGE, "age: {type: int, range: [100, 18]}", "range is [lowest, highest]"),
        (AGE, "patient_id: {type: int}", "'patient_id' is also the entity"),
        (AGE, "sick: {type: int}", "'sick' is also the entity"),
        (AGE, "event_timestamp: {type: int}", "'event_timestamp' is also the entity"),
        ("ttl: 45d", "created: age", "'age' is also the entity"),
        ("ttl: 45d", "timestamp: age", "'age' is also the entity"),
        (f"{AGE}\n          {SEX}", "age: {type: int, input: false}", "no feature has input: true"),
        (SEARCH, "    search: {space: {eta: {low: 2, high: 1}}}\n", "low must not exceed high"),
        (
            SEARCH,
            "    search: {space: {eta: {low: 0, high: 1, scale: log}}}\n",
            "above 0 on a log scale",
        ),
        (SEARCH, "    protected: {age: {bins: [60, 45]}}\n", "bins must ascend"),
        (SEARCH, "    protected: {age: {bins: [45, 45]}}\n", "bins must ascend"),
        (SEARCH, "    protected: {age: {}}\n", "'age': bins are for numbers"),
        (SEARCH, "    protected: {sex: {bins: [1]}}\n", "'sex': bins are for numbers"),
        (SEARCH, "    protected: {race: {}}\n", "protected attribute 'race' is not a feature"),
        (SEARCH, "    primary_metric: rmse\n", "metric 'rmse' does not fit classification"),
        (SEARCH, "    gates: {floor: {mae: 1}}\n", "metric 'mae' does not fit classification"),
        (SEARCH, "    fairness: {metrics: [mae]}\n", "fairness metric 'mae' does not fit"),
        (SEARCH, "    output_range: [0, 1]\n", "output_range is [0, 1] and belongs to regression"),
        (TASK, "task: regression\n    output_range: [0, 5]", "output_range is [0, 1]"),
        ("        source: data/vitals.parquet\n", "", "feature view 'vitals' of 'heart' has no"),
        (SEARCH, "    holdout: {kind: time}\n", "kind: time needs after, as after: 2026-01-01"),
        (SEARCH, "    holdout: {kind: group}\n", "kind: group needs groups, as groups: hospital"),
        (SEARCH, "    holdout: {kind: site}\n", "'site' is not one of entity, time, group"),
        (SEARCH, "    holdout: {after: 2026-01-01}\n", "after belongs to kind: time"),
        (SEARCH, "    holdout: {groups: sex}\n", "groups belongs to kind: group"),
        (SEARCH, "    holdout: {values: [female]}\n", "values belongs to kind: group"),
        (SEARCH, "    holdout: {kind: time, after: soon}\n", "'soon' is not a day or time"),
        (
            SEARCH,
            "    holdout: {kind: time, after: 2026-01-01, fraction: 0.3}\n",
            "fraction has no effect: after says what is held out",
        ),
        (
            SEARCH,
            "    holdout: {kind: group, groups: sex, values: [f, f]}\n",
            "a site is listed twice",
        ),
        (
            SEARCH,
            "    holdout: {kind: group, groups: hospital}\n",
            "holdout.groups: 'hospital' is neither a feature nor a key",
        ),
        (SEARCH, "    sites: ward\n", "sites: 'ward' is neither a feature nor a key"),
        (SEARCH, "    sites: patient_id\n", "sites is the entity"),
    ],
)
def test_contradiction_is_refused(write, old, new, part):
    with pytest.raises(ConfigError) as caught:
        load_config(write((old, new)), {})

    assert part in caught.value.message


VIEW = """\
      readings:
        source: data/more.parquet
        features:
          {feature}: {{type: float}}
"""


def test_feature_in_two_views_is_refused(write):
    second = ("    labels:\n", VIEW.format(feature="age") + "    labels:\n")

    with pytest.raises(ConfigError, match="'age' is defined in two feature views"):
        load_config(write(second), {})


def test_features_of_all_views_keep_the_order_of_the_file(write):
    second = ("    labels:\n", VIEW.format(feature="bmi") + "    labels:\n")

    model = load_config(write(second), {}).models["heart"]

    assert list(model.features) == ["age", "sex", "bmi"]


STROKE = """\
  stroke:
    task: regression
    entity: patient_id
    feature_views:
      vitals: {view}
    labels: {{source: data/strokes.parquet, column: risk}}
"""


def test_view_that_differs_between_models_is_refused(write):
    view = "{source: data/other.parquet, features: {age: {type: int}}}"

    with pytest.raises(ConfigError, match="'vitals' differs between 'heart' and 'stroke'"):
        load_config(write(extra=STROKE.format(view=view)), {})


def test_models_may_share_a_view(write):
    view = (
        "{source: data/vitals.parquet, ttl: 45d, features: {age: {type: int, range: [18, 100]},"
        " sex: {type: category, categories: [female, male]}}}"
    )

    assert len(load_config(write(extra=STROKE.format(view=view)), {}).models) == 2


@pytest.mark.parametrize(
    ("task", "metric", "fairness"),
    [("classification", "roc_auc", "equal_opportunity"), ("regression", "rmse", "mae")],
)
def test_metrics_by_default_fit_the_task(write, task, metric, fairness):
    model = load_config(write((TASK, f"task: {task}")), {}).models["heart"]

    assert (model.metric, model.fairness_metrics) == (metric, (fairness,))


def test_named_metrics_are_used(write):
    named = "    primary_metric: brier\n    fairness: {metrics: [equalized_odds]}\n"

    model = load_config(write((SEARCH, named)), {}).models["heart"]

    assert (model.metric, model.fairness_metrics) == ("brier", ("equalized_odds",))


def test_existing_feast_repository_needs_no_source(write):
    path = write(
        ("        source: data/vitals.parquet\n", ""), extra="feature_store: {repo: feast}\n"
    )

    assert load_config(path, {}).models["heart"].feature_views["vitals"].source is None


SITE = "    sites: age\n"


def test_a_site_is_no_float(write):
    path = write((AGE, "age: {type: float}"), (SEARCH, SITE))

    with pytest.raises(ConfigError, match="sites: 'age' is a float"):
        load_config(path, {})


def test_a_site_may_be_a_number_and_its_values_need_no_quotes(write):
    held = "    holdout: {kind: group, groups: age, values: [41, 2500000, '7']}\n"

    model = load_config(write((SEARCH, held)), {}).models["heart"]

    assert model.holdout.values == ("41", "2500000", "7")
    assert model.site == "age"


def test_a_holdout_by_time_is_in_utc_and_reads_back_as_itself(write):
    held = "    holdout: {kind: time, after: '2026-01-01T01:00:00+01:00'}\n"

    holdout = load_config(write((SEARCH, held)), {}).models["heart"].holdout

    assert holdout.after == datetime(2026, 1, 1, tzinfo=UTC)
    assert HoldoutConfig.model_validate_json(holdout.model_dump_json()) == holdout


def test_a_contract_of_before_there_were_kinds_is_the_default(write):
    default = load_config(write(), {}).models["heart"].holdout

    assert HoldoutConfig.model_validate({"fraction": 0.2, "salt": "holdout"}) == default
    assert default.kind == "entity"
