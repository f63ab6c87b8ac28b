import pytest

from mlops_cli.domain.boosting import device


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize("asked", ["auto", "cpu", "cuda"])
def test_a_gpu_is_used_only_where_it_is_wanted_and_there(asked, built, present):
    place, word = device(asked, built, present)
    able = built and present
    assert place == ("cuda" if able and asked != "cpu" else "cpu")
    assert (word is not None) == (asked == "cuda" and not able)


def test_the_word_says_what_is_lacking():
    assert "built without CUDA" in device("cuda", False, True)[1]
    assert "no CUDA device" in device("cuda", True, False)[1]
