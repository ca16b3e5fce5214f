"""``lv-spect-hard`` and ``lv-pet-hard``: ventricles and scans as varied as in clinics, or more.

Ventricles are irregular, see `regkit_nuclear.phantoms.thorax.irregular`, defects many and deep,
blood, right ventricle, liver and gut bright; counts and resolution are of many scanners.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from regkit.datasets.case import Case
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import Volume
from regkit_nuclear.cohorts.cohort import CohortStream, cohort_generator
from regkit_nuclear.cohorts.lv import LvPet, LvSpect, Reconstruction
from regkit_nuclear.painting.random_streams import chance
from regkit_nuclear.spect.gaussian import blur
from regkit_nuclear.spect.geometry import FWHM_PER_SIGMA

# Chosen by hand: from one gate of a quick scan to a long one, and from no filter to a strong one.
COUNTS = (5e5, 1.6e7)
# Factor on the SUV of PET, whose relative noise is the smaller the larger it is.
DOSE = (0.2, 3.0)
# Distance from the ventricle's centre that every field of view shows.
SHOWN_MM = 80.0
FILTER_FWHM_MM = {"spect": 8.0, "pet": 7.0}


@dataclass(frozen=True)
class LvSpectHard(LvSpect):
    """Myocardial perfusion SPECT of irregular left ventricles, of scanners of many kinds.

    The cohort ``lv-spect`` with other patients and scans: half of them are corrected for
    attenuation. The truth maps the frame of the labels, see
    `regkit_nuclear.phantoms.thorax.irregular`.
    """

    name: ClassVar[str] = "lv-spect-hard"
    irregular: ClassVar[bool] = True

    reconstruction: Reconstruction = "either"

    def draw_counts(self, rng: np.random.Generator) -> float:
        """Return the counts of an acquisition."""
        return _between(rng, COUNTS)

    def case(self, index: int) -> Case:
        """Return one case."""
        seed = self.patient_seed(index)
        return truncated(super().case(index), cohort_generator(seed, CohortStream.FIELD_OF_VIEW))

    def scan(self, activity: Volume, mu: Volume, rng: np.random.Generator) -> Volume:
        """Return the filtered SPECT of an activity and an attenuation."""
        return filtered(super().scan(activity, mu, rng), rng)


@dataclass(frozen=True)
class LvPetHard(LvPet):
    """Myocardial perfusion PET of irregular left ventricles, of scanners of many kinds.

    The cohort ``lv-pet`` with other patients and scans. The truth maps the frame of the labels,
    see `regkit_nuclear.phantoms.thorax.irregular`.
    """

    name: ClassVar[str] = "lv-pet-hard"
    irregular: ClassVar[bool] = True

    def case(self, index: int) -> Case:
        """Return one case."""
        seed = self.patient_seed(index)
        return truncated(super().case(index), cohort_generator(seed, CohortStream.FIELD_OF_VIEW))

    def scan(self, activity: Volume, mu: Volume, rng: np.random.Generator) -> Volume:
        """Return the filtered PET of an activity, in SUV."""
        dose = np.float32(_between(rng, DOSE))
        return filtered(super().scan(activity.with_array(activity.array * dose), mu, rng), rng)


def truncated(case: Case, rng: np.random.Generator) -> Case:
    """Return a case whose image is zero, in half of the cases, beyond a box around the heart."""
    moving, truth = case.pair.moving, case.truth
    assert isinstance(truth, AffineTransform)  # noqa: S101 - simulated
    if chance(rng, 0.5):
        return case
    heart = moving.grid.to_index(truth.map_points((0.0, 0.0, 0.0)))
    shown = SHOWN_MM / np.asarray(moving.grid.spacing[::-1])
    size = moving.grid.shape_zyx
    first = rng.uniform(0, np.maximum(heart - shown, 0)).astype(int)
    last = rng.uniform(np.minimum(heart + shown, size), size).astype(int)
    z, y, x = (slice(a, b) for a, b in zip(first.tolist(), last.tolist(), strict=True))
    array = np.zeros_like(moving.array)
    array[z, y, x] = moving.array[z, y, x]
    return replace(case, pair=replace(case.pair, moving=moving.with_array(array)))


def filtered(image: Volume, rng: np.random.Generator) -> Volume:
    """Return an image blurred by a Gaussian of a width that is drawn."""
    width = rng.uniform(0, FILTER_FWHM_MM[image.modality]) / FWHM_PER_SIGMA
    array = torch.tensor(image.array)[None]
    return image.with_array(blur(array, image.grid.spacing, width)[0].numpy())


def _between(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(*np.log(bounds))))
