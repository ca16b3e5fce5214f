"""``lv-spect`` and ``lv-pet``: left ventricles in transaxial images, and their short axes.

The fixed image is the same for all patients: an average left ventricle in short-axis planes (x to
lateral, y to inferior, z to the base). The truth maps it to the patient's ventricle. Fixed labels
are the patient's own in these planes, as a reorientation with the truth would show them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import torch

from regkit.datasets.case import Case
from regkit.errors import ParameterError
from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Pair
from regkit_nuclear.cohorts.cohort import Cohort, CohortStream, cohort_generator
from regkit_nuclear.cohorts.device import check_device
from regkit_nuclear.cohorts.subject import SimulatedThorax, cubic_grid, undo_motion
from regkit_nuclear.painting.random_streams import chance
from regkit_nuclear.painting.shapes import Coordinates
from regkit_nuclear.phantoms.thorax import HALF_WIDTH_MM, LV_BLOOD_POOL, LV_MYOCARDIUM
from regkit_nuclear.phantoms.thorax.pose import Tracer
from regkit_nuclear.phantoms.thorax.render import render_thorax
from regkit_nuclear.phantoms.thorax.ventricle import LeftVentricle
from regkit_nuclear.phantoms.wholebody.imaging import pet_image
from regkit_nuclear.spect.acquire import acquire
from regkit_nuclear.spect.gaussian import blur
from regkit_nuclear.spect.geometry import FWHM_PER_SIGMA
from regkit_nuclear.spect.osem import reconstruct

Reconstruction: TypeAlias = Literal["nac", "ac", "either"]

# The SPECT is reconstructed in voxels this many times larger and interpolated.
RECONSTRUCTION_BINNING = 2

# Means of the phantom's distributions; see `regkit_nuclear.phantoms.thorax.ventricle`.
AVERAGE = LeftVentricle(34.0, 88.0, 10.5, 0.82, 0.045)
# Mean uptake of the blood in the phantom, relative to the myocardium.
BLOOD_POOL = 0.09
# Full width at half maximum of typical images; chosen by hand.
RESOLUTION_MM = {"spect": 13.0, "pet": 7.0}
# Uptake of healthy myocardium in the unit of the images, SUV in PET; chosen by hand.
UPTAKE = {"spect": 1.0, "pet": 6.0}


@dataclass(frozen=True)
class LvSpect(Cohort):
    """Transaxial myocardial perfusion SPECT with the pose and labels of the left ventricle.

    Parameters
    ----------
    n, seed, split
        Number of cases, number of the cohort, and its split; no patient is in two splits.
    size
        Voxels along each side of the image, 435.2 mm; even.
    defects
        Whether half of the patients have perfusion defects.
    noise
        Whether counts are noisy.
    reconstruction
        ``nac`` or ``ac``: without or with attenuation correction; ``either`` draws it.
    device
        Device on which torch computes: ``cpu`` or ``cuda``.
    """

    name: ClassVar[str] = "lv-spect"
    tracer: ClassVar[Tracer] = "spect"
    irregular: ClassVar[bool] = False

    size: int = 128
    defects: bool = True
    noise: bool = True
    reconstruction: Reconstruction = "nac"
    device: str = "cpu"

    def __post_init__(self) -> None:
        _check_size(self.size)
        check_device(self.device)
        super().__post_init__()

    def case(self, index: int) -> Case:
        """Return one case."""
        return _case(self, index, self.size, self.defects)

    def draw_counts(self, rng: np.random.Generator) -> float | None:  # noqa: ARG002
        """Return the counts of an acquisition; None draws what is usual."""
        return None

    def scan(self, activity: Volume, mu: Volume, rng: np.random.Generator) -> Volume:
        """Return the reconstructed SPECT of an activity and an attenuation."""
        views = acquire(
            activity,
            mu,
            rng,
            total_counts=self.draw_counts(rng),
            noise=self.noise,
            binning=RECONSTRUCTION_BINNING,
            device=self.device,
        )
        drawn = self.reconstruction == "either" and chance(rng, 0.5)
        corrects = self.reconstruction == "ac" or drawn
        # In double precision a seed gives the same case on every machine.
        image = reconstruct(
            views, mu if corrects else None, device=self.device, dtype=torch.float64
        )
        return resample(image, activity.grid)


@dataclass(frozen=True)
class LvPet(Cohort):
    """Transaxial myocardial perfusion PET with the pose and labels of the left ventricle.

    Parameters
    ----------
    n, seed, split
        Number of cases, number of the cohort, and its split; no patient is in two splits.
    size
        Voxels along each side of the image, 435.2 mm; even.
    defects
        Whether half of the patients have perfusion defects.
    noise
        Whether counts are noisy.
    """

    name: ClassVar[str] = "lv-pet"
    tracer: ClassVar[Tracer] = "pet"
    irregular: ClassVar[bool] = False

    size: int = 128
    defects: bool = True
    noise: bool = True

    def __post_init__(self) -> None:
        _check_size(self.size)
        super().__post_init__()

    def case(self, index: int) -> Case:
        """Return one case."""
        return _case(self, index, self.size, self.defects)

    def scan(
        self,
        activity: Volume,
        mu: Volume,  # noqa: ARG002 - PET is corrected for attenuation
        rng: np.random.Generator,
    ) -> Volume:
        """Return the PET of an activity, in SUV."""
        suv = activity.array * np.float32(UPTAKE["pet"])
        return activity.with_array(pet_image(suv, activity.grid, rng if self.noise else None))


def _case(cohort: LvSpect | LvPet, index: int, size: int, defects: bool) -> Case:
    seed = cohort.patient_seed(index)
    thorax = SimulatedThorax.draw(seed, cohort.tracer, defects=defects, irregular=cohort.irregular)
    grid, planes = cubic_grid(size), short_axis_grid(size)
    anatomy = render_thorax(thorax.patient, grid)
    activity = thorax.patient.breathing.blur(anatomy.activity)
    truth = anatomy.reorientation.to_lps
    reoriented = render_thorax(thorax.patient, undo_motion(planes, truth.inverse())).lv
    return Case(
        id=cohort.case_id(index),
        pair=Pair(
            average_ventricle_on(planes, cohort.tracer),
            cohort.scan(activity, anatomy.mu, cohort_generator(seed, CohortStream.SCAN)),
        ),
        truth=truth,
        group=cohort.group(index),
        fixed_labels=LabelMap(reoriented.array, planes),
        moving_labels=anatomy.lv,
        extra={
            "split": cohort.split,
            "patient": seed,
            "reorientation": list(anatomy.reorientation),
            "myocardium_label": LV_MYOCARDIUM,
            "blood_pool_label": LV_BLOOD_POOL,
        },
    )


def short_axis_grid(size: int = 128) -> Grid:
    """Return short-axis planes around the ventricle with the voxels of an image of `size`^3."""
    return cubic_grid(size // 2, HALF_WIDTH_MM)


@lru_cache(maxsize=2)
def average_ventricle_on(grid: Grid, tracer: Tracer) -> Volume:
    """Paint a ventricle of average size in its frame, with the resolution of the tracer."""
    index = np.moveaxis(np.indices(grid.shape_zyx, dtype=np.float64), 0, -1)
    points = grid.to_physical(index).astype(np.float32)
    whole, pool = AVERAGE.distances(Coordinates(points[..., 0], points[..., 1], points[..., 2]))
    ventricle, blood = (np.clip(0.5 - d / grid.spacing[0], 0, 1) for d in (whole, pool))
    uptake = UPTAKE[tracer] * ventricle * (1 - (1 - BLOOD_POOL) * blood)
    sigma = RESOLUTION_MM[tracer] / FWHM_PER_SIGMA
    image = blur(torch.from_numpy(uptake)[None], grid.spacing, sigma)[0].numpy()
    return Volume(image, grid, tracer)


def _check_size(size: int) -> None:
    if size < 16 or size % 2:
        raise ParameterError(f"size takes an even number of voxels, 16 or more, got {size}")
