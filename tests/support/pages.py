"""Code in Markdown: finding it and running it, commands in this process."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from typer.testing import CliRunner

from regkit.cli import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOTEBOOK = "file_format: mystnb"
BLOCK = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def sources() -> list[Path]:
    """Return every page of the documentation that a person wrote."""
    pages = [page for page in DOCS.rglob("*.md") if page.relative_to(DOCS).parts[0][0] != "_"]
    return sorted(pages)


def is_notebook(page: Path) -> bool:
    return NOTEBOOK in page.read_text(encoding="utf-8")


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield kind and code of the blocks that run: Python, `sh`, and cells of notebooks."""
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        kind, code = block["kind"].strip(), block["code"]
        if kind == "{code-cell} ipython3":
            shell = code.startswith("%%bash\n")
            yield ("sh", code.removeprefix("%%bash\n")) if shell else ("python", code)
        elif kind in {"python", "sh"}:
            yield kind, code


def commands(code: str) -> list[list[str]]:
    """Return the words of the commands of a block, lines that go on joined."""
    lines = code.replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


def run_page(page: Path) -> int:
    """Run all blocks of a page in their order, in the current folder; return how many."""
    names: dict[str, object] = {"__name__": "page"}
    count = 0
    for kind, code in blocks(page):
        count += 1
        if kind == "python":
            exec(compile(code, f"{page.name}, block {count}", "exec"), names)
        else:
            run_commands(code)
    return count


def run_commands(code: str) -> None:
    for words in commands(code):
        if words[0] == "regkit":
            # `regkit ... || test $? -eq 3`: a verdict of FAIL goes on, too.
            at = words.index("||") if "||" in words else len(words)
            allowed = {0, *map(int, words[at:][-1:])}
            result = CliRunner().invoke(app, words[1:at])
            assert result.exit_code in allowed, (words, result.output)
        else:
            assert (ROOT / words[1]).is_file(), f"{words} names no script of this repository"
