"""JSON and TOML of users: whatever it holds, values of limited depth or a ValueError."""

import json
import tomllib

import pytest

from regkit.structured_text import MAX_NESTING, parse_json, parse_toml

HOSTILE_JSON = {
    "opened": "[" * 200_000,
    "deep": "[" * 3000 + "]" * 3000,
    "deeper than the limit": "[" * (MAX_NESTING + 1) + "]" * (MAX_NESTING + 1),
    "deep objects": '{"a":' * 3000 + "1" + "}" * 3000,
    "no JSON": "{'a': 1}",
    "a number of 5000 digits": "9" * 5000,
    "bytes": b"\xff\xfe\x00",
}
HOSTILE_TOML = {
    "a key of 200 kB": ".".join("a" * 100_000) + " = 1",
    "the same with spaces": " . ".join("a" * 50_000) + " = 1",
    "of quoted parts": ".".join(['"b"'] * 50_000) + " = 1",
    "in a table's name": "[" + ".".join("a" * 100_000) + "]",
    "in an inline table": "x = {" + ".".join("a" * 100_000) + " = 1}",
    "deep": "x = " + "[" * 3000 + "]" * 3000,
    "twice": "a = 1\na = 2",
}


@pytest.mark.parametrize("text", HOSTILE_JSON.values(), ids=HOSTILE_JSON)
def test_json_that_cannot_be_had_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


@pytest.mark.parametrize("text", HOSTILE_TOML.values(), ids=HOSTILE_TOML)
def test_toml_that_cannot_be_had_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse_toml(text)


def test_everything_else_is_what_the_standard_library_reads():
    deep = "[" * MAX_NESTING + "]" * MAX_NESTING
    for text in (deep, '{"a": [1, {"b": null}], "c": "é"}', "3", '"' + "a." * 200 + '"'):
        assert parse_json(text) == json.loads(text)
    key = ".".join("a" * MAX_NESTING)
    for text in (
        f"{key} = 1",
        "k" * 200_000 + " = 1",
        'a = "' + "x, " * 500 + '"',
        "[t]\nb=[1.5]",
    ):
        assert parse_toml(text) == tomllib.loads(text)
