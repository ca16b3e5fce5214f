"""Cases as training keeps them: both images prepared, in half the network's voxels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regkit.datasets.case import Case
from regkit.geometry.grid import Grid
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import Volume
from regkit.learning.case_cache import Arrays, Facts, Pool, source_of
from regkit.learning.preprocessing import thinned
from regkit.training import TrainingJob
from regkit_transmorph.preparation import prepare
from regkit_transmorph.train.choices import Choices


@dataclass(frozen=True, eq=False)
class KeptImage:
    """A prepared image: a tensor (1, 1, z, y, x), half precision, and where its voxels are."""

    tensor: Tensor
    grid: Grid

    def on(self, device: torch.device) -> KeptImage:
        """Return the same with its voxels on a device."""
        return replace(self, tensor=self.tensor.to(device))


@dataclass(frozen=True, eq=False)
class KeptCase:
    """A pair and how it lies.

    Parameters
    ----------
    fixed, moving
        From 0 to 1.
    truth
        Maps fixed to moving points, for validation; the identity if nobody knows.
    facts
        Of the images as they came.
    """

    fixed: KeptImage
    moving: KeptImage
    truth: AffineTransform
    facts: Mapping[str, Any]

    def on(self, device: torch.device) -> KeptCase:
        """Return the same with its images on a device."""
        return replace(self, fixed=self.fixed.on(device), moving=self.moving.on(device))


@dataclass(frozen=True)
class Preparation:
    """What is done with every case once."""

    choices: Choices

    def __call__(self, case: Case) -> tuple[Arrays, Facts]:
        """Return both images, from 0 to 1, and facts about them."""
        truth = case.truth
        known = isinstance(truth, AffineTransform)
        facts: dict[str, Any] = {"truth": truth.matrix.tolist() if known else None}  # type: ignore[union-attr]
        arrays = {}
        for role in ("fixed", "moving"):
            given: Volume = getattr(case.pair, role)
            modality = given.modality or getattr(self.choices, role)
            ready = prepare(given, modality, getattr(self.choices, f"{role}_window"))
            thin = thinned(ready.volume, self.choices.spacing)
            arrays[role] = thin.array.astype(np.float16)
            facts[role] = {
                "grid": asdict(thin.grid),
                "modality": modality,
                "voxel_mm": max(given.grid.spacing),
                "preparation": dict(ready.record),
            }
        return arrays, facts


def open_pools(
    job: TrainingJob, choices: Choices, parameters: Mapping[str, Mapping[str, Any]]
) -> tuple[Pool, Pool]:
    """Return the training and validation pools; see `regkit.learning.case_cache.source_of`."""
    counts = choices.cases, choices.validation_cases
    source = source_of(job, counts, parameters.get(job.data, {}))
    look = [choices.spacing, choices.fixed_window, choices.moving_window]
    known = json.dumps([source.origin, look])
    digest = hashlib.sha256(known.encode()).hexdigest()[:8]
    home = (job.cache or job.folder / "pool").absolute() / f"{source.train.name}-{digest}"
    made = Preparation(choices)
    return (
        Pool(source.train, home / "train", made, choices.workers),
        Pool(source.validation, home / "validation", made, choices.workers),
    )


def load_cases(pool: Pool) -> list[KeptCase]:
    """Read all cases of a pool into memory."""
    return list(_kept(pool.load()))


def _kept(stored: Iterable[tuple[dict[str, Tensor], dict[str, Any]]]) -> Iterable[KeptCase]:
    for tensors, facts in stored:
        fixed, moving = (
            KeptImage(tensors[role][None, None], Grid(**facts[role].pop("grid")))
            for role in ("fixed", "moving")
        )
        matrix = facts.pop("truth")
        truth = AffineTransform(np.eye(4) if matrix is None else np.asarray(matrix))
        yield KeptCase(fixed, moving, truth, facts)
