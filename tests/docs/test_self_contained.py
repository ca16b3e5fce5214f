"""The check that no page loads anything from a network."""

from pathlib import Path

import pytest

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"


@pytest.fixture
def self_contained(monkeypatch):
    pytest.importorskip("sphinx", reason="needs the extra docs")
    monkeypatch.syspath_prepend(str(EXTENSIONS))
    import self_contained

    return self_contained


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/a.js"></script>',
        '<script async="async" src="//cdn.example/a.js"></script>',
        '<link rel="stylesheet" href="http://cdn.example/a.css">',
        "<img alt='' src='https://cdn.example/a.png'>",
    ],
)
def test_what_is_loaded_is_found(self_contained, html: str) -> None:
    assert len(self_contained.network_assets(html)) == 1


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://arxiv.org/abs/2206.05278">paper</a>',
        '<script src="_static/a.js"></script>',
        '<link rel="canonical" href="https://example.org/">',
        '<img src="data:image/png;base64,AAAA">',
    ],
)
def test_links_and_files_are_no_assets(self_contained, html: str) -> None:
    assert self_contained.network_assets(html) == []


def test_files_are_searched(self_contained, tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@font-face { src: url('https://cdn.example/a.woff2') }")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.html").write_text('<img src="//cdn.example/b.png">')
    assert list(self_contained.found_in(tmp_path)) == [
        (Path("sub/b.html"), "//cdn.example/b.png"),
        (Path("a.css"), "https://cdn.example/a.woff2"),
    ]
