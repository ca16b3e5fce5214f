"""The configuration of a reorienter's training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from regkit.geometry.grid import Vector3
from regkit.learning import TrainingConfig
from regkit.learning.layers import Norm
from regkit.registration.parameters import check_each, check_ranges
from regkit_msstunet.losses import CLASS_WEIGHTS, ROTATION
from regkit_msstunet.networks.segmenter import ZOOMS, LocalizerKind

Range = tuple[float, float]


@dataclass(frozen=True)
class ReorientationConfig(TrainingConfig):
    """The configuration of a reorienter's training.

    Parameters
    ----------
    network
        Name of the network, as of `regkit_msstunet.build_reorienter`.
    grid_size, spacing_mm
        Cube that the network sees: number of voxels a side, voxel size.
    width, localizer_width, norm, space_to_depth, localizer, zooms
        Switches of the network; see `regkit_msstunet.build_reorienter`.
    intensity_gamma
        Exponent on the intensities after they were scaled to 0 to 1.
    label_fov
        Fraction of the field of view, around the ventricle, within which labels are wanted.
    angles_low, angles_high
        Ranges of alpha, beta, gamma in rad, of which poses are drawn uniformly.
    centre_low, centre_high
        Ranges of the ventricle's center from that of the field of view, LPS mm.
    native_pose_prob
        Fraction of the images in their native pose but for a small motion, as in a first pass.
    mean_pose_prob
        Fraction of the images in the mean pose but for a small motion, as in every later pass.
    jitter_deg, jitter_mm
        Half-ranges of those motions along and about each axis.
    augment_gamma, augment_noise_std
        Range of exponents on intensities; greatest standard deviation of added noise.
    segmentation_batch_size
        Number of images of a batch that are segmented, which costs most; 0 for all. The others
        train the localizer only.
    segment_unaugmented
        Whether images that are segmented keep their native pose: those that are moved, to train
        the localizer, are interpolated once more than in use, which blurs walls.
    teacher_forcing_prob
        Fraction of the images that the segmenter sees in the true pose instead of the localizer's.
    start_with
        Part of the initial weights that is used: ``all``, or the ``localizer``, so that another
        segmenter is trained from random weights.
    pose_loss
        Loss of the pose: errors of ``angles`` and translations as published, or the
        ``point_distance`` between points; see `regkit_msstunet.losses`.
    rotation_weight
        Weight of the rotation beside the translation in the loss of ``angles``, µ of the paper.
    deep_supervision
        Whether outputs finer than the one in use are trained, too.
    class_weights
        Weights of background, myocardium and blood pool in the Dice losses (η of the paper is that
        of the myocardium); unequal ones move borders.
    cross_entropy_weight
        Weight of the cross entropy near the ventricle beside the Dice losses.
    threshold_weight, threshold_stride
        Weight of the threshold loss, and the stride of the voxels that it uses.
    """

    network: str = "ms-st-unet"
    grid_size: int = 96
    spacing_mm: float = 3.4
    width: float = 1.0
    localizer_width: float = 0.0
    norm: Norm = "batch"
    space_to_depth: int = 1
    localizer: LocalizerKind = "resnet"
    zooms: Vector3 = ZOOMS
    intensity_gamma: float = 1.0
    label_fov: float = 1.0
    angles_low: Vector3 = (-1.49, -1.68, 0.66)
    angles_high: Vector3 = (-0.26, -0.32, 1.80)
    centre_low: Vector3 = (13.0, -68.0, 19.0)
    centre_high: Vector3 = (70.0, 7.0, 103.0)
    native_pose_prob: float = 0.0
    mean_pose_prob: float = 0.0
    jitter_deg: float = 0.0
    jitter_mm: float = 0.0
    augment_gamma: Range = (1.0, 1.0)
    augment_noise_std: float = 0.0
    segmentation_batch_size: int = 0
    segment_unaugmented: bool = False
    teacher_forcing_prob: float = 0.0
    start_with: Literal["all", "localizer"] = "all"
    pose_loss: Literal["angles", "point_distance"] = "angles"
    rotation_weight: float = ROTATION
    deep_supervision: bool = True
    class_weights: Vector3 = CLASS_WEIGHTS
    cross_entropy_weight: float = 0.0
    threshold_weight: float = 1.0
    threshold_stride: int = 1

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        check_ranges(
            self,
            grid_size=(16, 1024),
            spacing_mm=(0.1, 100),
            width=(1e-3, 16),
            localizer_width=(0, 16),
            space_to_depth=(1, 64),
            intensity_gamma=(0.05, 5),
            label_fov=(1e-3, 1),
            native_pose_prob=(0, 1),
            mean_pose_prob=(0, 1 - self.native_pose_prob),
            augment_noise_std=(0, 1),
            segmentation_batch_size=(0, self.batch_size),
            teacher_forcing_prob=(0, 1),
            rotation_weight=(0, 1e3),
            cross_entropy_weight=(0, 1e3),
            threshold_weight=(0, 1e3),
            threshold_stride=(1, 64),
        )
        check_each(self, 0, 1e3, "class_weights")

    @property
    def switches(self) -> dict[str, Any]:
        """Switches of the network, without the pose that it starts from."""
        names = ("width", "localizer_width", "norm", "space_to_depth", "localizer", "zooms")
        return {name: getattr(self, name) for name in names}
