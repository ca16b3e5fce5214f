"""``mr-us``: prostate MR (fixed) and transrectal ultrasound (moving)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from regkit.datasets.case import Case
from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray
from regkit.geometry.rigid import rigid
from regkit.geometry.transform import AffineTransform, Transform
from regkit.registrar import Pair
from regkit_nuclear.cohorts.cohort import Cohort, CohortStream, cohort_generator
from regkit_nuclear.phantoms.prostate import (
    LANDMARKS,
    draw_prostate_patient,
    prostate_grid,
    to_displacement_field,
)

# Side of the field of view, mm: 96 voxels of 0.9 mm.
SIDE_MM = 86.4
# Relative ranges of translations and angles, chosen by hand; the motion is then scaled so that the
# landmarks move by the distance that was drawn.
TRANSLATION_MM, DEGREES = 6.0, 5.0


@dataclass(frozen=True)
class MrUs(Cohort):
    """T2-weighted MR and TRUS-like ultrasound with zones of the gland and landmarks.

    Parameters
    ----------
    n, seed, split
        Number of cases, number of the cohort, and its split; no patient is in two splits.
    distance_mm
        Range of the mean distance by which the motion moves the landmarks, at most 86.4 mm.
    push_mm
        Displacement of the rectal wall by the probe, 0 to 20 mm; 0 for a rigid truth.
    size
        Voxels along each side of both images, 86.4 mm.
    noise
        Whether images have noise, speckle and a bias field.
    """

    name: ClassVar[str] = "mr-us"

    distance_mm: tuple[float, float] = (0.0, 20.0)
    push_mm: float = 0.0
    size: int = 96
    noise: bool = True

    def __post_init__(self) -> None:
        low, high = self.distance_mm
        if not 0 <= low <= high <= SIDE_MM:
            raise ParameterError(
                f"distance_mm takes 0 <= low <= high <= {SIDE_MM}, got {low}, {high}"
            )
        if self.size < 8:
            raise ParameterError(f"size must be at least 8 voxels, got {self.size}")
        draw_prostate_patient(0, self.push_mm).deformation  # noqa: B018 - refuses a push beyond its range
        super().__post_init__()

    def case(self, index: int) -> Case:
        """Return one case."""
        seed = self.patient_seed(index)
        patient = draw_prostate_patient(seed, self.push_mm)
        grid = prostate_grid(self.size, SIDE_MM / self.size)
        rng = cohort_generator(seed, CohortStream.ULTRASOUND_POSE)
        motion = self._motion(rng, patient.mr_landmarks())
        pose = motion.inverse()
        mr, mr_labels = patient.render_mr(grid, noise=self.noise)
        us, us_labels = patient.render_us(grid, pose, noise=self.noise)
        truth: Transform = motion
        if self.push_mm:
            # A displacement field can be written to files, a probe compression cannot.
            truth = to_displacement_field(motion @ patient.deformation.inverse(), grid)
        return Case(
            id=self.case_id(index),
            # Beyond the sector of the probe the image is unknown, not dark.
            pair=Pair(mr, us, moving_mask=patient.sector(grid, pose)),
            truth=truth,
            group=self.group(index),
            fixed_labels=mr_labels,
            moving_labels=us_labels,
            fixed_landmarks=patient.mr_landmarks(),
            moving_landmarks=patient.us_landmarks(pose),
            extra={"split": self.split, "patient": seed, "landmarks": list(LANDMARKS)},
        )

    def _motion(self, rng: np.random.Generator, landmarks: FloatArray) -> AffineTransform:
        """Draw a rigid motion that moves the landmarks by a mean distance within the range."""
        distance = rng.uniform(*self.distance_mm)
        translation = rng.uniform(-1, 1, 3) * TRANSLATION_MM
        degrees = rng.uniform(-1, 1, 3) * DEGREES
        # The distance is almost proportional to the factor: a few iterations are exact.
        factor = 1.0
        for _ in range(4):
            motion = rigid(factor * degrees, factor * translation)
            moved = np.linalg.norm(motion.map_points(landmarks) - landmarks, axis=1).mean()
            factor *= distance / max(float(moved), 1e-9)
        return rigid(factor * degrees, factor * translation)
