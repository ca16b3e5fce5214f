"""Check whether an attenuation map is aligned with the emission image that it corrects.

The transmission image is registered to the emission image. What counts is where this puts the
heart: the shift of the myocardium, against one voxel of the emission image and against the error
that the shift itself has.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from regkit.alignment.alignment_text import index_in_words, leave_in_words, movement_in_words
from regkit.alignment.emission_transmission import (
    MAX_ETI_PCT,
    emission_transmission_index,
    index_after_shifts,
)
from regkit.alignment.heart import Myocardium, myocardium_or_reason
from regkit.alignment.transmission import Transmission, as_transmission
from regkit.arguments import checked
from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.transform import Transform, linear_part
from regkit.geometry.volume import LabelMap, Volume
from regkit.io import read_labels
from regkit.io.library_images import ImageLike, as_volume
from regkit.io.photon_energy import PhotonEnergy, tracer_energy
from regkit.registrar import Pair, Registrar, Status
from regkit.registration.expression import MethodName
from regkit.registration.initialization import default_initializer, with_initial_transform
from regkit.registration.modalities import with_modalities
from regkit.registration.pipeline import build_method
from regkit.registration.run import RegistrationResult, run
from regkit.registration.verdict_rules import RANKS
from regkit.similarity.point_sample import sample_points

# The limit is a voxel of the emission image (Chen et al., J Nucl Cardiol 2006;13:43, measured with
# the 6.8 mm of SPECT), and not less than this with the finer ones of PET; chosen by hand.
LEAST_LIMIT_MM = 5.0
# The default. `auto` would keep the headers unless another place is better by 3 standard errors of
# the similarity, and so overlooks shifts of a voxel (2.8 standard errors in the first one tried).
ALIGNMENT_METHOD = "consensus"
# Expected errors, which are medians, within which 95 % of the errors are: the length of a vector
# with three independent normal components has its 95 % quantile at 1.8 medians.
SURE = 1.8
# Name of the point whose expected error the verdict tells.
HEART = "heart"


@dataclass(frozen=True, eq=False)
class AlignmentCheck:
    """Result of a check of a transmission image against an emission image.

    Parameters
    ----------
    status
        ``OK``: the heart is surely less than a voxel off; ``FAIL``: a voxel or more, or the images
        could not be aligned; ``CHECK``: either may be.
    reasons
        Sentences on the status, the decisive one first.
    shift_mm
        Shift that brings the transmission image into alignment, at the centre of the myocardium,
        LPS mm: the way to move it.
    rotation_deg
        Angle of the rotation that goes with it, degrees.
    distance_mm
        Mean distance over the myocardium between where it is and where it should be, mm.
    limit_mm
        Distance from which the image is misaligned, mm.
    expected_error_mm
        Expected error of the shift, mm; None if it is not known.
    voxel_mm
        Voxel of the emission image along the patient's axes x, y, z, mm.
    eti_pct
        Emission-transmission index: percentage of the myocardium on lung or air; None where the
        heart was not found or is hardly in the transmission image.
    eti_corrected_pct
        The same after the correction.
    eti_shifted_pct
        The same, without the correction, after a shift of the transmission image by one voxel in
        each direction.
    transmission
        The transmission image and its attenuation map.
    myocardium
        The myocardium; None if it was not found.
    result
        The registration: fixed is the emission, moving the transmission image.
    """

    status: Status
    reasons: tuple[str, ...]
    shift_mm: Vector3
    rotation_deg: float
    distance_mm: float
    limit_mm: float
    expected_error_mm: float | None
    voxel_mm: Vector3
    eti_pct: float | None
    eti_corrected_pct: float | None
    eti_shifted_pct: dict[str, float | None]
    transmission: Transmission
    myocardium: Myocardium | None
    result: RegistrationResult

    @property
    def shift_voxels(self) -> Vector3:
        """The shift in voxels of the emission image, along the patient's axes x, y, z (LPS)."""
        x, y, z = np.divide(self.shift_mm, self.voxel_mm).tolist()
        return x, y, z

    @property
    def transform(self) -> Transform:
        """The map from points of the emission to points of the transmission image, LPS mm."""
        return self.result.transform

    @property
    def words(self) -> str:
        """Sentence that says how to move the transmission image, in the patient's terms."""
        name = self.transmission.name
        if self.status == "OK":
            return leave_in_words(name, self.shift_mm)
        return movement_in_words(name, self.shift_mm, self.shift_voxels, self.rotation_deg)

    @property
    def results(self) -> dict[str, Any]:
        """The main results as plain data; the keys are a contract."""
        return {
            "status": self.status,
            "shift_mm": _rounded(self.shift_mm),
            "shift_voxels": _rounded(self.shift_voxels),
            "rotation_deg": round(self.rotation_deg, 2),
            "words": self.words,
            "eti_pct": _rounded_number(self.eti_pct),
            "expected_error_mm": _rounded_number(self.expected_error_mm),
            "reasons": list(self.reasons),
        }

    def __repr__(self) -> str:
        reasons = "".join(f"\n  - {reason}" for reason in self.reasons)
        return f"<AlignmentCheck {self.status}: {self.words}{reasons}>"


