"""The baselines have the layers of their papers; nnU-Net's network is its own."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from regkit.errors import MissingDependencyError, ParameterError
from regkit.learning.training_job import TrainingJob
from regkit.registry import default_registry
from regkit_msstunet import build_reorienter
from regkit_msstunet.networks.dense_unet import FIRST, GROWTH, LAYERS, DenseUNet
from regkit_msstunet.networks.nnunet_plan import plan_topology
from regkit_msstunet.networks.segmenter import NetworkSize
from regkit_msstunet.train.task import train_reorienter
from reorienters import needs_nnunet

SMALL = {"width": 0.0625, "norm": "group"}


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def convolved(inputs: int, outputs: int) -> int:
    """Parameters of two 3 x 3 x 3 convolutions with biases, each with a norm of two numbers."""
    return 27 * outputs * (inputs + outputs) + 2 * (outputs + 2 * outputs)


@needs_nnunet
def test_nnunets_network_has_the_parameters_of_its_plan() -> None:
    with torch.device("meta"):
        network = build_reorienter(128, "nnu-net").segmenter
    wide = (32, 64, 128, 256, 320, 320)
    down = sum(convolved(a, b) for a, b in zip((1, *wide[:-1]), wide, strict=True))
    up = sum(8 * a * b + a + convolved(2 * a, a) for a, b in pairwise(wide))
    heads = sum(3 * n + 3 for n in wide[:4])  # all levels of the decoder but the deepest
    assert parameters(network) == down + up + heads
    assert network.zooms == (1.0,) * 4
    norms = [m for m in network.modules() if isinstance(m, nn.InstanceNorm3d)]
    assert all(norm.affine for norm in norms)
    leaks = {m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)}
    assert (len(norms), leaks) == (2 * (6 + 5), {0.01})


@needs_nnunet
def test_what_limits_the_patch_is_what_nnunet_counts() -> None:
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    plan = plan_topology((40, 96, 80), (3, 1, 1))
    with torch.device("meta"):
        theirs = PlainConvUNet(
            1, len(plan.strides), plan.features, nn.Conv3d, plan.kernels, plan.strides, 2, 3, 2,
            deep_supervision=True,
        )  # fmt: skip
    assert plan.feature_map_values(3) == theirs.compute_conv_feature_map_size(plan.patch)


@needs_nnunet
def test_nnunets_outputs_halve_from_level_to_level_and_keep_through_a_file() -> None:
    network = build_reorienter(48, "nnu-net", **SMALL).eval()
    volume = torch.rand(1, 1, 48, 48, 48)
    with torch.no_grad():
        logits = network(volume).logits
    assert [one.shape[2:] for one in logits] == [(48,) * 3, (24,) * 3]
    again = build_reorienter(48, "nnu-net", **SMALL).eval()
    again.load_state_dict(load(save(network.state_dict())))
    with torch.no_grad():
        np.testing.assert_array_equal(again(volume).logits[0].numpy(), logits[0].numpy())


@needs_nnunet
def test_a_volume_that_nnunet_would_cut_in_patches_is_refused() -> None:
    says = "a patch of 128 x 128 x 128 for a volume of 256 a side"
    with torch.device("meta"), pytest.raises(ParameterError, match=says):
        build_reorienter(256, "nnu-net")


def test_without_the_package_one_line_says_what_to_install(monkeypatch, tmp_path) -> None:
    says = (
        "^network=nnu-net needs dynamic-network-architectures: "
        "pip install dynamic-network-architectures$"
    )
    monkeypatch.setattr("regkit_msstunet.networks.nnunet.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=says):
        build_reorienter(32, "nnu-net")
    job = TrainingJob(
        "ms-st-unet", "lv-pet", tmp_path / "out", default_registry(), "fast", False, 1,
        changes={"network": "nnu-net"},
    )  # fmt: skip
    with pytest.raises(MissingDependencyError, match=says):
        train_reorienter(job)
    assert not (tmp_path / "out").exists()  # before any case is simulated


def test_the_dense_network_sees_three_kernels_and_adds_what_it_skips() -> None:
    with torch.device("meta"):
        network = DenseUNet(NetworkSize(64))
    assert [layer.kernel_size[0] for layer in network.first] == [3, 5, 7]
    channels = 3 * FIRST
    for block, count in zip([*network.down, network.deepest], LAYERS, strict=True):
        seen = [layer[2].in_channels for layer in block.layers]
        assert seen == [channels + number * GROWTH for number in range(count)]
        channels += count * GROWTH
    # Blocks on the way up see as many channels as they add, not those of the skipped map too.
    for block, count in zip(network.up, LAYERS, strict=False):
        assert block.layers[0][2].in_channels == count * GROWTH
        assert sum(layer[2].out_channels for layer in block.layers) == count * GROWTH


def test_a_silent_dense_block_on_the_way_up_is_passed_by() -> None:
    """Its shortcut hands on the sum of what is widened and what is projected."""
    network = DenseUNet(NetworkSize(16, 0.25)).eval()
    for layer in network.up[0].layers:
        nn.init.zeros_(layer[2].weight)
        nn.init.zeros_(layer[2].bias)
    seen = {}
    network.widen[0].register_forward_hook(lambda *given: seen.update(wide=given[2]))
    network.project[0].register_forward_hook(lambda *given: seen.update(skip=given[2]))
    network.output.register_forward_pre_hook(lambda _, given: seen.update(last=given[0]))
    with torch.no_grad():
        network([torch.rand(1, 1, 16, 16, 16)], [])
    torch.testing.assert_close(seen["last"], seen["wide"] + seen["skip"])


def test_the_first_segmentation_of_the_cascade_has_a_loss_in_the_pose() -> None:
    network = build_reorienter(32, "omega-net", mean=(0.0,) * 6, **SMALL)
    volume = torch.rand(1, 1, 32, 32, 32)
    approach, first = network.locate(volume)
    logits = network.segment(volume, approach[-1], first)
    assert len(logits) == len(network.zooms) == 3
    # An untrained cascade predicts the mean pose, here the one that moves nothing.
    torch.testing.assert_close(logits[2], first, atol=1e-4, rtol=0)
    logits[2].square().mean().backward()
    assert network.first_output.weight.grad.abs().sum() > 0
