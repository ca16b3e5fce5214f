"""Scores of the attenuation correction that a registration leads to.

Scores use two entries of a case's `extra`:

``projections``
    The case's `Projections`, or the path of a file that `write_projections` wrote. A path must be
    absolute or relative to the working folder: a dataset resolves it when it reads its index.
``myocardium_label``
    Label of the left ventricle's myocardium in the case's fixed labels.

The moving image is a mu-map, or a CT in HU, from which one is made.
"""

from __future__ import annotations

from os import PathLike
from weakref import WeakKeyDictionary

import numpy as np

from regkit.datasets.case import Case
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import Transform
from regkit.geometry.volume import Volume
from regkit.metrics.evaluation import Evaluation, NotKnownError
from regkit_nuclear.spect.attenuation import attenuation_on
from regkit_nuclear.spect.projections import Projections, read_projections

PROJECTIONS = "projections"
MYOCARDIUM = "myocardium_label"
# Halfway between lung (0.042) and myocardium (0.160) at 140 keV, 1/cm: linear interpolation keeps
# the boundary of the two at this value.
MIN_MYOCARDIAL_MU = 0.10
# A CT in HU has voxels below this, air or lung; chosen by hand.
MAX_AIR_HU = -500

# Reconstructions are kept as long as the case or the evaluation they belong to: the reference is
# the same for every method, an estimate serves both scores.
_references: WeakKeyDictionary[Case, FloatArray] = WeakKeyDictionary()
_estimates: WeakKeyDictionary[Evaluation, FloatArray] = WeakKeyDictionary()


def ac_nmse_pct(evaluation: Evaluation) -> float:
    """Normalised mean squared error of the AC-SPECT, in percent.

    The SPECT is reconstructed with the mu-map aligned by the estimate and by the truth. Each image
    is divided by its own mean over the whole volume before the comparison, as in the DuSFE paper,
    so that a common factor has no effect.

    Raises
    ------
    NotKnownError
        The case has no truth or no projections, or its moving image is no mu-map or CT in HU.
    """
    estimate, reference = _images(evaluation)
    return float(100 * ((estimate - reference) ** 2).mean() / (reference**2).mean())


def ac_nmae_pct(evaluation: Evaluation) -> float:
    """Normalised mean absolute error of the AC-SPECT, in percent; see `ac_nmse_pct`."""
    estimate, reference = _images(evaluation)
    return float(100 * np.abs(estimate - reference).mean() / np.abs(reference).mean())


def eti_pct(evaluation: Evaluation) -> float:
    """Emission-transmission index: percentage of the myocardium that lies in lung or air.

    A voxel of the left ventricle's myocardium in the SPECT counts when the registered mu-map has
    less than 0.10/cm there. Chen et al. (J Nucl Cardiol 2006;13:43) accept up to 3 % of mismatch
    between myocardium and mediastinum; theirs is measured on segmented images, this one on the
    case's labels. Fat (0.143/cm) does not count: in a real mu-map it cannot be distinguished from
    muscle. Beyond the slices of the CT its outermost slice is used.

    Raises
    ------
    NotKnownError
        The case does not say which label is the myocardium, or its moving image is no mu-map
        or CT in HU.
    """
    case = evaluation.case
    label = case.extra.get(MYOCARDIUM)
    if label is None or case.fixed_labels is None:
        raise NotKnownError(f"case {case.id} does not say which fixed label is the myocardium")
    myocardium = case.fixed_labels.array == int(label)
    if not myocardium.any():
        raise NotKnownError(f"case {case.id}: no fixed voxel has the myocardium's label {label}")
    grid, transform = case.fixed_labels.grid, evaluation.result.transform
    mu = attenuation_on(grid, _mu_map(case), transform)
    return float(100 * (mu[myocardium] < MIN_MYOCARDIAL_MU).mean())


def _images(evaluation: Evaluation) -> tuple[FloatArray, FloatArray]:
    """Return the AC images with the estimate and with the truth, each divided by its mean."""
    case, truth = evaluation.case, evaluation.truth
    if evaluation not in _estimates:
        _estimates[evaluation] = _corrected(case, evaluation.result.transform, evaluation.device)
    if case not in _references:
        _references[case] = _corrected(case, truth, evaluation.device)
    return _estimates[evaluation], _references[case]


def _corrected(case: Case, transform: Transform, device: str) -> FloatArray:
    projections, mu = _projections(case), _mu_map(case)
    # Most cases have no projections: torch is loaded for those that do.
    from regkit.learning.device import device_named  # noqa: PLC0415
    from regkit_nuclear.spect.osem import reconstruct  # noqa: PLC0415

    image = reconstruct(projections, mu, transform, device=str(device_named(device)))
    array = image.array.astype(np.float64)
    if not array.any():
        raise NotKnownError(f"case {case.id}: the projections hold no counts")
    return np.asarray(array / array.mean())


def _mu_map(case: Case) -> Volume:
    moving = case.pair.moving
    if moving.modality == "mu":
        return moving
    # In DICOM a mu-map is stored as a CT.
    if moving.modality == "ct" and moving.array.min() < MAX_AIR_HU:
        from regkit_nuclear.phantoms.thorax.anatomy import attenuation  # noqa: PLC0415 - as above

        return Volume(attenuation(moving.array), moving.grid, "mu")
    raise NotKnownError(f"case {case.id}: the moving image is neither a mu-map nor a CT in HU")


def _projections(case: Case) -> Projections:
    stored = case.extra.get(PROJECTIONS)
    if isinstance(stored, Projections):
        return stored
    if isinstance(stored, str | PathLike):
        return read_projections(str(stored))
    raise NotKnownError(f"case {case.id} has no projections")
