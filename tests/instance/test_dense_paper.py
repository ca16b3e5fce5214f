"""The published parameters and schedule: golden matrices, frames, what comes back."""

import numpy as np
import pytest
import torch

from phantoms import SMALL
from regkit import AffineTransform, Pair, resample, rigid
from regkit.testing import phantom_pairs
from regkit.testing.phantom import thorax
from regkit_instance.torch_backend.chen2024 import affine_in_lps, on_common_grid
from regkit_instance.torch_backend.chen2024_schedule import FREE, CommonGrid, descend, map_of
from regkit_instance.torch_backend.raw_affine import raw_matrix

ANGLES = (0.1, 0.2, 0.3)
SHEARS = (0.01, 0.02, 0.03, 0.04, 0.05, 0.06)


def _raw(scale=(1, 1, 1), translation=(0, 0, 0), shears=(0,) * 6) -> torch.Tensor:
    angles = np.divide(ANGLES, np.pi)
    numbers = [*angles, *np.subtract(scale, 1), *translation, *np.divide(shears, np.pi)]
    return torch.tensor(numbers, dtype=torch.float64)


def test_published_matrices() -> None:
    turned = raw_matrix(_raw()).numpy()
    rows = [
        (0.936293, 0.312992, -0.159345, 0),
        (-0.289629, 0.944702, 0.153792, 0),
        (0.198669, -0.097843, 0.975170, 0),
    ]
    np.testing.assert_allclose(turned, rows, atol=1e-6)
    everything = raw_matrix(_raw((1.1, 0.9, 1.2), (0.1, -0.2, 0.3), SHEARS)).numpy()
    rows = [
        (1.034030, 0.363930, -0.112567, 0.1),
        (-0.236046, 0.846622, 0.206957, -0.2),
        (0.248572, -0.076498, 1.172238, 0.3),
    ]
    np.testing.assert_allclose(everything, rows, atol=1e-6)


def test_matrices_have_derivatives() -> None:
    raw = _raw((1.1, 0.9, 1.2), (0.1, -0.2, 0.3), SHEARS).requires_grad_()
    assert torch.autograd.gradcheck(raw_matrix, raw)


def test_numbers_are_clamped_as_published() -> None:
    raw = torch.tensor([2.0, 0, 0, -3.0, 9.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], dtype=torch.float64)
    found = raw_matrix(raw).numpy()[:, :3]
    np.testing.assert_allclose(found, np.diag([0, 5, 1]) @ np.diag([1, -1, -1]), atol=1e-12)


@pytest.mark.parametrize("model", ["rigid", "similarity"])
def test_maps_of_few_numbers_keep_angles_in_millimetres(model) -> None:
    free = torch.linspace(0.02, 0.05, FREE[model], dtype=torch.float64)
    linear = map_of(free, model, torch.tensor([100.0, 150.0, 80.0]))[:, :3].double().numpy()
    scale = np.cbrt(np.linalg.det(linear))
    np.testing.assert_allclose(linear.T @ linear, scale**2 * np.eye(3), atol=1e-6)
    assert (scale == pytest.approx(1, abs=1e-6)) == (model == "rigid")


def test_warping_is_resampling_in_the_same_frame() -> None:
    pair = phantom_pairs.oblique().pair
    images = on_common_grid(pair, torch.device("cpu"))
    free = 0.02 * torch.randn(15, generator=torch.Generator().manual_seed(0)).double()
    map_mm = map_of(free, "affine", images.half_mm)
    warped, _ = images.warp(map_mm)
    grid = pair.fixed.grid
    nz, ny, nx = grid.shape_zyx
    moving = pair.moving.with_array(images.moving[0, 0, :nz, :ny, :nx].numpy(), grid)
    expected = resample(moving, grid, affine_in_lps(map_mm.numpy(), grid)).array
    inner = (slice(4, -4),) * 3
    found = warped[0, 0, :nz, :ny, :nx].numpy()
    np.testing.assert_allclose(found[inner], expected[inner], atol=2e-3)


def test_the_map_is_that_of_the_last_loss_before_the_last_step() -> None:
    image = torch.rand((1, 1, 8, 8, 8), generator=torch.Generator().manual_seed(0))
    images = CommonGrid(image, image, None, None, torch.tensor([8.0, 8.0, 8.0]))
    seen = []

    def loss_of(small: CommonGrid):
        def loss(map_mm: torch.Tensor) -> torch.Tensor:
            seen.append((small.fixed.shape[-1], map_mm.detach().clone()))
            return (map_mm[:, 3] - torch.tensor([1.0, 2.0, 3.0])).square().sum()

        return loss

    found = descend(images, loss_of, "rigid", 0.01, factors=(4, 1), iterations=(3, 2))
    assert [size for size, _ in seen] == [2, 2, 2, 8, 8, 8, 8]
    assert torch.equal(found.map_mm, seen[4][1])
    # Adam's first steps are as long as its rate, here of 8 mm, whatever the slope.
    np.testing.assert_allclose(seen[1][1][:, 3], [0.08, 0.08, 0.08], rtol=1e-4)
    assert found.after < found.before == pytest.approx(14)
    assert len(found.losses) == 2


def test_the_correction_follows_the_initial_map() -> None:
    """Images that are apart as the initial transform says need no correction."""
    truth = rigid((10, -20, 30), (40, -30, 20))
    fixed, moving = thorax(SMALL, "ct"), thorax(SMALL, "ct", truth)
    pairs = Pair(fixed, moving, initial=truth), Pair(fixed, moving)
    inner = (0, 0, *(slice(8, 28),) * 3)
    aligned, apart = (
        float((images.fixed - images.moving)[inner].abs().mean())
        for images in (on_common_grid(pair, torch.device("cpu")) for pair in pairs)
    )
    assert aligned < 0.2 * apart
    still = torch.eye(3, 4)
    assert affine_in_lps(still.numpy(), SMALL) == AffineTransform(np.eye(4))
