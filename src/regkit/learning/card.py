"""The card of trained weights: what using them takes, as a dataclass and as JSON."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from regkit.errors import FileFormatError, RegkitError
from regkit.learning.appearance import Appearance
from regkit.learning.dataclass_json import read_dataclass
from regkit.learning.renamed_keys import RENAMED
from regkit.registration.parameters import check_ranges

# Greatest sum of the numbers in the switches of a network; chosen by hand: three times the widest.
MAX_SWITCHES = 4096
MAX_PASSES = 100  # chosen by hand: far more than any network here needs


@dataclass(frozen=True, kw_only=True)
class ModelCard(ABC):
    """Base of the cards of trained weights.

    A method adds its own fields, their checks in ``__post_init__``, and `build_network`.
    Annotations decide how JSON is read; see `regkit.learning.dataclass_json`.

    Parameters
    ----------
    method
        Name of the method that the weights are for.
    network
        Name of the network.
    switches
        Parameters of the network: name -> value.
    passes
        Number of passes of the network in a registration.
    appearance
        Look of the images of training; None on a card without it, which the domain guard does not
        compare with.
    sha256
        Digest of the weights file.
    about
        Further facts for people: data, command, scores, license.

    Raises
    ------
    ParameterError
        A value is out of range.
    """

    package: ClassVar[str] = ""
    """Import name of the package that has the folders ``shipped`` and ``presets``."""
    network_sources: ClassVar[Mapping[str, str]] = {}
    """Source of each network's layers: the authors' code, or a reconstruction, and from what."""

    method: str
    network: str
    switches: Mapping[str, Any]
    passes: int = 1
    appearance: Appearance | None = None
    sha256: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        check_ranges(self, passes=(1, MAX_PASSES))

    @abstractmethod
    def build_network(self) -> Any:
        """Return the network of the card, a `torch.nn.Module` with random weights."""

    def to_json(self) -> dict[str, Any]:
        """Return the card as plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any], source: object) -> Self:
        """Return the card that plain data describe.

        Parameters
        ----------
        content
            Result of `to_json`; unknown keys are ignored.
        source
            File that the data come from, named in errors.

        Raises
        ------
        FileFormatError
            A key is missing, has been renamed, or has a value that no training writes.
        """
        try:
            card = read_dataclass(cls, content)
            _check_switches(card.switches)
        except (ValueError, RegkitError) as error:
            raise FileFormatError(
                f"the card of {source} cannot be used: {error}; weights of another version must "
                "be removed or replaced"
            ) from error
        return card


def _check_switches(switches: Mapping[str, Any]) -> None:
    """Refuse switches that have been renamed; `ModelCard.build_network` checks all others."""
    for name in switches:
        if name in RENAMED:
            raise ValueError(f"switches.{name} is called '{RENAMED[name][0]}' now")
    if not _size(switches) <= MAX_SWITCHES:
        raise ValueError(f"the numbers of its switches add up to more than {MAX_SWITCHES}")


def _size(value: Any) -> float:
    """Return the sum of the numbers in a value, each at least 1: what a network grows with."""
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return max(1.0, abs(value)) if isinstance(value, int | float) else 1.0
