"""``pet-ct-misplaced``: aligned CT (fixed) and PET of real patients, misaligned by affine maps.

The misalignment of `pet-ct` for pairs of files: each scan is resampled once, on its own grid, with
a random affine map of its own. A mask marks the field of view of the moved scan; beyond it the
image is filled with air, but it is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from regkit.datasets.case import Case
from regkit.datasets.folder import DatasetFolder, read_dataset
from regkit.errors import ParameterError
from regkit.geometry.resampling import resample
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Pair
from regkit_nuclear.cohorts.cohort import Cohort, CohortStream, cohort_generator
from regkit_nuclear.motion import AFFINE_AMOUNT, affine_motion, check_amount

# Fill value outside the field of view; 0 for other modalities.
AIR = {"ct": -1000.0}


@dataclass(frozen=True)
class PerturbedPetCt(Cohort):
    """Aligned pairs of a dataset folder, both scans misaligned as in `pet-ct`.

    Parameters
    ----------
    n, seed, split
        Number of cases, and seed and split of the motions; the patients are those of the folder.
    pairs
        Dataset folder (``dataset.json``) of CT (fixed) and PET (moving), aligned or with a known
        ``truth``; labels are optional.
    motions
        Cases of each pair, 1 to 26.
    amount
        Factor on the ranges of the misalignment; see `pet-ct`.
    """

    name: ClassVar[str] = "pet-ct-misplaced"

    pairs: str = ""
    motions: int = 1
    amount: float = AFFINE_AMOUNT

    def __post_init__(self) -> None:
        check_amount(self.amount)
        if not 1 <= self.motions <= 26:
            raise ParameterError(f"motions takes 1 to 26, got {self.motions}")
        if not self.pairs:
            raise ParameterError(
                "pet-ct-misplaced needs a dataset folder of aligned CT and PET: --set pairs=FOLDER"
            )
        available = len(_read(self.pairs)) * self.motions
        if self.n > available:
            raise ParameterError(
                f"{self.pairs} makes {available} cases with motions = {self.motions}, not {self.n}"
            )
        super().__post_init__()

    @property
    def per_patient(self) -> int:
        """Number of motions of each pair."""
        return self.motions

    def case(self, index: int) -> Case:
        """Return one case."""
        seed, (pair, number) = self.patient_seed(index), divmod(index, self.motions)
        aligned = _read(self.pairs).case(pair)
        poses = [
            affine_motion(
                cohort_generator(seed, stream, number), grid.extent, grid.centre, self.amount
            )
            for grid, stream in (
                (aligned.pair.fixed.grid, CohortStream.CT_POSE),
                (aligned.pair.moving.grid, CohortStream.PET_POSE),
            )
        ]
        extra = {"split": self.split, "patient": seed, "pair": aligned.id}
        case = perturbed(aligned, *poses)
        return replace(case, id=self.case_id(index), extra=extra)


def perturbed(aligned: Case, fixed: AffineTransform, moving: AffineTransform) -> Case:
    """Return a case with both scans moved.

    Parameters
    ----------
    aligned
        Case with a known truth; a case without one is taken as aligned.
    fixed, moving
        Map from points after the motion to points before it, for each scan, LPS mm.
    """
    pair = aligned.pair
    return Case(
        id=aligned.id,
        pair=Pair(
            _moved(pair.fixed, fixed),
            _moved(pair.moving, moving),
            _field_of_view(pair.fixed, pair.fixed_mask, fixed),
            _field_of_view(pair.moving, pair.moving_mask, moving),
        ),
        truth=moving.inverse() @ (aligned.truth or IDENTITY) @ fixed,
        group=aligned.group,
        fixed_labels=_moved_labels(aligned.fixed_labels, fixed),
        moving_labels=_moved_labels(aligned.moving_labels, moving),
    )


def _moved(scan: Volume, pose: AffineTransform) -> Volume:
    return resample(scan, scan.grid, pose, AIR.get(scan.modality, 0.0))


def _moved_labels(labels: LabelMap | None, pose: AffineTransform) -> LabelMap | None:
    return None if labels is None else resample(labels, labels.grid, pose)


def _field_of_view(scan: Volume, mask: LabelMap | None, pose: AffineTransform) -> LabelMap:
    whole = LabelMap(np.ones(scan.grid.shape_zyx, np.uint8), scan.grid)
    return resample(mask or whole, scan.grid, pose)


@lru_cache(maxsize=2)
def _read(folder: str) -> DatasetFolder:
    return read_dataset(Path(folder))
