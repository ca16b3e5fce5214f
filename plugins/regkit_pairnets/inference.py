"""Registration of a pair by a trained pair network."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import Volume
from regkit.learning import (
    NetworkInputs,
    TrainedModel,
    center_on_body,
    fill_unknown,
    pad_in_plane,
    preprocess,
    register_in_learned_roles,
    register_with_model,
)
from regkit.learning.network_grid import center_of_mass
from regkit.registrar import Estimate, Pair
from regkit_pairnets.card import PairNetCard


def register_rigid(pair: Pair, trained: TrainedModel[PairNetCard], passes: int) -> Estimate:
    """Register a pair in either order; arguments as of `regkit.learning.LearnedMethod.infer`."""
    register = partial(_register, trained=trained, passes=passes)
    return register_in_learned_roles(pair, trained.card, register)


def _register(pair: Pair, trained: TrainedModel[PairNetCard], passes: int) -> Estimate:
    card = trained.card
    inputs = network_inputs(pair, card)

    def estimate(seen_fixed: Volume, seen_moving: Volume) -> AffineTransform:
        arrays = (fill_unknown(volume, card.fill_value) for volume in (seen_fixed, seen_moving))
        return card.parameterization.to_transform(predict_motion(trained, *arrays), inputs.grid)

    return register_with_model(pair, trained, inputs, estimate, passes)


def network_inputs(pair: Pair, card: PairNetCard) -> NetworkInputs:
    """Preprocess a pair for the network of a card, and choose the grid around the fixed body."""
    fixed = preprocess(pair.fixed, card.fixed.modality, card.spacing, pair.fixed_mask)
    moving = preprocess(pair.moving, card.moving.modality, card.spacing, pair.moving_mask)
    center = center_on_body(pair.fixed.grid, card.fixed, lambda: center_of_mass(fixed))
    grid = card.grid(center)
    return NetworkInputs(_padded(fixed, grid), _padded(moving, grid), grid)


def predict_motion(
    trained: TrainedModel[PairNetCard],
    fixed: NDArray[np.float32],
    moving: NDArray[np.float32],
) -> FloatArray:
    """Return the six numbers of the card's parameterization for two images (z, y, x)."""
    card = trained.card
    images = (fixed, moving) if card.input_order == "fixed-moving" else (moving, fixed)
    outputs = trained.predict(*(card.parameterization.ordered(image) for image in images))
    return np.asarray(outputs[0].numpy() * card.output_scale)


def _padded(volume: Volume, grid: Grid) -> Volume:
    """Pad an image so far that the network sees none of its sides."""
    margin = float(np.linalg.norm(grid.extent) + np.linalg.norm(volume.grid.extent)) / 2
    return pad_in_plane(volume, margin)
