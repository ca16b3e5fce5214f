"""The choices of a training: what a network sees, and of what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from regkit.learning import Course
from regkit.registration.parameters import check_each, check_interval, check_ranges
from regkit_pairnets.physical import CARDIAC, PROSTATE, Convention

Triple = tuple[float, float, float]
Range = tuple[float, float]


@dataclass(frozen=True)
class Preset(Course):
    """Everything that decides how a training goes.

    Parameters
    ----------
    convention
        What the network's numbers mean: as of `regkit_pairnets.physical`.
    first
        Which image comes first.
    fixed, moving
        Modalities of images that do not say.
    shape_zyx, spacing
        The network's grid; voxels, mm along x, y, z.
    unit_mm, unit_deg
        What an output of 1 means; 0 for the raw units of the convention.
    width, norm, fold, initialise
        Of the network; `norm` empty for one that has none, `fold` 1 for one that cannot.
    passes
        How often the trained network may look; in the end, as often as validation has it best.
    loss
        Mean absolute or squared error of the six outputs.
    contrastive_steps
        Of contrastive pre-training, for networks that have it.
    cases, validation_cases
        How many patients of a simulated dataset.
    translation_mm, degrees
        Half-ranges of the motions to be found, about the grid's centre.
    distance_mm
        If its end is above 0, motions are scaled so that the middle of the grid moves by a mean
        distance drawn from it.
    small_share, small_amount
        Share of motions as small as a first pass leaves them, and how small.
    pose_mm, pose_deg, size
        Half-ranges and range by which both images are placed, turned and scaled together.
    gamma, noise
        Range of exponents on relative intensities; greatest deviation of added noise.
    coverage_share, coverage
        Share of cases whose moving image shows only some slices, and which share of them.
    """

    convention: Literal["cardiac", "prostate"] = "cardiac"
    first: Literal["fixed", "moving"] = "moving"
    fixed: str = "spect"
    moving: str = "mu"
    shape_zyx: tuple[int, int, int] = (24, 32, 32)
    spacing: Triple = (13.6, 13.6, 13.6)
    unit_mm: float = 0.0
    unit_deg: float = 0.0
    width: float = 1.0
    norm: Literal["", "batch", "group"] = "batch"
    fold: int = 1
    initialise: Literal["own", "fan-in"] = "own"
    passes: int = 1
    loss: Literal["l1", "mse"] = "l1"
    contrastive_steps: int = 0
    cases: int = 100
    validation_cases: int = 10
    translation_mm: Triple = (54.4, 54.4, 27.2)
    degrees: Triple = (10.0, 10.0, 30.0)
    distance_mm: Range = (0.0, 0.0)
    small_share: float = 0.0
    small_amount: float = 0.15
    pose_mm: float = 0.0
    pose_deg: float = 0.0
    size: Range = (1.0, 1.0)
    gamma: Range = (1.0, 1.0)
    noise: float = 0.0
    coverage_share: float = 0.0
    coverage: Range = (1.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        check_ranges(
            self,
            width=(1e-3, 16),
            fold=(1, 64),
            passes=(1, 100),
            cases=(1, 1e6),
            validation_cases=(1, 1e6),
            small_share=(0, 1),
            small_amount=(0, 1),
            coverage_share=(0, 1),
            noise=(0, 1),
            unit_mm=(0, 1e3),
            unit_deg=(0, 180),
            contrastive_steps=(0, 1e9),
            pose_mm=(0, 1e3),
            pose_deg=(0, 180),
        )
        check_each(self, 1, 4096, "shape_zyx")
        check_each(self, 1e-3, 1e3, "spacing")
        check_each(self, 0, 1e3, "translation_mm")
        check_each(self, 0, 90, "degrees")
        check_interval(self, 0, 1e3, "distance_mm")
        check_interval(self, 0.1, 10, "size", "gamma")
        check_interval(self, 0.01, 1, "coverage")

    @property
    def numbers(self) -> Convention:
        """What the network's numbers mean."""
        return CARDIAC if self.convention == "cardiac" else PROSTATE

    @property
    def switches(self) -> dict[str, Any]:
        """Switches of the network."""
        own = {"norm": self.norm} if self.norm else {}
        return {"width": self.width, **own, **({"fold": self.fold} if self.fold > 1 else {})}

    @property
    def units(self) -> tuple[float, ...]:
        """What the six outputs are multiplied by to give the convention's numbers."""
        voxels = self.numbers.translation == "voxels"
        shift = [self.unit_mm / s if voxels else self.unit_mm for s in self.spacing]
        return tuple(u or 1.0 for u in (*shift, *(self.unit_deg,) * 3))

    @property
    def of_one(self) -> dict[str, float]:
        """What an output of 1 means, under the names of the errors in validation."""
        raw = self.spacing[0] if self.numbers.translation == "voxels" else 1.0
        return {"dt_mm": self.unit_mm or raw, "dr_deg": self.unit_deg or 1.0}
