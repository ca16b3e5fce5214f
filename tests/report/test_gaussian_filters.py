"""Gaussian filters of one plane: SciPy is the judge."""

import numpy as np
import pytest
from scipy import ndimage

from regkit.report.gaussian_filters import curvature, slope, smoothed

VALUES = np.random.default_rng(0).normal(size=(40, 53)).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.8, 2.0])
@pytest.mark.parametrize(
    ("filtered", "judge"),
    [
        (smoothed, ndimage.gaussian_filter),
        (slope, ndimage.gaussian_gradient_magnitude),
        (curvature, ndimage.gaussian_laplace),
    ],
)
def test_filters_are_those_of_scipy(filtered, judge, sigma):
    expected = judge(VALUES, sigma, mode="nearest", truncate=4.0)
    np.testing.assert_allclose(
        filtered(VALUES, sigma), expected, atol=0.01 * np.abs(expected).max()
    )


def test_a_plane_has_its_slope_and_no_curvature():
    plane = np.add.outer(3.0 * np.arange(60), 4.0 * np.arange(60)).astype(np.float32)
    inside = (slice(20, 40), slice(20, 40))
    np.testing.assert_allclose(slope(plane, 2.0)[inside], 5.0, rtol=1e-3)
    np.testing.assert_allclose(curvature(plane, 2.0)[inside], 0.0, atol=1e-3)
