"""Scores of maps with their derivatives, for losses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from regkit_instance.torch_backend.metrics import Dense


def scored(measure: Dense, maps: Tensor) -> Tensor:
    """Return the scores (pairs, maps) of maps (pairs, maps, 3, 4), differentiable in the maps.

    Scores and derivatives come from the same two passes, whatever the maps' type and device.
    """
    scores: Tensor = _Scored.apply(measure, maps)  # type: ignore[no-untyped-call]
    return scores


class _Scored(torch.autograd.Function):
    """A measure of maps, whose derivatives it brings along."""

    @staticmethod
    def forward(ctx: Any, measure: Dense, maps: Tensor) -> Tensor:
        scores, gradients = measure.values_and_gradients(maps.double())
        ctx.save_for_backward(gradients.to(maps))
        return scores

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[None, Tensor]:
        (gradients,) = ctx.saved_tensors
        return None, outputs[0][..., None, None].to(gradients) * gradients
