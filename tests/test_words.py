"""The source keeps its own rules: one name for one thing, noun phrases, docstrings, small units.

A failure lists every place with its line, so that it can be read as a list of things to mend.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

# Names that every plugin must or may have, because something looks for them under this name.
SAME_NAME_ON_PURPOSE = {
    "main": "the entry point of a module that is run",
    "register": "what a registrar does; also the function of regkit that does it",
}
HOOK = re.compile(r"regkit_\w+")

# A description that begins with one of these is a clause, not the name of a thing.
FRAGMENT = re.compile(
    r"(above|after|as|at|before|below|between|beyond|by|does|for|from|has|how|in|is|let|of|on"
    r"|say|tell|to|what|when|where|which|who|whose|with)\b",
    re.IGNORECASE,
)
RIDDLE = re.compile(
    r"(how|let|of|say|tell|what|when|where|whether|which|who|whose)\b", re.IGNORECASE
)

SECTIONS = {"Parameters", "Other Parameters", "Attributes"}
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[str, ast.Module]:
    """Return the syntax tree of every module of src and plugins by its path."""
    files = sorted(file for folder in ("src", "plugins") for file in (ROOT / folder).rglob("*.py"))
    return {
        file.relative_to(ROOT).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
        for file in files
    }


def docstrings() -> Iterator[tuple[str, int, list[str]]]:
    """Yield path, first line number and lines of every docstring."""
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, Documented) and (text := ast.get_docstring(node)):
                yield path, node.body[0].lineno, text.splitlines()


def described(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Yield offset, name and first line of the description of every parameter and attribute."""
    section = ""
    for offset, (line, following) in enumerate(zip(lines, [*lines[1:], ""], strict=True)):
        if re.fullmatch(r"-{3,}", following):
            section = line
        elif section in SECTIONS and re.match(r"\S", line) and following.startswith("    "):
            yield offset, line, following.strip()


def assert_none(found: list[str]) -> None:
    """Fail with all that was found, one a line."""
    assert not found, "\n".join(["", *found])


def test_there_is_something_to_read() -> None:
    assert len(modules()) > 100
    assert sum(len(list(described(lines))) for _, _, lines in docstrings()) > 300


def test_every_module_says_what_it_is() -> None:
    silent = [
        path for path, tree in modules().items() if tree.body and not ast.get_docstring(tree)
    ]
    assert_none(silent)


def test_no_public_name_stands_for_two_things() -> None:
    homes = defaultdict(list)
    for path, tree in modules().items():
        for node in tree.body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(path)
    assert_none(
        [
            f"{name}: {', '.join(paths)}"
            for name, paths in sorted(homes.items())
            if len(paths) > 1 and name not in SAME_NAME_ON_PURPOSE and not HOOK.fullmatch(name)
        ]
    )


def test_parameters_are_described_by_noun_phrases() -> None:
    fragments = [
        f"{path}:{first + offset + 1}: {name}: {words}"
        for path, first, lines in docstrings()
        for offset, name, words in described(lines)
        if FRAGMENT.match(words)
    ]
    assert_none(fragments)


def test_first_lines_are_no_riddles() -> None:
    riddles = [
        f"{path}:{first}: {lines[0]}"
        for path, first, lines in docstrings()
        if RIDDLE.match(lines[0])
    ]
    assert_none(riddles)


def test_files_and_functions_are_short() -> None:
    long = []
    for path, tree in modules().items():
        length = len((ROOT / path).read_text(encoding="utf-8").splitlines())
        if length > MAX_FILE_LINES:
            long.append(f"{path}: {length} lines")
        for node in ast.walk(tree):
            if isinstance(node, Function):
                lines = node.end_lineno - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long.append(f"{path}:{node.lineno}: {node.name}: {lines} lines")
    assert_none(long)


@pytest.mark.parametrize(
    ("docstring", "found"),
    [
        ("Do it.\n\nParameters\n----------\nx\n    Width in mm.\n", [("x", "Width in mm.")]),
        (
            "A.\n\nAttributes\n---\na\n    B.\n    C.\nb, c\n    D.\n\nNotes\n---\nd\n    E.",
            [("a", "B."), ("b, c", "D.")],
        ),
    ],
)
def test_descriptions_are_found(docstring: str, found: list[tuple[str, str]]) -> None:
    assert [(name, words) for _, name, words in described(docstring.splitlines())] == found
