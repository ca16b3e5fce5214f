"""InfoNCE against its definition, and what it teaches."""

import numpy as np
import pytest
import torch

from regkit.errors import ParameterError
from regkit_pairnets import build_pair_network
from regkit_pairnets.contrastive import info_nce

EVERYWHERE = 1000


def maps(seed: int, batch: int = 2, channels: int = 5) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.standard_normal((batch, channels, 2, 3, 4)))


def by_definition(first: np.ndarray, second: np.ndarray, temperature: float) -> float:
    """Of one pair, (channels, positions), every position drawn."""
    first, second = (f / np.linalg.norm(f, axis=0) for f in (first, second))
    losses = []
    for one, two in ((first, second), (second, first)):
        for i in range(one.shape[1]):
            alike = [np.exp(one[:, i] @ two[:, j] / temperature) for j in range(one.shape[1])]
            losses.append(-np.log(alike[i] / sum(alike)))
    return float(np.mean(losses))


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_the_loss_is_its_definition(temperature) -> None:
    first, second = maps(0), maps(1)
    expected = np.mean(
        [
            by_definition(a.reshape(5, -1), b.reshape(5, -1), temperature)
            for a, b in zip(first.numpy(), second.numpy(), strict=True)
        ]
    )
    loss = info_nce(first, second, EVERYWHERE, temperature)
    assert float(loss) == pytest.approx(expected, rel=1e-10)


def test_features_that_tell_nothing_leave_the_logarithm_of_the_positions() -> None:
    same_everywhere = torch.ones(3, 4, 6, 6, 6)
    assert float(info_nce(same_everywhere, same_everywhere, 50)) == pytest.approx(np.log(50))


def test_features_that_tell_all_leave_nothing() -> None:
    one_hot = torch.eye(24).reshape(1, 24, 2, 3, 4)
    assert float(info_nce(one_hot, 7 * one_hot)) == pytest.approx(
        np.log1p(23 * np.exp(-1 / 0.07)), rel=1e-2, abs=1e-6
    )


def test_order_and_lengths_of_the_maps_do_not_matter() -> None:
    first, second = maps(2), maps(3)
    loss = info_nce(first, second, EVERYWHERE)
    torch.testing.assert_close(info_nce(second, first, EVERYWHERE), loss)
    torch.testing.assert_close(info_nce(3 * first, second / 2, EVERYWHERE), loss)


def test_positions_are_drawn_anew_and_repeatably() -> None:
    def loss(seed: int) -> float:
        generator = torch.Generator().manual_seed(seed)
        return float(info_nce(maps(4), maps(5), 6, generator=generator))

    assert loss(0) == loss(0)
    assert loss(0) != loss(1)


@pytest.mark.training
def test_streams_learn_to_agree_across_modalities() -> None:
    torch.manual_seed(0)
    network = build_pair_network("attention-reg", (8, 16, 16), width=0.25)
    first = torch.rand(2, 1, 8, 16, 16)
    second = 1 - first**2  # another contrast of the same anatomy
    streams = [*network.first.parameters(), *network.second.parameters()]
    optimiser = torch.optim.Adam(streams, lr=1e-2)
    losses = []
    for _ in range(30):
        loss = info_nce(*network.features(first, second), 32)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[0] > 2.5
    assert np.mean(losses[-5:]) < 1.0


@pytest.mark.parametrize(
    ("first", "second", "options", "says"),
    [
        (maps(0), maps(0, channels=4), {}, "need one shape, got .* and .*4, 2, 3, 4"),
        (maps(0), maps(1), {"temperature": 0}, "temperature takes a positive number, got 0"),
        (maps(0), maps(1), {"positions": 1}, "two positions or more, got 1"),
    ],
)
def test_what_cannot_be_contrasted_is_said(first, second, options, says) -> None:
    with pytest.raises(ParameterError, match=says):
        info_nce(first, second, **options)
