"""Cached cases of the reorientation: image, pose of the ventricle, labels in that pose."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from regkit.datasets.case import Case
from regkit.errors import ParameterError
from regkit.geometry.grid import Grid, Vector3
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap
from regkit.learning import image_facts
from regkit_msstunet.geometry import cube, meets
from regkit_msstunet.preprocessing import preprocess_emission
from regkit_ventricle.label_probabilities import (
    BLOOD_POOL,
    MYOCARDIUM,
    relabel,
    resample_labels_linear,
)

# Side of the short-axis frame around the ventricle in which labels are kept, and the factor by
# which its voxels are finer than the network's; chosen by hand.
FRAME_MM, REFINEMENT = 170.0, 2
# Any even number of voxels a side: the center of such a cube is between two voxels.
EVEN = 16
# Greatest value of the bytes that intensities from 0 to 1 are kept as.
LEVELS = 255


@dataclass(frozen=True, eq=False)
class VentricleCase:
    """A preprocessed image and its ventricle.

    Parameters
    ----------
    image
        Intensities in 255ths, (1, 1, z, y, x), bytes.
    grid
        Grid of the image.
    labels
        Labels of the ventricle in short-axis planes, (1, 1, z, y, x), bytes: 1 myocardium, 2 blood
        pool.
    frame
        Grid of the labels, with the ventricle at the origin.
    truth
        Rigid map of short-axis points to the image, LPS mm.
    facts
        Facts of the original image; see `regkit.learning.image_facts`.
    """

    image: torch.Tensor
    grid: Grid
    labels: torch.Tensor
    frame: Grid
    truth: AffineTransform
    facts: Mapping[str, Any]

    def on(self, device: torch.device) -> VentricleCase:
        """Return the case with its voxels on a device."""
        return dataclasses.replace(
            self, image=self.image.to(device), labels=self.labels.to(device)
        )


def cache_ventricle(
    case: Case, spacing_mm: float, gamma: float
) -> tuple[dict[str, NDArray[np.uint8]], dict[str, Any]]:
    """Return the arrays of a case for the case cache, and its facts.

    Parameters
    ----------
    case
        Case with a rigid truth, and with labels of its moving image or in planes of the network's
        voxels.
    spacing_mm, gamma
        Parameters of `regkit_msstunet.preprocessing.preprocess_emission`.

    Raises
    ------
    ParameterError
        The case has no such truth or labels.
    """
    truth, moving = case.truth, case.pair.moving
    if not isinstance(truth, AffineTransform) or not truth.is_rigid:
        raise ParameterError(f"case {case.id} has no rigid truth to learn from")
    center = AffineTransform.shift(case.pair.fixed.grid.centre)
    pose = AffineTransform(truth.matrix @ center.matrix)
    ready = preprocess_emission(moving, spacing_mm, gamma, case.pair.moving_mask)
    labels = _in_planes(case, pose, spacing_mm)
    facts = image_facts(moving, ready, "")
    facts |= {"truth": pose.matrix.tolist(), "frame": asdict(labels.grid)}
    image = np.round(ready.array * LEVELS).astype(np.uint8)
    return {"image": image, "labels": np.asarray(labels.array, np.uint8)}, facts


def read_ventricle(tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> VentricleCase:
    """Return a case of the cache."""
    return VentricleCase(
        image=tensors["image"][None, None],
        grid=Grid(**facts["grid"]),
        labels=tensors["labels"][None, None],
        frame=Grid(**facts["frame"]),
        truth=AffineTransform(np.asarray(facts["truth"])),
        facts=facts,
    )


def _in_planes(case: Case, pose: AffineTransform, spacing_mm: float) -> LabelMap:
    """Return the ventricle's labels in short-axis planes around the origin.

    Those that a case has in planes of the network's voxels are exact. Else those of its image are
    interpolated, smooth between voxels.
    """
    wall, pool = (
        int(case.extra.get(name, number))
        for name, number in (("myocardium_label", MYOCARDIUM), ("blood_pool_label", BLOOD_POOL))
    )
    known = _around_origin(case.fixed_labels, case.pair.fixed.grid.centre)
    if known is not None and meets(cube(EVEN, spacing_mm), known.grid):
        found = relabel(known, (wall, pool))
    elif case.moving_labels is not None:
        spacing = spacing_mm / REFINEMENT
        # An odd number: voxels of the network's cube are then voxels of this one, not between.
        frame = cube(int(np.ceil(FRAME_MM / spacing)) | 1, spacing)
        found = resample_labels_linear(case.moving_labels, frame, pose, (wall, pool))
    else:
        raise ParameterError(f"case {case.id} has no labels of its moving image to learn from")
    if not {MYOCARDIUM, BLOOD_POOL} <= set(np.unique(found.array)):
        raise ParameterError(f"case {case.id} has no labels of myocardium and blood pool")
    return found


def _around_origin(labels: LabelMap | None, center: Vector3) -> LabelMap | None:
    """Return labels on a grid shifted so that a point becomes the origin."""
    if labels is None:
        return None
    x, y, z = np.subtract(labels.grid.origin, center).tolist()
    return LabelMap(labels.array, dataclasses.replace(labels.grid, origin=(x, y, z)))
