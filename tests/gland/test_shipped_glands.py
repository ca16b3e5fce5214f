"""The shipped weights on real prostates: these are images of their training, so no score."""

import numpy as np
import pytest

import mr_trus
from regkit import Pair, run
from regkit.registration.pipeline import build_method

pytestmark = pytest.mark.registration


def test_a_real_prostate(shared_data):
    patient = next(mr_trus.prostates(shared_data))
    result = run(build_method("gland"), Pair(*patient.images), "gland")
    start = mr_trus.scores(mr_trus.AffineTransform.shift((0.0, 0.0, 0.0)), patient)
    assert mr_trus.scores(result.transform, patient)["dice"] > start["dice"] + 0.1
    assert not result.estimate.diagnostics["domain_warnings"]


def test_auto_takes_it_where_no_two_methods_agree_and_as_it_is(shared_data):
    """Either image may be the fixed one; the verdict and the labels are those of gland."""
    patient = next(mr_trus.prostates(shared_data))
    for images in (patient.images, patient.images[::-1]):
        alone, chosen = (
            run(build_method(name), Pair(*images), name) for name in ("gland", "auto")
        )
        assert chosen.estimate.diagnostics["used"] == "gland"
        np.testing.assert_array_equal(chosen.transform.matrix, alone.transform.matrix)
        assert chosen.verdict == alone.verdict
        np.testing.assert_array_equal(chosen.estimate.labels.array, alone.estimate.labels.array)


def test_a_wrong_voxel_size_is_told(shared_data):
    """As the headers of the files have it: everything is a third of its size."""
    patient = next(mr_trus.prostates(shared_data, voxel_mm=0.4))
    result = run(build_method("gland"), Pair(*patient.images), "gland")
    assert result.verdict.status != "OK"
    assert np.isfinite(result.transform.matrix).all()
