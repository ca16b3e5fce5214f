"""The card of TransMorph's weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from regkit.errors import ParameterError
from regkit.learning import ImageDomain, PairCard
from regkit.learning.domain_guard import Range


@dataclass(frozen=True, kw_only=True)
class WindowedDomain(ImageDomain):
    """The CT or PET images that a network was trained on.

    Parameters
    ----------
    window
        Intensities in HU or SUV that became 0 and 1.
    """

    window: Range

    def __post_init__(self) -> None:
        """Refuse an empty window."""
        if not self.window[0] < self.window[1]:
            raise ParameterError(f"a window must go from low to high, got {list(self.window)}")


_AUTHORS = "after the authors' public code ({}), built anew; its outputs are reproduced"
SOURCES = {
    "cr": _AUTHORS.format("Correlation_Ratio"),
    "original": _AUTHORS.format("TransMorph"),
}


@dataclass(frozen=True, kw_only=True)
class TransMorphCard(PairCard):
    """The card of TransMorph's weights; `network` is a variant of `build_transmorph`.

    Parameters
    ----------
    fixed, moving
        Images of training, with their windows.
    """

    package: ClassVar[str] = "regkit_transmorph"
    network_sources: ClassVar[Mapping[str, str]] = SOURCES

    fixed: WindowedDomain
    moving: WindowedDomain

    def build_network(self) -> Any:
        """Return the network with random weights."""
        from regkit_transmorph.catalogue import build_transmorph  # noqa: PLC0415 - loads torch

        return build_transmorph(self.network, self.shape_zyx, **self.switches)
