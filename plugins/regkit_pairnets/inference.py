"""Registering a pair with a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.learning.device import device_named
from regkit.learning.domain_guard import doubts, measured, unlike_unit
from regkit.learning.iterative import passes
from regkit.learning.preprocessing import filled, prepared, widened
from regkit.registrar import Estimate, Pair
from regkit_pairnets.card import Appearance, Card
from regkit_pairnets.weights import TrainedNetwork, load_network

# Share by which a field of view may differ from training before the body is looked for in it.
SAME_FIELD = 0.15
# Voxels of the network by which the last pass may still move the image.
SETTLED = 0.5


def register(pair: Pair, weights: str, count: int | None, device: str) -> Estimate:
    """Register a pair; parameters as of `LearnedRegistration`, `count` None for the card's."""
    trained = load_network(weights, device_named(device))
    card = trained.card
    fixed = _ready(pair.fixed, card.fixed, card, pair.fixed_mask)
    moving = _ready(pair.moving, card.moving, card, pair.moving_mask)
    grid = card.grid(_centre(pair.fixed, fixed, card.fixed))
    shown: list[Volume] = []

    def glance(seen_fixed: Volume, seen_moving: Volume) -> AffineTransform:
        shown[:] = seen_fixed, seen_moving
        arrays = (filled(volume, card.unknown) for volume in (seen_fixed, seen_moving))
        return card.convention.to_transform(trained.numbers(*arrays), grid)

    wide = _wide(fixed, grid), _wide(moving, grid)
    looks = passes(glance, *wide, grid=grid, initial=pair.start, count=count or card.passes)
    totals = [pair.start, *looks]
    moved = [_apart(one, two, grid) for one, two in pairwise(totals)]
    warnings = [*_domain(pair, shown, card), *_restless(moved, card)]
    return Estimate(totals[-1], diagnostics=_diagnostics(trained, moved, warnings))


def _ready(volume: Volume, learnt: Appearance, card: Card, mask: LabelMap | None) -> Volume:
    return prepared(volume, learnt.modality, card.spacing, mask)


def _centre(fixed: Volume, ready: Volume, learnt: Appearance) -> Vector3:
    """Return where to look: at the centre of a field of view like in training, else at the body.

    A larger or smaller one has the body elsewhere: at its centre of mass, as far from where to
    look as it was in training.
    """
    corners = fixed.grid.corners()
    ratio = np.ptp(corners, axis=0) / learnt.extent_mm
    if (np.abs(ratio - 1) <= SAME_FIELD).all():
        return fixed.grid.centre
    x, y, z = (centre_of_mass(ready) - learnt.mass_mm).tolist()
    return x, y, z


def centre_of_mass(ready: Volume) -> FloatArray:
    """Return the centre of mass of a prepared image, LPS mm; its grid's centre if it is empty."""
    mass = np.nan_to_num(ready.array).astype(np.float64)
    total = mass.sum()
    if total <= 0:
        return np.asarray(ready.grid.centre)
    index = [
        (mass.sum(axis=tuple({0, 1, 2} - {axis})) @ np.arange(n)) / total
        for axis, n in enumerate(mass.shape)
    ]
    return ready.grid.to_physical(index)


def _wide(ready: Volume, grid: Grid) -> Volume:
    """Continue an image so far that the network sees none of its sides."""
    return widened(
        ready, float(np.linalg.norm(grid.extent) + np.linalg.norm(ready.grid.extent)) / 2
    )


def _apart(one: Transform, two: Transform, grid: Grid) -> float:
    """Mean distance in mm of where two maps take the corners of the middle of a grid."""
    points = (grid.corners() + grid.centre) / 2
    return float(np.linalg.norm(one.map_points(points) - two.map_points(points), axis=1).mean())


def _domain(pair: Pair, shown: Sequence[Volume], card: Card) -> list[str]:
    """Say how the images, as the network saw them last, differ from those of training."""
    found: list[str] = []
    for role, image in zip(("fixed", "moving"), shown, strict=True):
        original: Volume = getattr(pair, role)
        learnt: Appearance = getattr(card, role)
        unit = unlike_unit(original.array, original.modality or learnt.modality)
        found += [f"the {role} image {unit} (--{role}-modality)"] if unit else []
        seen = measured(image.array, max(original.grid.spacing))
        found += doubts(card, role, original.modality, seen)
    return found


def _restless(moved: list[float], card: Card) -> list[str]:
    voxels = moved[-1] / min(card.spacing)
    if len(moved) < 2 or voxels <= SETTLED:
        return []
    return [f"the last of {len(moved)} looks still moved the image by {moved[-1]:.1f} mm"]


def _diagnostics(
    trained: TrainedNetwork, moved: list[float], warnings: list[str]
) -> dict[str, object]:
    return {
        "device": str(trained.device),
        "network": trained.card.network,
        "sha256": trained.card.sha256,
        "passes_moved_mm": moved,
        "warnings": warnings,
    }
