"""What crosses to SimpleITK and back is the same map and the same image."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given

from regkit import AffineTransform, DisplacementField, Grid, LabelMap, Transform, Volume
from regkit.errors import TransformError
from regkit.geometry.sitk_bridge import (
    transform_from_sitk,
    transform_to_sitk,
    volume_from_sitk,
    volume_to_sitk,
)
from strategies import POINTS, affines, chains, fields, grids


@given(affines(), POINTS)
def test_affine_maps_alike_in_simpleitk(transform, points):
    judge = transform_to_sitk(transform)
    expected = [judge.TransformPoint(p.tolist()) for p in points]
    np.testing.assert_allclose(transform.map_points(points), expected, atol=1e-9)


@given(affines())
def test_affine_survives(transform):
    back = transform_from_sitk(transform_to_sitk(transform))
    np.testing.assert_allclose(back.matrix, transform.matrix, atol=1e-9)


@given(fields())
def test_field_survives(field):
    back = transform_from_sitk(transform_to_sitk(field))
    np.testing.assert_array_equal(back.displacement, field.displacement)
    assert back.grid.matches(field.grid)


@given(chains(), POINTS)
def test_chain_survives(chain, points):
    back = transform_from_sitk(transform_to_sitk(chain))
    np.testing.assert_allclose(back.map_points(points), chain.map_points(points), atol=1e-6)


CENTRE = (10.0, -20.0, 30.0)


@pytest.mark.parametrize(
    "judge",
    [
        sitk.TranslationTransform(3, (1.0, 2.0, 3.0)),
        sitk.Euler3DTransform(CENTRE, 0.1, 0.2, 0.3, (1.0, 2.0, 3.0)),
        sitk.VersorRigid3DTransform((0.0, 0.6, 0.8), 0.4, (1.0, 2.0, 3.0), CENTRE),
        sitk.Similarity3DTransform(1.3, (0.0, 1.0, 0.0), 0.4, (1.0, 2.0, 3.0), CENTRE),
        sitk.ScaleTransform(3, (1.0, 2.0, 0.5)),
    ],
)
def test_linear_types_of_itk_become_matrices(judge):
    points = np.random.default_rng(0).uniform(-100, 100, (10, 3))
    expected = [judge.TransformPoint(p.tolist()) for p in points]
    found = transform_from_sitk(judge)
    assert isinstance(found, AffineTransform)
    np.testing.assert_allclose(found.map_points(points), expected, atol=1e-9)


def test_a_composite_of_linear_maps_becomes_one_matrix():
    first = sitk.Euler3DTransform(CENTRE, 0.1, 0.2, 0.3, (1.0, 2.0, 3.0))
    second = sitk.ScaleTransform(3, (1.0, 2.0, 0.5))
    composite = sitk.CompositeTransform([second, first])
    found = transform_from_sitk(composite)
    assert isinstance(found, AffineTransform)
    expected = composite.TransformPoint((4.0, 5.0, 6.0))
    np.testing.assert_allclose(found.map_points((4, 5, 6)), expected, atol=1e-9)


def test_a_composite_of_one_field_is_that_field():
    displacement = np.random.default_rng(0).normal(size=(3, 4, 5, 3))
    image = sitk.GetImageFromArray(displacement, isVector=True)
    composite = sitk.CompositeTransform([sitk.DisplacementFieldTransform(image)])
    found = transform_from_sitk(composite)
    assert type(found) is DisplacementField
    assert found.grid == Grid((3, 4, 5))
    np.testing.assert_array_equal(found.displacement, displacement)


@pytest.mark.parametrize(
    ("judge", "words"),
    [
        (sitk.Euler2DTransform(), "must be 3-D, got a 2-D one"),
        (sitk.BSplineTransform(3), "BSplineTransform are not supported"),
    ],
)
def test_what_cannot_be_represented_is_refused(judge, words):
    with pytest.raises(TransformError, match=words):
        transform_from_sitk(judge)


def test_other_transforms_are_refused():
    class Swirl(Transform):
        def map_points(self, points):
            return np.asarray(points)

        def inverse(self):
            return self

    with pytest.raises(TransformError, match="a Swirl cannot be converted to SimpleITK"):
        transform_to_sitk(Swirl())


@given(grids())
def test_volumes_survive_with_their_place_in_space(grid):
    array = np.random.default_rng(0).normal(size=grid.shape_zyx)
    volume = Volume(array, grid, "mr")
    image = volume_to_sitk(volume)
    last = tuple(n - 1 for n in image.GetSize())
    place = image.TransformIndexToPhysicalPoint(last)
    np.testing.assert_allclose(place, grid.to_physical(last[::-1]), atol=1e-9)
    assert image[last] == volume.array[-1, -1, -1]
    back = volume_from_sitk(image, like=volume)
    np.testing.assert_array_equal(back.array, volume.array)
    assert (back.grid.matches(grid), back.modality) == (True, "mr")


def test_labels_stay_labels():
    labels = LabelMap(np.full((2, 3, 4), 300, np.int16), Grid((2, 3, 4)))
    back = volume_from_sitk(volume_to_sitk(labels), like=labels)
    assert isinstance(back, LabelMap)
    assert back.labels == (300,)
