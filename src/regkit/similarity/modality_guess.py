"""Guess the modality of an image from its values and voxels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.volume import Volume
from regkit.similarity.padding import padding_values

# Voxels that are looked at; chosen by hand, enough for quantiles of a thousandth.
SAMPLES = 200_000
# Below this are air and lung in HU, within the other range soft tissue and fat; so large a
# fraction of any CT of a patient is either. Chosen by hand.
AIR_HU, SOFT_TISSUE_HU, HIGHEST_HU = -500.0, (-200.0, 200.0), 5000.0
CT_FRACTION = 0.02
# Attenuation of soft tissue from 511 keV (0.096 / cm) to 140 keV (0.154 / cm), with a margin
# (NIST XCOM), and of metal, which is above all that a patient has; lungs are above air.
TISSUE_PER_CM, HIGHEST_PER_CM, AIR_PER_CM = (0.07, 0.2), 0.7, 0.03
# Ratio of the brightest thousandth to the median of the brighter half: 7.9 and more in the PET of
# 8 sarcoma patients, 3.0 and less in 30 MR images, 3.8 and less in 15 ultrasound images.
HOT_RATIO = 4.0
# Scanners of patients have no finer voxels in PET and SPECT (HRRT: 1.2 mm).
EMISSION_VOXEL_MM = 1.2
# Voxels of SPECT are cubes of at least this size, those of the detector's pixels; cubes of whole
# millimeters are made by choice, as for PET, whose field of view may be longer. Chosen by hand.
SPECT_VOXEL_MM, SPECT_LENGTH_MM, CUBE_TOLERANCE = 3.3, 550.0, 0.005
# The values of PET in SUV lie below, those in Bq/ml far above; chosen by hand.
LARGEST_SUV = 200.0
# Whole numbers in finer voxels are more likely MR than the counts of a brain; chosen by hand.
MR_VOXEL_MM = 3.3
# Pictures of eight bits end here: MR, ultrasound and a windowed CT look alike in them.
PICTURE_MAX = 255.0
# Fewer values than these make a segmentation, if neighbors are as often the same: noise of
# counts is not. Chosen by hand.
FEWEST_VALUES, SAME_NEIGHBORS = 32, 0.7
# Slices in which neighbors are compared; chosen by hand.
COMPARED_SLICES = 16
# Soft tissue and fat of a CT that is stored with an offset of about 1000, and the range between
# lung and fat, in which a CT has next to nothing.
OFFSET_TISSUE, OFFSET_GAP = (850.0, 1250.0), (350.0, 800.0)
# Air of such a CT, and fractions of its values in the ranges; chosen by hand.
OFFSET_AIR, OFFSET_TISSUE_FRACTION, OFFSET_GAP_FRACTION = 300.0, 0.2, 0.08


@dataclass(frozen=True)
class ModalityGuess:
    """A guessed modality and the reason for it.

    Parameters
    ----------
    modality
        One of `regkit.geometry.volume.MODALITIES`; empty if the image does not tell.
    reason
        Finding that led to the guess, or that prevents one.
    """

    modality: str
    reason: str


@dataclass(frozen=True)
class _Facts:
    """Finite values of a sample of voxels, and what several rules need of an image.

    Parameters
    ----------
    values
        Sample of the intensities.
    spacing
        Voxel size along x, y, z in mm.
    length_mm
        Field of view along the patient.
    same_neighbors
        Fraction of neighbors along x that have the same value, background left out.
    """

    values: NDArray[np.float64]
    spacing: tuple[float, float, float]
    length_mm: float
    same_neighbors: float

    def within(self, low: float, high: float) -> float:
        """Return the fraction of the values within a range."""
        return float(((self.values >= low) & (self.values <= high)).mean())

    def quantile(self, fraction: float) -> float:
        return float(np.quantile(self.values, fraction))

    @property
    def is_whole(self) -> bool:
        return bool((self.values == np.round(self.values)).mean() > 0.999)

    @property
    def hot_ratio(self) -> float:
        bright = self.values[self.values > self.values.mean()]
        middle = float(np.median(bright)) if bright.size else 0.0
        return self.quantile(0.999) / middle if middle > 0 else 0.0

    @property
    def has_negative(self) -> bool:
        """A sign that is more than noise: filtered back-projection leaves a little."""
        return self.quantile(0.01) < -0.02 * max(self.quantile(0.999), 0.0)


def guess_modality(volume: Volume) -> ModalityGuess:
    """Guess what an image is.

    CT in HU, attenuation maps in 1/cm, PET (SUV or Bq/ml), SPECT and MR are told apart where
    their values are typical; images of eight bits, segmentations and normalized images are not.

    Parameters
    ----------
    volume
        Image whose own modality is ignored.
    """
    facts = _facts(volume)
    if facts.values.size == 0 or facts.values.min() == facts.values.max():
        return ModalityGuess("", "its values are all the same")
    found = (rule(facts) for rule in RULES)
    return next(guess for guess in found if guess is not None)


def _facts(volume: Volume) -> _Facts:
    flat = volume.array.ravel()
    if flat.size > SAMPLES:  # anywhere: with equal steps it could be the same columns of each row
        flat = flat[np.random.default_rng(0).integers(flat.size, size=SAMPLES)]
    values = flat.astype(np.float64)
    grid = volume.grid
    sides = np.multiply(grid.shape_zyx[::-1], grid.spacing)
    upright = int(np.argmax(np.abs(np.reshape(grid.direction, (3, 3))[2])))
    finite = values[np.isfinite(values) & ~np.isin(values, padding_values(volume))]
    return _Facts(finite, grid.spacing, float(sides[upright]), _same_neighbors(volume.array))


def _same_neighbors(array: NDArray[np.float32]) -> float:
    some = array[:: max(1, len(array) // COMPARED_SLICES)]
    inside = some[..., 1:] != some.min()
    same = some[..., 1:] == some[..., :-1]
    return float(same[inside].mean()) if inside.any() else 0.0


def _ct(facts: _Facts) -> ModalityGuess | None:
    air = float((facts.values < AIR_HU).mean())
    soft = facts.within(*SOFT_TISSUE_HU)
    if min(air, soft) < CT_FRACTION or facts.quantile(0.999) > HIGHEST_HU:
        return None
    return ModalityGuess(
        "ct", f"{air:.0%} of its values are air and lung in HU, and {soft:.0%} soft tissue"
    )


def _mu(facts: _Facts) -> ModalityGuess | None:
    body = facts.values[facts.values > AIR_PER_CM]
    highest = facts.quantile(0.999)
    if facts.has_negative or body.size < CT_FRACTION * facts.values.size:
        return None
    tissue = float(((body >= TISSUE_PER_CM[0]) & (body <= TISSUE_PER_CM[1])).mean())
    if highest > HIGHEST_PER_CM or tissue < 0.5:
        return None
    return ModalityGuess("mu", f"{tissue:.0%} of its body attenuates as tissue does, in 1/cm")


def _segmentation(facts: _Facts) -> ModalityGuess | None:
    count = len(np.unique(facts.values))
    if not facts.is_whole or count >= FEWEST_VALUES or facts.same_neighbors < SAME_NEIGHBORS:
        return None
    return ModalityGuess("", f"it has only {count} different values, as a segmentation has")


def _picture(facts: _Facts) -> ModalityGuess | None:
    low, high = float(facts.values.min()), float(facts.values.max())
    if facts.is_whole and low >= 0 and high == PICTURE_MAX:
        return ModalityGuess("", "its values are 0 to 255, as of MR, ultrasound or a windowed CT")
    if facts.has_negative:
        return ModalityGuess("", f"its values from {low:.4g} to {high:.4g} are no known unit")
    if high <= 1:
        return ModalityGuess("", "its values are normalized to at most 1")
    return None


def _emission(facts: _Facts) -> ModalityGuess | None:
    ratio = facts.hot_ratio
    if ratio < HOT_RATIO or min(facts.spacing) < EMISSION_VOXEL_MM:
        return None
    hot = f"its hottest voxels have {ratio:.1f} times the values of the others, as of uptake"
    if facts.is_whole or _has_detector_voxels(facts):
        unlike = "whole numbers, as counts" if facts.is_whole else "cubic voxels, as in SPECT"
        return ModalityGuess("spect", f"{hot}, and {unlike}")
    unit = "SUV" if facts.quantile(0.999) <= LARGEST_SUV else "Bq/ml"
    return ModalityGuess("pet", f"{hot}, and values as in {unit}")


def _has_detector_voxels(facts: _Facts) -> bool:
    """Return whether the voxels are the cubes of SPECT."""
    side = min(facts.spacing)
    is_cube = max(facts.spacing) <= (1 + CUBE_TOLERANCE) * side
    is_round = abs(side - round(side)) <= CUBE_TOLERANCE * side
    is_short = facts.length_mm < SPECT_LENGTH_MM
    return is_cube and not is_round and is_short and side >= SPECT_VOXEL_MM


def _offset_ct(facts: _Facts) -> ModalityGuess | None:
    tissue, gap = facts.within(*OFFSET_TISSUE), facts.within(*OFFSET_GAP)
    air = facts.within(-1.0, OFFSET_AIR)
    if tissue < OFFSET_TISSUE_FRACTION or gap > OFFSET_GAP_FRACTION * (tissue + air):
        return None
    return ModalityGuess("", "it looks like a CT with an offset of about 1000, not in HU")


def _mr(facts: _Facts) -> ModalityGuess | None:
    finest = min(facts.spacing)
    sharp = finest < EMISSION_VOXEL_MM or (facts.is_whole and finest < MR_VOXEL_MM)
    if not sharp or facts.quantile(0.999) <= PICTURE_MAX:
        return None
    return ModalityGuess("mr", "its values and voxels are those of MR, in arbitrary units")


def _unknown(facts: _Facts) -> ModalityGuess:
    low, high = float(facts.values.min()), float(facts.values.max())
    return ModalityGuess("", f"its values from {low:.4g} to {high:.4g} fit several modalities")


# The first rule that applies decides; the last always does.
RULES: tuple[Callable[[_Facts], ModalityGuess | None], ...] = (
    _ct,
    _mu,
    _segmentation,
    _picture,
    _emission,
    _offset_ct,
    _mr,
    _unknown,
)
