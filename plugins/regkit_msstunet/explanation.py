"""The places that a reorienter looked at: the gates of its segmenter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from regkit.errors import RegistrationError
from regkit.geometry.grid import Grid
from regkit.geometry.volume import Volume
from regkit.learning import TrainedModel
from regkit.learning.network_grid import feature_grid, moved_grid
from regkit.learning.output_capture import Captured, captured_outputs
from regkit.registrar import ExplainedMap, Explanation, Pair
from regkit_msstunet.card import ReorientationCard
from regkit_msstunet.geometry import zoomed
from regkit_msstunet.inference import run_passes
from regkit_msstunet.networks.attention_unet import AttentionUNet
from regkit_msstunet.networks.segmenter import voxels_within

GATE = "gate, 0 to 1: part of the features of a place that the network lets through"


def explain_reorientation(
    pair: Pair, trained: TrainedModel[ReorientationCard], passes: int
) -> Explanation:
    """Reorient the moving image, and return the gates of the last pass.

    Parameters
    ----------
    pair, trained, passes
        Parameters of `regkit.learning.LearnedMethod.infer`.

    Raises
    ------
    RegistrationError
        The network has no gates.
    """
    segmenter = trained.network.segmenter
    if not isinstance(segmenter, AttentionUNet):
        raise RegistrationError(
            f"the network {trained.card.network} of these weights has no gates, so there is "
            "nothing to show; use weights of ms-st-unet"
        )
    with captured_outputs(layer for layer, _, _ in segmenter.gated_blocks()) as seen:
        done = run_passes(pair, trained, passes)
    poses, to_fixed = done.predicted.view_poses, done.transform.inverse()
    maps = [
        ExplainedMap(
            f"gate-{number}",
            "moving",
            Volume(
                weights.array,
                moved_grid(weights.grid, to_fixed @ poses[min(view, len(poses) - 1)]),
            ),
            GATE,
        )
        for number, view, weights in _gates(segmenter, trained.card.grid(), seen)
    ]
    return Explanation(done.transform, tuple(maps))


def _gates(
    segmenter: AttentionUNet, cube: Grid, seen: Captured
) -> Iterator[tuple[int, int, Volume]]:
    """Yield number, view and weights of each gate that was used, in the frame of its view."""
    for number, (layer, view, block) in enumerate(segmenter.gated_blocks(), 1):
        if layer in seen:  # those of outputs finer than the one in use are not computed
            weights = torch.sigmoid(seen[layer])[0, 0].float().cpu().numpy()
            zoom = segmenter.views[view]
            voxels = zoomed(cube, zoom, voxels_within(cube.shape_zyx[0], zoom))
            grid = feature_grid(voxels, weights.shape, (block,) * 3)
            yield number, view, Volume(np.ascontiguousarray(weights), grid)
