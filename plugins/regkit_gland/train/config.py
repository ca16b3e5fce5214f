"""The configuration of the training of networks that find the gland."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from regkit.errors import ParameterError
from regkit.geometry.grid import Grid
from regkit.learning import TrainingConfig, centered_grid
from regkit.registration.parameters import check_each, check_ranges


@dataclass(frozen=True)
class GlandConfig(TrainingConfig):
    """The configuration of the training of networks that find the gland.

    Parameters
    ----------
    modalities
        Modalities of the images, one network each; of pairs that do not say, the first is that of
        the fixed images and the second that of the moving ones.
    label
        Number of the gland in label maps.
    grid_size, spacing_mm
        Cube that the networks see: number of voxels a side, voxel size.
    channels, space_to_depth
        Switches of the networks; see `regkit_gland.network.OrganFinder`.
    shift_mm, rotation_deg
        Half-range of shifts along each axis; standard deviation of rotations about each axis.
    scale_sd, stretch_sd
        Standard deviations of the logarithms of the size, and of the stretch along each axis.
    mirror_prob
        Fraction of the images with left and right exchanged.
    warp_mm
        Standard deviation of a smooth displacement along each axis.
    crop_prob, crop_mm
        Fraction of the images of which a side of the field of view is cut off, and how much at
        most.
    gamma_sd, bias_sd
        Standard deviations of the logarithms of an exponent on the intensities, and of a smooth
        factor on them.
    filter_prob
        Fraction of the images that are blurred or sharpened.
    noise, clutter
        Greatest standard deviations of noise from voxel to voxel, and of smooth noise.
    """

    modalities: tuple[str, ...] = ("mr", "us")
    label: int = 1
    grid_size: int = 32
    spacing_mm: float = 2.8
    channels: tuple[int, ...] = (20, 32, 48)
    space_to_depth: int = 2
    shift_mm: float = 10.0
    rotation_deg: float = 10.0
    scale_sd: float = 0.13
    stretch_sd: float = 0.06
    mirror_prob: float = 0.5
    warp_mm: float = 2.8
    crop_prob: float = 0.4
    crop_mm: float = 7.0
    gamma_sd: float = 0.35
    bias_sd: float = 0.3
    filter_prob: float = 0.4
    noise: float = 0.06
    clutter: float = 0.08

    def __post_init__(self) -> None:
        """Refuse values out of range, and a cube that cannot be halved often enough."""
        super().__post_init__()
        check_ranges(
            self,
            label=(1, 2**16),
            space_to_depth=(1, 64),
            grid_size=(8, 1024),
            spacing_mm=(0.1, 100),
            shift_mm=(0, 1e3),
            rotation_deg=(0, 90),
            scale_sd=(0, 1),
            stretch_sd=(0, 1),
            mirror_prob=(0, 1),
            warp_mm=(0, 100),
            crop_prob=(0, 1),
            crop_mm=(0, 1e3),
            gamma_sd=(0, 2),
            bias_sd=(0, 2),
            filter_prob=(0, 1),
            noise=(0, 1),
            clutter=(0, 1),
        )
        check_each(self, 4, 4096, "channels")
        halved = self.space_to_depth * 2 ** (len(self.channels) - 1)
        if not self.channels or self.grid_size % halved:
            raise ParameterError(
                f"grid_size must be a multiple of {halved} for {len(self.channels)} scales and "
                f"blocks of {self.space_to_depth} voxels, got {self.grid_size}"
            )
        if len(set(self.modalities)) != len(self.modalities) or not self.modalities:
            raise ParameterError(f"modalities must differ, got {', '.join(self.modalities)}")

    @property
    def grid(self) -> Grid:
        """The networks' cube, around the origin."""
        return centered_grid((0.0, 0.0, 0.0), (self.grid_size,) * 3, (self.spacing_mm,) * 3)

    @property
    def switches(self) -> dict[str, Any]:
        """Switches of the networks."""
        return {"channels": self.channels, "space_to_depth": self.space_to_depth}
