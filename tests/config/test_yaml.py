"""YAML into the located tree."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordain.config import emit, yaml
from ordain.core.errors import ConfigError


def plain(text):
    return yaml.parse(text, "t.yaml").plain()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("N", "N"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("+3", 3),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("1_0.5", 10.5),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("1_", "1_"),
        ("_1", "_1"),
        ("1__0", "1__0"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("!!str 5", "5"),
        ("=", "="),
        (".inf", math.inf),
    ],
)
def test_scalars_follow_yaml_1_2(text, value):
    read = plain(f"key: {text}\n")["key"]
    assert read == value
    assert type(read) is type(value)


def test_keys_are_always_text():
    assert plain("1: a\nno: b\ntrue: c\nnull: d\n") == {
        "1": "a",
        "no": "b",
        "true": "c",
        "null": "d",
    }


def test_json_is_read_by_the_same_path():
    assert plain('{"a": [1, 2.5, null, true], "b": {"c": "\\u00e9"}}') == {
        "a": [1, 2.5, None, True],
        "b": {"c": "é"},
    }


def test_every_key_and_value_has_its_place():
    tree = yaml.parse("a: 1\nb:\n  - x\n  - {é: [yy, 3]}\n", "t.yaml")
    value = tree.mark_of(("b", 1, "é", 0))
    key = tree.mark_of_key(("b", 1, "é"))
    assert (value.line, value.column, value.length) == (4, 10, 2)
    assert (key.line, key.column, key.length) == (4, 6, 1)
    assert tree.mark_of(("b",)).line == 2


def test_anchors_are_copies_that_do_not_share_changes():
    tree = yaml.parse("a: &x {k: 1}\nb: *x\nc: {<<: *x, z: 2}\n", "t.yaml")
    assert tree.plain() == {"a": {"k": 1}, "b": {"k": 1}, "c": {"z": 2, "k": 1}}
    tree.get("b").get("k").value = 5
    assert tree.get("a").get("k").value == 1


@pytest.mark.parametrize(
    ("text", "code", "place", "message"),
    [
        ("a:\n\tb: 1\n", "E102", (2, 1), "a tab stands where"),
        ("a: [1,2\nb: 3", "E101", (1, 4), r"`\[` that is opened here is not closed"),
        ("a: 1\nb: [", "E101", (2, 4), "bracket around it is not closed"),
        ("a: 1\nb: [\n", "E101", (2, 4), "bracket around it is not closed"),
        ("a: 1\nb:\n  [", "E101", (3, 3), "bracket around it is not closed"),
        ("[", "E101", (1, 1), "bracket around it is not closed"),
        ("a: {", "E101", (1, 4), "bracket around it is not closed"),
        ("a: {b: 1\n", "E101", (1, 4), r"`\{` that is opened here is not closed"),
        ("a: 'x\n", "E101", (1, 4), "quote that is opened here is never closed"),
        ("a: b: c\n", "E101", (1, 5), "second `:`"),
        ("- a\nb: 1", "E101", (2, 1), "a key stands where the list"),
        ("a: @x", "E101", (1, 4), "may not start with this character"),
        ("a: 1\n b: 2", "E101", (2, 3), "indented more"),
        ("a:\n  b: 1\n c: 2\n", "E101", (3, 2), "fits no mapping above"),
        ("a: \x00", "E101", (1, 1), r"control character: U\+0000"),
        ("a: 1\nb: 2\na: 3", "E103", (3, 1), "`a` stands twice"),
        ("", "E104", (1, 1), "empty"),
        ("# nothing\n", "E104", (1, 1), "empty"),
        ("- 1", "E105", (1, 1), "a list, not keys"),
        ("just text", "E105", (1, 1), "a single value"),
        ("a: 1\n---\nb: 2\n", "E106", (2, 1), "second document"),
        ("a: " + "[" * 60, "E108", (1, 53), "nested more than 50"),
        ("a: !!python/object:os.system x", "E109", (1, 4), "tag '!!python/object:os.system'"),
        ("? [a]\n: 1", "E110", (1, 3), "plain name"),
        ("a: *u\n", "E111", (1, 4), "no anchor '&u'"),
    ],
)
def test_broken_text_is_refused_at_its_place(text, code, place, message):
    with pytest.raises(ConfigError, match=message) as caught:
        yaml.parse(text, "t.yaml")
    fault = caught.value.diagnostics[0]
    assert fault.code == code
    assert (fault.place.line, fault.place.column) == place


def test_a_duplicate_key_shows_where_the_first_stands():
    with pytest.raises(ConfigError, match="It first stands on line 2"):
        yaml.parse("x:\n  a: 1\n  a: 2\n", "t.yaml")


def test_an_alias_bomb_is_refused_before_it_grows():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(8)
    )
    with pytest.raises(ConfigError, match="more than 200,000 values"):
        yaml.parse(bomb, "t.yaml")


def test_a_very_deep_text_is_refused_without_recursion():
    with pytest.raises(ConfigError, match="nested more than 50 deep"):
        yaml.parse("[" * 100_000, "t.yaml")


def test_a_very_large_text_is_refused():
    with pytest.raises(ConfigError, match="the document has"):
        yaml.parse("a: " + "x" * (yaml.MAX_BYTES + 1), "t.yaml")


def test_bytes_that_are_not_utf_8_are_refused_with_their_place():
    with pytest.raises(ConfigError, match="byte 0xe9 is not UTF-8") as caught:
        yaml.decode("a: 1\nb: café".encode("latin-1"), "t.yaml")
    place = caught.value.diagnostics[0].place
    assert (place.line, place.column) == (2, 7)


def test_a_byte_order_mark_is_dropped():
    assert yaml.decode(b"\xef\xbb\xbfa: 1", "t.yaml") == "a: 1"


_texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _texts
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_texts.filter(lambda key: key != "<<"), _values, min_size=1, max_size=4))
def test_what_is_dumped_reads_back_equal(value):
    def has_merge(part):
        if isinstance(part, dict):
            return "<<" in part or any(map(has_merge, part.values()))
        return isinstance(part, list) and any(map(has_merge, part))

    if not has_merge(value):
        assert plain(emit.dump(value)) == value
