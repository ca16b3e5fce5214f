"""``pet-ct``: whole-body CT (fixed) and FDG-PET (moving), both misaligned by affine maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from regkit.datasets.case import Case
from regkit.errors import ParameterError
from regkit.registrar import Pair
from regkit_nuclear.cohorts.cohort import Cohort, CohortStream, cohort_generator
from regkit_nuclear.motion import AFFINE_AMOUNT, affine_motion, check_amount
from regkit_nuclear.phantoms.wholebody import draw_whole_body_patient, whole_body_grid


@dataclass(frozen=True)
class PetCt(Cohort):
    """Whole-body CT in HU and FDG-PET in SUV with labels of 40 organs.

    Parameters
    ----------
    n, seed, split
        Number of cases, number of the cohort, and its split; no patient is in two splits.
    amount
        Factor, 0 to 3, on the ranges of the misalignment of each scan: +-10 degrees, +-0.1 of the
        half-extents of the field of view, and scales of 1 +- 0.1. The default gives the published
        mean Dice of 0.20 before registration; see `AFFINE_AMOUNT`.
    coarser
        Factor, 1 to 12, on the voxel size of 2.8 x 2.8 x 3.8 mm.
    noise
        Whether images are noisy.
    """

    name: ClassVar[str] = "pet-ct"

    amount: float = AFFINE_AMOUNT
    coarser: int = 1
    noise: bool = True

    def __post_init__(self) -> None:
        check_amount(self.amount)
        if not 1 <= self.coarser <= 12:
            raise ParameterError(f"coarser takes 1 to 12, got {self.coarser}")
        super().__post_init__()

    def case(self, index: int) -> Case:
        """Return one case."""
        seed = self.patient_seed(index)
        patient, grid = draw_whole_body_patient(seed), whole_body_grid(self.coarser)
        ct_pose, pet_pose = (
            affine_motion(cohort_generator(seed, stream), grid.extent, grid.centre, self.amount)
            for stream in (CohortStream.CT_POSE, CohortStream.PET_POSE)
        )
        ct, ct_labels = patient.render_ct(grid, ct_pose, self.noise)
        pet, pet_labels = patient.render_pet(grid, pet_pose, self.noise)
        return Case(
            id=self.case_id(index),
            pair=Pair(ct, pet),
            truth=pet_pose.inverse() @ ct_pose,
            group=self.group(index),
            fixed_labels=ct_labels,
            moving_labels=pet_labels,
            extra={"split": self.split, "patient": seed},
        )
