"""The face of the package: what `dir`, `help` and `__version__` show."""

import pydoc
import re
from importlib.metadata import version
from pathlib import Path

import pytest

import regkit

ROOT = Path(__file__).parents[1]


def test_dir_lists_the_public_names_and_every_one_is_there():
    names = dir(regkit)
    assert {"register", "read_volume", "Volume", "Pair", "IDENTITY", "__version__"} <= set(names)
    assert set(names) == set(regkit.__all__)
    for name in names:
        assert getattr(regkit, name) is not None


def test_help_documents_the_functions_and_groups_every_name():
    text = pydoc.plain(pydoc.render_doc(regkit))
    assert "register(fixed:" in text
    assert "class Volume" in text
    words = set(re.findall(r"\w+", regkit.__doc__))
    assert set(regkit.__all__) - {"__version__"} <= words


def test_the_version_is_that_of_the_distribution():
    declared = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert regkit.__version__ == version("regkit-imaging") == declared[1]


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'registre'"):
        _ = regkit.registre
