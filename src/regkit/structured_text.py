"""Parse JSON and TOML that users wrote, within a limit on how deeply values are nested.

The parsers of the standard library end deep texts with RecursionError, and need memory that grows
with the square of the length of a dotted TOML key. Values within the limit can be walked through
by recursive functions.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from typing import Any

# Far more than any file of regkit has; chosen by hand.
MAX_NESTING = 64
# A dotted TOML key of more parts: a.b.c, "a" . 'b'. Quantifiers that never give back keep the
# search linear.
_PART = r"(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')"
_LONG_KEY = re.compile(rf"(?<![\w\-\"'.])(?:{_PART}[ \t]*+\.[ \t]*+){{{MAX_NESTING}}}")


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    ValueError
        The text is no JSON, or values are nested too deeply; one line says so.
    """
    try:
        return _limited(json.loads(text))
    except RecursionError:
        raise ValueError(_too_deep()) from None
    except ValueError as error:
        raise _plain(error) from None


def parse_toml(text: str) -> dict[str, Any]:
    """Return the table of a TOML text.

    Raises
    ------
    ValueError
        The text is no TOML, or values are nested too deeply; one line says so.
    """
    if _LONG_KEY.search(text):
        raise ValueError(f"a key has more than {MAX_NESTING} dots; write shorter keys")
    try:
        table: dict[str, Any] = _limited(tomllib.loads(text))
    except RecursionError:
        raise ValueError(_too_deep()) from None
    except ValueError as error:
        raise _plain(error) from None
    return table


def _limited(value: Any) -> Any:
    """Return a value; raise ValueError if it is nested too deeply."""
    level = [value]
    for _ in range(MAX_NESTING + 1):
        containers = [inner for inner in level if isinstance(inner, dict | list)]
        if not containers:
            return value
        level = [
            inner
            for outer in containers
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    raise ValueError(_too_deep())


def _plain(error: ValueError) -> ValueError:
    """Return an error in words for users; Python's about long numbers advise programmers."""
    digits = sys.get_int_max_str_digits()
    long = str(error).startswith("Exceeds the limit")
    return ValueError(f"a number has more than {digits} digits") if long else error


def _too_deep() -> str:
    return f"values are nested more than {MAX_NESTING} deep; write them flatter"
