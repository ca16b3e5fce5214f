"""Prepared cases: an image, the pose of its ventricle, and the ventricle's labels in that pose."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from regkit.datasets.case import Case
from regkit.errors import ParameterError
from regkit.geometry.grid import Grid, Vector3
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap
from regkit.learning.case_cache import Pool, source_of
from regkit.training import TrainingJob
from regkit_msstunet.geometry import cube, meets
from regkit_msstunet.prepare import centre_of_mass, prepared
from regkit_msstunet.train.choices import Choices
from regkit_ventricle.label_probabilities import (
    BLOOD_POOL,
    MYOCARDIUM,
    relabel,
    resample_labels_linear,
)

# `--data both` is PET and SPECT.
TOGETHER = {"both": "lv-spect,lv-pet"}
# Short-axis planes around the ventricle, in which labels of the image are kept.
FRAME_MM, FINER = 170.0, 2
# A number of voxels a side that a network's cube may have: its centre is between two.
EVEN = 16
# Of what is kept in a pool: another one means other files.
KEPT = 2
LEVELS = 255


@dataclass(frozen=True, eq=False)
class PooledCase:
    """A prepared image and its ventricle.

    Parameters
    ----------
    image
        Intensities in 255ths, (1, 1, z, y, x), bytes.
    grid
        Where its voxels are.
    labels
        Of the ventricle in short-axis planes, (1, 1, z, y, x), bytes: 1 myocardium, 2 blood pool.
    frame
        Where those are; the ventricle is at the origin.
    truth
        Rigid, maps short-axis points to the image, LPS mm.
    facts
        Of the image as it came: modality, extent, voxels and way to its centre of mass in mm.
    """

    image: torch.Tensor
    grid: Grid
    labels: torch.Tensor
    frame: Grid
    truth: AffineTransform
    facts: Mapping[str, Any]

    def on(self, device: torch.device) -> PooledCase:
        """Return the same with its voxels on a device."""
        return dataclasses.replace(
            self, image=self.image.to(device), labels=self.labels.to(device)
        )


def open_pools(
    job: TrainingJob, choices: Choices, parameters: Mapping[str, Mapping[str, Any]]
) -> tuple[list[Pool], list[Pool]]:
    """Return the pools of training and of validation: one of each dataset.

    Parameters
    ----------
    job
        Its data is a folder, a dataset's name, several with commas between them, or ``both``.
    choices, parameters
        Of the training, and of datasets.

    Raises
    ------
    FileFormatError, UnknownNameError
        A dataset is no folder and no name.
    ParameterError
        A dataset folder has too few cases.
    """
    home = (job.cache or job.folder / "pool").absolute()
    spacing, exponent = choices.spacing_mm, choices.exponent
    prepare = partial(prepare_case, spacing_mm=spacing, exponent=exponent)
    pools: tuple[list[Pool], list[Pool]] = ([], [])
    for data in TOGETHER.get(job.data, job.data).split(","):
        one = dataclasses.replace(job, data=data.strip())
        counts = (choices.cases, choices.validation_cases)
        source = source_of(one, counts, parameters.get(one.data, {}))
        depends = json.dumps([dict(source.origin), spacing, exponent, FRAME_MM, FINER, KEPT])
        digest = hashlib.sha256(depends.encode()).hexdigest()[:8]
        folder = home / f"reoriented-{source.train.name}-{digest}"
        for some, part in zip(pools, ("train", "validation"), strict=True):
            dataset = getattr(source, part)
            some.append(Pool(dataset, folder / part, prepare, choices.workers))
    return pools


def prepare_case(
    case: Case, *, spacing_mm: float, exponent: float
) -> tuple[dict[str, NDArray[np.uint8]], dict[str, Any]]:
    """Return the arrays of a case that training needs, and plain data.

    Parameters
    ----------
    case
        With a rigid truth, and labels of its moving image or in planes of the network's voxels.
    spacing_mm, exponent
        See `regkit_msstunet.prepare.prepared`.

    Raises
    ------
    ParameterError
        There is nothing to learn from it.
    """
    truth, moving = case.truth, case.pair.moving
    if not isinstance(truth, AffineTransform) or not truth.is_rigid:
        raise ParameterError(f"case {case.id} has no rigid truth to learn from")
    centre = AffineTransform.shift(case.pair.fixed.grid.centre)
    pose = AffineTransform(truth.matrix @ centre.matrix)
    ready = prepared(moving, spacing_mm, exponent, case.pair.moving_mask)
    labels = _in_planes(case, pose, spacing_mm)
    facts = {
        "truth": pose.matrix.tolist(),
        "grid": asdict(ready.grid),
        "frame": asdict(labels.grid),
        "modality": moving.modality,
        "extent_mm": np.ptp(moving.grid.corners(), axis=0).tolist(),
        "mass_mm": (centre_of_mass(ready) - moving.grid.centre).tolist(),
        "voxel_mm": max(moving.grid.spacing),
    }
    image = np.round(ready.array * LEVELS).astype(np.uint8)
    return {"image": image, "labels": np.asarray(labels.array, np.uint8)}, facts


def read_cases(pool: Pool) -> list[PooledCase]:
    """Read all cases of a pool into memory.

    Raises
    ------
    FileFormatError
        A file is damaged.
    """
    return [_case(tensors, facts) for tensors, facts in pool.load()]


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
        spacing = spacing_mm / FINER
        # An odd number: voxels of the network's cube are then voxels of this one, not between.
        frame = cube(int(np.ceil(FRAME_MM / spacing)) | 1, spacing)
        found = resample_labels_linear(case.moving_labels, frame, pose, (wall, pool))
    else:
        raise ParameterError(f"case {case.id} has no labels of its moving image to learn from")
    if not {MYOCARDIUM, BLOOD_POOL} <= set(np.unique(found.array)):
        raise ParameterError(f"case {case.id} has no labels of myocardium and blood pool")
    return found


def _around_origin(labels: LabelMap | None, centre: Vector3) -> LabelMap | None:
    """Return labels on a grid whose origin is what `centre` was."""
    if labels is None:
        return None
    x, y, z = np.subtract(labels.grid.origin, centre).tolist()
    return LabelMap(labels.array, dataclasses.replace(labels.grid, origin=(x, y, z)))


def _case(tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> PooledCase:
    return PooledCase(
        image=tensors["image"][None, None],
        grid=Grid(**facts["grid"]),
        labels=tensors["labels"][None, None],
        frame=Grid(**facts["frame"]),
        truth=AffineTransform(np.asarray(facts["truth"])),
        facts=facts,
    )
