"""The gates of the reorienter lie where its views are."""

import numpy as np
import pytest
import torch

from lv_phantom import Phantom, labels_of, points_of, pose_on, upright
from regkit import Grid, Pair, Volume
from regkit.errors import RegistrationError
from regkit.learning import TrainedModel, load_model
from regkit_msstunet import build_reorienter
from regkit_msstunet.card import ReorientationCard
from regkit_msstunet.explanation import explain_reorientation
from regkit_msstunet.inference import reorient, run_passes

FIXED = Grid((24, 24, 24), (5.0, 5.0, 5.0), (20.0, -90.0, 7.0))


@pytest.fixture(scope="module")
def explained():
    trained = load_model("ms-st-unet", ReorientationCard, "cpu")
    grid = upright(64, 6.8)
    pair = Pair(Volume(np.zeros(FIXED.shape_zyx), FIXED), Phantom(grid, pose_on(grid)).image)
    return pair, trained, explain_reorientation(pair, trained, 2)


def test_the_transform_is_that_of_the_reorientation(explained) -> None:
    pair, trained, found = explained
    again = reorient(pair, trained, 2).transform
    corners = FIXED.corners()
    np.testing.assert_allclose(found.transform.map_points(corners), again.map_points(corners))


def test_gates_lie_around_the_origin_of_their_view(explained) -> None:
    """The closest view is the one of the labels, so only its gates are computed."""
    pair, trained, found = explained
    views = run_passes(pair, trained, 2).predicted.view_poses
    assert [(one.name, one.role) for one in found.maps] == [
        ("gate-2", "moving"),
        ("gate-3", "moving"),
    ]
    zoom = trained.network.segmenter.views[2]
    for one in found.maps:
        middle = found.transform.map_points(one.volume.grid.centre)
        np.testing.assert_allclose(middle, views[2].map_points((0.0, 0.0, 0.0)), atol=1e-6)
        # The view is as wide as its outermost voxels are apart, and a voxel.
        width = zoom * (trained.card.grid_size - 1) * trained.card.spacing_mm
        np.testing.assert_allclose(one.volume.grid.extent, width + trained.card.spacing_mm)
        assert 0 <= one.volume.array.min() < one.volume.array.max() <= 1


def test_gates_open_at_the_ventricle(explained) -> None:
    """The shipped network lets through what lies in the ventricle, and little of the rest."""
    _, _, found = explained
    for one in found.maps:
        inside = labels_of(points_of(one.volume.grid) - FIXED.centre) > 0
        weights = one.volume.array
        assert weights[inside].mean() > 2 * weights[~inside].mean(), one.name


def test_blocks_of_one_view_grow_with_its_poolings() -> None:
    one_view = build_reorienter(32, "rot1-seg1", width=0.0625).segmenter
    assert [places[1:] for places in one_view.gated_blocks()] == [(0, 4), (0, 8), (0, 16)]
    three = build_reorienter(96, width=0.0625, space_to_depth=3).segmenter
    assert [view for _, view, _ in three.gated_blocks()] == [1, 2, 2]


def test_a_network_without_gates_is_refused() -> None:
    network = build_reorienter(48, "u-net", width=0.0625).eval()
    card = load_model("ms-st-unet", ReorientationCard, "cpu").card
    trained = TrainedModel(network, card, torch.device("cpu"))
    pair = Pair(
        Volume(np.zeros(FIXED.shape_zyx), FIXED), Phantom(upright(), pose_on(upright())).image
    )
    with pytest.raises(RegistrationError, match="has no gates, so there is nothing to show"):
        explain_reorientation(pair, trained, 1)
