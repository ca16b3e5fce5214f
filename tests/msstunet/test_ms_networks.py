"""Counts to the unit, the forward pass against an oracle, what variants and baselines do."""

import numpy as np
import pytest
import torch

from golden_weights import fill, inputs
from msstunet_oracle import folded as blocks
from msstunet_oracle import ms_st_unet, sample
from regkit.errors import ParameterError, UnknownNameError
from regkit.learning.layers import depth_to_space, space_to_depth
from regkit_msstunet import build_reorienter
from regkit_msstunet.networks.layers import norm_layer
from regkit_msstunet.networks.ms_unet import MSUNet
from regkit_msstunet.networks.pose import pull_back, sample_cube
from regkit_msstunet.networks.segmenter import NetworkSize
from reorienters import NETWORKS, needs_nnunet

SMALL = {"width": 0.0625}
NNUNET = pytest.param("nnu-net", marks=needs_nnunet)


def count(module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):  # shapes without weights
        return build_reorienter(128)


def test_the_whole_has_the_number_of_parameters_of_the_specification(published) -> None:
    assert count(published) == 52_407_998
    assert count(published.localiser.trunk) == 46_155_072
    assert count(published.localiser.heads) == 36_882
    assert count(published.segmenter) == 6_216_044


def test_every_block_has_its_number_of_parameters(published) -> None:
    net = published.segmenter
    assert [count(m) for m in net.encoders] == [7_440, 42_528, 168_000, 664_320, 2_655_744]
    assert count(net.gate) == 66_304
    assert [count(m) for m in net.gates] == [12_545, 49_665, 197_633]
    assert [count(m) for m in net.decoders] == [27_744, 110_784, 442_752, 1_770_240]
    assert [count(m) for m in net.outputs] == [51, 99, 195]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("sep-rot2-seg2", 52_407_998),
        ("rot1-seg1", 52_380_818),
        ("seg2", 6_216_044),
        ("seg1", 6_213_452),
    ],
)
def test_variants_are_the_same_network_in_parts(name, parameters) -> None:
    with torch.device("meta"):
        assert count(build_reorienter(128, name)) == parameters


def test_the_forward_pass_is_the_oracles() -> None:
    network = fill(build_reorienter(32, **SMALL))
    offsets = np.array([[0, 0, 0, 0, 0, 0], [0.1, -0.2, 0.05, 0.02, 0, 0.1],
                        [-0.1, 0.1, 0.15, 0, 0.05, -0.02]])  # fmt: skip
    with torch.no_grad():
        for head, offset in zip(network.localiser.heads, offsets, strict=True):
            head.bias += torch.from_numpy(offset)
    volume = inputs((32, 32, 32))[1]
    with torch.no_grad():
        found = network(torch.from_numpy(volume)[None, None])
    numbers, logits = ms_st_unet(volume, SMALL["width"], offsets)
    np.testing.assert_allclose(found.numbers[0].numpy(), numbers, atol=1e-10)
    for mine, theirs in zip(found.logits, logits, strict=True):
        np.testing.assert_allclose(mine[0].numpy(), theirs, atol=1e-9)


def test_before_training_it_says_the_mean_pose() -> None:
    mean = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    network = build_reorienter(32, mean=mean, **SMALL).eval()
    with torch.no_grad():
        numbers = network(torch.rand(2, 1, 32, 32, 32)).numbers
    assert numbers.shape == (2, 3, 6)
    torch.testing.assert_close(numbers, torch.tensor(mean).expand(2, 3, 6))


def test_a_look_is_the_oracles_sample() -> None:
    volume = inputs((12, 12, 12))[1]
    numbers = torch.tensor([[0.3, -0.7, 0.5, 0.1, -0.2, 0.05]], dtype=torch.float64)
    matrices = pull_back(numbers, 0.5)
    mine = sample_cube(torch.from_numpy(volume)[None, None], matrices, 6)
    theirs = sample(volume[None], matrices[0].numpy(), 6)
    np.testing.assert_allclose(mine[0].numpy(), theirs, atol=1e-12)


def test_folding_loses_nothing() -> None:
    volume = torch.rand(2, 1, 6, 6, 6)
    maps = space_to_depth(volume, 3)
    np.testing.assert_array_equal(maps[0].numpy(), blocks(volume[0, 0].numpy(), 3))
    torch.testing.assert_close(depth_to_space(maps, 3), volume)


