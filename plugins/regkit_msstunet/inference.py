"""Reorientation of an image by a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.resampling import resample
from regkit.geometry.rotation import rotation_angle
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit.learning import (
    TrainedModel,
    appearance_warnings,
    center_on_body,
    domain_features,
    domain_warnings,
)
from regkit.learning.network_grid import center_of_mass, moved_grid
from regkit.registrar import Estimate, Pair
from regkit.working import tell_progress
from regkit_msstunet.card import ReorientationCard
from regkit_msstunet.geometry import (
    pose_numbers,
    pose_transform,
    refined,
    zoomed,
)
from regkit_msstunet.networks.reorienter import probabilities
from regkit_msstunet.preprocessing import preprocess_emission
from regkit_msstunet.ventricle_domain import VENTRICLE_FEATURE_NAMES, ventricle_position
from regkit_ventricle.label_probabilities import BLOOD_POOL, MYOCARDIUM, argmax_labels, cropped
from regkit_ventricle.labels import MM3_PER_ML

# Factor by which labels are finer than the probabilities that they are made from: walls are three
# voxels thick. Chosen by hand.
REFINEMENT = 4
# Degrees by which the last of several passes may still rotate the ventricle; chosen by hand.
CONVERGED_DEG = 10.0
# Area of the ventricle at the border of the closest view above which its tip is missing; chosen by
# hand.
MAX_BORDER_CM2, MM2_PER_CM2 = 8.0, 100.0


@dataclass(frozen=True, eq=False)
class FramePrediction:
    """The labels that a network predicts in short-axis planes.

    Parameters
    ----------
    probabilities
        Probabilities of background, myocardium and blood pool, (3, z, y, x).
    frame
        Grid of these.
    pose
        Map of the frame's points to the image, LPS mm.
    view_poses
        Such maps of the frame of each scale of the network, the widest first.
    """

    probabilities: NDArray[np.float32]
    frame: Grid
    pose: AffineTransform
    view_poses: tuple[AffineTransform, ...]


@dataclass(frozen=True, eq=False)
class ReorientationPasses:
    """The passes of a network over an image.

    Parameters
    ----------
    ready
        The preprocessed image.
    body_center
        Center of mass of it, LPS mm.
    center
        Center of the network's cube in the first pass, LPS mm.
    origin
        Map of points of the fixed image to short-axis points, whose origin is the ventricle.
    poses
        Successive maps of short-axis points to the image, the last the best.
    predicted
        Labels of the last pass.
    """

    ready: Volume
    body_center: FloatArray
    center: Vector3
    origin: AffineTransform
    poses: tuple[AffineTransform, ...]
    predicted: FramePrediction

    @property
    def transform(self) -> AffineTransform:
        """The map of fixed points to moving points, LPS mm."""
        return self.poses[-1] @ self.origin


def reorient(pair: Pair, trained: TrainedModel[ReorientationCard], passes: int) -> Estimate:
    """Reorient the moving image; see `regkit.learning.LearnedMethod.infer` for the parameters."""
    card, moving = trained.card, pair.moving
    done = run_passes(pair, trained, passes)
    labels = _labels(done.predicted)
    seen = resample(done.ready, card.grid(done.center))
    features = {
        **domain_features(seen.array, max(moving.grid.spacing)),
        "myocardium_ml": _myocardium_ml(labels),
        **ventricle_position(done.poses[-1].map_points((0.0, 0.0, 0.0)), done.body_center),
    }
    names = VENTRICLE_FEATURE_NAMES
    unlike = [
        *domain_warnings(
            card.moving, card.method, "moving", moving.modality, features, names=names
        ),
        *appearance_warnings(card.appearance, card.method, {"moving": seen}),
    ]
    warnings = [
        *unlike,
        *_convergence_warning(done.poses),
        *_truncation_warning(done.predicted),
    ]
    diagnostics = {
        **trained.diagnostics,
        "pass_rotation_deg": [_rotation_between(a, b) for a, b in pairwise(done.poses)],
        "labels": {"myocardium": MYOCARDIUM, "blood_pool": BLOOD_POOL},
        "domain_warnings": unlike,
        "warnings": warnings,
    }
    return Estimate(done.transform, labels, diagnostics)


def run_passes(
    pair: Pair, trained: TrainedModel[ReorientationCard], passes: int
) -> ReorientationPasses:
    """Preprocess the moving image and run the network; parameters as of `reorient`."""
    card, moving = trained.card, pair.moving
    ready = preprocess_emission(moving, card.spacing_mm, card.intensity_gamma, pair.moving_mask)
    mass = center_of_mass(ready)
    center = center_on_body(moving.grid, card.moving, lambda: mass)
    origin = AffineTransform.shift(np.negative(pair.fixed.grid.centre))
    given = _given_pose(pair, origin) if trained.network.needs_pose else None
    poses: list[AffineTransform] = []
    count = passes if given is None else 1
    for number in range(count):
        tell_progress(f"pass {number + 1} of {count}", number / count)
        view = _view(poses[-1] if poses else given, card)
        grid = card.grid(center if view is IDENTITY else (0.0, 0.0, 0.0))
        found, predicted = _predict(trained, ready, view, grid, given)
        poses.extend(found)
    return ReorientationPasses(ready, mass, center, origin, tuple(poses), predicted)


def _given_pose(pair: Pair, origin: AffineTransform) -> AffineTransform:
    """Return the pose for a network without a localizer: the initial transform."""
    start = pair.start @ origin.inverse()
    if not (isinstance(start, AffineTransform) and start.is_rigid):
        raise RegistrationError(
            "these weights label a given pose, and take a rigid initial transform"
        )
    return start


def _view(pose: AffineTransform | None, card: ReorientationCard) -> AffineTransform:
    """Return the map of the network's cube to the moving image.

    The first pass is upright around the body. Later passes resample the image such that the
    ventricle, as far as its pose is known, is at the origin in the mean pose of training.
    """
    if pose is None:
        return IDENTITY
    mean = pose_transform(card.mean_pose, card.grid())
    return AffineTransform(pose.matrix @ mean.inverse().matrix)


def _predict(
    trained: TrainedModel[ReorientationCard],
    ready: Volume,
    view: AffineTransform,
    grid: Grid,
    given: AffineTransform | None,
) -> tuple[list[AffineTransform], FramePrediction]:
    """Return poses of short-axis points in the moving image, the last the best, and its labels."""
    array = resample(ready, grid, view).array.copy()
    volume = torch.from_numpy(array)[None, None].to(trained.device)
    with torch.inference_mode():
        estimates, context = trained.network.locate(volume)
        if given is not None:
            six = pose_numbers(AffineTransform(view.inverse().matrix @ given.matrix), grid)
            estimates = [torch.tensor(six, dtype=torch.float32, device=trained.device)[None, None]]
        output = trained.network.output_within(trained.card.label_fov)
        logits = trained.network.segment(volume, estimates[-1], context, output)[0]
        classes = probabilities(logits)[0].float().cpu().numpy()
    frame = zoomed(trained.card.grid(), trained.network.zooms[output], classes.shape[-1])
    if given is not None:  # exact, without the rounding of its six parameters
        return [given], FramePrediction(classes, frame, given, (given,))
    found = [numbers[0].double().cpu().numpy() for numbers in estimates]
    poses = [view @ pose_transform(numbers[0], grid) for numbers in found]
    scales = tuple(view @ pose_transform(numbers, grid) for numbers in found[-1])
    through = scales[min(output, len(scales) - 1)]
    return poses, FramePrediction(classes, frame, through, scales)


def _labels(predicted: FramePrediction) -> LabelMap:
    """Return the most probable class in the planes of the view, cropped to the ventricle."""
    wall, pool = (
        Volume(predicted.probabilities[label], predicted.frame)
        for label in (MYOCARDIUM, BLOOD_POOL)
    )
    coarse = cropped(LabelMap(argmax_labels(wall.array, pool.array), predicted.frame))
    planes = refined(coarse.grid, REFINEMENT)
    fine = argmax_labels(resample(wall, planes).array, resample(pool, planes).array)
    return LabelMap(fine, moved_grid(planes, predicted.pose))


def _myocardium_ml(labels: LabelMap) -> float:
    voxel_ml = float(np.prod(labels.grid.spacing)) / MM3_PER_ML
    return float((labels.array == MYOCARDIUM).sum()) * voxel_ml


def _convergence_warning(poses: Sequence[AffineTransform]) -> list[str]:
    if len(poses) < 2:
        return []
    rotation = _rotation_between(poses[-2], poses[-1])
    if rotation <= CONVERGED_DEG:
        return []
    return [f"the network's last pass still turned the ventricle by {rotation:.0f} degrees"]


def _truncation_warning(predicted: FramePrediction) -> list[str]:
    labelled = predicted.probabilities[0] < predicted.probabilities[1:].sum(axis=0)
    faces = [labelled.take(end, axis).sum() for axis in range(3) for end in (0, -1)]
    area = max(faces) * predicted.frame.spacing[0] ** 2 / MM2_PER_CM2
    if area <= MAX_BORDER_CM2:
        return []
    words = f"the ventricle is cut off: {area:.0f} cm2 of it are at the border of the"
    return [f"{words} {predicted.frame.extent[0]:.0f} mm field of view of the labels"]


def _rotation_between(one: AffineTransform, other: AffineTransform) -> float:
    return rotation_angle(one.matrix[:3, :3].T @ other.matrix[:3, :3])
