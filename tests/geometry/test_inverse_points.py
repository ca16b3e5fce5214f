import numpy as np
import pytest

from regkit import AffineTransform, DisplacementField, Grid, rigid
from regkit.geometry.inverse_points import invert_points

GRID = Grid((20, 20, 20), (5.0, 5.0, 5.0), (-47.5, -47.5, -47.5))
POINTS = np.random.default_rng(0).uniform(-30, 30, (500, 3))


def field(displacement):
    index = np.argwhere(np.ones(GRID.shape_zyx))
    moved = displacement(GRID.to_physical(index))
    return DisplacementField(moved.reshape(*GRID.shape_zyx, 3), GRID)


@pytest.mark.parametrize(
    "transform",
    [
        rigid((10, 20, -5), (3, 4, 5)),
        field(lambda x: 3 * np.sin(x[:, ::-1] / 15)),
        rigid((0, 30, 0), (1, 2, 3)) @ field(lambda x: 0.2 * x),
    ],
    ids=["rigid", "waves", "chain"],
)
def test_the_inverse_maps_back(transform):
    targets = transform.map_points(POINTS)
    assert np.linalg.norm(invert_points(transform, targets) - POINTS, axis=1).max() < 0.05


@pytest.mark.parametrize(
    "transform",
    [AffineTransform.about(np.diag([0.0, 1, 1]), (0, 0, 0), (0, 0, 0)), field(lambda x: -x)],
    ids=["flat", "a field that maps all to a point"],
)
def test_what_cannot_be_inverted_is_unknown(transform):
    assert np.isnan(invert_points(transform, POINTS)).all()
