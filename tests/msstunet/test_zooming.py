"""The localiser of few data: what it says at first, and that its looks follow what it thinks."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from regkit.errors import ParameterError
from regkit_msstunet import build_reorienter
from regkit_msstunet.networks.pose import angles, compose_motion, pull_back, rotation, sample_cube
from regkit_msstunet.networks.zooming import CORRECTIONS, ZoomingLocalizer

MEAN = (-0.83, -1.14, 1.22, 0.19, -0.15, 0.29)


def marked(grid: int, at, width=0.15) -> torch.Tensor:
    """Return a volume that is bright around a point in normalised coordinates."""
    axis = torch.linspace(-1, 1, grid)
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    away = (x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2
    return torch.exp(-away / (2 * width**2))[None, None]


@pytest.mark.training
@pytest.mark.parametrize("grid", [32, 64, 96])
def test_before_training_it_says_the_mean_pose(grid) -> None:
    localiser = ZoomingLocalizer(3, grid, 0.125, MEAN)
    found = localiser(torch.rand(2, 1, grid, grid, grid))
    assert len(found) == 1 + CORRECTIONS
    for numbers in found:  # the mark's tail is cut at the edge of the field of view
        torch.testing.assert_close(numbers, torch.tensor(MEAN).expand(2, 3, 6), atol=1e-3, rtol=0)


class Brightness(torch.nn.Module):
    """Marks what is bright, as a trained finder would mark the ventricle."""

    def forward(self, volume):
        return [100 * volume]


@pytest.mark.parametrize("grid", [32, 48, 96])
def test_the_place_is_that_of_the_mark(grid) -> None:
    """In coordinates of the volume, whatever its voxels are to the blocks that are marked."""
    localiser = ZoomingLocalizer(1, grid, 0.125, MEAN)
    localiser.finder, localiser.mark = Brightness(), torch.nn.Identity()
    at = (0.1, -0.3, 0.4)
    found = localiser(marked(grid, at))[0][0, 0, 3:]
    np.testing.assert_allclose(found.detach().numpy(), at, atol=0.02)


def test_each_look_is_through_what_was_thought_before(monkeypatch) -> None:
    localiser = ZoomingLocalizer(2, 32, 0.125, MEAN)
    with torch.no_grad():
        for scale, head in enumerate(localiser.heads):
            head.bias.copy_(torch.tensor([0.5, -0.25, 0.1, 0.2, 0.1, -0.3]) * (1 + scale))
    volume, looks = torch.rand(1, 1, 32, 32, 32), []
    through = localiser.encoder.forward
    monkeypatch.setattr(
        localiser.encoder, "forward", lambda look: (looks.append(look), through(look))[1]
    )
    found = localiser(volume)
    motion = np.array([0.1, -0.05, 0.02, 0.04, 0.02, -0.06])
    for before, after, look in zip(found[:-1], found[1:], looks, strict=True):
        pose = before[0, 0].detach()
        seen = sample_cube(volume, pull_back(pose[None], 0.4), 32)
        torch.testing.assert_close(look, seen)
        for scale in (0, 1):
            turn = Rotation.from_euler("YXZ", pose[:3].numpy())
            then = turn * Rotation.from_euler("YXZ", motion[:3] * (1 + scale))
            place = pose[3:].numpy() + turn.apply(motion[3:] * (1 + scale))
            mine = after[0, scale].detach()
            np.testing.assert_allclose(rotation(mine[:3]).numpy(), then.as_matrix(), atol=1e-5)
            np.testing.assert_allclose(mine[3:].numpy(), place, atol=1e-5)


def test_every_look_teaches_only_itself() -> None:
    """No gradient of a later look goes back through where it looked."""
    localiser = ZoomingLocalizer(1, 32, 0.125, MEAN)
    for head in localiser.heads:
        torch.nn.init.normal_(head.weight, std=0.1)
    found = localiser(torch.rand(1, 1, 32, 32, 32))
    found[-1].square().sum().backward()
    assert all(p.grad is None for p in localiser.finder.parameters())
    assert all(p.grad is not None for p in localiser.encoder.parameters())


@pytest.mark.parametrize("beta", [-1.14, -1.57, -1.68, 0.4])
def test_angles_are_the_nearest_of_those_that_make_a_rotation(beta) -> None:
    near = torch.tensor([-0.83, beta - 0.02, 1.22], dtype=torch.float64)
    true = torch.tensor([[-0.7, beta, 1.3], [-1.4, beta, 0.7]], dtype=torch.float64)
    torch.testing.assert_close(angles(rotation(true), near), true, atol=1e-9, rtol=0)


def test_angles_are_scipys() -> None:
    turns = Rotation.random(50, random_state=4)
    mine = angles(torch.from_numpy(turns.as_matrix()), torch.zeros(3, dtype=torch.float64))
    again = Rotation.from_euler("YXZ", mine.numpy())
    assert (again * turns.inv()).magnitude().max() < 1e-9
    assert mine.abs().max() <= math.pi + 1e-9


def test_at_a_quarter_turn_the_rotation_is_still_the_same() -> None:
    """Exactly there, where only alpha less gamma is known, with gradients that are finite."""
    for beta, sign in ((-math.pi / 2, 1.0), (math.pi / 2, -1.0)):
        exact = rotation(torch.tensor([0.5, beta, 0.3], dtype=torch.float64))
        exact[[0, 2], 2] = 0.0
        exact[1, :2] = 0.0
        exact.requires_grad_()
        six = angles(exact[None], torch.zeros(3, dtype=torch.float64))
        torch.testing.assert_close(rotation(six)[0], exact, atol=1e-5, rtol=0)
        six.sum().backward()
        assert exact.grad.isfinite().all(), sign


def test_no_motion_moves_nothing() -> None:
    pose = torch.tensor([[-0.83, -1.14, 1.22, 0.19, -0.15, 0.29]], dtype=torch.float64)
    still = torch.zeros(1, 6, dtype=torch.float64)
    torch.testing.assert_close(compose_motion(pose, still, pose[0, :3]), pose)


def test_it_is_a_switch_of_the_networks() -> None:
    network = build_reorienter(32, width=0.125, localizer="zooming")
    assert isinstance(network.localiser, ZoomingLocalizer)
    assert network(torch.rand(1, 1, 32, 32, 32)).numbers.shape == (1, 3, 6)
    assert build_reorienter(32, "seg2", width=0.125, localizer="zooming").needs_pose
    with pytest.raises(ParameterError, match="takes 'resnet' or 'zooming', got 'other'"):
        build_reorienter(32, localizer="other")
