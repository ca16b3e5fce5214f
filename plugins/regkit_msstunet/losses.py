"""The losses of Ni et al. (pose, thresholded image, segmentation), and alternatives to them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from regkit_msstunet.networks.pose import pull_back, rotation, sample_cube, wrap_angles
from regkit_msstunet.networks.segmenter import CLASSES, voxels_within

# Smoothing term of the Dice losses, which defines them for empty classes; chosen by hand.
SMOOTH = 1e-5
# Weight of the rotation beside the translation, as in Ni et al.
ROTATION = 10.0
# Distance of points on the axes of the short-axis frame from its origin, in half-widths, and the
# weight of their errors; chosen by hand.
ARM, POINT_WEIGHT = 0.25, 40.0
# Weights of background, myocardium and blood pool, as in Ni et al.
CLASS_WEIGHTS = (1.0, 3.0, 1.0)
# Distance in voxels of an output within which cross entropy counts in full around a ventricle, and
# the weight of all other voxels; chosen by hand.
NEAR, FAR_WEIGHT = 3, 0.05
# Weight of each output in deep supervision beside that of the next finer one; chosen by hand, and
# the same in nnU-Net.
LEVEL_WEIGHT = 0.5


def rotation_loss(numbers: Tensor, truth: Tensor) -> Tensor:
    """Return the mean absolute error of the three angles (rad) of numbers (..., 6)."""
    return wrap_angles(numbers[..., :3] - truth[..., :3]).abs().mean()


def translation_loss(numbers: Tensor, truth: Tensor) -> Tensor:
    """Return the mean absolute error of the three translations of numbers (..., 6)."""
    return (numbers[..., 3:] - truth[..., 3:]).abs().mean()


def reorientation_loss(
    numbers: Tensor, truth: Tensor, rotation_weight: float = ROTATION
) -> Tensor:
    """Return the weighted rotation loss and the translation loss, the mean over the scales.

    Parameters
    ----------
    numbers
        Six numbers of each scale, (batch, scales, 6).
    truth
        The same for all scales, (batch, 6).
    rotation_weight
        Weight of the rotation beside the translation, µ of the paper.
    """
    true = truth[:, None]
    return rotation_weight * rotation_loss(numbers, true) + translation_loss(numbers, true)


def point_distance_loss(numbers: Tensor, truth: Tensor) -> Tensor:
    """Return 40 times the mean absolute error of points on the axes of the short-axis frame.

    The error is the mean along x, y and z over six points, a quarter of the half-width from the
    origin. It replaces `reorientation_loss`, whose angles jump for the smallest rotation near the
    gimbal lock (beta at 90 degrees), where the base lies straight behind the apex.

    Parameters
    ----------
    numbers, truth
        See `reorientation_loss`.
    """
    offset = ARM * (rotation(numbers[..., :3]) - rotation(truth[:, None, :3]))
    shift = (numbers[..., 3:] - truth[:, None, 3:])[..., None]
    return POINT_WEIGHT * ((offset + shift).abs().mean() + (offset - shift).abs().mean()) / 2


def dice_loss(found: Tensor, true: Tensor) -> Tensor:
    """Return 1 - soft Dice of probabilities (batch, ...), averaged over the batch."""
    one, other = found.flatten(1), true.flatten(1)
    both, sizes = (one * other).sum(1), one.sum(1) + other.sum(1)
    return (1 - (2 * both + SMOOTH) / (sizes + SMOOTH)).mean()


def threshold_loss(
    volume: Tensor, numbers: Tensor, truth: Tensor, zooms: Sequence[float], coarser: int = 1
) -> Tensor:
    """Return the Dice loss of a thresholded volume in the predicted and the true pose.

    Parameters
    ----------
    volume
        Volume to binarize at its mean intensity, (batch, 1, n, n, n).
    numbers, truth
        See `reorientation_loss`.
    zooms
        Fractions of the field of view of the scales, over which the loss is averaged.
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
        Logits of the three classes, (batch, 3, m, m, m).
    labels
        Labels 0, 1, 2 as integers, (batch, m, m, m).
    weights
        Weights of the three classes.
    """
    predicted = torch.softmax(logits, dim=1)
    true = functional.one_hot(labels.long(), CLASSES).movedim(-1, 1).to(predicted.dtype)
    losses = [
        weight * dice_loss(predicted[:, label], true[:, label])
        for label, weight in enumerate(weights)
    ]
    return torch.stack(losses).sum()


def deep_supervision_loss(
    logits: Sequence[Tensor], labels: Sequence[Tensor], weights: Sequence[float] = CLASS_WEIGHTS
) -> Tensor:
    """Return the weighted sum of the segmentation losses of all outputs."""
    losses = [
        LEVEL_WEIGHT**level * segmentation_loss(one, true, weights)
        for level, (one, true) in enumerate(zip(logits, labels, strict=True))
    ]
    return torch.stack(losses).sum()


def cross_entropy(logits: Sequence[Tensor], labels: Sequence[Tensor]) -> Tensor:
    """Return the weighted sum of the cross entropies of all outputs, per ventricle voxel.

    Unlike Dice, it rewards calibrated probabilities, so that volumes are unbiased where the image
    does not show the end of a wall. The far background is down-weighted because it is learned
    quickly and would dominate.
    """
    losses = [
        LEVEL_WEIGHT**level * _weighted_cross_entropy(one, true.long())
        for level, (one, true) in enumerate(zip(logits, labels, strict=True))
    ]
    return torch.stack(losses).sum()


def _weighted_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    ventricle = labels > 0
    near = ventricle.to(logits.dtype)[:, None]
    for _ in range(NEAR):
        near = functional.max_pool3d(near, 3, 1, 1)
    weights = FAR_WEIGHT + (1 - FAR_WEIGHT) * near[:, 0]
    entropy = functional.cross_entropy(logits, labels, reduction="none")
    return (weights * entropy).sum() / ventricle.sum().clamp_min(1)
