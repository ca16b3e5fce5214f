"""Contrastive pre-training: features of two modalities agree where the images are aligned.

Announced, and not described, by Song et al. 2022 (doi:10.1016/j.media.2022.102612). This
implementation is independent of theirs: InfoNCE (van den Oord et al. 2018, arXiv:1807.03748)
between positions of aligned pairs, on the feature maps of the streams before any attention.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from regkit.errors import ParameterError

# Positions drawn in each pair, and the temperature; chosen by hand.
POSITIONS = 256
TEMPERATURE = 0.07


def info_nce(
    first: Tensor,
    second: Tensor,
    positions: int = POSITIONS,
    temperature: float = TEMPERATURE,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the contrastive loss between positions of aligned maps, symmetric in the maps.

    A position of one map should resemble the same position of the other one more than other
    positions of the same pair. The loss is the logarithm of the number of positions for
    uninformative features, and near zero for features that identify every position.

    Parameters
    ----------
    first, second
        Feature maps (batch, channels, d1, d2, d3) of aligned images, of any length.
    positions
        Number of positions drawn in each pair; all of them where there are fewer.
    temperature
        Divisor of the cosines.
    generator
        Source of randomness on the device of the maps; torch's own if None.

    Returns
    -------
    Tensor
        A scalar, the mean over the batch.

    Raises
    ------
    ParameterError
        The maps differ in shape, the temperature is not positive, or there are fewer than two
        positions.
    """
    if first.shape != second.shape:
        raise ParameterError(
            f"contrasted maps need one shape, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    if not temperature > 0:
        raise ParameterError(f"temperature takes a positive number, got {temperature}")
    drawn = _draw(first, positions, generator)
    one, two = (_unit_vectors(features, drawn) for features in (first, second))
    cosines = one @ two.transpose(1, 2) / temperature
    same = torch.arange(drawn.shape[1], device=first.device).expand_as(drawn)
    there = functional.cross_entropy(cosines.transpose(1, 2), same)
    back = functional.cross_entropy(cosines, same)
    return (there + back) / 2


def _draw(features: Tensor, positions: int, generator: torch.Generator | None) -> Tensor:
    """Return different positions for each pair, (batch, positions)."""
    available = features[0, 0].numel()
    count = min(positions, available)
    if count < 2:
        raise ParameterError(f"a contrast needs two positions or more, got {count}")
    shape = (features.shape[0], available)
    return torch.rand(shape, generator=generator, device=features.device).topk(count).indices


def _unit_vectors(features: Tensor, drawn: Tensor) -> Tensor:
    """Return features at positions (batch, positions) as vectors of length one, last axis."""
    listed = features.flatten(2).transpose(1, 2)
    index = drawn.unsqueeze(-1).expand(-1, -1, listed.shape[-1])
    return functional.normalize(listed.gather(1, index), dim=-1)
