"""Registration of a CT and a PET by a trained TransMorph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.resampling import resample
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit.learning import (
    NetworkInputs,
    TrainedModel,
    antialias_downsample,
    center_on_body,
    fill_unknown,
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
    if _is_swapped(pair, trained.card):
        return _register_swapped(pair, trained, passes, model)
    found = _register(pair, trained, passes, model)
    warnings = [*assumed, *found.diagnostics["warnings"]]
    return replace(found, diagnostics={**found.diagnostics, "warnings": warnings})


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
    if model == "anisotropic" and isinstance(total, AffineTransform):
        total = without_shears(total, grid.centre)  # passes without shears compose to some
    extra = {
        "preparation": {"fixed": dict(fixed.record), "moving": dict(moving.record)},
        "shape": shape_of(total) if isinstance(total, AffineTransform) else None,
    }
    return replace(found, transform=total, diagnostics={**found.diagnostics, **extra})


def _is_swapped(pair: Pair, card: TransMorphCard) -> bool:
    """Return whether the modalities are those of training with fixed and moving swapped."""
    given = [image.modality for image in (pair.fixed, pair.moving)]
    trained = [domain.modality for domain in (card.fixed, card.moving)]
    return given == trained[::-1] != trained


def _register_swapped(
    pair: Pair, trained: TrainedModel[TransMorphCard], passes: int, model: Model
) -> Estimate:
    """Register with fixed and moving swapped, and invert the transform."""
    start = pair.start
    if not isinstance(start, AffineTransform):
        raise RegistrationError(
            "these weights take a fixed CT and a moving PET, and an initial transform that is not "
            "affine cannot be turned about; swap the images"
        )
    images = pair.moving, pair.fixed, pair.moving_mask, pair.fixed_mask
    found = register_affine(Pair(*images, start.inverse()), trained, passes, model)
    assert isinstance(found.transform, AffineTransform)  # noqa: S101 - of an affine start
    back = found.transform.inverse()
    if model == "anisotropic":
        back = without_shears(back, pair.fixed.grid.centre)
    extra = {"swapped": True, "shape": shape_of(back)}
    return Estimate(back, diagnostics={**found.diagnostics, **extra})


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
