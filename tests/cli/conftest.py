"""Image files and a way to run commands."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from phantoms import small_pair
from regkit.cli import app
from regkit.io import write_volume


@pytest.fixture(autouse=True)
def _nothing_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write no progress, which depends on how fast the machine is."""
    monkeypatch.setattr("regkit.cli.progress_lines.DELAY_S", 1e6)


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run a command in this process."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def pair_files(tmp_path: Path) -> tuple[Path, Path]:
    """Write a fixed PET and a moving CT; return their paths."""
    pair = small_pair()
    fixed, moving = tmp_path / "pet.nii.gz", tmp_path / "ct.nii.gz"
    write_volume(pair.fixed, fixed)
    write_volume(pair.moving, moving)
    return fixed, moving
