"""Whether a version was trained with what config.yaml says now."""

import pytest

from mlops_cli.config import FeatureConfig
from mlops_cli.domain.lineage import ingredients, needed, same_meaning


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        ({"description": "once"}, {"unit": "kg", "required": True, "range": (0, 1)}, True),
        ({"missing": "impute", "fill": 5.0}, {"missing": "impute"}, True),
        ({"missing": "impute", "fill": 5.0}, {"missing": "impute", "fill": 6.0}, False),
        ({"missing": "impute", "fill": 5.0}, {}, False),
        ({"expression": "a + 1"}, {"expression": "a + 2"}, False),
        ({"input": False}, {}, False),
    ],
)
def test_the_same_meaning(
    then: dict[str, object], now: dict[str, object], *, expected: bool
) -> None:
    specs = [FeatureConfig.model_validate({"type": "float", **each}) for each in (then, now)]
    assert same_meaning(*specs) is expected


def test_a_long_chain_of_derived_features_is_followed_once() -> None:
    """Each names the two before: followed one by one, 60 of them would take for ever."""
    number = FeatureConfig(type="float")
    features = {"f0": number, "f1": number} | {
        f"f{n}": FeatureConfig(type="float", expression=f"f{n - 1} + f{n - 2}")
        for n in range(2, 60)
    }
    assert set(ingredients(features)["f59"]) == {f"f{n}" for n in range(59)}


def test_a_function_and_what_a_window_was_made_of_are_not_read() -> None:
    number = FeatureConfig(type="float")
    features = dict.fromkeys(("a", "b", "max", "weight"), number) | {
        "gain": FeatureConfig.model_validate(
            {"type": "float", "window": {"of": "weight", "compute": "change"}}
        ),
        "most": FeatureConfig(type="float", expression="max(a, gain)"),
        "double": FeatureConfig(type="float", expression="2 * most"),
        "one": FeatureConfig(type="float", expression="1"),
    }
    assert list(needed("double", features)) == ["a", "gain", "most", "double"]
    assert list(needed("one", features)) == ["one"]
