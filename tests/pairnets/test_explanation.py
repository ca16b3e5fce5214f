"""Weights of places lie where the network saw them, and belong to the registration itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from phantoms import small_pair
from regkit import Pair, rigid
from regkit.errors import RegistrationError
from regkit.geometry.resampling import resample
from regkit.learning import TrainedModel, load_model
from regkit.learning.network_grid import centered_grid, feature_grid
from regkit_pairnets import build_pair_network, explanation
from regkit_pairnets.card import PairNetCard
from regkit_pairnets.explanation import explain_rigid, level_step, received_attention
from regkit_pairnets.inference import register_rigid
from regkit_pairnets.networks.attention_reg import STRIDES
from regkit_pairnets.pose_parameterization import PROSTATE


def shipped(name: str) -> TrainedModel[PairNetCard]:
    return load_model(name, PairNetCard, "cpu")


def test_attention_is_the_column_sum_of_a_softmax() -> None:
    query, key = np.random.default_rng(0).normal(size=(2, 1, 3, 2, 3, 4)).astype(np.float32)
    scores = np.exp(query.reshape(3, 24).T @ key.reshape(3, 24))
    by_hand = (scores / scores.sum(axis=1, keepdims=True)).sum(axis=0)
    found = received_attention(torch.from_numpy(query), torch.from_numpy(key), rows=5)
    np.testing.assert_allclose(found.numpy().ravel(), by_hand, rtol=1e-5)
    assert found.mean().item() == pytest.approx(1)


def seen_box(features, shape, at) -> np.ndarray:
    """Return the middle of the voxels that a feature depends on, for any of many images."""
    touched = torch.zeros(shape)
    for seed in range(30):
        torch.manual_seed(seed)
        image = torch.randn(1, 1, *shape, requires_grad=True)
        features(image)[(0, slice(None), *at)].square().sum().backward()
        touched += (image.grad[0, 0] != 0).float()
    index = np.argwhere(touched.numpy())
    return (index.min(axis=0) + index.max(axis=0)) / 2


def test_a_position_of_attention_reg_is_in_the_middle_of_what_it_sees() -> None:
    shape, at = (20, 36, 36), (5, 4, 5)
    network = build_pair_network("attention-reg", shape, width=0.25).eval()
    expected = np.multiply(at, STRIDES)
    np.testing.assert_array_equal(seen_box(network.first, shape, at), expected)
    grid = centered_grid((3.0, 2.0, 1.0), shape, (1.0, 2.0, 3.0))
    placed = feature_grid(grid, (10, 9, 9), STRIDES, (0.0, 0.0, 0.0))
    np.testing.assert_allclose(placed.to_physical(at), grid.to_physical(expected))


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_position_of_dusfe_is_in_the_middle_of_what_it_sees(level) -> None:
    shape, at = (80, 80, 80), (4, 5, 4)
    network = build_pair_network("dusfe", shape, width=0.03, norm="group", space_to_depth=2)
    step = level_step(network, level)
    assert step == (2 * 2**level,) * 3

    def blocks(image):
        """Pool as the stream does before a level, without its convolutions."""
        parts = torch.nn.functional.avg_pool3d(image, network.block_size)
        for _ in range(min(level, network.streams.poolings)):
            parts = torch.nn.functional.avg_pool3d(parts, 2)
        return parts

    grid = centered_grid((0.0, 0.0, 0.0), shape, (1.0, 2.0, 3.0))
    placed = feature_grid(grid, tuple(n // step[0] for n in shape), step)
    middle = seen_box(blocks, shape, at)
    np.testing.assert_allclose(placed.to_physical(at), grid.to_physical(middle))


@pytest.mark.parametrize("name", ["dusfe", "densenet-nonlocal", "attention-reg"])
def test_weights_are_those_of_the_registration(name) -> None:
    """The last of two passes: its moving weights lie where the pass before put the image."""
    pair = small_pair(initial=rigid((1, 2, 3), (4, 5, 6)))
    trained = shipped(name)
    before, after = (register_rigid(pair, trained, n).transform for n in (1, 2))
    found = explain_rigid(pair, trained, 2)
    corners = pair.fixed.grid.corners()
    np.testing.assert_allclose(
        found.transform.map_points(corners), after.map_points(corners), atol=1e-9
    )
    maps = {(one.name, one.role): one.volume for one in found.maps}
    names = dict.fromkeys(name for name, _ in maps)
    assert len(maps) == 2 * len(names)
    for label in names:
        fixed, moving = maps[label, "fixed"], maps[label, "moving"]
        np.testing.assert_allclose(
            after.map_points(moving.grid.corners()),
            before.map_points(fixed.grid.corners()),
            atol=1e-6,
        )
    assert ("channel_weights" in found.facts) is (name == "dusfe")


def test_weights_stay_in_place_when_the_fixed_image_is_the_second_input(monkeypatch) -> None:
    """A network that weights bright places shows each image's own."""

    def bright(network, seen):
        one, two = (image[0, 0] for image in network.shown)
        step = (1, 1, 1)
        yield explanation.StreamWeights("bright", "brightness", (one, two), step)

    class Still(torch.nn.Module):
        def forward(self, *images):
            self.shown = images
            return torch.zeros(1, 6)

    monkeypatch.setattr(explanation, "_reader", lambda *_: ((), bright))
    pair = small_pair()
    for order, numbers in (("moving-fixed", {}), ("fixed-moving", {"parameterization": PROSTATE})):
        card = replace(shipped("dusfe").card, input_order=order, **numbers)
        trained = TrainedModel(Still(), card, torch.device("cpu"))
        for one in explain_rigid(pair, trained, 1).maps:
            image = getattr(pair, one.role)
            again = resample(one.volume, image.grid).array
            assert np.corrcoef(again.ravel(), image.array.ravel())[0, 1] > 0.8, (order, one.role)


def test_a_network_without_such_weights_is_refused() -> None:
    pair = small_pair()
    with pytest.raises(RegistrationError, match="the network dvnet of these weights weights no"):
        explain_rigid(Pair(pair.fixed, pair.moving), shipped("dvnet"), 1)
