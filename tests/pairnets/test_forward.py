"""Small grids: every network against the same in numpy, and what must hold for any input."""

import numpy as np
import pytest
import torch

import pairnets_oracle as oracle
from golden_weights import fill, inputs, predict
from regkit.errors import ParameterError, UnknownNameError
from regkit.learning.layers import space_to_depth
from regkit_pairnets import build_pair_network, pair_network_names

SMALLEST = {"msreg-original": (9, 17, 17)}


@pytest.mark.parametrize(
    ("name", "switches", "same_in_numpy", "grid"),
    [
        ("dvnet", {}, oracle.dvnet, (13, 8, 10)),
        ("msreg", {}, oracle.msreg, (5, 9, 6)),
        ("msreg-original", {}, oracle.msreg_original, (9, 19, 22)),
        ("densenet", {}, oracle.densenet, (17, 8, 10)),
        ("densenet-nonlocal", {}, oracle.densenet_nonlocal, (9, 12, 8)),
        ("densenet-nonlocal", {"plain": True}, oracle.densenet_plain_nonlocal, (17, 16, 8)),
        ("dusfe", {"dead_fuse_convs": True}, oracle.dusfe, (17, 8, 10)),
        ("dusfe", {"fuse_batchnorm": True}, oracle.dusfe_as_coded, (8, 16, 9)),
        ("attention-reg", {}, oracle.attention_reg, (7, 18, 13)),
        ("attention-reg", {"attention": False}, oracle.feature_reg, (7, 18, 13)),
    ],
)
def test_networks_do_what_the_tables_say(name, switches, same_in_numpy, grid) -> None:
    network = fill(build_pair_network(name, grid, **switches))
    first, second = inputs(grid)
    expected = same_in_numpy(first, second)
    np.testing.assert_allclose(predict(network, first, second), expected, rtol=1e-9)


@pytest.fixture(params=pair_network_names())
def narrow(request):
    """A quarter of a network's channels, in float64, as it is used and not trained."""
    grid = SMALLEST.get(request.param, (8, 8, 8))
    return fill(build_pair_network(request.param, grid, width=0.25))


def volumes(network, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    shape = (2, batch, 1, *network.grid_shape)
    first, second = torch.from_numpy(np.random.default_rng(1).random(shape))
    return first, second


def test_different_inputs_give_different_numbers(narrow) -> None:
    first, second = volumes(narrow, 3)
    with torch.no_grad():
        numbers = narrow(first, second)
        swapped = narrow(second, first)
    assert numbers.shape == (3, 6)
    assert torch.pdist(numbers).min() > 0
    assert not torch.allclose(numbers, swapped)


def test_cases_of_a_batch_do_not_meet_in_use(narrow) -> None:
    first, second = volumes(narrow, 2)
    with torch.no_grad():
        together = narrow(first, second)
        alone = narrow(first[1:], second[1:])
    torch.testing.assert_close(together[1:], alone, rtol=1e-9, atol=1e-12)


def test_every_parameter_learns(narrow) -> None:
    narrow(*volumes(narrow, 4)).square().sum().backward()
    assert [n for n, p in narrow.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("name", [n for n in pair_network_names() if n != "dvnet"])
def test_group_norm_does_the_same_in_training_as_in_use(name) -> None:
    grid = SMALLEST.get(name, (16, 8, 8))
    network = fill(build_pair_network(name, grid, width=0.25, norm="group"))
    pair = volumes(network, 2)
    with torch.no_grad():
        torch.testing.assert_close(network.train()(*pair), network.eval()(*pair))


def test_an_unknown_network_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="no network is called 'voxelmorph'; available: dv"):
        build_pair_network("voxelmorph", (8, 8, 8))


@pytest.mark.parametrize(
    ("name", "grid", "switches", "says"),
    [
        ("dvnet", (8, 8, 8), {"norm": "batch"}, "dvnet has no switch 'norm'; it has width"),
        ("dusfe", (8, 8, 7), {}, "at least 8 x 8 x 8 voxels, got 8 x 8 x 7"),
        ("densenet-nonlocal", (3, 8, 8), {}, "at least 4 x 4 x 4 voxels, got 3 x 8 x 8"),
        ("msreg-original", (8, 32, 32), {}, "at least 9 x 17 x 17 voxels, got 8 x 32 x 32"),
        ("msreg", (8, 8), {}, "got 8 x 8$"),
        ("densenet", (8, 8, 8), {"width": 0}, "width takes a positive factor, got 0"),
        ("densenet", (8, 8, 8), {"norm": "layer"}, "'batch' or 'group', got 'layer'"),
    ],
)
def test_what_cannot_be_built_is_said(name, grid, switches, says) -> None:
    with pytest.raises(ParameterError, match=says):
        build_pair_network(name, grid, **switches)


def test_volumes_of_another_shape_are_refused() -> None:
    network = build_pair_network("dvnet", (8, 8, 8))
    with pytest.raises(ParameterError, match="batch x 1 x 8 x 8 x 8, got 1 x 1 x 8 x 8 x 9"):
        network(torch.zeros(1, 1, 8, 8, 8), torch.zeros(1, 1, 8, 8, 9))


def test_folding_makes_channels_of_blocks_and_loses_nothing() -> None:
    volume = torch.from_numpy(np.random.default_rng(2).random((2, 1, 4, 6, 8)))
    folded = space_to_depth(volume, 2)
    assert folded.shape == (2, 8, 2, 3, 4)
    for channel, (a, b, c) in enumerate(np.ndindex(2, 2, 2)):
        assert torch.equal(folded[:, channel], volume[:, 0, a::2, b::2, c::2])


@pytest.mark.parametrize("name", ["msreg", "densenet", "densenet-nonlocal", "dusfe"])
def test_folded_networks_look_at_every_voxel(name) -> None:
    network = fill(build_pair_network(name, (8, 16, 8), width=0.25, space_to_depth=2))
    first, second = (v.requires_grad_() for v in volumes(network, 1))
    network(first, second).square().sum().backward()
    assert torch.count_nonzero(first.grad) == first.numel()
    assert torch.count_nonzero(second.grad) == second.numel()


def test_grids_that_do_not_fold_are_refused() -> None:
    with pytest.raises(ParameterError, match="8 x 9 x 8 voxels cannot be split into blocks of 2"):
        build_pair_network("dusfe", (8, 9, 8), space_to_depth=2)
    with pytest.raises(ParameterError, match="dvnet has no switch 'space_to_depth'"):
        build_pair_network("dvnet", (8, 8, 8), space_to_depth=2)
