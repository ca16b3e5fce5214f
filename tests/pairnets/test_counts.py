"""Numbers of parameters, to the unit: METHODS.md, sections 0, 2 and 4."""

import pytest
import torch

from regkit_pairnets import build_pair_network

CARDIAC, PROSTATE = (80, 80, 40), (32, 96, 96)


@pytest.mark.parametrize(
    ("name", "grid", "switches", "count"),
    [
        ("dvnet", CARDIAC, {}, 5_440_764),
        ("msreg", CARDIAC, {}, 11_820_998),
        ("densenet", CARDIAC, {}, 11_215_590),
        ("densenet", (64, 64, 64), {}, 11_412_198),
        ("densenet", CARDIAC, {"norm": "group"}, 11_215_590),
        ("densenet-nonlocal", CARDIAC, {}, 11_419_846),
        ("densenet-nonlocal", CARDIAC, {"plain": True}, 11_219_974),
        ("dusfe", CARDIAC, {"dead_fuse_convs": True}, 11_726_397),
        ("dusfe", CARDIAC, {}, 11_228_541),
        ("dusfe", CARDIAC, {"dead_fuse_convs": True, "fuse_batchnorm": True}, 11_726_781),
        ("dusfe", CARDIAC, {"fuse_batchnorm": True}, 11_228_925),
        ("attention-reg", PROSTATE, {}, 1_248_777),
        ("attention-reg", PROSTATE, {"attention": False}, 1_244_393),
        ("msreg-original", PROSTATE, {}, 10_799_862),
    ],
)
def test_published_numbers_of_parameters(name, grid, switches, count) -> None:
    with torch.device("meta"):  # shapes without weights
        network = build_pair_network(name, grid, **switches)
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize(
    "name", ["dvnet", "msreg", "msreg-original", "densenet", "densenet-nonlocal", "dusfe"]
)
def test_width_scales_nearly_all_layers(name) -> None:
    def count(width: float) -> int:
        with torch.device("meta"):
            network = build_pair_network(name, (32, 32, 32), width=width)
        return sum(p.numel() for p in network.parameters())

    # Channels on both sides of a layer; heads that stay wide enough scale by less.
    assert 3.0 < count(2.0) / count(1.0) < 4.0
    assert count(0.5) < count(1.0) / 2
    assert count(0.01) > 0
