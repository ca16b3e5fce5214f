"""Weights by name: which are taken, and what is said when they cannot be."""

import hashlib
import json
from pathlib import Path

import pytest

from regkit.errors import FileFormatError, MissingDependencyError, OutputError
from regkit.weights import Weights, card_signature, find_weights, install, open_weights, sign


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("REGKIT_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def package(tmp_path: Path, monkeypatch) -> str:
    """A package that ships weights for the method 'old'."""
    folder = tmp_path / "site" / "shipping_package"
    (folder / "shipped").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    write(folder / "shipped", "old", b"shipped")
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder.name


def write(folder: Path, method: str, content: bytes = b"numbers", **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{method}.safetensors"
    file.write_bytes(content)
    card = {"method": method, "sha256": hashlib.sha256(content).hexdigest(), **changes}
    card = {"signature": card_signature(card), **card}
    file.with_suffix(".json").write_text(json.dumps(card))
    return file


def test_shipped_weights_are_found_without_importing_the_package(package) -> None:
    found = open_weights("old", package)
    assert (found.origin, found.method) == ("shipped", "old")
    found.verify()


def test_installed_weights_come_before_shipped_ones(package, tmp_path, home) -> None:
    installed = install(write(tmp_path / "out", "old", b"better"), ["old"])
    found = open_weights("old", package)
    assert found.file == installed.file == home / "old.safetensors"
    assert found.file.read_bytes() == b"better"
    assert sorted(path.name for path in home.iterdir()) == ["old.json", "old.safetensors"]


def test_a_path_names_a_file(tmp_path) -> None:
    file = write(tmp_path / "out", "mine")
    assert open_weights(str(file), "").file == file


def test_weights_that_are_nowhere(package) -> None:
    assert find_weights("new", package) is None
    with pytest.raises(MissingDependencyError, match=r"weights missing: regkit train new --data"):
        open_weights("new", package)
    with pytest.raises(FileFormatError, match=r"no weights \./new\.safetensors"):
        open_weights("./new.safetensors", package)


def test_a_changed_file_is_refused(tmp_path, home) -> None:
    file = write(tmp_path / "out", "mine")
    file.write_bytes(b"numberz")
    with pytest.raises(FileFormatError, match="are not those of their card"):
        install(file, ["mine"])
    assert not home.exists()


@pytest.mark.parametrize(
    ("card", "says"),
    [
        (None, r"mine\.safetensors has no card: expected mine\.json"),
        ("{", "cannot read the card"),
        ("[]", "it has no method and no sha256"),
        ('{"method": "mine"}', "it has no sha256"),
    ],
)
def test_cards_that_are_none(tmp_path, home, card, says) -> None:
    file = write(tmp_path / "out", "mine")
    path = file.with_suffix(".json")
    path.unlink() if card is None else path.write_text(card)
    with pytest.raises(FileFormatError, match=says):
        install(file, ["mine"])
    assert not home.exists()


def test_weights_of_an_unknown_method(tmp_path) -> None:
    with pytest.raises(FileFormatError, match="no plugin offers; methods with weights: a, b"):
        install(write(tmp_path / "out", "mine"), ["b", "a"])


def test_what_is_no_weights_file(tmp_path) -> None:
    with pytest.raises(FileFormatError, match=r"are \.safetensors files, got weights\.pt"):
        install(tmp_path / "weights.pt", ["mine"])
    with pytest.raises(FileFormatError, match="cannot read the weights"):
        install(tmp_path / "absent.safetensors", ["mine"])


def test_a_home_that_cannot_be_written(tmp_path, monkeypatch) -> None:
    (tmp_path / "blocked").write_text("a file")
    monkeypatch.setenv("REGKIT_WEIGHTS", str(tmp_path / "blocked"))
    with pytest.raises(OutputError, match="a file has that name"):
        install(write(tmp_path / "out", "mine"), ["mine"])


@pytest.mark.parametrize("change", [{"passes": 3}, {"method": "other"}, {"about": {"a": [1.5]}}])
def test_a_card_that_changed_is_refused_until_it_is_signed(tmp_path, change) -> None:
    file = write(tmp_path, "mine", passes=1, about={"a": [1.25]})
    Weights(file, "file").verify()
    card = json.loads(file.with_suffix(".json").read_text())
    file.with_suffix(".json").write_text(json.dumps(card | change))
    with pytest.raises(FileFormatError, match="is not the one that was signed"):
        Weights(file, "file").verify()
    sign(file)
    Weights(file, "file").verify()
    assert json.loads(file.with_suffix(".json").read_text()).items() >= change.items()


def test_a_card_without_signature_is_refused(tmp_path) -> None:
    file = write(tmp_path, "mine")
    card = json.loads(file.with_suffix(".json").read_text())
    del card["signature"]
    file.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(FileFormatError, match=r"has no signature: .*`regkit weights sign mine"):
        Weights(file, "file").verify()


def test_weights_of_another_card_are_not_signed(tmp_path) -> None:
    file = write(tmp_path, "mine")
    file.write_bytes(b"others")
    with pytest.raises(FileFormatError, match="not those of their card; not signed"):
        sign(file)


@pytest.mark.parametrize("file", sorted(Path("plugins").glob("*/shipped/*.safetensors")), ids=str)
def test_shipped_weights_are_signed(file) -> None:
    Weights(file.absolute(), "shipped").verify()
