"""Errors of a reorienter on held-out cases, in their native poses."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import IDENTITY
from regkit_msstunet.geometry import half_width_mm, pose_numbers, pose_transform
from regkit_msstunet.train.pose_augmentation import PoseAugmentation, native_pose
from regkit_msstunet.train.pose_sampler import PoseSampler

STRUCTURES = {"my_dice": 1, "bp_dice": 2}


def validate_reorientation(
    network: nn.Module, sampler: PoseSampler, mean_pose: FloatArray, device: torch.device
) -> dict[str, float]:
    """Return mean scores after as many passes as in use.

    Parameters
    ----------
    network
        The network, in evaluation mode.
    sampler
        Sampler of the held-out cases.
    mean_pose
        Numbers of the mean pose, which later passes start from.
    device
        Device of the network.

    Returns
    -------
    dict
        Errors ``rot_mse`` (rad^2) and ``dt_mm`` of the first scale's six numbers, with ``_pass1``
        those after one pass; ``my_dice`` and ``bp_dice`` of the output in use, in the frame found,
        against the true labels in the true frame.
    """
    scores = [
        _score(network, sampler, mean_pose, number, device) for number in range(len(sampler.cases))
    ]
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}


def _score(
    network: Any, sampler: PoseSampler, mean_pose: FloatArray, number: int, device: torch.device
) -> dict[str, float]:
    grid = sampler.grid
    native = native_pose(sampler.cases[number], grid, sampler.config)
    true, back = pose_transform(native, grid), pose_transform(mean_pose, grid).inverse()
    view, errors = IDENTITY, []
    for _ in range(1 if network.needs_pose else sampler.config.passes):
        left = pose_numbers(view.inverse() @ true, grid, mean_pose[:3])
        batch = sampler.batch([PoseAugmentation(number, left)])
        volume = batch.volume.to(device)
        with torch.inference_mode():
            approach, context = network.locate(volume)
            numbers = approach[-1]
        if network.needs_pose:
            numbers = batch.numbers.to(device)[:, None]
        pose = view @ pose_transform(numbers[0, 0].double().cpu().numpy(), grid)
        errors.append(pose_numbers(pose, grid, native[:3]) - native)
        view = pose @ back
    output = network.output_within(sampler.config.label_fov)
    with torch.inference_mode():
        logits = network.segment(volume, numbers, context, output)[0]
    found, target = logits.argmax(dim=1).cpu(), batch.labels[output].cpu()
    scores = {name: _dice(found == label, target == label) for name, label in STRUCTURES.items()}
    for name, error in (("", errors[-1]), ("_pass1", errors[0])):
        scores[f"rot_mse{name}"] = float((error[:3] ** 2).mean())
        scores[f"dt_mm{name}"] = float(np.abs(error[3:]).mean()) * half_width_mm(grid)
    return scores


def _dice(one: Tensor, other: Tensor) -> float:
    sizes = one.sum() + other.sum()
    return float(2 * (one & other).sum() / sizes) if sizes else 0.0
