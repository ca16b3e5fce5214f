"""What untrained networks make of images."""

import numpy as np
import pytest
import torch

from regkit_pairnets import build_pair_network, pair_network_names
from regkit_pairnets.networks.initialise import fan_in_normal


def spread_over_images(network) -> float:
    """Return how far the numbers of different images are apart, in a batch as in training."""
    shape = (2, 8, 1, *network.grid_shape)
    first, second = torch.from_numpy(np.random.default_rng(0).random(shape, np.float32))
    with torch.no_grad():
        return float(network(first, second).std(dim=0).mean())


def narrow(name: str):
    torch.manual_seed(0)
    return build_pair_network(
        name, (9, 17, 17) if name == "msreg-original" else (8, 8, 8), width=0.25
    )


@pytest.mark.parametrize("name", pair_network_names())
def test_weights_by_fan_in_let_narrow_networks_see(name) -> None:
    network = narrow(name)
    fan_in_normal(network)
    assert 0.01 < spread_over_images(network) < 10


@pytest.mark.parametrize("name", ["dvnet", "densenet", "dusfe"])
def test_published_weights_hide_images_from_narrow_networks(name) -> None:
    assert spread_over_images(narrow(name)) < 1e-3


def test_published_weights_of_the_cardiac_networks() -> None:
    torch.manual_seed(0)
    network = build_pair_network("dusfe", (8, 8, 8))
    drawn = torch.cat([p.detach().flatten() for p in network.parameters() if p.ndim > 1])
    assert float(drawn.std()) == pytest.approx(0.02, rel=0.01)
    assert float(drawn.mean()) == pytest.approx(0, abs=1e-4)


def test_published_weights_of_the_prostate_networks() -> None:
    torch.manual_seed(0)
    network = build_pair_network("attention-reg", (8, 8, 8))
    convolution = network.first[4]  # 32 to 32 channels, 3 x 3 x 3
    assert float(convolution.weight.detach().std()) == pytest.approx(
        np.sqrt(2 / (32 * 27)), rel=0.02
    )
