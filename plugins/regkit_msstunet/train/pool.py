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

from regkit.case import Case
from regkit.errors import ParameterError
from regkit.grid import Grid
from regkit.learning.pool import Pool, source_of
from regkit.training import TrainingJob
from regkit.transform import AffineTransform
from regkit_msstunet.geometry import cube
from regkit_msstunet.prepare import centre_of_mass, prepared
from regkit_msstunet.shares import BLOOD_POOL, MYOCARDIUM, smoothly
from regkit_msstunet.train.choices import Choices

# `--data both` is PET and SPECT.
TOGETHER = {"both": "lv-spect,lv-pet"}
# Short-axis planes around the ventricle, in which its labels are kept.
FRAME_MM, FINER = 170.0, 2
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
        Of the ventricle in short-axis planes, (1, 1, m, m, m), bytes: 1 myocardium, 2 blood pool.
    frame
        Where those are; around the origin.
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
        depends = json.dumps([dict(source.origin), spacing, exponent, FRAME_MM, FINER])
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
        With a rigid truth and labels of its moving image.
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
    spacing = spacing_mm / FINER
    # An odd number: voxels of the network's cube are then voxels of this one, and not between.
    frame = cube(int(np.ceil(FRAME_MM / spacing)) | 1, spacing)
    facts = {
        "truth": pose.matrix.tolist(),
        "grid": asdict(ready.grid),
        "frame": asdict(frame),
        "modality": moving.modality,
        "extent_mm": np.ptp(moving.grid.corners(), axis=0).tolist(),
        "mass_mm": (centre_of_mass(ready) - moving.grid.centre).tolist(),
        "voxel_mm": max(moving.grid.spacing),
    }
    image = np.round(ready.array * LEVELS).astype(np.uint8)
    return {"image": image, "labels": _reoriented(case, frame, pose)}, facts


def read_cases(pool: Pool) -> list[PooledCase]:
    """Read all cases of a pool into memory.

    Raises
    ------
    FileFormatError
        A file is damaged.
    """
    return [_case(tensors, facts) for tensors, facts in pool.load()]


def _reoriented(case: Case, frame: Grid, pose: AffineTransform) -> NDArray[np.uint8]:
    """Return the ventricle's labels in short-axis planes, smooth between the image's voxels."""
    labels = case.moving_labels
    if labels is None:
        raise ParameterError(f"case {case.id} has no labels of its moving image to learn from")
    wall = int(case.extra.get("myocardium_label", MYOCARDIUM))
    pool = int(case.extra.get("blood_pool_label", BLOOD_POOL))
    found = smoothly(labels, frame, pose, (wall, pool)).array
    if not {MYOCARDIUM, BLOOD_POOL} <= set(np.unique(found)):
        raise ParameterError(f"case {case.id} has no labels of myocardium and blood pool")
    return np.asarray(found, np.uint8)


def _case(tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> PooledCase:
    return PooledCase(
        image=tensors["image"][None, None],
        grid=Grid(**facts["grid"]),
        labels=tensors["labels"][None, None],
        frame=Grid(**facts["frame"]),
        truth=AffineTransform(np.asarray(facts["truth"])),
        facts=facts,
    )
