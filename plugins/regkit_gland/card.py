"""The card of the weights of networks that find the gland."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from regkit.errors import ParameterError
from regkit.geometry.grid import Grid, Vector3
from regkit.learning import ImageDomain, ModelCard, centered_grid
from regkit.registration.parameters import check_ranges


@dataclass(frozen=True, kw_only=True)
class GlandCard(ModelCard):
    """The card of the weights of networks that find the gland.

    Parameters
    ----------
    grid_size, spacing_mm
        Cube that the networks see: number of voxels a side, voxel size.
    domains
        Images of training by modality, one network each. Of a pair without modalities the fixed
        image is taken for one of the first, the moving image for one of the second.
    """

    package: ClassVar[str] = "regkit_gland"
    network_sources: ClassVar[Mapping[str, str]] = {"u-net": "our own network, of no paper"}

    grid_size: int
    spacing_mm: float
    domains: Mapping[str, ImageDomain]

    def __post_init__(self) -> None:
        """Refuse what no training writes."""
        super().__post_init__()
        check_ranges(self, grid_size=(8, 1024), spacing_mm=(0.1, 100))
        if not self.domains:
            raise ParameterError("domains must name a modality, got none")

    def grid(self, center: Vector3) -> Grid:
        """Return the networks' cube around a point, LPS mm."""
        return centered_grid(center, (self.grid_size,) * 3, (self.spacing_mm,) * 3)

    def build_network(self) -> Any:
        """Return the networks with random weights."""
        from regkit_gland.network import OrganFinder  # noqa: PLC0415 - loads torch

        return OrganFinder(tuple(self.domains), **self.switches)
