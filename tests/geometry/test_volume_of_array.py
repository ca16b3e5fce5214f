"""Volumes of arrays have the geometry that SimpleITK and nibabel give to the same numbers."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

import regkit
from regkit.errors import GeometryError

SHAPE = (4, 5, 6)


def voxels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)


def oblique(seed: int) -> np.ndarray:
    """Return a random orthonormal matrix, a reflection for odd seeds."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return axes * [np.linalg.det(axes) * (-1.0 if seed % 2 else 1.0), 1, 1]


@given(seed=st.integers(0, 1000))
def test_spacing_origin_and_direction_are_those_of_simpleitk(seed):
    array, direction = voxels(seed), oblique(seed)
    spacing, origin = (1.5, 0.7, 4.0), (-3.0, 8.0, 100.0)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(direction.ravel().tolist())
    made = regkit.volume(array, spacing, origin, direction)
    for index in ((0, 0, 0), (3, 0, 5), (1, 4, 2)):
        point = image.TransformIndexToPhysicalPoint(index[::-1])
        assert made.grid.to_physical(index) == pytest.approx(point, abs=1e-9)
        assert made.array[index] == image[index[::-1]]


@given(seed=st.integers(0, 1000))
def test_an_affine_of_nibabel_is_read_as_its_file(seed, tmp_path_factory):
    affine = np.eye(4)
    affine[:3, :3] = oblique(seed) * (2.0, 0.9, 3.5)
    affine[:3, 3] = (5, -60, 7)
    image = nibabel.Nifti1Image(voxels(seed), affine)
    file = tmp_path_factory.mktemp("nifti") / "a.nii"
    nibabel.save(image, file)
    made = regkit.volume(image.get_fdata(), affine=image.affine, frame="RAS", modality="mr")
    read = regkit.read_volume(file)
    assert np.array_equal(made.array, read.array)
    assert made.grid.matches(read.grid, 1e-4)
    assert made.modality == "mr"


def test_an_affine_to_lps_belongs_to_the_axes_of_the_array_whatever_their_order():
    array, grid = voxels(1), regkit.Grid(SHAPE, (1, 2, 3), (4, 5, 6), tuple(oblique(2).ravel()))
    made = regkit.volume(array, affine=grid.affine)
    turned = regkit.volume(array.transpose(2, 0, 1), affine=grid.affine[:, [2, 0, 1, 3]])
    assert made.grid.matches(grid)
    points = turned.grid.to_physical([(5, 0, 1), (2, 3, 4)])
    assert grid.to_index(points) == pytest.approx(np.array([(0, 1, 5), (3, 4, 2)]), abs=1e-9)


def test_one_number_is_the_size_along_all_axes():
    assert regkit.volume(voxels(0), 2.5).spacing == (2.5, 2.5, 2.5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "the size of the voxels is not known; give spacing=.* or an affine"),
        ({"spacing": 1, "affine": np.eye(4)}, "say the same; give one of them"),
        ({"spacing": (1, 2)}, "spacing must be 3 numbers"),
        ({"spacing": (1, 0, 2)}, "spacing must be positive"),
        ({"affine": np.eye(3)}, "must be a 4 x 4 matrix"),
        ({"affine": np.eye(4), "frame": "ras"}, "frame must be LPS or RAS, got 'ras'"),
        ({"spacing": 1, "frame": "RAS"}, "only an affine can be in RAS"),
    ],
)
def test_what_does_not_make_a_geometry_is_refused(given, said):
    with pytest.raises(GeometryError, match=said):
        regkit.volume(voxels(0), **given)


def test_a_plane_is_refused():
    with pytest.raises(GeometryError, match=r"needs a 3-D array, got one of shape \(4, 4\)"):
        regkit.volume(np.zeros((4, 4)), 1)
