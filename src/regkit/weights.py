"""Trained weights: a safetensors file, and beside it a JSON card of the same name.

The card says what the weights are and holds the sha256 of the file, and a signature: the digest of
all that the card says. Both are checked before use, so no bit of either file changes unseen.
Imports the standard library only, so that listing weights is cheap.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

from regkit.errors import FileFormatError, MissingDependencyError
from regkit.regular_file import regular_file
from regkit.structured_text import parse_json

SUFFIX, CARD_SUFFIX = ".safetensors", ".json"
HOME_VARIABLE = "REGKIT_WEIGHTS"
Origin: TypeAlias = Literal["installed", "shipped", "file"]


@dataclass(frozen=True)
class Weights:
    """A file of weights and where it comes from.

    Parameters
    ----------
    file
        The safetensors file; its card has the suffix ``.json`` instead.
    origin
        ``installed`` in the user's folder, ``shipped`` with a plugin, or a ``file`` anywhere.
    """

    file: Path
    origin: Origin

    @cached_property
    def card(self) -> dict[str, Any]:
        """The content of the card.

        Raises
        ------
        FileFormatError
            There is no card, or it is no JSON object with a method and a sha256.
        """
        return read_card(self.file)

    @property
    def method(self) -> str:
        """The method that the weights are for."""
        return str(self.card["method"])

    def verify(self) -> None:
        """Compare the file with its card, and the card with its signature.

        Raises
        ------
        FileFormatError
            The file is missing, or is not the one that the card describes, or the card changed.
        """
        self.verify_file()
        self._verify_card()

    def verify_file(self) -> None:
        """Compare the file with the sha256 on its card; see `verify`."""
        found = sha256(self.file)
        expected = self.card["sha256"]
        if found != expected:
            raise FileFormatError(
                f"{self.file}: these weights are not those of their card (sha256 {found[:12]}..., "
                f"not {str(expected)[:12]}...): damaged or changed; install or train them again"
            )

    def _verify_card(self) -> None:
        if "signature" not in self.card:
            raise FileFormatError(
                f"the card of {self.file} has no signature: it is of an older version; look at it "
                f"and sign it with `regkit weights sign {self.file.name}`"
            )
        if self.card["signature"] != card_signature(self.card):
            raise FileFormatError(
                f"the card of {self.file} is not the one that was signed: damaged or changed; "
                "install or train the weights again, or look at it and sign it with `regkit "
                f"weights sign {self.file.name}`"
            )


def read_card(file: Path) -> dict[str, Any]:
    """Return the card of a safetensors file; see `Weights.card`."""
    path = file.with_suffix(CARD_SUFFIX)
    try:
        card = parse_json(regular_file(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileFormatError(
            f"{file} has no card: expected {path.name} beside it, which training writes too"
        ) from error
    except (OSError, ValueError) as error:
        raise FileFormatError(f"cannot read the card {path}: {error}") from error
    lacking = [k for k in ("method", "sha256") if not isinstance(card, dict) or not card.get(k)]
    if lacking:
        raise FileFormatError(
            f"{path} is no card of weights: it has no {' and no '.join(lacking)}"
        )
    return dict(card)


def card_signature(card: Mapping[str, Any]) -> str:
    """Return the digest of all that a card says, the sha256 of its weights included."""
    content = {key: value for key, value in card.items() if key != "signature"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def sign(file: Path) -> None:
    """Sign the card of weights, which must have the sha256 of the file.

    Raises
    ------
    FileFormatError
        The file or its card is missing, or they do not belong together.
    OutputError
        The card cannot be written.
    """
    card = read_card(file)
    if card["sha256"] != sha256(file):
        raise FileFormatError(f"{file}: these weights are not those of their card; not signed")
    from regkit.io.atomic_output import atomic_output  # noqa: PLC0415 - as in `install`

    with atomic_output(file.parent) as stage:
        text = json.dumps({**card, "signature": card_signature(card)}, indent=1) + "\n"
        stage.path(file.with_suffix(CARD_SUFFIX).name).write_text(text, encoding="utf-8")


def sha256(file: Path) -> str:
    """Return the digest of a file in hexadecimal; `FileFormatError` if it cannot be read."""
    try:
        with regular_file(file).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        reason = error.strerror or error
        raise FileFormatError(f"cannot read the weights {file}: {reason}") from error


def weights_home() -> Path:
    """Return the user's folder of weights: $REGKIT_WEIGHTS, or where the system has such data."""
    if os.environ.get(HOME_VARIABLE):
        return Path(os.environ[HOME_VARIABLE])
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "regkit" / "weights"


def find_weights(name: str, package: str) -> Weights | None:
    """Return the weights of a name: those the user installed, else those shipped; or None.

    Parameters
    ----------
    name
        Name of the file without its suffix; the method's, for its usual weights.
    package
        Plugin package whose folder ``shipped`` may hold them; it is not imported.
    """
    installed = weights_home() / f"{name}{SUFFIX}"
    if installed.is_file():
        return Weights(installed, "installed")
    shipped = _folder_of(package) / f"{name}{SUFFIX}"
    return Weights(shipped, "shipped") if shipped.is_file() else None


def open_weights(name: str, package: str) -> Weights:
    """Return weights by name or by path.

    Raises
    ------
    MissingDependencyError
        There are no weights of this name.
    FileFormatError
        There is no such file.
    """
    if name.endswith(SUFFIX) or os.sep in name:
        file = Path(name).expanduser().absolute()
        if not file.is_file():
            raise FileFormatError(f"there are no weights {name}; give a {SUFFIX} file")
        return Weights(file, "file")
    found = find_weights(name, package)
    if found is None:
        raise MissingDependencyError(why_missing(name))
    return found


def why_missing(name: str) -> str:
    """Return the message about missing weights: how to train and install them."""
    return (
        f"weights missing: regkit train {name} --data DATASET -o DIR, "
        "then regkit weights install FILE"
    )


def install(
    file: Path, methods: Iterable[str], check: Callable[[Weights], None] = lambda _: None
) -> Weights:
    """Copy weights and their card into the user's folder, whole or not at all.

    Parameters
    ----------
    file
        A safetensors file with its card beside it.
    methods
        Names of methods that use weights.
    check
        Function that refuses weights whose card their method cannot read.

    Raises
    ------
    FileFormatError
        The file or its card is missing, they do not belong together, or no method wants them.
    OutputError
        The user's folder cannot be written.
    """
    if file.suffix != SUFFIX:
        raise FileFormatError(f"weights are {SUFFIX} files, got {file.name}")
    weights = Weights(file.absolute(), "file")
    weights.verify_file()
    known = sorted(methods)
    if weights.method not in known:
        raise FileFormatError(
            f"{file} is for the method '{weights.method}', which no plugin offers; "
            f"methods with weights: {', '.join(known) or 'none'}"
        )
    check(weights)
    weights.verify()
    from regkit.io.atomic_output import atomic_output  # noqa: PLC0415 - loads numpy, which a listing must not

    home = weights_home()
    with atomic_output(home) as stage:
        for suffix in (SUFFIX, CARD_SUFFIX):
            copy = stage.path(f"{weights.method}{suffix}")
            shutil.copyfile(weights.file.with_suffix(suffix), copy)
    return Weights(home / f"{weights.method}{SUFFIX}", "installed")


def _folder_of(package: str) -> Path:
    spec = find_spec(package)
    where = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(where[0] if where else ".") / "shipped"
