"""The card of a network that registers a pair of images on a grid of its own."""

from __future__ import annotations

from dataclasses import dataclass

from regkit.geometry.grid import Grid, Vector3
from regkit.learning.card import ModelCard
from regkit.learning.domain_guard import ImageDomain
from regkit.learning.network_grid import centered_grid


@dataclass(frozen=True, kw_only=True)
class PairCard(ModelCard):
    """Base of the cards of networks that register a pair; see `ModelCard`.

    Parameters
    ----------
    shape_zyx, spacing
        Grid that the network sees: number of voxels, mm.
    fixed, moving
        Images of training.

    Raises
    ------
    ParameterError, GeometryError
        A value is out of range.
    """

    shape_zyx: tuple[int, int, int]
    spacing: Vector3
    fixed: ImageDomain
    moving: ImageDomain

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        self.grid((0.0, 0.0, 0.0))

    def grid(self, center: Vector3) -> Grid:
        """Return the network's grid around a point, LPS mm: upright, as in training."""
        return centered_grid(center, self.shape_zyx, self.spacing)