@pytest.mark.parametrize("fold", [1, 2])
def test_scale_transformers_keep_places_where_scales_agree(fold) -> None:
    """Of a map that says where it is, the next scale sees half of that, whatever was folded."""
    size = NetworkSize(32 * fold, 0.0625, "group", fold)
    net = MSUNet(size)
    axis = torch.linspace(-1, 1, 32 * fold)
    where = space_to_depth(axis.expand(1, 1, 32 * fold, 32 * fold, -1), fold).mean(1, keepdim=True)
    small = torch.linspace(-1, 1, 16 * fold)
    look = small.expand(1, 1, 16 * fold, 16 * fold, -1)
    numbers = [torch.zeros(1, 6)] * 3
    seen = net.deeper(where, 0, [where, look], numbers)[:, -1:]
    torch.testing.assert_close(seen, 0.5 * look, atol=1e-5, rtol=0)
    back = net.shallower(look, where, 0)
    inside = where.abs() < 0.45
    inside &= inside.transpose(2, 4) & inside.transpose(3, 4)
    assert inside.any()
    torch.testing.assert_close(back[inside], 2 * where[inside], atol=1e-5, rtol=0)


@pytest.mark.parametrize("fold", [1, 3])
def test_looks_of_whole_steps_are_cut_out_and_not_interpolated(fold) -> None:
    """Where poses agree, voxels of closer looks, and features there, are those of the whole."""
    zooms = (1.0, 31 / 47, 15 / 47)  # 32 and 16 of 48 voxels
    network = build_reorienter(
        48, "seg2", width=0.0625, norm="group", space_to_depth=fold, zooms=zooms
    )
    segmenter = network.segmenter
    seen = {}
    segmenter.register_forward_pre_hook(lambda _, given: seen.update(looks=given[0]))
    volume = torch.rand(1, 1, 48, 48, 48)
    network(volume)
    for look, cut in zip(seen["looks"], (0, 8, 16), strict=True):
        middle = volume[..., cut : 48 - cut, cut : 48 - cut, cut : 48 - cut]
        torch.testing.assert_close(look, middle, atol=1e-4, rtol=0)
    if fold == 1:
        still = [torch.zeros(1, 6)] * 3
        features = torch.rand(1, 2, 32, 32, 32)
        closer = segmenter.deeper(features, 1, seen["looks"], still)[:, 1:]
        middle = features[..., 8:24, 8:24, 8:24]
        torch.testing.assert_close(closer, middle, atol=1e-4, rtol=0)


def test_a_group_of_channels_keeps_which_one_is_bright() -> None:
    norm = norm_layer("group", 8)
    maps = torch.rand(1, 8, 4, 4, 4)
    brighter = maps.clone()
    brighter[:, 0] *= 3
    assert (norm(brighter) - norm(maps))[:, :4].abs().max() > 0.5
    torch.testing.assert_close(norm(brighter)[:, 4:], norm(maps)[:, 4:])
    for channels in (1, 3, 6, 18, 20):
        assert norm_layer("group", channels)(torch.rand(2, channels, 2, 2, 2)).isfinite().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_predicts_and_learns(name) -> None:
    network = build_reorienter(32, name, norm="group", **SMALL)
    found = network(torch.rand(1, 1, 32, 32, 32))
    assert found.numbers.shape[2] == 6
    assert found.logits[0].shape == (1, 3, 32, 32, 32)
    assert len(found.logits) == len(network.zooms)
    sum(one.square().mean() for one in found.logits).backward()
    assert all(p.grad is not None for p in network.segmenter.parameters())


@pytest.mark.parametrize(
    ("name", "needs"),
    [("seg1", True), ("seg2", True), ("omega-net", False), ("ms-st-unet", False)],
)
def test_who_has_to_be_told_the_pose(name, needs) -> None:
    with torch.device("meta"):
        assert build_reorienter(32, name).needs_pose == needs


def test_labels_teach_the_localiser_through_the_samplers_only() -> None:
    """The scale transformers hand no gradient to the numbers."""
    network = build_reorienter(32, norm="group", **SMALL)
    volume = torch.rand(1, 1, 32, 32, 32)
    numbers = network.locate(volume)[0][-1]
    numbers.retain_grad()
    network.segment(volume, numbers)[0].square().mean().backward()
    assert numbers.grad.abs().sum() > 0
    still = torch.zeros(1, 6, requires_grad=True)
    features = torch.rand(1, 1, 32, 32, 32, requires_grad=True)
    look = torch.rand(1, 1, 16, 16, 16)
    net = MSUNet(NetworkSize(32, 0.0625))
    net.deeper(features, 0, [features, look], [still, still, still]).sum().backward()
    assert still.grad is None