@checked
def check_alignment(
    emission: ImageLike,
    transmission: ImageLike,
    method: MethodName = ALIGNMENT_METHOD,
    *,
    emission_modality: str = "",
    transmission_modality: str = "",
    labels: LabelMap | str | os.PathLike[str] | None = None,
    energy_kev: float | None = None,
    limit_mm: float | None = None,
    device: str = "auto",
    **parameters: Any,
) -> AlignmentCheck:
    """Check whether an attenuation map is aligned with the emission image that it corrects.

    Parameters
    ----------
    emission
        SPECT or PET without attenuation correction: a path, a volume, or an image of SimpleITK,
        nibabel or ANTs.
    transmission
        CT in HU (modality ``ct``) or attenuation map (``mu``), likewise.
    method
        Method that registers the transmission to the emission image, as for `register`.
    emission_modality, transmission_modality
        Modalities; empty for those of the images, or a guess.
    labels
        Segmentation of the emission image with 1 for the myocardium, or its file; None to find it
        by the method ``ms-st-unet``.
    energy_kev
        Photon energy of the tracer, keV; None for that of the tracer that the header of a DICOM
        file names, else 511 with PET and 140.5 (Tc-99m) with SPECT.
    limit_mm
        Distance from which the image is misaligned, mm; None for a voxel of the emission image,
        5 mm at least.
    device
        Device on which the heart is found: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    **parameters
        Parameters of the method.

    Raises
    ------
    RegkitError
        An image cannot be read or used, or the method fails.
    """
    pair = Pair(
        as_volume(emission, "emission", emission_modality),
        as_volume(transmission, "transmission", transmission_modality),
    )
    if isinstance(labels, str | os.PathLike):
        labels = read_labels(labels)
    return run_alignment_check(
        build_method(method, parameters),
        pair,
        method,
        labels=labels,
        energy=tracer_energy(energy_kev, emission),
        limit_mm=limit_mm,
        device=device,
    )


def run_alignment_check(
    registrar: Registrar,
    pair: Pair,
    method: str,
    *,
    labels: LabelMap | None = None,
    energy: PhotonEnergy | None = None,
    limit_mm: float | None = None,
    device: str = "auto",
) -> AlignmentCheck:
    """Check a pair of emission (fixed) and transmission (moving) with a method that is built.

    Parameters
    ----------
    registrar
        The method, with its parameters.
    pair
        The images.
    method
        Name of the method in the result.
    labels, limit_mm, device
        See `check_alignment`.
    energy
        Energy of the tracer's photons; None for the usual one of the emission's modality.
    """
    if limit_mm is not None and not 0 < limit_mm < np.inf:
        raise ParameterError(f"the limit must be a positive number of mm, got {limit_mm:g}")
    pair = with_modalities(pair)
    transmission = as_transmission(pair.moving, pair.fixed.modality, energy)
    myocardium, missing = myocardium_or_reason(pair.fixed, labels, device)
    points = _body(pair.fixed) if myocardium is None else myocardium.points
    result = _registered(registrar, pair, transmission, method, points)
    voxel_mm = patient_voxel(pair.fixed.grid)
    limit = max(*pair.fixed.grid.spacing, LEAST_LIMIT_MM) if limit_mm is None else limit_mm
    found = _Finding.of(result, points, limit)
    eti, corrected, shifted = _indices(myocardium, transmission, result.transform, voxel_mm)
    issues = [_shift_issue(found, transmission.name), *_index_issues(eti, corrected)]
    notes = [f"registration: {reason}" for reason in result.verdict.reasons]
    notes += [note for note in (missing, *transmission.notes) if note]
    return AlignmentCheck(
        status=max((status for status, _ in issues), key=RANKS.__getitem__),
        reasons=(*(reason for _, reason in issues), *notes),
        shift_mm=found.shift_mm,
        rotation_deg=found.rotation_deg,
        distance_mm=found.distance_mm,
        limit_mm=limit,
        expected_error_mm=found.expected_mm,
        voxel_mm=voxel_mm,
        eti_pct=eti,
        eti_corrected_pct=corrected,
        eti_shifted_pct=shifted,
        transmission=transmission,
        myocardium=myocardium,
        result=result,
    )


