"""Expressions of method names: ``a+b`` starts b from the result of a; ``a,b`` falls back to b."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from regkit.errors import UnknownNameError

# Method of a public function, with the words of the error about anything else.
MethodName: TypeAlias = Annotated[
    str,
    "a name like 'mi' or 'moments+mi' (regkit.run(method, regkit.Pair(fixed, moving)) runs a "
    "method that is an object)",
]


def parse_expression(expression: str) -> list[list[str]]:
    """Return the chains of an expression, each a list of names in order.

    Parameters
    ----------
    expression
        ``name``, ``a+b``, ``a,b`` or both; ``+`` binds tighter. As in a list of expressions, it
        may stand in parentheses, and ``a/b`` is another way to write ``a,b``.

    Raises
    ------
    UnknownNameError
        A name is empty, or parentheses enclose a part of the expression.
    """
    if not isinstance(expression, str):
        raise UnknownNameError(
            f"a method is given by its name, got a {type(expression).__name__}; write 'a', 'a+b' "
            "or 'a,b'"
        )
    inner = without_parentheses(expression)
    chains = [[name.strip() for name in part.split("+")] for part in re.split("[,/]", inner)]
    if any(not name for chain in chains for name in chain) or re.search("[()]", inner):
        raise UnknownNameError(f"'{expression}' is not a method; write a, a+b or a,b")
    return chains


def split_expressions(text: str) -> list[str]:
    """Split a list of expressions at its commas; those in parentheses belong to an expression.

    Parameters
    ----------
    text
        List such as ``x,y``, ``a+b,(a,b)`` or ``label=(a,b)``; empty items are left out.
    """
    items = re.findall(r"(?:\([^()]*\)|[^,])+", text)
    return [item.strip() for item in items if item.strip()]


def without_parentheses(expression: str) -> str:
    """Return an expression without the parentheses around it."""
    text = expression.strip()
    enclosed = text.startswith("(") and text.endswith(")")
    return (text[1:-1] if enclosed else text).strip()


def method_names(expression: str) -> list[str]:
    """Return the names of the methods in an expression, in order."""
    return [name for chain in parse_expression(expression) for name in chain]
