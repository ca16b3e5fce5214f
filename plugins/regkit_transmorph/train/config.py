"""The configuration of TransMorph's training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from regkit.geometry.grid import Grid, Vector3
from regkit.learning import TrainingConfig, centered_grid
from regkit.registration.parameters import check_ranges

Range = tuple[float, float]


@dataclass(frozen=True)
class TransMorphConfig(TrainingConfig):
    """The configuration of TransMorph's training.

    Parameters
    ----------
    variant, width, depths, heads, window, patch, mlp_hidden, checkpointing
        Variant of `regkit_transmorph.build_transmorph` and its switches; empty ones are the
        variant's.
    shape_zyx, spacing
        Grid that the network sees: number of voxels; mm along x, y, z.
    fixed, moving
        Modalities of images that do not say.
    fixed_window, moving_window
        Intensities in HU or SUV that become 0 and 1.
    measure
        Similarity measure of the loss: correlation ratio or mutual information.
    samples
        Number of voxels of an image that are compared with the other one, drawn anew in each step;
        those outside the other image do not count. 0 for all voxels and the published loss.
    bins, intensity_gamma
        Number of histogram bins of each image, and exponent on the moving image's intensities
        before they are compared; for `samples` above 0. Hot organs take most of the range of a
        PET, and the rest falls into few bins; a root spreads it. On three simulated patients in
        voxels of a centimeter, the peak of the correlation ratio was 5.8 mm from the truth
        without, 2.4 mm with a square root.
    rotation_deg, max_shift_fraction, scale
        Half-ranges of the misplacement of each image by itself: angles; shifts in half the
        extent of the network's field of view; factors around 1.
    residual_motion_prob, residual_motion_scale
        Fraction of the cases whose images are misplaced together but for the motion that a first
        pass leaves, and the factor on the ranges of this motion.
    """

    variant: Literal["cr", "original"] = "cr"
    width: float = 1.0
    depths: tuple[int, ...] = ()
    heads: tuple[int, ...] = ()
    window: tuple[int, ...] = ()
    patch: int = 4
    mlp_hidden: int = 100
    checkpointing: bool = False
    shape_zyx: tuple[int, int, int] = (256, 192, 192)
    spacing: Vector3 = (2.8, 2.8, 3.8)
    fixed: str = "ct"
    moving: str = "pet"
    fixed_window: Range = (-300.0, 300.0)
    moving_window: Range = (0.0, 15.0)
    measure: Literal["cr", "mi"] = "cr"
    samples: int = 0
    bins: int = 32
    intensity_gamma: float = 1.0
    rotation_deg: float = 10.0
    max_shift_fraction: float = 0.1
    scale: float = 0.1
    residual_motion_prob: float = 0.0
    residual_motion_scale: float = 0.15

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        check_ranges(
            self,
            samples=(0, 1e8),
            bins=(8, 250),
            intensity_gamma=(0.05, 5),
            rotation_deg=(0, 90),
            max_shift_fraction=(0, 1),
            scale=(0, 0.5),
            residual_motion_prob=(0, 1),
            residual_motion_scale=(0, 1),
        )

    @property
    def grid(self) -> Grid:
        """The network's grid, around the origin."""
        return centered_grid((0.0, 0.0, 0.0), self.shape_zyx, self.spacing)

    @property
    def switches(self) -> dict[str, Any]:
        """Switches of the network that its card has."""
        switches: dict[str, Any] = {
            "width": self.width,
            "patch": self.patch,
            "mlp_hidden": self.mlp_hidden,
        }
        given = {"depths": self.depths, "heads": self.heads, "window": self.window}
        return switches | {name: list(value) for name, value in given.items() if value}
