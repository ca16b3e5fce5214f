"""``spect-ct``: cardiac SPECT without attenuation correction, and a misaligned mu-map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from regkit.datasets.case import Case
from regkit.errors import ParameterError
from regkit.geometry.grid import Vector3
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Pair
from regkit_nuclear.cohorts.cohort import Cohort, CohortStream, cohort_generator
from regkit_nuclear.cohorts.device import check_device
from regkit_nuclear.cohorts.real_anatomy import read_anatomy
from regkit_nuclear.cohorts.subject import AxialCoverage, SimulatedThorax, Subject
from regkit_nuclear.motion import check_amount, dusfe_motion
from regkit_nuclear.painting.shapes import refined_grid
from regkit_nuclear.spect.acquire import acquire
from regkit_nuclear.spect.geometry import Orbit
from regkit_nuclear.spect.osem import reconstruct
from regkit_nuclear.spect.projections import Projections
from regkit_nuclear.spect.threads import run_concurrently

# The ranges of the DuSFE motions count voxels of this size (Chen et al., Med. Image Anal. 2023).
MOTION_VOXEL_MM = 6.8
# The anatomy is rendered in voxels of half the size and binned: in voxels of 6.8 mm the ribs and
# the wall of the heart would alias.
SUPERSAMPLING = 2


@dataclass(frozen=True)
class SpectCt(Cohort):
    """Myocardial perfusion SPECT (fixed) and attenuation maps (moving) under known motions.

    Parameters
    ----------
    n, seed, split
        Number of cases, number of the cohort, and its split; no patient is in two splits.
    motions
        Number of cases of each patient, 1 to 26: the same SPECT with different motions of the CT.
    amount
        Factor, 0 to 3, on the ranges of the motion: +-54.4, 54.4, 27.2 mm and +-10, 10, 30
        degrees.
    coverage
        Range of the fraction of the SPECT's slices that the CT covers. The grid of the CT is then
        smaller: beyond it the attenuation is unknown, not 0.
    diameter_mm
        Diameter of the CT's field of view in its slices; 0 for all of the body. Beyond it the
        map is 0, as scanners write it, whatever is there.
    respiration
        Whether CT and SPECT show different phases of breathing; the truth then aligns the hearts.
    defects
        Whether half of the patients have perfusion defects.
    extracardiac
        Range of a factor on the uptake of liver, spleen, stomach, gut, gallbladder and kidneys; of
        all organs but the heart of a real anatomy.
    noise
        Whether counts are Poisson distributed; otherwise they are the expected ones.
    counts
        Counts of an acquisition; None draws 2 to 16 million for each patient.
    arc
        Arc of the orbit in degrees: 180 (right anterior to left posterior oblique) or 360.
    corrected
        Whether to reconstruct the SPECT with attenuation correction too (`Case.extra["ac"]`).
    projections
        Whether cases have the projections, from which the scores of the AC-SPECT are computed.
    size
        Voxels along each side of the SPECT and of the slices of the mu-map, 435.2 mm.
    anatomy
        Folder of a real CT with labelled organs to simulate from: ``ct.nii.gz`` in HU (or a folder
        ``ct`` of DICOM files), ``labels.nii.gz``, and ``uptake.csv`` with the heading
        ``label,name,uptake``, where label 0 is all other tissue and the organ named ``myocardium``
        is the one that scores of the myocardium use. Other file formats that regkit reads work
        too.
    device
        Device on which torch computes: ``cpu`` or ``cuda``.
    """

    name: ClassVar[str] = "spect-ct"

    motions: int = 2
    amount: float = 1.0
    coverage: tuple[float, float] = (1.0, 1.0)
    diameter_mm: float = 0.0
    respiration: bool = False
    defects: bool = True
    extracardiac: tuple[float, float] = (1.0, 1.0)
    noise: bool = True
    counts: float | None = None
    arc: Literal[180, 360] = 180
    corrected: bool = True
    projections: bool = True
    size: int = 64
    anatomy: str = ""
    device: str = "cpu"

    def __post_init__(self) -> None:
        low, high = self.coverage
        if not 0 < low <= high <= 1:
            raise ParameterError(
                f"coverage takes two fractions, 0 < low <= high <= 1, got {low}, {high}"
            )
        low, high = self.extracardiac
        if not 0 <= low <= high < np.inf:
            raise ParameterError(
                f"extracardiac takes two factors, 0 <= low <= high, got {low}, {high}"
            )
        if not 0 <= self.diameter_mm < np.inf:
            raise ParameterError(
                f"diameter_mm takes a length, or 0 for the whole body, got {self.diameter_mm:g}"
            )
        check_amount(self.amount)
        if self.counts is not None and not 0 < self.counts < np.inf:
            raise ParameterError(f"counts takes a number above 0, got {self.counts:g}")
        if not 1 <= self.motions <= 26:
            raise ParameterError(f"motions takes 1 to 26, got {self.motions}")
        if self.size < 8:
            raise ParameterError(f"size must be at least 8 voxels, got {self.size}")
        check_device(self.device)
        super().__post_init__()

    @property
    def per_patient(self) -> int:
        """Number of motions of each patient."""
        return self.motions

    def case(self, index: int) -> Case:
        """Return one case."""
        seed = self.patient_seed(index)
        emission = _simulate_spect(self.settings, seed)
        subject, grid = emission.subject, emission.nac.grid
        truth, coverage = self.draw_motion(seed, index % self.motions, grid.centre)
        mu, organs = subject.transmission(grid, truth, coverage)
        if self.diameter_mm:
            mu = _truncated(mu, self.diameter_mm)
        images: dict[str, Any] = {} if emission.ac is None else {"ac": emission.ac}
        if self.projections:
            images["projections"] = emission.projections
        return Case(
            id=self.case_id(index),
            pair=Pair(emission.nac, mu),
            truth=truth,
            group=self.group(index),
            fixed_labels=emission.organs,
            moving_labels=organs,
            extra={
                "split": self.split,
                "patient": seed,
                **subject.extra,
                **images,
            },
        )

    @property
    def settings(self) -> AcquisitionSettings:
        """The parameters on which a patient's SPECT depends."""
        return AcquisitionSettings(
            self.respiration,
            self.defects,
            self.extracardiac,
            self.noise,
            self.counts,
            self.arc,
            self.corrected,
            self.size,
            self.anatomy,
            self.device,
        )

    def draw_motion(
        self, seed: int, number: int, centre: Vector3
    ) -> tuple[AffineTransform, AxialCoverage]:
        """Draw a motion and the slices that the CT covers."""
        # Motions come in pairs of constant mean size, so that no cohort is easier by chance.
        pair, is_second = divmod(number, 2)
        motion = cohort_generator(seed, CohortStream.MOTION, pair)
        coverage = cohort_generator(seed, CohortStream.COVERAGE, number)
        return (
            dusfe_motion(motion, MOTION_VOXEL_MM, centre, self.amount, bool(is_second)),
            AxialCoverage(float(coverage.uniform(*self.coverage)), float(coverage.uniform(-1, 1))),
        )


