"""Reorienting an image with a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from regkit.errors import RegistrationError
from regkit.geometry.grid import Grid, Vector3
from regkit.geometry.resampling import resample
from regkit.geometry.rotation import rotation_angle
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit.learning import device_named
from regkit.learning.domain_guard import measured
from regkit.registrar import Estimate, Pair
from regkit_msstunet.card import Card
from regkit_msstunet.geometry import (
    moved,
    refined,
    to_numbers,
    to_transform,
    zoomed,
)
from regkit_msstunet.guard import doubts, place_of
from regkit_msstunet.networks.reorienter import probabilities
from regkit_msstunet.prepare import centre_of_mass, prepared
from regkit_msstunet.weights import TrainedNetwork, load_network
from regkit_ventricle.label_probabilities import BLOOD_POOL, MYOCARDIUM, argmax_labels, cropped
from regkit_ventricle.labels import MM3_PER_ML

# Share by which a field of view may differ from training before the body is looked for in it.
SAME_FIELD = 0.15
# How many times finer labels are than the shares that they are made from.
FINER = 4
# Degrees by which the last of several looks may still turn the ventricle.
SETTLED_DEG = 10.0
# What of a ventricle may lie at the border of the look, where its tip is missing then.
CUT_CM2, MM2_PER_CM2 = 8.0, 100.0


@dataclass(frozen=True, eq=False)
class Seen:
    """The classes' shares (3, z, y, x) on a frame, and the map of its points to the image."""

    shares: NDArray[np.float32]
    frame: Grid
    pose: AffineTransform


def register(pair: Pair, weights: str, count: int | None, device: str) -> Estimate:
    """Reorient; parameters as of `LearnedReorientation`, `count` None for the card's."""
    trained = load_network(weights, device_named(device))
    card, moving = trained.card, pair.moving
    ready = prepared(moving, card.spacing_mm, card.exponent, pair.moving_mask)
    origin = AffineTransform.shift(np.negative(pair.fixed.grid.centre))
    centre = _centre(moving, ready, card)
    poses: list[AffineTransform] = []
    if trained.network.needs_pose:
        told, looks = _told(pair, origin), 1
    else:
        told, looks = None, count or card.passes
    for _ in range(looks):
        look, grid = _look(poses[-1] if poses else told, card, centre)
        thought, seen = _glance(trained, ready, look, grid, told)
        poses.extend(thought)
    labels = _labels(seen)
    measures = {
        **_measures(ready, card.grid(centre), labels, max(moving.grid.spacing)),
        **place_of(poses[-1].map_points((0.0, 0.0, 0.0)), centre_of_mass(ready)),
    }
    warnings = [*doubts(card, moving.modality, measures), *_restless(poses), *_cut_off(seen)]
    return Estimate(poses[-1] @ origin, labels, _diagnostics(trained, poses, warnings))


def _told(pair: Pair, origin: AffineTransform) -> AffineTransform:
    """Return the pose that a network without a localiser is told: the initial map."""
    start = pair.start @ origin.inverse()
    if not (isinstance(start, AffineTransform) and start.is_rigid):
        raise RegistrationError("these weights label a given pose, and take a rigid initial map")
    return start


def _centre(moving: Volume, ready: Volume, card: Card) -> Vector3:
    """Return where to look: at the centre of a field of view like in training, else at the body.

    A larger or smaller one has the body elsewhere: at its centre of mass, as far from where to
    look as it was in training.
    """
    ratio = np.ptp(moving.grid.corners(), axis=0) / card.extent_mm
    if (np.abs(ratio - 1) <= SAME_FIELD).all():
        return moving.grid.centre
    x, y, z = (centre_of_mass(ready) - card.mass_mm).tolist()
    return x, y, z


def _look(
    pose: AffineTransform | None, card: Card, centre: Vector3
) -> tuple[AffineTransform, Grid]:
    """Return a map of the network's cube to the moving image, and the cube.

    The first look is upright. Later ones see the ventricle, as far as its pose is known by then,
    posed as on average in training: nothing is easier to see.
    """
    if pose is None:
        return AffineTransform(np.eye(4)), card.grid(centre)
    usual = to_transform(card.mean, card.grid())
    return AffineTransform(pose.matrix @ usual.inverse().matrix), card.grid()


