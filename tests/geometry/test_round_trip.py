"""The inverse of a displacement field: how exact it is, judged by SimpleITK and by hand."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given

from regkit import DisplacementField, Grid, TransformChain, rigid
from regkit.geometry.round_trip import round_trip
from regkit.geometry.sitk_bridge import transform_to_sitk
from strategies import affines, fields

GRID = Grid((20, 22, 24), (4, 3, 2.5), (-30, -20, -40), (0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1))


def points_of(grid):
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    return grid.to_physical(index)


def wave(amplitude_mm, length_mm=25.0):
    """Return a smooth field that does not vanish at the rim of its grid."""
    points = points_of(GRID)
    return DisplacementField(amplitude_mm * np.sin(points[..., [1, 2, 0]] / length_mm), GRID)


@given(transform=affines())
def test_a_linear_transform_has_nothing_to_measure(transform):
    assert round_trip(transform, transform.inverse()) is None


def test_a_shift_is_inverted_exactly_up_to_the_rim():
    """Points that leave the field are counted, not measured: its inverse ends there as well."""
    shift = np.array([0, 0, 5.0])  # two slices
    field = DisplacementField(np.broadcast_to(shift, (*GRID.shape_zyx, 3)), GRID)
    inverse = field.inverse()
    np.testing.assert_allclose(inverse.displacement, -field.displacement, atol=1e-9)
    found = round_trip(field, inverse)
    assert found.largest_mm < 1e-9
    # 1.5 of the 19 slice distances: the field of view ends half a voxel beyond the last center.
    assert found.left_fraction == pytest.approx(1.5 / 19, abs=0.02)


@pytest.mark.parametrize("amplitude_mm", [1.0, 3.0, 6.0])
def test_the_measured_distance_is_what_simpleitk_finds(amplitude_mm):
    field = wave(amplitude_mm)
    inverse = field.inverse()
    found = round_trip(field, inverse)
    there, back = transform_to_sitk(field), transform_to_sitk(inverse)
    upper = np.subtract(GRID.shape_zyx, 1)
    points = GRID.to_physical(np.random.default_rng(5).uniform(0, upper, (4000, 3)))
    mapped = np.array([there.TransformPoint(p.tolist()) for p in points])
    stays = GRID.contains(mapped)
    returned = np.array([back.TransformPoint(p.tolist()) for p in mapped[stays]])
    distances = np.linalg.norm(returned - points[stays], axis=1)
    assert found.mean_mm == pytest.approx(distances.mean(), rel=0.15)
    assert found.q95_mm == pytest.approx(np.quantile(distances, 0.95), rel=0.25)
    assert found.largest_mm >= 0.9 * distances.max()
    assert found.left_fraction == pytest.approx(1 - stays.mean(), abs=0.03)
    assert found.mean_mm < 0.05 * amplitude_mm


def test_a_worse_inverse_is_found_out():
    field = wave(3.0)
    opposite = DisplacementField(-field.displacement, GRID)  # the first guess of many programs
    exact, rough = round_trip(field, field.inverse()), round_trip(field, opposite)
    assert rough.mean_mm > 10 * exact.mean_mm


def test_only_the_fields_of_a_chain_are_measured():
    field, turn = wave(2.0), rigid((3, 2, 1), (1, 0, 0))
    chain = TransformChain((turn, field, turn))
    assert round_trip(chain, chain.inverse()) == round_trip(field, field.inverse())


@given(field=fields())
def test_the_summary_is_one_line_of_numbers(field):
    found = round_trip(field, field.inverse())
    assert "\n" not in found.summary
    assert f"{found.largest_mm:.2g} mm at most" in found.summary
    assert ("leave the field" in found.summary) == (found.left_fraction > 0)


def test_a_field_that_nothing_stays_in():
    away = DisplacementField(np.full((4, 4, 4, 3), 1000.0), Grid((4, 4, 4)))
    found = round_trip(away, away.inverse())
    assert found.left_fraction == 1
    assert np.isnan(found.largest_mm)


def test_simpleitk_and_regkit_invert_alike_inside():
    """ITK's inversion is another algorithm; both agree away from the rim."""
    field = wave(2.0)
    image = transform_to_sitk(field).GetDisplacementField()
    judge = sitk.InvertDisplacementField(
        image,
        maximumNumberOfIterations=200,
        maxErrorToleranceThreshold=1e-4,
        meanErrorToleranceThreshold=1e-5,
        enforceBoundaryCondition=False,
    )
    inner = (slice(4, -4),) * 3
    found, expected = field.inverse().displacement, sitk.GetArrayFromImage(judge)
    assert np.abs(found[inner] - expected[inner]).max() < 0.05
