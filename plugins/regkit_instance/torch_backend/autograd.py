"""Scores of maps as differentiable functions, for losses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from regkit_instance.torch_backend.metrics import BatchMeasure


def differentiable_scores(measure: BatchMeasure, maps: Tensor) -> Tensor:
    """Return the scores (pairs, maps) of maps (pairs, maps, 3, 4), differentiable in the maps.

    Scores and derivatives are computed together, for maps of any type and on any device.
    """
    scores: Tensor = _Scores.apply(measure, maps)  # type: ignore[no-untyped-call]
    return scores


class _Scores(torch.autograd.Function):
    """A measure of maps as a function of autograd."""

    @staticmethod
    def forward(ctx: Any, measure: BatchMeasure, maps: Tensor) -> Tensor:
        scores, gradients = measure.values_and_gradients(maps.double())
        ctx.save_for_backward(gradients.to(maps))
        return scores

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[None, Tensor]:
        (gradients,) = ctx.saved_tensors
        return None, outputs[0][..., None, None].to(gradients) * gradients