def _glance(
    trained: TrainedNetwork,
    ready: Volume,
    look: AffineTransform,
    grid: Grid,
    told: AffineTransform | None,
) -> tuple[list[AffineTransform], Seen]:
    """Return poses of short-axis points in the moving image, and the ventricle in the last.

    The network thinks of one after the other; the last is the best.
    """
    seen = torch.from_numpy(resample(ready, grid, look).array.copy())[None, None]
    volume = seen.to(trained.device)
    with torch.inference_mode():
        approach, context = trained.network.locate(volume)
        if told is not None:
            six = to_numbers(AffineTransform(look.inverse().matrix @ told.matrix), grid)
            approach = [torch.tensor(six, dtype=torch.float32, device=trained.device)[None, None]]
        place = trained.network.output_within(trained.card.label_zoom)
        logits = trained.network.segment(volume, approach[-1], context, place)[0]
        shares = probabilities(logits)[0].float().cpu().numpy()
    frame = zoomed(trained.card.grid(), trained.network.zooms[place], shares.shape[-1])
    if told is not None:  # exactly, not as the six numbers once more
        return [told], Seen(shares, frame, told)
    found = [numbers[0].double().cpu().numpy() for numbers in approach]
    through = found[-1][min(place, len(found[-1]) - 1)]
    poses = [look @ to_transform(numbers[0], grid) for numbers in found]
    return poses, Seen(shares, frame, look @ to_transform(through, grid))


def _labels(seen: Seen) -> LabelMap:
    """Return the likelier class in the planes that were looked at, around all that is labelled.

    Walls are three voxels thick: finer ones than the shares' keep what lies between these.
    """
    wall, pool = (Volume(seen.shares[place], seen.frame) for place in (MYOCARDIUM, BLOOD_POOL))
    labelled = cropped(LabelMap(argmax_labels(wall.array, pool.array), seen.frame))
    planes = refined(labelled.grid, FINER)
    finer = argmax_labels(resample(wall, planes).array, resample(pool, planes).array)
    return LabelMap(finer, moved(planes, seen.pose))


def _measures(ready: Volume, grid: Grid, labels: LabelMap, voxel_mm: float) -> dict[str, float]:
    """Return what the guard is shown: what the network saw first, and what it found."""
    voxel_ml = float(np.prod(labels.grid.spacing)) / MM3_PER_ML
    wall_ml = float((labels.array == MYOCARDIUM).sum()) * voxel_ml
    return measured(resample(ready, grid).array, voxel_mm) | {"myocardium_ml": wall_ml}


def _restless(poses: list[AffineTransform]) -> list[str]:
    if len(poses) < 2:
        return []
    turned = _turn_deg(poses[-2], poses[-1])
    if turned <= SETTLED_DEG:
        return []
    return [f"the network's last look still turned the ventricle by {turned:.0f} degrees"]


def _cut_off(seen: Seen) -> list[str]:
    labelled = seen.shares[0] < seen.shares[1:].sum(axis=0)
    faces = [labelled.take(end, axis).sum() for axis in range(3) for end in (0, -1)]
    area = max(faces) * seen.frame.spacing[0] ** 2 / MM2_PER_CM2
    if area <= CUT_CM2:
        return []
    words = f"the ventricle is cut off: {area:.0f} cm2 of it are at the border of the"
    return [f"{words} {seen.frame.extent[0]:.0f} mm that the network looks at closely"]


def _turn_deg(one: AffineTransform, other: AffineTransform) -> float:
    return rotation_angle(one.matrix[:3, :3].T @ other.matrix[:3, :3])


def _diagnostics(
    trained: TrainedNetwork, poses: list[AffineTransform], warnings: list[str]
) -> dict[str, object]:
    return {
        "device": str(trained.device),
        "network": trained.card.network,
        "sha256": trained.card.sha256,
        "looks_turned_deg": [_turn_deg(a, b) for a, b in pairwise(poses)],
        "labels": {"myocardium": MYOCARDIUM, "blood_pool": BLOOD_POOL},
        "warnings": warnings,
    }
