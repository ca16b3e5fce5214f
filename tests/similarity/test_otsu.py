"""Otsu's threshold: SimpleITK is the judge."""

import numpy as np
import pytest
import SimpleITK as sitk

from regkit.similarity.otsu import otsu_threshold


@pytest.mark.parametrize("seed", range(12))
def test_the_threshold_is_that_of_simpleitk(seed):
    rng = np.random.default_rng(seed)
    parts = [rng.normal(rng.uniform(0, 9), rng.uniform(0.1, 2), 6000) for _ in range(3)]
    values = np.round(np.concatenate(parts), 1 if seed % 2 else 9) * 10.0 ** rng.integers(-3, 5)
    judge = sitk.OtsuThresholdImageFilter()
    judge.SetNumberOfHistogramBins(256)
    judge.Execute(sitk.GetImageFromArray(values[np.newaxis]))
    # ITK rounds its bins to single precision; a bin is 1/256 of the range.
    assert otsu_threshold(values) == pytest.approx(judge.GetThreshold(), abs=1e-6 * np.ptp(values))
