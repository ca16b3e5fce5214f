"""Images looked up in batches: the same as SimpleITK resamples, one by one."""

import numpy as np
import pytest
import torch

from regkit import IDENTITY, Grid, Volume, resample, rigid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import AffineTransform
from regkit.learning.grid_sampling import grid_sample, outside_mask, sampling_grid

ONTO = Grid((9, 10, 11), (11.0, 12.0, 9.0), (-50.0, -48.0, -40.0))
OBLIQUE = tuple((rotation_matrix((8, -12, 25)) @ np.diag([1.0, -1.0, 1.0])).ravel())
SOURCES = (
    Grid((14, 12, 16), (7.0, 8.0, 9.0), (-60.0, 50.0, -50.0), OBLIQUE),
    Grid((6, 20, 18), (6.0, 5.0, 15.0), (-50.0, -44.0, -38.0)),
    Grid((1, 12, 12), (9.0, 9.0, 20.0), (-50.0, -50.0, 3.0)),
)
THROUGHS = (
    rigid((10, -5, 20), (5, -8, 3)),
    AffineTransform.about(rotation_matrix((3, 4, 5)) * 1.2, (2, 3, -4), (0, 0, 0)),
    IDENTITY,
)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request) -> torch.device:
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    return torch.device(request.param)


def images() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.random(grid.shape_zyx, dtype=np.float32) for grid in SOURCES]


def test_a_batch_is_what_simpleitk_makes_of_each_image(device) -> None:
    arrays = images()
    where = sampling_grid(THROUGHS, ONTO, SOURCES, device)
    tensors = [torch.from_numpy(array)[None, None].to(device) for array in arrays]
    found = grid_sample(tensors, where).cpu().numpy()
    outside = outside_mask(where, SOURCES).any(dim=0).cpu().numpy()
    for one, hidden, array, grid, through in zip(
        found, outside, arrays, SOURCES, THROUGHS, strict=True
    ):
        judge = resample(Volume(array, grid), ONTO, through, outside=np.nan).array
        np.testing.assert_array_equal(hidden, np.isnan(judge))
        assert 0 < hidden.mean() < 1
        np.testing.assert_allclose(one[~hidden], judge[~hidden], atol=2e-4)


def test_beside_an_image_is_its_border_or_nothing(device) -> None:
    far = AffineTransform.shift((1e4, 0.0, 0.0))
    where = sampling_grid([far], ONTO, [SOURCES[1]], device)
    full = torch.full((1, 1, 6, 20, 18), 2, dtype=torch.uint8, device=device)
    assert (grid_sample([full], where) == 2).all()
    assert (grid_sample([full], where, "nearest", "zeros") == 0).all()
    assert outside_mask(where, [SOURCES[1]])[2].all()
