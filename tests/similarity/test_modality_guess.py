"""The modality is guessed from values and voxels where they tell it, and only there."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from regkit import Grid, Volume, read_volume
from regkit.similarity.modality_guess import guess_modality

SHAPE = (24, 32, 32)


def _body() -> np.ndarray:
    """Return an ellipsoid of tissue, 0 to 1, with a blurred edge."""
    z, y, x = np.indices(SHAPE) / np.array(SHAPE)[:, None, None, None] - 0.5
    return gaussian_filter(((x / 0.4) ** 2 + (y / 0.35) ** 2 + (z / 0.6) ** 2 < 1) * 1.0, 0.7)


def _noise(scale: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, scale, SHAPE)


def _uptake() -> np.ndarray:
    hot = np.zeros(SHAPE)
    hot[10:14, 12:16, 18:22] = 14
    return gaussian_filter(_body() + hot, 1.0)


def _volume(values: np.ndarray, spacing) -> Volume:
    return Volume(values, Grid(SHAPE, spacing))


CT = 40 * _body() - 1000 * (1 - _body()) + _noise(15)
MU = 0.15 * _body() + np.abs(_noise(1e-3))
MR = 700 * _body() + np.abs(_noise(20)) + 100 * gaussian_filter(_noise(1), 2)
COUNTS = np.random.default_rng(0).poisson(3 * _uptake())
SUV = np.maximum(_uptake() + _noise(0.02), 0)
PICTURE = np.round(np.clip(MR / MR.max(), 0, 1) * 255)

KNOWN = {
    "CT": (CT, (1, 1, 3), "ct"),
    "CT, whole numbers": (np.round(CT), (1, 1, 3), "ct"),
    "CT, padded": (np.where(_body() < 0.01, -2000, CT), (1, 1, 3), "ct"),
    "mu map": (MU, (6.8, 6.8, 6.8), "mu"),
    "PET in SUV": (SUV, (4.07, 4.07, 3), "pet"),
    "PET in SUV, cubes of 4 mm": (SUV, (4, 4, 4), "pet"),
    "PET in Bq/ml": (3000 * SUV, (4.07, 4.07, 3), "pet"),
    "PET with negative noise": (_uptake() + _noise(0.02), (4.07, 4.07, 3), "pet"),
    "SPECT in counts": (COUNTS, (4.42, 4.42, 4.42), "spect"),
    "SPECT in counts, many": (100 * COUNTS, (6.4, 6.4, 6.4), "spect"),
    "SPECT, reconstructed": (SUV, (4.42, 4.42, 4.42), "spect"),
    "MR": (MR, (0.9, 0.9, 1.2), "mr"),
    "MR, whole numbers": (np.round(MR), (2, 2, 2), "mr"),
}
UNKNOWN = {
    "eight bits": (PICTURE, (0.4, 0.4, 0.4), "0 to 255"),
    "segmentation": (np.round(3 * _body()), (1, 1, 1), "as a segmentation"),
    "normalized": (MR / MR.max(), (1, 1, 1), "normalized to at most 1"),
    "z scores": ((MR - MR.mean()) / MR.std(), (1, 1, 1), "are no known unit"),
    "CT + 1000": (np.round(np.maximum(CT + 1000, 0)), (1, 1, 3), "an offset of about 1000"),
    "constant": (np.ones(SHAPE), (1, 1, 1), "all the same"),
    "nothing": (np.full(SHAPE, np.nan), (1, 1, 1), "all the same"),
    "brain": (30 * _body() + np.abs(_noise(0.5)), (2, 2, 2), "fit several modalities"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_typical_images(name):
    values, spacing, modality = KNOWN[name]
    guess = guess_modality(_volume(values, spacing))
    assert guess.modality == modality, guess.reason
    assert guess.reason


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_a_sample_is_not_of_the_same_columns(columns, monkeypatch):
    """In steps of a whole row, half a row or a quarter, a sample would miss the patient."""
    values = np.full((40, 64, 64), -1000.0)
    values[:, 8:56, 4:14] = 40.0
    volume = Volume(values, Grid(values.shape, (1.0, 1.0, 3.0)))
    assert guess_modality(volume).modality == "ct"
    monkeypatch.setattr("regkit.similarity.modality_guess.SAMPLES", 40 * 64 * columns)
    assert guess_modality(volume).modality == "ct"


@pytest.mark.parametrize("name", UNKNOWN)
def test_images_that_do_not_tell(name):
    values, spacing, reason = UNKNOWN[name]
    guess = guess_modality(_volume(values, spacing))
    assert guess.modality == "", guess.reason
    assert reason in guess.reason


REAL = {
    "ibsi_sts/STS_002/CT_image.nii.gz": {"ct"},
    "ibsi_sts/STS_029/CT_image.nii.gz": {"ct"},
    "ts_ct/example_ct.nii.gz": {"ct"},
    "ibsi_sts/STS_018/PET_image.nii.gz": {"pet"},
    "ibsi_sts/STS_006/PET_image.nii.gz": {"pet"},
    "ibsi_sts/STS_006/MR_T1_image.nii.gz": {"mr"},
    "ibsi_sts/STS_023/MR_T1_image.nii.gz": {"mr"},
    "mni2009c_multicontrast/2mm_T2.nii.gz": {"mr"},
    "rire_partial/training_001_mr_T1.mha": {"mr"},
    "polaffini_t1_dkt/target_t1.nii.gz": {"mr"},
    "mne_t1_aseg/T1.mgz": {"mr", ""},
    "polaffini_t1_dkt/mni_t1_2mm.nii.gz": {"mr", ""},
    "deepreg_mrtrus/moving_images/case000000.nii.gz": {"mr", ""},
    "deepreg_mrtrus/fixed_images/case000000.nii.gz": {"us", ""},
    "nm_phantoms/derived/patient15_LuDOTATATE_attn.nii.gz": {""},
    "nm_phantoms/derived/xcat_hta_4mm.nii.gz": {""},
}


@pytest.mark.parametrize("name", REAL)
def test_real_images_are_never_taken_for_another_modality(name, shared_data):
    guess = guess_modality(read_volume(shared_data / name))
    assert guess.modality in REAL[name], guess.reason


def test_pet_of_real_patients_in_other_units(shared_data):
    volume = read_volume(shared_data / "ibsi_sts/STS_018/PET_image.nii.gz")
    guess = guess_modality(volume.with_array(volume.array * 4000))
    assert guess.modality == "pet"
    assert "Bq/ml" in guess.reason
    counts = guess_modality(volume.with_array(np.round(volume.array * 50)))
    assert counts.modality == "spect"
