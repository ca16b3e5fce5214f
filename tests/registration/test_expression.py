"""A chain of methods is written in one way wherever a method is named."""

import pytest

from regkit.errors import UnknownNameError
from regkit.registration.expression import method_names, parse_expression, split_expressions
from regkit.registration.pipeline import build_method


@pytest.mark.parametrize(
    ("text", "chains"),
    [
        ("a", [["a"]]),
        (" a + b ", [["a", "b"]]),
        ("a,b+c", [["a"], ["b", "c"]]),
        ("(a, b+c)", [["a"], ["b", "c"]]),
        ("a/b+c", [["a"], ["b", "c"]]),
    ],
)
def test_chains_are_read_from_text(text, chains):
    assert parse_expression(text) == chains
    assert method_names(text) == [name for chain in chains for name in chain]


@pytest.mark.parametrize("text", ["", "a,", "+a", "a++b", "(a,b", "(a,b)+c", "((a))", "a,(b,c)"])
def test_what_is_no_chain_is_refused(text):
    with pytest.raises(UnknownNameError, match=r"is not a method; write a, a\+b or a,b"):
        parse_expression(text)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a,b", ["a", "b"]),
        ("a+b,(c,d+e), f", ["a+b", "(c,d+e)", "f"]),
        ("x=(a,b),c", ["x=(a,b)", "c"]),
        (",a,", ["a"]),
    ],
)
def test_a_list_is_split_at_commas_outside_of_parentheses(text, items):
    assert split_expressions(text) == items


def test_a_method_is_built_alike_from_all_ways_to_write_a_chain():
    chains = [
        build_method(text)
        for text in ("identity,moments", "(identity,moments)", "identity/moments")
    ]
    assert chains[0] == chains[1] == chains[2]
