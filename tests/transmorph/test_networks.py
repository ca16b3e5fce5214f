"""The networks against the published ones: METHODS.md, sections 5 and 10."""

import numpy as np
import pytest
import torch

from golden_weights import fill, inputs
from regkit.errors import ParameterError, UnknownNameError
from regkit_transmorph import build_transmorph, variant_names
from regkit_transmorph.networks.affine import inverses, matrices, parts
from regkit_transmorph.networks.swin import DropBranch
from regkit_transmorph.networks.windows import (
    APART,
    merge_windows,
    partition_windows,
    shifted_window_mask,
)

CUBE = (64, 64, 64)
BODY = (192, 192, 256)
GOLDEN = {
    "cr": {
        "rotation": [0.08110778418, -0.1949674301, -0.2366992296],
        "scale": [1.02581741, 0.9379399395, 0.9246562952],
        "translation": [0.02581740955, -0.06206006048, -0.07534370484],
        "shear": [
            *(-0.0311328952, -0.1454037817, -0.1547173081),
            *(-0.1299701152, 0.0009412047909, -0.2383646935),
        ],
    },
    "original": {
        "rotation": [0.1492106492, 0.149334079, 0.1093720001],
        "scale": [1.047495225, 1.047534514, 1.034814189],
        "translation": [0.04749522478, 0.04753451368, 0.03481418891],
        "shear": [
            *(0.02750708549, -0.2659958234, 0.04246532078),
            *(-0.2187697298, -0.03474678665, -0.2544630102),
        ],
    },
}
SMALL = {"width": 0.125, "depths": (2, 2, 2), "mlp_hidden": 8}


def small(**switches):
    torch.manual_seed(0)
    return build_transmorph("cr", (32, 32, 32), **{**SMALL, **switches})


def pair(size, batch=2):
    source = torch.Generator().manual_seed(1)
    return torch.rand((2, batch, 1, *size), generator=source).unbind()


@pytest.mark.parametrize(
    ("variant", "size", "count"),
    [
        ("cr", CUBE, 34_149_107),
        ("cr", (96, 96, 96), 65_288_899),
        ("cr", (128, 128, 128), 125_932_371),
        ("cr", (160, 192, 224), 365_236_947),
        ("cr", BODY, 493_087_059),
        ("original", CUBE, 27_960_091),
        ("original", (96, 96, 96), 33_803_163),
        ("original", (128, 128, 128), 45_183_515),
        ("original", (160, 192, 224), 90_095_131),
        ("original", BODY, 114_090_523),
    ],
)
def test_published_numbers_of_parameters(variant, size, count) -> None:
    with torch.device("meta"):
        network = build_transmorph(variant, size)
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize(("variant", "count"), [("cr", 21_171_032), ("original", 25_581_216)])
def test_published_numbers_of_the_transformer(variant, count) -> None:
    with torch.device("meta"):
        network = build_transmorph(variant, (160, 192, 224))
    assert sum(p.numel() for p in network.transformer.parameters()) == count


@pytest.mark.parametrize("variant", variant_names())
def test_published_forward_values(variant) -> None:
    network = fill(build_transmorph(variant, CUBE))
    moving, fixed = (torch.from_numpy(v)[None, None] for v in inputs(CUBE))
    with torch.no_grad():
        found = parts(network(moving, fixed))
    for name, expected in GOLDEN[variant].items():
        # Ten digits were published; the smallest number of all is a difference of large ones.
        np.testing.assert_allclose(getattr(found, name)[0], expected, rtol=1e-6, atol=1e-9)


