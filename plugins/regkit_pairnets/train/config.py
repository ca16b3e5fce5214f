"""The configuration of a pair network's training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from regkit.geometry.grid import Grid, Vector3
from regkit.learning import TrainingConfig, centered_grid
from regkit.registration.parameters import check_each, check_interval, check_ranges
from regkit_pairnets.card import InputOrder
from regkit_pairnets.pose_parameterization import CARDIAC, PROSTATE, PoseParameterization

Range = tuple[float, float]
# Switches that only some networks have; the default of each is as published.
OWN_SWITCHES = (
    "space_to_depth", "attention", "exchange_levels", "fuse_batchnorm", "dead_fuse_convs", "plain",
)  # fmt: skip


@dataclass(frozen=True)
class PairNetConfig(TrainingConfig):
    """The configuration of a pair network's training.

    Parameters
    ----------
    convention
        Meaning of the network's numbers: ``cardiac`` or ``prostate``; see
        `regkit_pairnets.pose_parameterization`.
    input_order
        Order of the network's inputs.
    fixed, moving
        Modalities of images that do not say.
    shape_zyx, spacing
        Grid that the network sees: number of voxels; mm along x, y, z.
    unit_mm, unit_deg
        Translation and rotation that an output of 1 means; 0 for the units of the convention.
    width, norm, space_to_depth, initialization
        Switches of the network: factor on the channels; normalization, empty for a network
        without; side of the blocks of voxels that become channels; random weights of its ``own``,
        or by ``fan-in``.
    attention
        Choice of the cross attention of ``attention-reg``; without it, it is the paper's ablation
        FeatureReg.
    exchange_levels, fuse_batchnorm, dead_fuse_convs
        Switches of ``dusfe``: levels, 1 to 3, with an exchange module; normalization of the
        recalibrated features, as in the published code; unused convolutions, which the published
        number of parameters counts.
    plain
        Switch of ``densenet-nonlocal``: only the attention is added to DenseNet.
    loss
        Mean absolute (``l1``) or squared (``mse``) error of the six outputs.
    previous_stages
        Weights of the stages before this one, names or files with + between, empty for none: the
        network learns the motions that they leave.
    contrastive_steps
        Number of steps of contrastive pre-training, for networks that have it.
    translation_mm, rotation_deg
        Half-ranges of the motions along and about each axis, about the grid's center.
    mean_displacement_mm
        Range of the mean displacement of the grid's middle to which motions are scaled; not
        scaled if its end is 0.
    residual_motion_prob, residual_motion_scale
        Fraction of the cases whose motion is as small as a first pass leaves it, and the factor on
        the ranges of these motions.
    augment_shift_mm, augment_rotation_deg, augment_scale
        Half-ranges and range by which both images are shifted, rotated and scaled together.
    augment_gamma, augment_noise_std
        Range of exponents on relative intensities; greatest standard deviation of added noise.
    truncation_prob, axial_coverage
        Fraction of the cases whose moving image is truncated along z; range of the fraction of its
        length that is left.
    """

    convention: Literal["cardiac", "prostate"] = "cardiac"
    input_order: InputOrder = "moving-fixed"
    fixed: str = "spect"
    moving: str = "mu"
    shape_zyx: tuple[int, int, int] = (24, 32, 32)
    spacing: Vector3 = (13.6, 13.6, 13.6)
    unit_mm: float = 0.0
    unit_deg: float = 0.0
    width: float = 1.0
    norm: Literal["", "batch", "group"] = "batch"
    space_to_depth: int = 1
    initialization: Literal["own", "fan-in"] = "own"
    attention: bool = True
    exchange_levels: tuple[int, ...] = (1, 2, 3)
    fuse_batchnorm: bool = False
    dead_fuse_convs: bool = False
    plain: bool = False
    loss: Literal["l1", "mse"] = "l1"
    previous_stages: str = ""
    contrastive_steps: int = 0
    translation_mm: Vector3 = (54.4, 54.4, 27.2)
    rotation_deg: Vector3 = (10.0, 10.0, 30.0)
    mean_displacement_mm: Range = (0.0, 0.0)
    residual_motion_prob: float = 0.0
    residual_motion_scale: float = 0.15
    augment_shift_mm: float = 0.0
    augment_rotation_deg: float = 0.0
    augment_scale: Range = (1.0, 1.0)
    augment_gamma: Range = (1.0, 1.0)
    augment_noise_std: float = 0.0
    truncation_prob: float = 0.0
    axial_coverage: Range = (1.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        check_ranges(
            self,
            width=(1e-3, 16),
            space_to_depth=(1, 64),
            residual_motion_prob=(0, 1),
            residual_motion_scale=(0, 1),
            truncation_prob=(0, 1),
            augment_noise_std=(0, 1),
            unit_mm=(0, 1e3),
            unit_deg=(0, 180),
            contrastive_steps=(0, 1e9),
            augment_shift_mm=(0, 1e3),
            augment_rotation_deg=(0, 180),
        )
        check_each(self, 1, 4096, "shape_zyx")
        check_each(self, 1e-3, 1e3, "spacing")
        check_each(self, 0, 1e3, "translation_mm")
        check_each(self, 0, 90, "rotation_deg")
        check_interval(self, 0, 1e3, "mean_displacement_mm")
        check_interval(self, 0.1, 10, "augment_scale", "augment_gamma")
        check_interval(self, 0.01, 1, "axial_coverage")

    @property
    def parameterization(self) -> PoseParameterization:
        """Meaning of the network's numbers."""
        return CARDIAC if self.convention == "cardiac" else PROSTATE

    @property
    def grid(self) -> Grid:
        """The network's grid, around the origin."""
        return centered_grid((0.0, 0.0, 0.0), self.shape_zyx, self.spacing)

    @property
    def switches(self) -> dict[str, Any]:
        """Switches of the network; those that not all networks have only where they differ."""
        given = {"norm": self.norm} if self.norm else {}
        changed = {
            name: getattr(self, name)
            for name in OWN_SWITCHES
            if getattr(self, name) != getattr(type(self), name)
        }
        return {"width": self.width, **given, **changed}

    @property
    def output_scale(self) -> tuple[float, ...]:
        """Factors from the six outputs to the numbers of the parameterization."""
        voxels = self.parameterization.translation == "voxels"
        shift = [self.unit_mm / s if voxels else self.unit_mm for s in self.spacing]
        return tuple(u or 1.0 for u in (*shift, *(self.unit_deg,) * 3))

    @property
    def unit_errors(self) -> dict[str, float]:
        """Errors of validation that an output of 1 means: score -> mm or degrees."""
        raw = self.spacing[0] if self.parameterization.translation == "voxels" else 1.0
        return {"dt_mm": self.unit_mm or raw, "dr_deg": self.unit_deg or 1.0}
