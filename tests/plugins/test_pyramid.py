"""Resolutions in millimetres; SimpleITK's own resampling is the judge of where voxels are."""

import numpy as np
import pytest
import SimpleITK as sitk

from regkit import Grid, Volume
from regkit.errors import RegistrationError
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.sitk_bridge import volume_to_sitk
from regkit_classic.pyramid import at_level, levels_mm

OBLIQUE = tuple(rotation_matrix((20, -10, 30)).ravel().tolist())
SLABS = Grid((40, 128, 96), (1.0, 1.0, 4.0), (10, 20, 30), OBLIQUE)


def test_levels_halve_down_to_between_both_voxel_sizes() -> None:
    coarse, medium, fine = levels_mm(Grid((50,) * 3, (2,) * 3), Grid((50,) * 3, (8,) * 3), 3)
    assert (coarse, medium, fine) == pytest.approx((16, 8, 4))


def test_huge_images_are_not_used_at_full_resolution() -> None:
    huge = Grid((1600, 1600, 1600), (0.2, 0.2, 0.2))
    assert levels_mm(huge, huge, 1) == pytest.approx((2.0,))


def test_axes_shrink_by_their_own_factors() -> None:
    image = at_level(Volume(np.random.default_rng(0).random(SLABS.shape_zyx), SLABS), 4.0)
    assert image.GetSize() == (24, 32, 40)
    assert image.GetSpacing() == pytest.approx((4, 4, 4))


def test_no_axis_falls_below_sixteen_voxels() -> None:
    image = at_level(Volume(np.random.default_rng(0).random((6, 40, 100)), Grid((6, 40, 100))), 50)
    assert image.GetSize() == (16, 20, 6)


def test_a_smooth_image_keeps_its_place() -> None:
    index = np.stack(np.meshgrid(*map(np.arange, SLABS.shape_zyx), indexing="ij"), axis=-1)
    ramp = SLABS.to_physical(index) @ (0.3, -0.2, 0.5)
    coarse = at_level(Volume(ramp, SLABS), 4.0)
    truth = sitk.Resample(volume_to_sitk(Volume(ramp, SLABS)), coarse)
    inner = (slice(8, -8),) * 3
    found, true = (sitk.GetArrayFromImage(image)[inner] for image in (coarse, truth))
    np.testing.assert_allclose(found, true, atol=0.02)


def test_thin_images_are_refused() -> None:
    with pytest.raises(RegistrationError, match="too thin"):
        at_level(Volume(np.ones((1, 30, 30)), Grid((1, 30, 30))), 2.0)
