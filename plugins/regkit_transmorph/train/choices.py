"""The choices of a training: what a network sees, how it is misplaced, and what is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from regkit.learning import Course
from regkit.registration.parameters import check_ranges

Triple = tuple[float, float, float]
Range = tuple[float, float]


@dataclass(frozen=True)
class Choices(Course):
    """Everything that decides how a training goes.

    Parameters
    ----------
    variant, width, depths, heads, window, patch, hidden, checkpointing
        Of the network, as `regkit_transmorph.build_network` takes them; empty is the variant's.
    shape_zyx, spacing
        The network's grid; voxels, mm along x, y, z.
    fixed, moving
        Modalities of images that do not say.
    fixed_window, moving_window
        Intensities, HU or SUV, that become 0 and 1.
    passes
        How often the trained network will look; also in validation.
    measure
        Correlation ratio or mutual information.
    samples
        Voxels of an image at which it is compared with the other one, drawn anew in each step;
        what is beyond the other then does not count. 0 takes all, by the published loss.
    bins, compared_exponent
        Of each image, and of the moving image's intensities from 0 to 1 before they are compared,
        for `samples` above 0. Hot organs take most of the range of a PET, and bins of the rest are
        few; a root shares them out. On three simulated patients in voxels of a centimetre, the
        peak of correlation ratio was 5.8 mm from the truth without, 2.4 mm with a square root.
    cases, validation_cases
        How many patients of a simulated dataset.
    degrees, half_extents, scale
        Half-ranges of the misplacement of each image by itself: angles, shifts in half the
        extents of the network's field of view, factors around 1.
    small_share, small_amount
        Share of cases whose images are misplaced together but for what a first pass leaves, and
        how much of the ranges that is.
    """

    variant: Literal["cr", "original"] = "cr"
    width: float = 1.0
    depths: tuple[int, ...] = ()
    heads: tuple[int, ...] = ()
    window: tuple[int, ...] = ()
    patch: int = 4
    hidden: int = 100
    checkpointing: bool = False
    shape_zyx: tuple[int, int, int] = (256, 192, 192)
    spacing: Triple = (2.8, 2.8, 3.8)
    fixed: str = "ct"
    moving: str = "pet"
    fixed_window: Range = (-300.0, 300.0)
    moving_window: Range = (0.0, 15.0)
    passes: int = 1
    measure: Literal["cr", "mi"] = "cr"
    samples: int = 0
    bins: int = 32
    compared_exponent: float = 1.0
    cases: int = 100
    validation_cases: int = 10
    degrees: float = 10.0
    half_extents: float = 0.1
    scale: float = 0.1
    small_share: float = 0.0
    small_amount: float = 0.15

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        check_ranges(
            self,
            passes=(1, 100),
            samples=(0, 1e8),
            bins=(8, 250),
            compared_exponent=(0.05, 5),
            cases=(1, 1e6),
            validation_cases=(1, 1e6),
            degrees=(0, 90),
            half_extents=(0, 1),
            scale=(0, 0.5),
            small_share=(0, 1),
            small_amount=(0, 1),
        )

    @property
    def switches(self) -> dict[str, Any]:
        """Switches of the network that using it takes."""
        own: dict[str, Any] = {"width": self.width, "patch": self.patch, "hidden": self.hidden}
        given = {"depths": self.depths, "heads": self.heads, "window": self.window}
        return own | {name: list(value) for name, value in given.items() if value}
