"""A plugin with methods that misbehave, known to this process and to those it starts."""

from collections.abc import Iterator

import pytest

from python_path import SUPPORT, python_path
from regkit.registry import environment_registry


@pytest.fixture(scope="module", autouse=True)
def _toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("site")
    info = folder / "misbehaving-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[regkit]\nmisbehaving = misbehaving\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", python_path(folder, SUPPORT))
        # What these import takes longer than everything that is tested here.
        patch.setenv("REGKIT_DISABLE_PLUGINS", "nuclear,ants,classic")
        environment_registry.cache_clear()
        yield
    environment_registry.cache_clear()
