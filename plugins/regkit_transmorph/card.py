"""The card of TransMorph's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from regkit.errors import ParameterError
from regkit.geometry.grid import Grid, Vector3
from regkit.learning import ImageDomain, ModelCard, centered_grid
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


@dataclass(frozen=True, kw_only=True)
class TransMorphCard(ModelCard):
    """The card of TransMorph's weights; `network` is a variant of `build_transmorph`.

    Parameters
    ----------
    shape_zyx, spacing
        Grid that the network sees: number of voxels, mm.
    fixed, moving
        Images of training.
    """

    package: ClassVar[str] = "regkit_transmorph"

    shape_zyx: tuple[int, int, int]
    spacing: Vector3
    fixed: WindowedDomain
    moving: WindowedDomain

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        self.grid((0.0, 0.0, 0.0))

    def grid(self, center: Vector3) -> Grid:
        """Return the network's grid around a point, LPS mm: upright, as in training."""
        return centered_grid(center, self.shape_zyx, self.spacing)

    def build_network(self) -> Any:
        """Return the network with random weights."""
        from regkit_transmorph.catalogue import build_transmorph  # noqa: PLC0415 - loads torch

        return build_transmorph(self.network, self.shape_zyx, **self.switches)
