"""The numbers of networks against SimpleITK's resampling, and back."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from regkit import AffineTransform, Grid, rigid
from regkit.errors import TransformError
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.sitk_bridge import transform_to_sitk
from regkit_pairnets.pose_parameterization import CARDIAC, PROSTATE, PoseParameterization
from strategies import POINTS, RIGID, grids, triples

CONVENTIONS = st.sampled_from(
    [
        CARDIAC,
        PROSTATE,
        PoseParameterization("voxels", "origin"),
        PoseParameterization("mm", "centre"),
    ]
)
# Away from +-90 degrees about y, where angles about x and z cannot be told apart.
NUMBERS = st.tuples(
    triples(st.floats(-20, 20, allow_subnormal=False)),
    st.tuples(*(st.floats(-m, m, allow_subnormal=False) for m in (170, 80, 170))),
).map(np.concatenate)

OBLIQUE = Grid(
    (30, 44, 36),
    (2.0, 1.5, 3.0),
    (40.0, -120.0, 300.0),
    tuple((rotation_matrix((20, -35, 50)) @ np.diag([1, -1, 1])).ravel()),
)
# A fifth of a voxel, or a degree.
STEPS = np.diag([0.2, 0.2, 0.2, 1, 1, 1])
UPRIGHT = Grid((36, 36, 36), (2.5, 2.5, 2.5), (-40.0, -44.0, -50.0))


def blobs(index_xyz: np.ndarray, shape_xyz: np.ndarray) -> np.ndarray:
    """Return a smooth image without symmetries, at positions (..., 3) in voxels."""
    rng = np.random.default_rng(3)
    image = np.zeros(index_xyz.shape[:-1])
    for _ in range(6):
        centre = shape_xyz * rng.uniform(0.38, 0.62, 3)
        size = shape_xyz * rng.uniform(0.06, 0.09, 3)
        image += rng.uniform(0.5, 2) * np.exp(-(((index_xyz - centre) / size) ** 2).sum(-1) / 2)
    return image


def moved_in_the_array(grid: Grid, numbers: np.ndarray, about: np.ndarray) -> tuple:
    """Make two images, of which the second has to move by numbers in voxels and degrees.

    Knows nothing of LPS: turns about x, then y, then z of the array, in voxels times spacing.
    """
    shape = np.array(grid.shape_zyx[::-1])
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    spacing = np.array(grid.spacing)
    mm = (index - about) * spacing
    for axis, degrees in enumerate(numbers[3:]):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        a, b = mm[..., one].copy(), mm[..., two].copy()
        mm[..., one], mm[..., two] = c * a - s * b, s * a + c * b
    arrives = mm / spacing + about + numbers[:3]
    images = []
    for positions in (index, arrives):
        image = sitk.GetImageFromArray(blobs(positions, shape).transpose(2, 1, 0))
        image.SetSpacing(grid.spacing)
        image.SetOrigin(grid.origin)
        image.SetDirection(grid.direction)
        images.append(image)
    return tuple(images)


def mismatch(fixed: sitk.Image, moving: sitk.Image, transform: AffineTransform) -> float:
    """Return the largest difference where both images show something."""
    cubic = sitk.sitkBSpline3
    found = sitk.Resample(moving, fixed, transform_to_sitk(transform), cubic, float("nan"))
    a, b = (sitk.GetArrayFromImage(image) for image in (fixed, found))
    return float(np.nanmax(np.abs(a - b)) / a.max())


@pytest.mark.parametrize("grid", [OBLIQUE, UPRIGHT])
def test_an_image_moved_in_the_array_comes_back_in_physical_space(grid) -> None:
    numbers = np.array([1.6, -2.3, 1.1, 7.0, -9.0, 24.0])
    centre = (np.array(grid.shape_zyx[::-1]) - 1) / 2
    fixed, moving = moved_in_the_array(grid, numbers, centre)
    found = CARDIAC.to_transform(numbers, grid)
    assert found.is_rigid
    assert mismatch(fixed, moving, found) < 0.001
    assert mismatch(fixed, moving, found.inverse()) > 0.5
    nearly = [CARDIAC.to_transform(numbers + step, grid) for step in STEPS]
    assert min(mismatch(fixed, moving, t) for t in nearly) > 0.01


def test_millimetres_about_the_first_voxel() -> None:
    numbers = np.array([1.0, -2.0, 1.5, 3.0, -4.0, 5.0])
    fixed, moving = moved_in_the_array(OBLIQUE, numbers, np.zeros(3))
    in_mm = [*(numbers[:3] * OBLIQUE.spacing), *numbers[3:]]
    assert mismatch(fixed, moving, PROSTATE.to_transform(in_mm, OBLIQUE)) < 0.001


@given(NUMBERS, POINTS)
def test_on_an_upright_grid_itk_means_the_inverse(numbers, points) -> None:
    euler = sitk.Euler3DTransform()
    euler.SetComputeZYX(True)  # Rz Ry Rx
    euler.SetCenter(UPRIGHT.centre)
    euler.SetRotation(*np.deg2rad(numbers[3:]).tolist())
    euler.SetTranslation((numbers[:3] * UPRIGHT.spacing).tolist())
    found = CARDIAC.to_transform(numbers, UPRIGHT).map_points(points)
    back = [euler.TransformPoint(p.tolist()) for p in found]
    np.testing.assert_allclose(back, points, atol=1e-9)


@given(NUMBERS, grids(), CONVENTIONS)
def test_numbers_survive_the_way_there_and_back(numbers, grid, convention) -> None:
    transform = convention.to_transform(numbers, grid)
    assert transform.is_rigid
    back = convention.from_transform(transform, grid)
    np.testing.assert_allclose(back, numbers, atol=1e-7)


@given(RIGID, grids(), CONVENTIONS, POINTS)
def test_transforms_survive_the_way_there_and_back(transform, grid, convention, points) -> None:
    numbers = convention.from_transform(transform, grid)
    again = convention.to_transform(numbers, grid)
    np.testing.assert_allclose(again.map_points(points), transform.map_points(points), atol=1e-5)


@given(NUMBERS, grids())
def test_the_fixed_point_of_a_rotation_stays(numbers, grid) -> None:
    turn = [0, 0, 0, *numbers[3:]]
    for convention, point in ((CARDIAC, grid.centre), (PROSTATE, grid.origin)):
        kept = convention.to_transform(turn, grid).map_points(point)
        np.testing.assert_allclose(kept, point, atol=1e-9)


@given(NUMBERS, grids(), RIGID, POINTS)
def test_a_patient_lying_elsewhere_moves_with_the_frame(numbers, grid, frame, points) -> None:
    moved = Grid.from_affine(grid.shape_zyx, frame.matrix @ grid.affine)
    here, there = (CARDIAC.to_transform(numbers, g) for g in (grid, moved))
    expected = frame @ here @ frame.inverse()
    np.testing.assert_allclose(there.map_points(points), expected.map_points(points), atol=1e-6)


@pytest.mark.parametrize("numbers", [[1, 2, 3], [1, 2, 3, 4, 5, np.nan]])
def test_numbers_that_are_no_motion_are_refused(numbers) -> None:
    with pytest.raises(TransformError, match="takes six finite numbers, got "):
        CARDIAC.to_transform(numbers, UPRIGHT)


def test_a_map_that_is_not_rigid_has_no_numbers() -> None:
    with pytest.raises(TransformError, match="describe a rigid transform"):
        CARDIAC.from_transform(AffineTransform(np.diag([1.1, 1, 1, 1])), UPRIGHT)


def test_what_the_cardiac_truth_of_the_paper_reads() -> None:
    """The moving image went 8 voxels to the left, so it has to come back by 8."""
    truth = rigid(translation_mm=(8 * 2.5, 0, 0))
    np.testing.assert_allclose(
        CARDIAC.from_transform(truth, UPRIGHT), [-8, 0, 0, 0, 0, 0], atol=1e-12
    )


@pytest.mark.parametrize(("convention", "place"), [(CARDIAC, (3, 2, 1)), (PROSTATE, (1, 2, 3))])
def test_axes_of_tensors(convention, place) -> None:
    grid = Grid((4, 5, 6))
    array = np.zeros((4, 5, 6))
    array[1, 2, 3] = 1  # z, y, x
    seen = convention.ordered(array)
    assert seen.shape == convention.shape(grid)
    assert np.argwhere(seen).tolist() == [list(place)]