def test_training_gives_derivatives_everywhere() -> None:
    size = (48, 48, 48)  # smaller ones leave single tokens in some windows
    network = build_transmorph("cr", size, **SMALL).eval()  # with all branches
    network(*pair(size)).square().sum().backward()
    unused = {f"transformer.norms.{i}.{kind}" for i in (0, 1) for kind in ("weight", "bias")}
    without = {n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    assert without == unused


def test_checkpointing_changes_memory_and_no_number() -> None:
    """With the same branches left out: the random state is part of what is done again."""
    gradients = []
    for checkpointing in (False, True):
        network = small(checkpointing=checkpointing).train()
        torch.manual_seed(7)
        network(*pair((32, 32, 32))).square().sum().backward()
        gradients.append([p.grad for p in network.parameters() if p.grad is not None])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_different_pairs_give_different_maps_in_use() -> None:
    network = small().eval()
    moving, fixed = pair((32, 32, 32), batch=1)
    with torch.no_grad():
        one, other = network(moving, fixed), network(fixed, moving)
    assert (one - other).abs().max() > 1e-6


def test_what_comes_first_is_the_moving_image() -> None:
    network = small().eval()
    moving, fixed = pair((32, 32, 32), batch=1)
    weight = network.transformer.embed.project.weight
    with torch.no_grad():
        weight[:, 1] = 0
        assert torch.equal(network(moving, fixed), network(moving, fixed + 1))
        assert not torch.equal(network(moving, fixed), network(moving.square(), fixed))


def test_a_random_network_starts_near_no_motion() -> None:
    with torch.no_grad():
        maps = matrices(small().eval()(*pair((32, 32, 32))))
    assert (maps - torch.eye(3, 4)).abs().max() < 0.05


@pytest.mark.parametrize("switches", [{"patch": 2}, {"window": (2, 3, 4)}, {"width": 0.3}])
def test_switches_of_small_networks(switches) -> None:
    network = build_transmorph("cr", (28, 20, 24), **{**SMALL, **switches}).eval()
    with torch.no_grad():
        assert network(*pair((28, 20, 24))).shape == (2, 15)


@pytest.mark.parametrize(
    ("arguments", "switches", "error", "says"),
    [
        (("mi", CUBE), {}, UnknownNameError, "no variant 'mi'; available: cr, original"),
        (("cr", CUBE), {"wdth": 1}, ParameterError, "no switch 'wdth'; it has"),
        (("cr", CUBE), {"width": 0}, ParameterError, "width takes a positive number, got 0"),
        (("cr", CUBE), {"depths": (2, 2)}, ParameterError, "one number each for every stage"),
        (("cr", (64, 64)), {}, ParameterError, "an image has three axes"),
        (("cr", (16, 16, 16)), {}, ParameterError, "leave one token after 3 stages"),
    ],
)
def test_networks_that_cannot_be(arguments, switches, error, says) -> None:
    with pytest.raises(error, match=says):
        build_transmorph(*arguments, **switches)


def test_images_of_another_size() -> None:
    with pytest.raises(ParameterError, match="takes tensors of batch x 1 x 32 x 32 x 32, got"):
        small()(*pair((16, 16, 16)))


def test_windows_come_back_together() -> None:
    tokens = torch.arange(2 * 4 * 6 * 8 * 3.0).reshape(2, 4, 6, 8, 3)
    windows = partition_windows(tokens, (2, 3, 4))
    assert windows.shape == (2 * 8, 24, 3)
    assert torch.equal(windows[0].reshape(2, 3, 4, 3), tokens[0, :2, :3, :4])
    assert torch.equal(merge_windows(windows, (4, 6, 8), (2, 3, 4)), tokens)


def test_only_neighbours_see_each_other_in_shifted_windows() -> None:
    """Two tokens of a window that were far apart before the shift are kept apart."""
    size, window, shift = (4, 4, 4), (2, 2, 2), (1, 1, 1)
    places = torch.stack(torch.meshgrid(*map(torch.arange, size), indexing="ij"), dim=-1)[None]
    shifted = partition_windows(places.roll((-1, -1, -1), (1, 2, 3)), window).float()
    far = (shifted[:, :, None] - shifted[:, None]).abs().amax(-1) > 1
    torch.testing.assert_close(
        shifted_window_mask(size, window, shift, torch.device("cpu")) == APART, far
    )


def test_left_out_branches_keep_their_mean() -> None:
    torch.manual_seed(0)
    drop = DropBranch(0.25)
    branch = torch.ones(4000, 2, 3)
    kept = drop(branch)
    torch.testing.assert_close(kept.unique(), torch.tensor([0.0, 1 / 0.75]))
    assert (kept == kept[:, :1, :1]).all()
    assert float(kept.mean()) == pytest.approx(1, abs=0.03)
    assert torch.equal(drop.eval()(branch), branch)


def test_inverse_maps() -> None:
    raw = 0.05 * torch.randn((5, 15), generator=torch.Generator().manual_seed(0)).double()
    maps = matrices(raw)
    whole, back = (
        torch.cat([m, torch.eye(4)[3:].expand(5, 1, 4)], 1) for m in (maps, inverses(maps))
    )
    torch.testing.assert_close(whole @ back, torch.eye(4).double().expand(5, 4, 4))
