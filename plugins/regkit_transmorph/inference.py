"""Registering a pair with a trained network."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.grid import Grid, Vector3
from regkit.geometry.resampling import resample
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.learning.device import device_named
from regkit.learning.domain_guard import doubts, measured
from regkit.learning.iterative import passes
from regkit.learning.preprocessing import filled, thinned
from regkit.registrar import Estimate, Pair
from regkit_transmorph.card import Card, Look
from regkit_transmorph.physical import Model, shape_of, to_transform, without_shears
from regkit_transmorph.preparation import Prepared, prepare, settled
from regkit_transmorph.weights import TrainedNetwork, load_network

# Share by which a field of view may differ from training before the body is looked for in it.
SAME_FIELD = 0.15
# Voxels of the network by which the last pass may still move the image.
SETTLED = 0.5


def register(
    pair: Pair, weights: str, count: int | None, model: Model, device_name: str
) -> Estimate:
    """Register a pair.

    Parameters
    ----------
    pair
        The images.
    weights, model, device_name
        As of `regkit_transmorph.registrar.TransMorph`.
    count
        How often to look; None as often as the card says.

    Raises
    ------
    RegistrationError
        An image is no CT in HU or PET in SUV, or shows no body.
    MissingDependencyError
        There are no weights.
    """
    trained = load_network(weights, device_named(device_name))
    card = trained.card
    pair, assumed = settled(pair)
    if _swapped(pair, card):
        return _by_swapping(pair, weights, count, model, device_name)
    ready = {
        "fixed": _ready(pair.fixed, card.fixed, pair.fixed_mask),
        "moving": _ready(pair.moving, card.moving, pair.moving_mask),
    }
    grid = card.grid(_centre(ready["fixed"], card))
    shown: dict[str, Volume] = {}

    def glance(fixed: Volume, moving: Volume) -> AffineTransform:
        shown.update(fixed=fixed, moving=moving)
        found = to_transform(trained.map(filled(fixed, 0.0), filled(moving, 0.0)), grid, grid)
        return found if model == "affine" else without_shears(found, grid.centre)

    fixed, moving = (thinned(image.volume, card.spacing) for image in ready.values())
    count = count or card.passes
    looks = passes(glance, fixed, moving, grid, initial=pair.start, count=count)
    totals = [pair.start, *looks]
    moved = [_apart(one, two, grid) for one, two in pairwise(totals)]
    total = totals[-1]
    if model == "anisotropic" and isinstance(total, AffineTransform):
        total = without_shears(total, grid.centre)  # looks without them make some together
    warnings = [*assumed, *_domain(pair, shown, card), *_restless(moved, card)]
    told = {**_told(trained, ready, total), "passes_moved_mm": moved}
    return Estimate(total, diagnostics={**told, "warnings": warnings})


def _swapped(pair: Pair, card: Card) -> bool:
    """Whether the images are what the network knows, the other way round."""
    given, learnt = (pair.fixed, pair.moving), (card.fixed, card.moving)
    found, wanted = ([image.modality for image in images] for images in (given, learnt))
    return found == wanted[::-1] != wanted


def _by_swapping(
    pair: Pair, weights: str, count: int | None, model: Model, device_name: str
) -> Estimate:
    """Register the images the other way round, and turn the map about."""
    start = pair.start
    if not isinstance(start, AffineTransform):
        raise RegistrationError(
            "these weights take a fixed CT and a moving PET, and an initial map that is not "
            "affine cannot be turned about; swap the images"
        )
    images = pair.moving, pair.fixed, pair.moving_mask, pair.fixed_mask
    found = register(Pair(*images, start.inverse()), weights, count, model, device_name)
    assert isinstance(found.transform, AffineTransform)  # noqa: S101 - of an affine start
    back = found.transform.inverse()
    if model == "anisotropic":
        back = without_shears(back, pair.fixed.grid.centre)
    told = {**found.diagnostics, "swapped": True, "shape": shape_of(back)}
    return Estimate(back, diagnostics=told)


def _ready(volume: Volume, learnt: Look, mask: LabelMap | None) -> Prepared:
    """Prepare an image as in training; what a mask leaves out is no patient either."""
    ready = prepare(volume, window=learnt.window)
    if mask is None:
        return ready
    marked = resample(mask, volume.grid, IDENTITY).array != 0
    masked = ready.volume.with_array(np.where(marked, ready.volume.array, 0))
    return Prepared(masked, ready.body, {**ready.record, "masked": True})


def _centre(ready: Prepared, card: Card) -> Vector3:
    """Return where to look: the middle of a field of view like in training, else of the body."""
    learnt = np.multiply(card.shape_zyx[::-1], card.spacing)
    grid = ready.body.grid
    if (np.abs(np.ptp(grid.corners(), axis=0) / learnt - 1) <= SAME_FIELD).all():
        return grid.centre
    x, y, z = grid.to_physical(np.argwhere(ready.body.array).mean(axis=0)).tolist()
    return x, y, z


def _apart(one: Transform, two: Transform, grid: Grid) -> float:
    """Mean distance in mm of where two maps take the corners of the middle of a grid."""
    points = (grid.corners() + grid.centre) / 2
    return float(np.linalg.norm(one.map_points(points) - two.map_points(points), axis=1).mean())


def _domain(pair: Pair, shown: dict[str, Volume], card: Card) -> list[str]:
    """Say how the images, as the network saw them last, differ from those of training."""
    found: list[str] = []
    for role, image in shown.items():
        given: Volume = getattr(pair, role)
        seen = measured(image.array, max(given.grid.spacing))
        found += doubts(card, role, given.modality, seen)
    return found


def _restless(moved: list[float], card: Card) -> list[str]:
    if len(moved) < 2 or moved[-1] <= SETTLED * min(card.spacing):
        return []
    return [f"the last of {len(moved)} looks still moved the image by {moved[-1]:.1f} mm"]


def _told(trained: TrainedNetwork, ready: dict[str, Prepared], total: Transform) -> dict[str, Any]:
    return {
        "device": str(trained.device),
        "network": trained.card.variant,
        "sha256": trained.card.sha256,
        "preparation": {role: dict(image.record) for role, image in ready.items()},
        "shape": shape_of(total) if isinstance(total, AffineTransform) else None,
    }
