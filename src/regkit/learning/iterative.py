"""Registration by several passes of a network: each one corrects the transform so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from regkit.errors import ParameterError
from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.geometry.volume import Volume
from regkit.learning.appearance_guard import appearance_warnings
from regkit.learning.domain_guard import (
    ImageDomain,
    domain_features,
    domain_warnings,
    unit_mismatch,
)
from regkit.registrar import Estimate, Pair
from regkit.working import tell_progress

if TYPE_CHECKING:
    from regkit.learning.model import TrainedModel

# Registers a fixed and a moving image on the same grid, NaN outside their fields of view: returns
# the map of fixed to moving points, LPS mm.
PairEstimator: TypeAlias = Callable[[Volume, Volume], AffineTransform]
# Network voxels by which the last pass may still move the image without a warning; chosen by hand.
CONVERGED_VOXELS = 0.5


@dataclass(frozen=True, eq=False)
class NetworkInputs:
    """A pair as it is preprocessed for a network.

    Parameters
    ----------
    fixed, moving
        Preprocessed images on any grids.
    grid
        Grid on which the network sees both, in the space of the fixed image.
    """

    fixed: Volume
    moving: Volume
    grid: Grid

    def aligned(self, transform: Transform) -> tuple[Volume, Volume]:
        """Return both images on the grid through a map of fixed to moving, NaN where unknown."""
        fixed = resample(self.fixed, self.grid, outside=np.nan)
        return fixed, resample(self.moving, self.grid, transform, outside=np.nan)


def recursive_registration(
    estimate: PairEstimator,
    fixed: Volume,
    moving: Volume,
    grid: Grid,
    *,
    initial: Transform = IDENTITY,
    count: int = 1,
) -> Iterator[Transform]:
    """Register two images by repeated estimates on one grid.

    The moving image is interpolated once in each pass, from the original through the whole
    transform so far: nothing blurs, and nothing that an initial transform moved out of view is
    lost.

    Parameters
    ----------
    estimate
        Function that registers two images on the grid.
    fixed, moving
        Images on any grids.
    grid
        Grid that `estimate` sees, in the space of the fixed image.
    initial
        Initial transform, which the first pass corrects.
    count
        Number of passes.

    Yields
    ------
    Transform
        The total map from fixed to moving points after each pass.

    Raises
    ------
    ParameterError
        The number of passes is below one.
    """
    if count < 1:
        raise ParameterError(f"a network takes one pass or more, got {count}")
    fixed_input = resample(fixed, grid, outside=np.nan)
    total = initial
    for number in range(count):
        tell_progress(f"pass {number + 1} of {count}", number / count)
        total = total @ estimate(fixed_input, resample(moving, grid, total, outside=np.nan))
        yield total


def register_with_model(
    pair: Pair,
    trained: TrainedModel[Any],
    inputs: NetworkInputs,
    estimate: PairEstimator,
    passes: int,
) -> Estimate:
    """Register a pair by passes of a network, with warnings in the diagnostics.

    They are about images unlike those of training, and passes that do not converge.

    Parameters
    ----------
    pair
        The original images.
    trained
        Network whose card has ``fixed`` and ``moving`` of type `ImageDomain`.
    inputs
        The preprocessed pair.
    estimate
        Function that registers two images on the network's grid.
    passes
        Number of passes.
    """
    images = inputs.fixed, inputs.moving, inputs.grid
    passed = recursive_registration(estimate, *images, initial=pair.start, count=passes)
    totals = [pair.start, *passed]
    moved = [mean_displacement_mm(one, other, inputs.grid) for one, other in pairwise(totals)]
    unlike = list(pair_warnings(pair, inputs.aligned(totals[-1]), trained.card))
    diagnostics = {
        **trained.diagnostics,
        "pass_displacement_mm": moved,
        "domain_warnings": unlike,
        "warnings": [*unlike, *convergence_warnings(moved, min(inputs.grid.spacing))],
    }
    return Estimate(totals[-1], diagnostics=diagnostics)


def mean_displacement_mm(one: Transform, other: Transform, grid: Grid) -> float:
    """Return the mean distance in mm between two maps of the corners of a grid's middle half."""
    points = (grid.corners() + grid.centre) / 2
    return float(np.linalg.norm(one.map_points(points) - other.map_points(points), axis=1).mean())


def convergence_warnings(moved_mm: Sequence[float], voxel_mm: float) -> list[str]:
    """Return a sentence if the last of several passes still moved the image.

    Parameters
    ----------
    moved_mm
        Mean displacement by each pass in mm.
    voxel_mm
        Smallest voxel size of the network's grid in mm.
    """
    if len(moved_mm) < 2 or moved_mm[-1] / voxel_mm <= CONVERGED_VOXELS:
        return []
    return [f"the last of {len(moved_mm)} passes still moved the image by {moved_mm[-1]:.1f} mm"]


def pair_warnings(pair: Pair, aligned: Sequence[Volume], card: Any) -> Iterator[str]:
    """Yield sentences on how both images of a pair differ from those of training.

    Parameters
    ----------
    pair
        The original images.
    aligned
        Fixed and moving image on the network's grid, as the result aligns them.
    card
        Card with ``fixed`` and ``moving`` of type `ImageDomain`.
    """
    seen = dict(zip(("fixed", "moving"), aligned, strict=True))
    for role, image in seen.items():
        original: Volume = getattr(pair, role)
        domain: ImageDomain = getattr(card, role)
        unit = unit_mismatch(original.array, original.modality or domain.modality, role)
        if unit:
            yield unit
        features = domain_features(image.array, max(original.grid.spacing))
        yield from domain_warnings(domain, card.method, role, original.modality, features)
    yield from appearance_warnings(card.appearance, card.method, seen)
