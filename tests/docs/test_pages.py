"""Pages of the documentation: their code runs, and all that they name is there."""

import importlib
import re
from pathlib import Path

import pytest

import pages
import regkit

ROOT = Path(__file__).parents[2]
SLOW = {"benchmark.md", "spect-ct-study.md", "pet-ct-cohort.md"}  # minutes
TRAINING = {"weights.md", "train-a-network.md"}
DOTTED = re.compile(r"\b(regkit(?:_[a-z]+)?(?:\.\w+)+)")
FILES = (
    ".md",
    ".nii",
    ".tfm",
    ".json",
    ".html",
    ".png",
    ".h5",
    ".toml",
    ".csv",
    ".gz",
    ".safetensors",
)


def with_code() -> list:
    found = [page for page in pages.sources() if any(True for _ in pages.blocks(page))]
    return [
        pytest.param(
            page,
            id=str(page.relative_to(pages.DOCS)),
            marks=marks(page),
        )
        for page in found
    ]


def marks(page: Path) -> list[pytest.MarkDecorator]:
    if page.name in SLOW | TRAINING:
        return [pytest.mark.slow, *([pytest.mark.training] if page.name in TRAINING else [])]
    return [pytest.mark.end_to_end]


@pytest.mark.parametrize("page", with_code())
def test_the_code_of_a_page_runs(page: Path, demo_files: Path) -> None:
    assert pages.run_page(page) > 0


@pytest.mark.parametrize("page", pages.sources(), ids=lambda p: str(p.relative_to(pages.DOCS)))
def test_every_name_on_a_page_imports(page: Path) -> None:
    for name in sorted(set(DOTTED.findall(page.read_text(encoding="utf-8")))):
        if not name.endswith(FILES):
            assert found(name), f"{page.name} names {name}, which is not there"


def found(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[cut:]:
            thing = getattr(thing, attribute, None)
        return thing is not None
    return False


def test_a_name_that_is_gone_is_found_out() -> None:
    assert found("regkit.registration.verdict.Verdict")
    assert not found("regkit.registration.verdict.NoSuchThing")
    assert not found("regkit.no_such_module")


def test_the_reference_has_every_public_name() -> None:
    text = "".join(
        (pages.DOCS / "reference" / name).read_text(encoding="utf-8")
        for name in ("python.md", "plugins.md")
    )
    for name in set(regkit.__all__) - {"__version__"}:
        assert re.search(rf":: regkit\.{name}\b", text), f"the reference lacks regkit.{name}"


def test_pages_link_to_pages_that_exist() -> None:
    for page in pages.sources():
        for target in re.findall(
            r"\]\(([^)#]+\.(?:md|png|svg))", page.read_text(encoding="utf-8")
        ):
            root = pages.DOCS if target.startswith("/") else page.parent
            assert (root / target.lstrip("/")).exists(), f"{page.name} links to {target}"


def test_every_page_is_in_a_table_of_contents() -> None:
    for page in pages.sources():
        if page.name != "index.md":
            index = (page.parent / "index.md").read_text(encoding="utf-8")
            assert re.search(rf"^{page.stem}$", index, flags=re.MULTILINE), page
