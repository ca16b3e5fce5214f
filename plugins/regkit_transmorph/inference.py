"""Registration of a CT and a PET by a trained TransMorph."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray, Vector3
from regkit.geometry.resampling import resample
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.learning import (
    NetworkInputs,
    TrainedModel,
    antialias_downsample,
    center_on_body,
    fill_unknown,
    register_in_learned_roles,
    register_with_model,
)
from regkit.registrar import Estimate, Pair
from regkit_transmorph.affine_parameterization import (
    Model,
    normalized_to_lps,
    shape_of,
    without_shears,
)
from regkit_transmorph.card import TransMorphCard, WindowedDomain
from regkit_transmorph.networks.affine import matrices
from regkit_transmorph.preparation import Prepared, infer_modalities, prepare


def register_affine(
    pair: Pair, trained: TrainedModel[TransMorphCard], passes: int, model: Model
) -> Estimate:
    """Register a CT and a PET, in either order.

    Parameters
    ----------
    pair, trained, passes
        Arguments as of `regkit.learning.LearnedMethod.infer`.
    model
        Model of the transform.

    Raises
    ------
    RegistrationError
        An image is no CT in HU or PET in SUV, or shows no body.
    """
    pair, assumed = infer_modalities(pair)
    register = partial(_register, trained=trained, passes=passes, model=model)
    found = register_in_learned_roles(pair, trained.card, register)
    total = found.transform
    if model == "anisotropic" and found.diagnostics.get("swapped"):
        total = _without_shears(total, pair.fixed.grid.centre)  # an inverse has some
    extra = {
        "shape": shape_of(total) if isinstance(total, AffineTransform) else None,
        "warnings": [*assumed, *found.diagnostics["warnings"]],
    }
    return replace(found, transform=total, diagnostics={**found.diagnostics, **extra})


def predict_map(
    trained: TrainedModel[TransMorphCard],
    fixed: NDArray[np.float32],
    moving: NDArray[np.float32],
) -> FloatArray:
    """Return the normalized map (3, 4) of two preprocessed images (z, y, x)."""
    found: FloatArray = matrices(trained.predict(moving, fixed))[0].numpy()
    return found


def _register(
    pair: Pair, trained: TrainedModel[TransMorphCard], passes: int, model: Model
) -> Estimate:
    card = trained.card
    fixed = _prepare_masked(pair.fixed, card.fixed, pair.fixed_mask)
    moving = _prepare_masked(pair.moving, card.moving, pair.moving_mask)
    grid = card.grid(center_on_body(fixed.body.grid, card.fixed, lambda: _body_center(fixed)))

    def estimate(seen_fixed: Volume, seen_moving: Volume) -> AffineTransform:
        arrays = (fill_unknown(volume, 0.0) for volume in (seen_fixed, seen_moving))
        found = normalized_to_lps(predict_map(trained, *arrays), grid, grid)
        return found if model == "affine" else without_shears(found, grid.centre)

    inputs = NetworkInputs(
        antialias_downsample(fixed.volume, card.spacing),
        antialias_downsample(moving.volume, card.spacing),
        grid,
    )
    found = register_with_model(pair, trained, inputs, estimate, passes)
    total = found.transform
    if model == "anisotropic":
        total = _without_shears(total, grid.centre)  # passes without shears compose to some
    prepared = {"fixed": dict(fixed.record), "moving": dict(moving.record)}
    diagnostics = {**found.diagnostics, "preparation": prepared}
    return replace(found, transform=total, diagnostics=diagnostics)


def _without_shears(found: Transform, centre: Vector3) -> Transform:
    return without_shears(found, centre) if isinstance(found, AffineTransform) else found


def _prepare_masked(volume: Volume, domain: WindowedDomain, mask: LabelMap | None) -> Prepared:
    """Prepare an image as in training; outside the mask it is no patient either."""
    ready = prepare(volume, window=domain.window)
    if mask is None:
        return ready
    marked = resample(mask, volume.grid, IDENTITY).array != 0
    masked = ready.volume.with_array(np.where(marked, ready.volume.array, 0))
    return Prepared(masked, ready.body, {**ready.record, "masked": True})


def _body_center(image: Prepared) -> FloatArray:
    """Return the center of the body's voxels, LPS mm."""
    return image.body.grid.to_physical(np.argwhere(image.body.array).mean(axis=0))
