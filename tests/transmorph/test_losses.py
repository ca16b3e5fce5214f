"""Losses of both ways: published values, symmetry, derivatives, and that they find the way."""

import numpy as np
import pytest
import torch

from regkit_transmorph.losses import LOSSES, symmetric_loss, warped
from regkit_transmorph.networks.affine import inverses, matrices

# METHODS.md, section 6.1: of a ramp R and a wave S on 18 voxels each way.
PUBLISHED = {
    "cr": -0.03151605,
    "local-cr": -0.06280389,
    "mi": -0.15866459,
    "local-mi": -0.62936614,
}
STILL = torch.eye(3, 4).double()[None]


def ramp_and_wave(n: int = 18) -> tuple[torch.Tensor, torch.Tensor]:
    i, j, k = np.indices((n, n, n)) / (n - 1)
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * k) * np.cos(np.pi * j) * (0.5 + 0.5 * i)
    ramp, wave = (torch.from_numpy(v)[None, None] for v in ((i + j + k) / 3, wave))
    return ramp, wave


def raw(amount: float, seed: int = 0) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return amount * torch.randn((1, 15), generator=source).double()


@pytest.mark.parametrize("name", list(LOSSES))
def test_without_motion_they_are_the_published_losses(name) -> None:
    loss = symmetric_loss(LOSSES[name], *ramp_and_wave(), STILL)
    assert float(loss) == pytest.approx(PUBLISHED[name], abs=1e-7)


@pytest.mark.parametrize("name", list(LOSSES))
def test_both_images_have_the_same_part(name) -> None:
    """Which image is called fixed makes no difference, if the map is turned round."""
    one, other = ramp_and_wave()
    maps = matrices(raw(0.03))
    forth = symmetric_loss(LOSSES[name], one, other, maps)
    back = symmetric_loss(LOSSES[name], other, one, inverses(maps))
    assert float(forth) == pytest.approx(float(back), rel=1e-9)


@pytest.mark.parametrize("name", list(LOSSES))
def test_derivatives_by_raw_numbers(name) -> None:
    one, other = ramp_and_wave(10)

    def loss(numbers: torch.Tensor) -> torch.Tensor:
        return symmetric_loss(LOSSES[name], one, other, matrices(numbers))

    numbers = raw(0.02).requires_grad_()
    loss(numbers).backward()
    step = 1e-6
    for place in (0, 4, 8, 13):
        ahead, behind = (numbers.detach().clone() for _ in range(2))
        ahead[0, place] += step
        behind[0, place] -= step
        slope = float(loss(ahead) - loss(behind)) / (2 * step)
        assert float(numbers.grad[0, place]) == pytest.approx(slope, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", ["cr", "mi"])
def test_the_right_map_is_better_than_none(name) -> None:
    """A blob that moved, in other intensities: warped back it is most alike."""
    i, j, k = np.indices((24, 24, 24)) / 11.5 - 1
    blob = np.exp(-4 * (i**2 + 2 * j**2 + 3 * (k - 0.1) ** 2))
    fixed = torch.from_numpy(blob)[None, None]
    numbers = torch.zeros((1, 15)).double()
    numbers[0, 6:9] = torch.tensor([0.2, -0.1, 0.05])
    maps = matrices(numbers)
    moving = warped(1 - fixed, inverses(maps))
    right, none = (symmetric_loss(LOSSES[name], moving, fixed, m) for m in (maps, STILL))
    assert float(right) < float(none)


def test_warping_moves_by_half_extents_along_x() -> None:
    volume = torch.zeros((1, 1, 4, 6, 8))
    volume[0, 0, 1, 2, 3] = 1
    maps = torch.eye(3, 4)[None].clone()
    maps[0, 0, 3] = 2 / 8  # one voxel: looked up one further, it appears one earlier
    assert torch.argwhere(warped(volume, maps)[0, 0] > 0.5).tolist() == [[1, 2, 2]]
