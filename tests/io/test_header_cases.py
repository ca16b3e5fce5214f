"""The small files with a right answer that lie beside the project: unit, place and kind."""

import logging

import numpy as np
import pytest

from regkit import read_volume
from regkit.datasets.folder import read_dataset
from regkit.errors import FileFormatError

PLACED = (2, 2, 3), (-30, 40, 5)
MICRON = (0.002, 0.002, 0.003), (-0.03, 0.04, 0.005)
READ = {
    "n_units_um.nrrd": (*MICRON, ""),
    "n_units_microns.nrrd": (*MICRON, ""),
    "n_units_mm.nrrd": (*PLACED, ""),
    "sform2_q1_conflict.nii": (*PLACED, "50 mm apart: the sform is used"),
    "n_nothing.nrrd": ((1, 1, 1), (0, 0, 0), "a guess"),
    "m_nogeo.mha": ((1, 1, 1), (0, 0, 0), "a guess"),
    "qform_w2.nii": (*PLACED, ""),
    "units4.nii": (*PLACED, "unknown unit code 4"),
    "units7.nii": (*PLACED, "unknown unit code 7"),
    "inter_nan.nii": (*PLACED, "0 is assumed"),
    "dim4_0.nii": (*PLACED, ""),
    "m_comment_first.mha": (*PLACED, ""),
}
NAMED = {
    "i_1Warp.nii.gz": "is a displacement field",
    "TransformParameters.0.txt": "is an elastix transform parameter file",
    "i_e.xfm": "is an MNI transform file",
    "greedy_affine.mat": "is a matrix of numbers",
}


def test_the_files_are_read_where_they_are(shared_files, caplog):
    for name, (spacing, origin, says) in READ.items():
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            volume = read_volume(shared_files / name)
        np.testing.assert_allclose(volume.grid.spacing, spacing, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(volume.grid.origin, origin, atol=1e-4, err_msg=name)
        assert len(caplog.messages) == bool(says), name
        assert says in caplog.text, name
        assert volume.array.min() == 100, name


def test_what_is_no_image_is_named(shared_files):
    for name, kind in NAMED.items():
        with pytest.raises(FileFormatError, match=kind):
            read_volume(shared_files / name)


def test_labeled_landmarks_agree_in_any_order(shared_files):
    for case in read_dataset(shared_files / "lm_dataset"):
        np.testing.assert_allclose(case.fixed_landmarks, case.moving_landmarks)
