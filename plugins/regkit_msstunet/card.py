"""The card of a reorienter's weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from regkit.geometry.grid import Grid, Vector3
from regkit.learning import ImageDomain, ModelCard
from regkit_msstunet.geometry import cube

Six = tuple[float, float, float, float, float, float]
_PAPER = (
    "reconstruction: there is no public code; what the paper leaves open is our choice, such as "
    "the widths, and localizer=zooming is our own"
)
_AFTER = (
    "reconstruction after {}, as far as the paper says: {} are ours; what Ni et al. trained is "
    "not public"
)
SOURCES = {
    **dict.fromkeys(("ms-st-unet", "sep-rot2-seg2", "rot1-seg1", "seg1", "seg2"), _PAPER),
    "v-net": _AFTER.format("V-Net (Milletari et al. 2016)", "normalization and localizer"),
    "dense-u-net": _AFTER.format(
        "Dense-UNet (Khened et al. 2019)",
        "three dimensions, not two, no dropout, numbers of layers and channels, the localizer",
    ),
    "nnu-net": (
        "nnU-Net's own network (PlainConvUNet of dynamic-network-architectures), planned by the "
        "rules of Isensee et al. 2021; the localizer and the training are ours"
    ),
    "u-net": "our own plain U-Net in the manner of nnU-Net, which itself is network=nnu-net",
    "omega-net": _AFTER.format(
        "Omega-Net (Vigneault et al. 2018)",
        "three dimensions, not two, sizes and number of U-Nets, where its first loss is taken",
    ),
}


@dataclass(frozen=True, kw_only=True)
class ReorientationCard(ModelCard):
    """The card of a reorienter's weights.

    Parameters
    ----------
    grid_size, spacing_mm
        Cube that the network sees: number of voxels a side, voxel size.
    intensity_gamma
        Exponent on the intensities after they were scaled to 0 to 1.
    mean_pose
        Mean numbers of the poses of training; see `regkit_msstunet.geometry`.
    moving
        Images of training.
    label_fov
        Fraction of the field of view within which labels are wanted; see
        `regkit_msstunet.networks.reorienter.Reorienter.output_within`.
    """

    package: ClassVar[str] = "regkit_msstunet"
    network_sources: ClassVar[Mapping[str, str]] = SOURCES

    grid_size: int
    spacing_mm: float
    intensity_gamma: float
    mean_pose: Six
    moving: ImageDomain
    label_fov: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        self.grid()

    def grid(self, center: Vector3 = (0.0, 0.0, 0.0)) -> Grid:
        """Return the network's cube around a point, LPS mm."""
        return cube(self.grid_size, self.spacing_mm, center)

    def build_network(self) -> Any:
        """Return the network with random weights."""
        from regkit_msstunet.catalogue import build_reorienter  # noqa: PLC0415 - loads torch

        return build_reorienter(self.grid_size, self.network, **self.switches)
