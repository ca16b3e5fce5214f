"""Cases prepared for the networks: both images in true alignment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from regkit.datasets.case import Case
from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import Volume
from regkit.learning.case_cache import Pool, source_of
from regkit.learning.preprocessing import WINDOWS, prepared
from regkit.training import TrainingJob
from regkit_pairnets.inference import centre_of_mass
from regkit_pairnets.train.preset import Preset


@dataclass(frozen=True, eq=False)
class PooledImage:
    """A prepared image.

    Parameters
    ----------
    tensor
        Shape (1, 1, z, y, x), half precision.
    grid
        Where its voxels are.
    in_air
        Whether air is 0, so that it goes on as air beside its slices, and not as its border.
    """

    tensor: torch.Tensor
    grid: Grid
    in_air: bool = False

    def on(self, device: torch.device) -> PooledImage:
        """Return the same with its voxels on a device."""
        return replace(self, tensor=self.tensor.to(device))


@dataclass(frozen=True, eq=False)
class PooledCase:
    """A pair in its true alignment.

    Parameters
    ----------
    fixed, moving
        Prepared, NaN where unknown.
    truth
        Rigid, maps fixed to moving points.
    focus_mm
        What the scans are about, in the fixed image.
    facts
        Of the images as they came: modalities, extent and voxels in mm.
    """

    fixed: PooledImage
    moving: PooledImage
    truth: AffineTransform
    focus_mm: Vector3
    facts: dict[str, Any]

    def on(self, device: torch.device) -> PooledCase:
        """Return the same with its images on a device."""
        return replace(self, fixed=self.fixed.on(device), moving=self.moving.on(device))


def open_pools(
    job: TrainingJob, preset: Preset, parameters: dict[str, dict[str, Any]]
) -> tuple[Pool, Pool]:
    """Return the training and validation pools; see `regkit.learning.case_cache.source_of`."""
    counts = preset.cases, preset.validation_cases
    source = source_of(job, counts, parameters.get(job.data, {}))
    home = (job.cache or job.folder / "pool").absolute()
    look = [preset.spacing, preset.fixed, preset.moving]
    digest = hashlib.sha256(json.dumps([dict(source.origin), look]).encode()).hexdigest()[:8]
    folder = home / f"{source.train.name}-{digest}"
    prepare = partial(_prepare, preset=preset)
    return (
        Pool(source.train, folder / "train", prepare, preset.workers),
        Pool(source.validation, folder / "validation", prepare, preset.workers),
    )


def _prepare(case: Case, preset: Preset) -> tuple[dict[str, Any], dict[str, Any]]:
    truth = case.truth
    if not isinstance(truth, AffineTransform) or not truth.is_rigid:
        raise ParameterError(f"case {case.id} has no rigid truth to learn from")
    pair, arrays = case.pair, {}
    facts: dict[str, Any] = {"truth": truth.matrix.tolist(), "focus_mm": list(_focus(case))}
    for role, mask in (("fixed", pair.fixed_mask), ("moving", pair.moving_mask)):
        given: Volume = getattr(pair, role)
        ready = prepared(given, getattr(preset, role), preset.spacing, mask)
        arrays[role] = ready.array.astype(np.float16)
        offset = centre_of_mass(ready) - given.grid.centre
        facts[role] = {
            "grid": asdict(ready.grid),
            "modality": given.modality or getattr(preset, role),
            "extent_mm": np.ptp(given.grid.corners(), axis=0).tolist(),
            "mass_mm": offset.tolist(),
            "voxel_mm": max(given.grid.spacing),
        }
    return arrays, facts


def _focus(case: Case) -> FloatArray:
    """Return the centre of the myocardium, where there is one, else of all labels, else of all."""
    labels, grid = case.fixed_labels, case.pair.fixed.grid
    if labels is None or not labels.array.any():
        return np.asarray(grid.centre)
    wanted = labels.array == case.extra.get("myocardium_label", -1)
    index = np.argwhere(wanted if wanted.any() else labels.array != 0)
    return labels.grid.to_physical(index.mean(axis=0))


def pooled(tensors: Mapping[str, torch.Tensor], facts: dict[str, Any]) -> PooledCase:
    """Return a case as `regkit.learning.case_cache.Pool` reads it back."""
    images = {
        role: PooledImage(
            tensors[role][None, None],
            Grid(**facts[role].pop("grid")),
            facts[role]["modality"] in WINDOWS,
        )
        for role in ("fixed", "moving")
    }
    x, y, z = facts.pop("focus_mm")
    truth = AffineTransform(np.asarray(facts.pop("truth")))
    return PooledCase(images["fixed"], images["moving"], truth, (x, y, z), facts)