def patient_voxel(grid: Grid) -> Vector3:
    """Return the voxel along the patient's axes x, y, z, mm: that of the grid's nearest axis."""
    nearest = np.abs(np.reshape(grid.direction, (3, 3))).argmax(axis=1)
    x, y, z = np.asarray(grid.spacing)[nearest].tolist()
    return x, y, z


@dataclass(frozen=True)
class _Finding:
    """Place of the heart after a registration."""

    shift_mm: Vector3
    rotation_deg: float
    distance_mm: float
    limit_mm: float
    expected_mm: float | None
    failed: str

    @classmethod
    def of(cls, result: RegistrationResult, points: FloatArray, limit_mm: float) -> _Finding:
        transform, verdict = result.transform, result.verdict
        centre = points.mean(axis=0)
        x, y, z = (centre - transform.map_points(centre)).tolist()
        rotation = nearest_rotation(linear_part(transform, (centre[0], centre[1], centre[2])))
        moved = np.linalg.norm(transform.map_points(points) - points, axis=1)
        expected = verdict.points[0].expected_mm if verdict.points else None
        failed = "; ".join(verdict.reasons) if verdict.status == "FAIL" else ""
        angle = rotation_angle(rotation)
        return cls((x, y, z), angle, float(moved.mean()), limit_mm, expected, failed)


def _registered(
    registrar: Registrar,
    pair: Pair,
    transmission: Transmission,
    method: str,
    points: FloatArray,
) -> RegistrationResult:
    """Register the pair; the result holds the transmission image as it was given."""
    x, y, z = points.mean(axis=0).tolist()
    image = transmission.image if transmission.image.modality == "ct" else transmission.mu
    given = replace(pair, moving=image)
    started = with_initial_transform(default_initializer(method), given, method)
    result = run(registrar, started, method, points={HEART: (x, y, z)})
    return replace(result, pair=replace(result.pair, moving=transmission.image))


def _indices(
    myocardium: Myocardium | None, transmission: Transmission, found: Transform, voxel_mm: Vector3
) -> tuple[float | None, float | None, dict[str, float | None]]:
    """Return the index now, after the correction, and after shifts of one voxel."""
    if myocardium is None:
        return None, None, {}
    of = (myocardium.points, transmission.mu, transmission.tissue_per_cm)
    return (
        emission_transmission_index(*of),
        emission_transmission_index(*of, found),
        index_after_shifts(*of, voxel_mm),
    )


def _shift_issue(found: _Finding, name: str) -> tuple[Status, str]:
    """Return what the shift says, against the limit and against its own error."""
    distance, limit, expected = found.distance_mm, found.limit_mm, found.expected_mm
    where = f"the heart in the {name} is {distance:.1f} mm from that in the emission image"
    if found.failed:
        return (
            "FAIL",
            f"the images could not be aligned, so the shift is not known: {found.failed}",
        )
    if expected is None:
        status: Status = "FAIL" if distance >= limit else "CHECK"
        return status, f"{where}, and how wrong that may be is not known (limit {limit:.1f} mm)"
    sure = f"{where}, with an expected error of {expected:.1f} mm"
    if distance >= limit and distance >= SURE * expected:
        return "FAIL", f"{sure}: {limit:.1f} mm or more, which impairs the correction"
    if distance + SURE * expected >= limit:
        return "CHECK", f"{sure}: it may be {limit:.1f} mm or more"
    return "OK", f"{sure}: surely less than {limit:.1f} mm"


def _index_issues(eti: float | None, corrected: float | None) -> list[tuple[Status, str]]:
    """Return what the emission-transmission index says."""
    if eti is None:
        return []
    return [("CHECK" if eti > MAX_ETI_PCT else "OK", index_in_words(eti, corrected, MAX_ETI_PCT))]


def _body(emission: Volume) -> FloatArray:
    """Return points of the body, where the heart is not known."""
    sample = sample_points(emission)
    return sample.points[sample.foreground]


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 2) + 0.0 for value in values]


def _rounded_number(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
