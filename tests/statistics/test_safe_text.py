"""Names of others in tables: a spreadsheet computes nothing, Markdown shows what they are."""

import pytest
from markdown_it import MarkdownIt

from regkit.statistics.safe_text import markdown_text, spreadsheet_text, without_text_mark

NAMES = [
    "<img src=x onerror=alert(1)>",
    "[click](http://x)",
    "![p](http://x/p.png)",
    "**bold** _low_ `code` ~~gone~~",
    "a | b",
    "&lt;b&gt;",
    "back\\slash\\[",
    "fast-mi, dt_mm",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_shows_a_name_as_it_is(name):
    table = f"| method |\n|---|\n| {markdown_text(name)} |\n"
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(table)
    (cell,) = [token for token in tokens if token.type == "inline"][1:]
    assert {child.type for child in cell.children} <= {"text", "text_special"}
    assert "".join(child.content for child in cell.children) == name


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_formula_becomes_a_text_and_comes_back(text):
    assert spreadsheet_text(text) == "'" + text
    assert without_text_mark(spreadsheet_text(text)) == text


@pytest.mark.parametrize("text", ["fast-mi", "'quoted'", "", "a=1"])
def test_another_text_stays_as_it_is(text):
    assert spreadsheet_text(text) == without_text_mark(text) == text