def test_folded_networks_are_as_large_as_they_say() -> None:
    network = build_reorienter(
        96, space_to_depth=3, norm="group", localizer_width=0.25, width=0.75
    )
    assert 4 * count(network) < 30e6
    seen = [layers[0].in_channels for layers in network.segmenter.encoders]
    assert seen == [27, 1 + 12, 1 + 24, 48, 96]  # blocks of the whole, voxels of what is closer
    said = [layer.out_channels for layer in network.segmenter.outputs]
    assert said == [3 * 27, 3, 3]
    zooms = (1.0, 63 / 95, 31 / 95)
    network = build_reorienter(
        96, space_to_depth=3, norm="group", localizer_width=0.25, width=0.25, zooms=zooms
    )
    shapes = [tuple(one.shape[2:]) for one in network(torch.rand(1, 1, 96, 96, 96)).logits]
    assert shapes == [(n, n, n) for n in (96, 64, 32)]
    seen = [layers[0].in_channels for layers in network.segmenter.encoders]
    assert seen == [27, 8 + 4, 1 + 8, 16, 32]  # each look is folded to 32 blocks a side


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        ({"grid_size": 24}, "a multiple of 16 voxels a side, got 24"),
        ({"grid_size": 48, "space_to_depth": 2}, "a multiple of 32 voxels a side, got 48"),
        ({"grid_size": 32, "width": 0.0}, "width takes a positive factor, got 0"),
        ({"grid_size": 32, "zooms": (1.0, 0.5)}, "three decreasing fractions, .* got .1.0, 0.5.$"),
        ({"grid_size": 32, "zooms": (1.0, 0.5, 0.5)}, "three decreasing fractions"),
        ({"grid_size": 32, "zooms": (0.9, 0.5, 0.25)}, "the first 1, got .0.9, 0.5, 0.25.$"),
        ({"grid_size": 32, "zooms": (1.0, 0.5, 0.0)}, "three decreasing fractions"),
        ({"grid_size": 32, "zooms": (1.0, 0.5, 0.05)}, "a view of 2 voxels cannot be"),
        (
            {"grid_size": 64, "space_to_depth": 4, "zooms": (1.0, 0.7, 0.25)},
            "a view of 45 voxels cannot be split into blocks of 2",
        ),
        ({"grid_size": 32, "norm": "layer"}, "norm takes 'batch' or 'group', got 'layer'"),
    ],
)
def test_switches_that_cannot_be(switches, says) -> None:
    with pytest.raises(ParameterError, match=says):
        build_reorienter(**switches)


def test_a_former_name_is_refused_with_the_new_one() -> None:
    with pytest.raises(UnknownNameError, match="'rot2-seg2' is called 'sep-rot2-seg2' now"):
        build_reorienter(16, "rot2-seg2")


def test_a_name_that_is_none() -> None:
    with pytest.raises(UnknownNameError, match="no network is called 'w-net'; available: ms-st"):
        build_reorienter(32, "w-net")


def test_volumes_of_another_shape() -> None:
    network = build_reorienter(32, "u-net", **SMALL)
    with pytest.raises(ParameterError, match="takes batch x 1 x 32 x 32 x 32, got 1 x 1 x 16"):
        network(torch.rand(1, 1, 16, 16, 16))


@pytest.mark.parametrize(
    ("name", "zoom", "place"),
    [
        ("ms-st-unet", 1.0, 0),
        ("ms-st-unet", 0.5, 1),
        ("ms-st-unet", 0.3, 2),
        ("ms-st-unet", 0.1, 2),
        ("u-net", 0.5, 0),
    ],
)
def test_which_output_is_read(name, zoom, place) -> None:
    with torch.device("meta"):
        assert build_reorienter(32, name).output_within(zoom) == place


@pytest.mark.parametrize("name", ["ms-st-unet", "rot1-seg1", "u-net", NNUNET, "omega-net"])
def test_logits_that_are_not_wanted_change_nothing(name) -> None:
    network = build_reorienter(32, name, norm="group", **SMALL).eval()
    volume = torch.rand(1, 1, 32, 32, 32)
    with torch.no_grad():
        approach, context = network.locate(volume)
        whole = network.segment(volume, approach[-1], context)
        for finest in range(len(whole)):
            some = network.segment(volume, approach[-1], context, finest)
            assert len(some) == len(whole) - finest
            for one, other in zip(some, whole[finest:], strict=True):
                torch.testing.assert_close(one, other)