@dataclass(frozen=True)
class AcquisitionSettings:
    """The parameters on which a patient's SPECT depends; see `SpectCt`."""

    respiration: bool
    defects: bool
    extracardiac: tuple[float, float]
    noise: bool
    counts: float | None
    arc: int
    corrected: bool
    size: int
    anatomy: str
    device: str

    def subject(self, seed: int) -> Subject:
        """Return the subject with this patient's seed."""
        factor = cohort_generator(seed, CohortStream.EXTRACARDIAC).uniform(*self.extracardiac)
        if self.anatomy:
            return read_anatomy(Path(self.anatomy)).with_varied_uptake(seed, factor)
        return SimulatedThorax.draw(seed, "spect", self.respiration, self.defects, factor)


@dataclass(frozen=True, eq=False)
class EmissionScan:
    """The SPECT of a patient: projections, images without and with correction, organ labels."""

    subject: Subject
    projections: Projections
    nac: Volume
    ac: Volume | None
    organs: LabelMap


def _truncated(mu: Volume, diameter_mm: float) -> Volume:
    """Return a map that is 0 beyond a circle around the middle of every slice."""
    _, ny, nx = mu.grid.shape_zyx
    x = (np.arange(nx) - (nx - 1) / 2) * mu.grid.spacing[0]
    y = (np.arange(ny) - (ny - 1) / 2) * mu.grid.spacing[1]
    inside = np.hypot(y[:, None], x) <= diameter_mm / 2
    return mu.with_array(mu.array * inside)


# All motions of a patient have the same SPECT.
@lru_cache(maxsize=1)
def _simulate_spect(settings: AcquisitionSettings, seed: int) -> EmissionScan:
    subject = settings.subject(seed)
    grid = subject.spect_grid(settings.size)
    activity, mu = subject.emission(refined_grid(grid, SUPERSAMPLING))
    rng = cohort_generator(seed, CohortStream.COUNTS)
    projections = _acquire(settings, activity, mu, rng)
    # Without attenuation correction rounding errors grow most: only double precision gives the
    # same image, to 1e-5, on every machine.
    double = partial(reconstruct, projections, device=settings.device, dtype=torch.float64)
    corrected = partial(reconstruct, projections, mu, device=settings.device)
    nac, *ac = run_concurrently(double, *([corrected] if settings.corrected else []))
    organs = subject.organ_labels(grid)
    return EmissionScan(subject, projections, nac, ac[0] if ac else None, organs)


def _acquire(
    settings: AcquisitionSettings, activity: Volume, mu: Volume, rng: np.random.Generator
) -> Projections:
    orbit = Orbit.cardiac() if settings.arc == 180 else Orbit.full()
    return acquire(
        activity,
        mu,
        rng,
        total_counts=settings.counts,
        noise=settings.noise,
        orbit=orbit,
        binning=SUPERSAMPLING,
        device=settings.device,
    )
