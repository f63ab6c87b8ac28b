import json
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_cli.config.yaml_source import MAX_CHARACTERS, MAX_DEPTH, parse_scalar, read_yaml
from mlops_cli.errors import ConfigError

printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | printable
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(printable, inner, max_size=4),
    max_leaves=8,
)
mappings = st.dictionaries(printable, trees, min_size=1, max_size=4)
words = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=8)
plain_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=8,
)

calm = settings(deadline=None, max_examples=50)  # two cores are shared with other tests


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "config.yaml")
    return caught.value


@calm
@given(mappings)
def test_json_reads_as_itself(data):
    assert read_yaml(json.dumps(data), "config.yaml").data == data


@calm
@given(st.dictionaries(words, plain_trees, min_size=1))
def test_block_style_reads_as_pyyaml_reads_it(data):
    text = yaml.safe_dump(data)

    assert read_yaml(text, "config.yaml").data == yaml.safe_load(text)


@calm
@given(st.text())
def test_any_text_is_read_or_refused_with_a_line(text):
    try:
        read_yaml(text, "config.yaml")
    except ConfigError as error:
        assert error.message.startswith("config.yaml:")  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("010", "010"),
        ("00123", "00123"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-05-01", "2024-05-01"),
        ("1.2.3", "1.2.3"),
        ("1e-3", 0.001),
        ("-1.5E+2", -150.0),
        (".5", 0.5),
        ("20", 20),
        ("-3", -3),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'20'", "20"),
        ('"true"', "true"),
    ],
)
def test_scalar_reads_without_surprise(text, value):
    read = read_yaml(f"key: {text}\n", "config.yaml").data["key"]

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "1e999", "9" * 500])
def test_number_that_is_not_finite_is_refused(text):
    with pytest.raises(ValueError, match=r"not a finite number|digits"):
        parse_scalar(text)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "config.yaml:4: duplicate key 'c', first written on line 3"),
        ("a: 1\nb: &x 1\n", "config.yaml:2: anchors"),
        ("a: 1\nb: *x\n", "config.yaml:2: anchors"),
        ("a:\n  <<: {b: 1}\n", "config.yaml:2: merge keys"),
        ("a: !!python/object:os.system x\n", "config.yaml:1: tags"),
        ("a: !!str 1\n", "config.yaml:1: tags"),
        ("a: ! 1\n", "config.yaml:1: tags"),
        ("a: 1\n!!str b: 1\n", "config.yaml:2: tags"),
        ("a: !!set {b}\n", "config.yaml:1: tags"),
        ("a:\n  1: x\n", "config.yaml:2: key '1' is not text"),
        ("true: x\n", "config.yaml:1: key 'true' is not text"),
        ("? [a, b]\n: x\n", "config.yaml:1: a key must be text"),
        ("a: 1\n---\nb: 1\n", "config.yaml:2: a second document"),
        ("- a\n- b\n", "config.yaml:1: the top level"),
        ("text", "config.yaml:1: the top level"),
        ("", "config.yaml:1: the file is empty"),
        ("# nothing\n\n", "config.yaml:3: the file is empty"),
        ("a: 1\nb: c: 2\n", "config.yaml:2: not valid YAML"),
        ("a: 1\nb: [1,\n", "config.yaml:3: not valid YAML"),
        ("a: .nan\n", "config.yaml:1: .nan is not a finite number"),
        ('a: 1\nb: "x\\0y"\n', "config.yaml:2: the null character"),
        ("a: 1\nb: \x07\n", "config.yaml:2: character '\\x07'"),
        ("a: \ud800\n", "config.yaml:1: character"),
    ],
)
def test_refusal_names_the_line(text, start):
    assert refusal(text).message.startswith(start)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a:\n\tb: 1\n", "indent with spaces"),
        ("a: see: this\n", "in quotes"),
        ("on: 1\n1: 2\n", "put the key in quotes"),
    ],
)
def test_refusal_says_what_to_do(text, hint):
    assert hint in (refusal(text).hint or "")


def test_unclosed_bracket_is_named_by_the_line_it_opens_on():
    assert refusal("a: 1\nb: [1,\nc: 2\nd: 3\n").message.endswith("flow sequence, from line 2)")


def test_quoted_merge_key_is_text():
    assert read_yaml("'<<': 1\n", "config.yaml").data == {"<<": 1}


def test_nesting_at_the_limit_is_read():
    text = "a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)

    assert len(read_yaml(text, "config.yaml").lines) == MAX_DEPTH


@pytest.mark.parametrize("depth", [MAX_DEPTH, 100_000])
def test_deeper_nesting_is_refused(depth):
    assert "nested deeper" in refusal("a: " + "[" * depth + "]" * depth).message


def test_text_over_a_mebibyte_is_refused():
    assert "longer than" in refusal("a: " + "x" * MAX_CHARACTERS).message


def test_billion_laughs_is_refused_at_once():
    laughs = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)
    )
    started = time.perf_counter()

    assert refusal(laughs).message.startswith("config.yaml:1: anchors")
    assert time.perf_counter() - started < 0.5


def test_every_key_and_item_has_its_line():
    source = read_yaml("a: 1\nb:\n  - x\n  - {c: 1,\n     d: 2}\n", "config.yaml")

    assert source.lines == {
        (): 1, ("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c"): 4, ("b", 1, "d"): 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "line"), [(("b", "c"), 3), (("b", "x", "y"), 2), (("x",), 1), ((), 1)]
)
def test_unwritten_key_has_the_line_of_its_parent(path, line):
    assert read_yaml("a: 1\nb:\n  c: 1\n", "config.yaml").line_of(path) == line
