"""The compound loss of Ni et al.: pose, outline of the body in it, and labels in it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from regkit_msstunet.networks.pose import pull_back, rotation, sample_cube, wrap_angles
from regkit_msstunet.networks.segmenter import CLASSES, voxels_within

# Of the Dice losses, so that empty classes have one; chosen by hand.
SMOOTH = 1e-5
# Weight of the rotation beside the translation, as in Ni et al.
ROTATION = 10.0
# Distance of points on the axes of the short-axis frame from its origin, in half-widths, and the
# weight of their errors; chosen by hand.
REACH, WAY = 0.25, 40.0
# Weights of background, myocardium and blood pool, as in Ni et al.
CLASS_WEIGHTS = (1.0, 3.0, 1.0)
# Distance in voxels of an output within which cross entropy counts in full around a ventricle, and
# the weight of all other voxels; chosen by hand.
NEAR, FAR_WEIGHT = 3, 0.05
# Weights of the outputs in deep supervision, the finest first; chosen by hand.
LEVEL_WEIGHTS = (1.0, 0.5, 0.25)


def rotation_loss(numbers: Tensor, truth: Tensor) -> Tensor:
    """Return the mean absolute error of the three angles (rad) of numbers (..., 6)."""
    return wrap_angles(numbers[..., :3] - truth[..., :3]).abs().mean()


def translation_loss(numbers: Tensor, truth: Tensor) -> Tensor:
    """Return the mean absolute error of the three translations of numbers (..., 6)."""
    return (numbers[..., 3:] - truth[..., 3:]).abs().mean()


def reorientation_loss(numbers: Tensor, truth: Tensor) -> Tensor:
    """Return ten times the rotation loss and the translation loss, the mean over the scales.

    Parameters
    ----------
    numbers
        Six numbers of each scale, (batch, scales, 6).
    truth
        The same for all scales, (batch, 6).
    """
    true = truth[:, None]
    return ROTATION * rotation_loss(numbers, true) + translation_loss(numbers, true)


def point_distance_loss(numbers: Tensor, truth: Tensor) -> Tensor:
    """Return 40 times how far points on the short-axis frame's axes are off along x, y and z.

    The mean over six points, a quarter of the half-width from the origin. Instead of
    `reorientation_loss`, whose angles are large for the smallest of turns where beta is near to a
    quarter turn: where the base lies straight behind the apex.

    Parameters
    ----------
    numbers, truth
        See `reorientation_loss`.
    """
    away = REACH * (rotation(numbers[..., :3]) - rotation(truth[:, None, :3]))
    shift = (numbers[..., 3:] - truth[:, None, 3:])[..., None]
    return WAY * ((away + shift).abs().mean() + (away - shift).abs().mean()) / 2


def dice_loss(found: Tensor, true: Tensor) -> Tensor:
    """Return 1 less the Dice coefficient of shares (batch, ...), the mean over the batch."""
    one, other = found.flatten(1), true.flatten(1)
    both, sizes = (one * other).sum(1), one.sum(1) + other.sum(1)
    return (1 - (2 * both + SMOOTH) / (sizes + SMOOTH)).mean()


def threshold_loss(
    volume: Tensor, numbers: Tensor, truth: Tensor, zooms: Sequence[float], coarser: int = 1
) -> Tensor:
    """Return how far the bright half of a volume, reoriented, is from where it belongs.

    Parameters
    ----------
    volume
        Taken as one where it is above its own mean, else as zero; (batch, 1, n, n, n).
    numbers, truth
        See `reorientation_loss`.
    zooms
        Zooms of the scales, over which the mean is taken.
    coarser
        Stride of the voxels compared along each axis.
    """
    bright = (volume > volume.mean(dim=(1, 2, 3, 4), keepdim=True)).to(volume.dtype)
    losses = []
    for scale, zoom in enumerate(zooms[: numbers.shape[1]]):
        side = voxels_within(volume.shape[-1], zoom) // coarser
        with torch.no_grad():
            true = sample_cube(bright, pull_back(truth, zoom), side)
        losses.append(
            dice_loss(sample_cube(bright, pull_back(numbers[:, scale], zoom), side), true)
        )
    return torch.stack(losses).mean()


def segmentation_loss(
    logits: Tensor, labels: Tensor, weights: Sequence[float] = CLASS_WEIGHTS
) -> Tensor:
    """Return the weighted Dice losses of background, myocardium and blood pool.

    Parameters
    ----------
    logits
        (batch, 3, m, m, m).
    labels
        0, 1, 2 as whole numbers, (batch, m, m, m).
    weights
        Weights of the three.
    """
    shares = torch.softmax(logits, dim=1)
    true = functional.one_hot(labels.long(), CLASSES).movedim(-1, 1).to(shares.dtype)
    losses = [
        weight * dice_loss(shares[:, place], true[:, place])
        for place, weight in enumerate(weights)
    ]
    return torch.stack(losses).sum()


def deep_supervision_loss(
    logits: Sequence[Tensor], labels: Sequence[Tensor], weights: Sequence[float] = CLASS_WEIGHTS
) -> Tensor:
    """Return the segmentation loss of all outputs, the coarser the less."""
    losses = [
        weight * segmentation_loss(one, true, weights)
        for one, true, weight in zip(logits, labels, LEVEL_WEIGHTS, strict=False)
    ]
    return torch.stack(losses).sum()


def cross_entropy(logits: Sequence[Tensor], labels: Sequence[Tensor]) -> Tensor:
    """Return the cross entropy of all outputs for each voxel of a ventricle, the coarser the less.

    Unlike Dice, near a ventricle it is least where shares are as likely as they say, so that
    volumes are right on average where the image does not show where a wall ends. Voxels far from
    one weigh little: that they are background is soon learnt, and would be all for long.
    """
    losses = [
        weight * _surprise(one, true.long())
        for one, true, weight in zip(logits, labels, LEVEL_WEIGHTS, strict=False)
    ]
    return torch.stack(losses).sum()


def _surprise(logits: Tensor, labels: Tensor) -> Tensor:
    ventricle = labels > 0
    near = ventricle.to(logits.dtype)[:, None]
    for _ in range(NEAR):
        near = functional.max_pool3d(near, 3, 1, 1)
    weights = FAR_WEIGHT + (1 - FAR_WEIGHT) * near[:, 0]
    entropy = functional.cross_entropy(logits, labels, reduction="none")
    return (weights * entropy).sum() / ventricle.sum().clamp_min(1)
