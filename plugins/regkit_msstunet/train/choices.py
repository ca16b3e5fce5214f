"""The choices of a training: what a network sees, and of what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from regkit.learning import Course
from regkit.registration.parameters import check_each, check_ranges
from regkit_msstunet.losses import CLASS_WEIGHTS
from regkit_msstunet.networks.layers import Norm
from regkit_msstunet.networks.segmenter import ZOOMS, LocaliserKind

Triple = tuple[float, float, float]
Range = tuple[float, float]


@dataclass(frozen=True)
class Choices(Course):
    """Everything that decides how a training goes.

    Parameters
    ----------
    network
        As `regkit_msstunet.build_network` names it.
    grid_size, spacing_mm
        Of the cube that it sees.
    width, trunk, norm, fold, localiser, zooms
        See `regkit_msstunet.build_network`.
    exponent
        Of the intensities, after they were scaled to 0 to 1.
    passes
        How often the trained network will look.
    label_zoom
        Share of the field of view, around the ventricle, within which labels are wanted.
    cases, validation_cases
        How many patients of each simulated dataset.
    angles_low, angles_high
        Of alpha, beta, gamma in rad: poses are drawn uniformly between them.
    centre_low, centre_high
        Of the ventricle's centre from that of the field of view, LPS mm.
    own_share
        Share of images with the ventricle's own pose but for a small motion, as a first look.
    usual_share
        Share of images with the mean pose but for a small motion, as every further look.
    jitter_deg, jitter_mm
        Half-ranges of those motions along and about each axis.
    gamma, noise
        Range of exponents on intensities; greatest deviation of added noise.
    segmented
        How many images of a batch are segmented, which costs most; 0 for all. The others teach
        the localiser.
    as_came
        Whether images that are segmented are seen as they came: those that are moved, to teach the
        localiser, are interpolated once more than in use, which blurs walls.
    told_share
        Share of images that the segmenter looks at through the true pose, as if the localiser
        had learnt already.
    start_with
        What of the weights that a training begins from is taken: ``all``, or the ``localiser``, so
        that another segmenter is learnt from nothing.
    pose
        What is made small: the errors of ``angles`` and translations as published, or the ``way``
        that points go wrong; see `regkit_msstunet.losses`.
    finer
        Whether outputs finer than the one that is used are taught too.
    class_weights
        Of background, myocardium and blood pool in the Dice losses: unequal ones move borders.
    entropy_weight
        Of cross entropy near the ventricle beside Dice.
    threshold_weight, threshold_coarser
        Of the threshold loss; of so many voxels it looks at one, along each axis.
    """

    network: str = "ms-st-unet"
    grid_size: int = 96
    spacing_mm: float = 3.4
    width: float = 1.0
    trunk: float = 0.0
    norm: Norm = "batch"
    fold: int = 1
    localiser: LocaliserKind = "resnet"
    zooms: Triple = ZOOMS
    exponent: float = 1.0
    passes: int = 1
    label_zoom: float = 1.0
    cases: int = 100
    validation_cases: int = 10
    angles_low: Triple = (-1.49, -1.68, 0.66)
    angles_high: Triple = (-0.26, -0.32, 1.80)
    centre_low: Triple = (13.0, -68.0, 19.0)
    centre_high: Triple = (70.0, 7.0, 103.0)
    own_share: float = 0.0
    usual_share: float = 0.0
    jitter_deg: float = 0.0
    jitter_mm: float = 0.0
    gamma: Range = (1.0, 1.0)
    noise: float = 0.0
    segmented: int = 0
    as_came: bool = False
    told_share: float = 0.0
    start_with: Literal["all", "localiser"] = "all"
    pose: Literal["angles", "way"] = "angles"
    finer: bool = True
    class_weights: Triple = CLASS_WEIGHTS
    entropy_weight: float = 0.0
    threshold_weight: float = 1.0
    threshold_coarser: int = 1

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        check_ranges(
            self,
            grid_size=(16, 1024),
            spacing_mm=(0.1, 100),
            width=(1e-3, 16),
            trunk=(0, 16),
            fold=(1, 64),
            exponent=(0.05, 5),
            passes=(1, 100),
            label_zoom=(1e-3, 1),
            cases=(1, 1e6),
            validation_cases=(1, 1e6),
            own_share=(0, 1),
            usual_share=(0, 1 - self.own_share),
            noise=(0, 1),
            segmented=(0, self.batch),
            told_share=(0, 1),
            entropy_weight=(0, 1e3),
            threshold_weight=(0, 1e3),
            threshold_coarser=(1, 64),
        )
        check_each(self, 0, 1e3, "class_weights")

    @property
    def switches(self) -> dict[str, Any]:
        """Switches of the network, but for the pose it starts from."""
        names = ("width", "trunk", "norm", "fold", "localiser", "zooms")
        return {name: getattr(self, name) for name in names}
