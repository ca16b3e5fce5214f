"""Contours become voxels; a count of crossings, written here, decides what is inside."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regkit.errors import GeometryError
from regkit.geometry.grid import Grid
from regkit.io.contour_raster import rasterize

AXIAL = Grid((12, 40, 50), (1.1, 1.3, 3.0), (-27.0, -26.0, -16.5))
TURNED = np.array([[0.8, -0.48, 0.36], [0.6, 0.64, -0.48], [0.0, 0.6, 0.8]])
OBLIQUE = Grid((12, 40, 50), (1.1, 1.3, 3.0), (5.0, -9.0, 70.0), tuple(TURNED.ravel()))
FLIPPED = Grid(
    (12, 40, 50), (1.1, 1.3, 3.0), (5.0, -9.0, 70.0), tuple((TURNED * [1, -1, -1]).ravel())
)


def _crossings(points, polygon) -> np.ndarray:
    """Return how many edges of a polygon a ray from each point crosses."""
    (px, py), (x, y) = np.moveaxis(points, -1, 0), polygon.T
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    count = np.zeros(px.shape, int)
    for x1, y1, xx, yy in zip(x, y, x2, y2, strict=True):
        if y1 != yy:
            at = (xx - x1) * (py - y1) / (yy - y1) + x1
            count += ((y1 > py) != (yy > py)) & (px < at)
    return count


def _expected(grid: Grid, polygons, slice_index: int) -> np.ndarray:
    """Return the voxels inside an odd number of polygons (in voxels, x then y) of one slice."""
    _, ny, nx = grid.shape_zyx
    points = np.stack(np.meshgrid(np.arange(nx), np.arange(ny)), axis=-1).astype(float)
    mask = np.zeros(grid.shape_zyx, bool)
    mask[slice_index] = sum(_crossings(points, polygon) for polygon in polygons) % 2 == 1
    return mask


def _in_mm(grid: Grid, polygon, slice_index: float) -> np.ndarray:
    height = np.full(len(polygon), float(slice_index))
    return grid.to_physical(np.column_stack([height, polygon[:, 1], polygon[:, 0]]))


def _star(rng, center, radius, count=40) -> np.ndarray:
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    radii = radius * rng.uniform(0.6, 1.0, count)
    return center + radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])


def _circle(center, radius, count=60) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False) + 0.123
    return np.asarray(center) + radius * np.column_stack([np.cos(angles), np.sin(angles)])


def _notes() -> tuple[list[str], object]:
    found: list[str] = []
    return found, found.append


@pytest.mark.parametrize("grid", [AXIAL, OBLIQUE, FLIPPED], ids=["axial", "oblique", "flipped"])
@given(seed=st.integers(0, 10_000))
def test_voxels_inside_by_a_count_of_crossings(grid, seed):
    rng = np.random.default_rng(seed)
    polygons = {z: _star(rng, rng.uniform(12, 28, 2), rng.uniform(3, 12)) for z in (3, 4, 5)}
    found, note = _notes()
    mask = rasterize([_in_mm(grid, p, z) for z, p in polygons.items()], grid, note)
    expected = sum(_expected(grid, [p], z) for z, p in polygons.items()) > 0
    np.testing.assert_array_equal(mask, expected)
    assert not [text for text in found if "drawn" in text]


def test_nested_contours_alternate_between_solid_and_hole():
    rings = [_circle((25.3, 20.1), radius) for radius in (6.0, 15.0, 2.5, 10.0)]
    mask = rasterize([_in_mm(OBLIQUE, ring, 7) for ring in rings], OBLIQUE, pytest.fail)
    np.testing.assert_array_equal(mask, _expected(OBLIQUE, rings, 7))


def test_separate_contours_of_one_plane_are_all_solid():
    parts = [_circle((10.2, 10.3), 5), _circle((35.1, 25.2), 8), _circle((20.3, 33.1), 3)]
    mask = rasterize([_in_mm(AXIAL, part, 0) for part in parts], AXIAL, pytest.fail)
    np.testing.assert_array_equal(mask, _expected(AXIAL, parts, 0))


def test_a_keyhole_is_a_ring():
    outer, inner = _circle((25.3, 20.1), 15), _circle((25.3, 20.1), 6)
    keyhole = np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])
    mask = rasterize([_in_mm(FLIPPED, keyhole, 5)], FLIPPED, pytest.fail)
    np.testing.assert_array_equal(mask, _expected(FLIPPED, [outer, inner], 5))


def test_touching_parts_keep_the_voxels_of_their_border():
    left = np.array([[5.0, 5], [15, 5], [15, 15], [5, 15]])
    right = left + np.array([10, 0])
    mask = rasterize([_in_mm(AXIAL, part, 2) for part in (left, right)], AXIAL, pytest.fail)
    assert mask[2, 5:16, 5:26].all()


def test_a_contour_that_is_there_twice_is_taken_once():
    circle = _in_mm(AXIAL, _circle((20.3, 20.1), 9), 4)
    found, note = _notes()
    mask = rasterize([circle, circle], AXIAL, note)
    np.testing.assert_array_equal(mask, rasterize([circle], AXIAL, pytest.fail))
    assert found == ["has contours that are there twice: taken once"]


def test_contours_that_cross_are_told():
    found, note = _notes()
    pair = [_circle((18.3, 20.1), 9), _circle((27.3, 20.1), 8)]
    mask = rasterize([_in_mm(AXIAL, part, 4) for part in pair], AXIAL, note)
    assert found == [
        "has contours that cross: taken as holes where they mostly overlap, else added"
    ]
    assert mask[4, 20, 23]


@pytest.mark.parametrize("slices", [1.0, 1.5, 4.0])
def test_other_slices_take_the_nearest_plane(slices):
    planes = np.arange(-9.0, 9.1, 3.0)
    grid = Grid((int(30 / slices), 40, 50), (1.1, 1.3, slices), (-27, -26, -15.2))
    contours = [np.insert(_circle((0.3, 0.4), 12 - abs(z)), 2, z, axis=1) for z in planes]
    found, note = _notes()
    mask = rasterize(contours, grid, note)
    heights = grid.to_physical([[k, 0, 0] for k in range(grid.shape_zyx[0])])[:, 2]
    points = grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))[..., :2]
    for k, height in enumerate(heights):
        nearest = int(np.argmin(np.abs(planes - height)))
        inside = _crossings(points[k], contours[nearest][:, :2]) % 2 == 1
        np.testing.assert_array_equal(mask[k], inside & (abs(planes[nearest] - height) < 1.5))
    assert len(found) == 1
    assert "mm off the image's slices, which take the nearest plane" in found[0]


def test_planes_tilted_to_the_slices_hold_the_same_ball():
    radius, center = 20.0, OBLIQUE.to_physical([6, 20, 25])
    heights = center[2] + np.arange(-19.5, 19.6, 1.0)
    contours = [
        np.insert(_circle(center[:2], np.sqrt(radius**2 - (z - center[2]) ** 2)), 2, z, axis=1)
        for z in heights
    ]

    fine = Grid(
        (60, 60, 60),
        (1, 1, 1),
        tuple((center - TURNED @ np.full(3, 29.7)).tolist()),
        OBLIQUE.direction,
    )
    found, note = _notes()
    mask = rasterize(contours, fine, note)
    points = fine.to_physical(np.moveaxis(np.indices(fine.shape_zyx), 0, -1))
    distance = np.linalg.norm(points - center, axis=-1)
    assert not (mask & (distance > radius + 1)).any()
    assert not (~mask & (distance < radius - 1)).any()
    assert found == ["is drawn in planes tilted by 36.9 degrees to the image's slices"]


def test_two_far_slices_do_not_fill_the_space_between():
    circle = _circle((20.3, 20.1), 9)
    mask = rasterize([_in_mm(AXIAL, circle, z) for z in (1, 10)], AXIAL, pytest.fail)
    assert sorted(set(np.nonzero(mask)[0].tolist())) == [1, 10]


def test_thin_slices_of_an_animal():
    grid = Grid((20, 40, 50), (0.05, 0.05, 0.05), (3.0, 2.0, 1.0))
    circles = [_circle((20.3 + z / 4, 20.1), 9) for z in range(4, 12)]
    mask = rasterize(
        [_in_mm(grid, c, z) for z, c in enumerate(circles, start=4)], grid, pytest.fail
    )
    expected = sum(_expected(grid, [c], z) for z, c in enumerate(circles, start=4)) > 0
    np.testing.assert_array_equal(mask, expected)


def test_contours_beyond_the_image_are_cut_and_told():
    circle = _circle((2.3, 20.1), 9)
    found, note = _notes()
    mask = rasterize([_in_mm(AXIAL, circle, z) for z in (10, 11, 12, 13)], AXIAL, note)
    expected = _expected(AXIAL, [circle], 10) | _expected(AXIAL, [circle], 11)
    np.testing.assert_array_equal(mask, expected)
    assert found == ["reaches 6.8 mm beyond the image"]


def test_a_contour_that_is_not_planar():
    points = _in_mm(AXIAL, _circle((20.3, 20.1), 9), 4) + np.outer(np.sin(range(60)), [3, 2, 4])
    with pytest.raises(GeometryError, match="contours do not lie in parallel planes"):
        rasterize([points], AXIAL, pytest.fail)
