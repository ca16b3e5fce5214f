"""PyTomography as the outside judge: the same patient through two independent projectors."""

import numpy as np
import pytest
import torch

from regkit.geometry.volume import Volume
from regkit_nuclear.spect.geometry import LEHR, Orbit
from regkit_nuclear.spect.osem import reconstruct
from regkit_nuclear.spect.projections import Projections
from regkit_nuclear.spect.projector import Projector
from spect_scenes import frame

# The package imports with syntax warnings of its own.
pytestmark = pytest.mark.filterwarnings("ignore")

GRID, ORBIT = frame(64, 24), Orbit.full(12)
PIXEL_CM = GRID.spacing[0] / 10


@pytest.fixture(scope="module")
def pytomography():
    module = pytest.importorskip(
        "pytomography", reason="an optional outside judge (extra recon), not needed to use regkit"
    )
    module.set_device("cpu")
    return module


def blob(centre, width):
    points = GRID.to_physical(np.moveaxis(np.indices(GRID.shape_zyx), 0, -1))
    return np.exp(-0.5 * (((points - centre) / width) ** 2).sum(-1)).astype(np.float32)


ACTIVITY = blob((50, -40, 10), 25) + 0.5 * blob((-40, 30, -10), 40) + 0.2 * blob((0, 0, 0), 70)
MU = 0.31 * blob((0, 0, 0), (95, 70, 200)).clip(0, 0.5)


def theirs(attenuated, blurred):
    """Build their system for our camera; lengths in cm, axes x, y, z, angles running backwards."""
    from pytomography.metadata.SPECT import SPECTObjectMeta, SPECTProjMeta, SPECTPSFMeta
    from pytomography.projectors.SPECT import SPECTSystemMatrix
    from pytomography.transforms.SPECT import SPECTAttenuationTransform, SPECTPSFTransform

    transforms = []
    if attenuated:
        transforms.append(SPECTAttenuationTransform(attenuation_map=to_theirs(MU)))
    if blurred:
        meta = SPECTPSFMeta((), sigma_fit=lambda cm: LEHR.sigma_mm(10 * np.asarray(cm)) / 10)
        transforms.append(SPECTPSFTransform(psf_meta=meta))
    angles = [-angle % 360 for angle in ORBIT.angles_deg]
    return SPECTSystemMatrix(
        obj2obj_transforms=transforms,
        proj2proj_transforms=[],
        object_meta=SPECTObjectMeta([PIXEL_CM] * 3, [64, 64, 24]),
        proj_meta=SPECTProjMeta((64, 24), (PIXEL_CM, PIXEL_CM), angles, np.full(12, 24.0)),
    )


def ours(attenuated, blurred):
    camera = Projector(GRID, ORBIT, LEHR if blurred else None)
    return camera.attenuated_by(torch.from_numpy(MU)[None]) if attenuated else camera


def to_theirs(image):
    return torch.tensor(image).permute(2, 1, 0).contiguous()


@pytest.mark.parametrize(
    ("attenuated", "blurred", "mean_error", "total_error"),
    [
        (False, False, 0.001, 0.001),
        (False, True, 0.004, 0.001),
        (True, False, 0.01, 0.008),
        (True, True, 0.01, 0.008),
    ],
)
@pytest.mark.usefixtures("pytomography")
def test_both_see_the_same(attenuated, blurred, mean_error, total_error):
    expected = theirs(attenuated, blurred).forward(to_theirs(ACTIVITY)).squeeze()
    expected = expected.permute(0, 2, 1).numpy()
    seen = ours(attenuated, blurred).forward(torch.from_numpy(ACTIVITY)[None])[0].numpy()
    assert seen.sum() == pytest.approx(expected.sum(), rel=total_error)
    assert np.abs(seen - expected).mean() < mean_error * expected.mean()


@pytest.mark.usefixtures("pytomography")
def test_both_reconstruct_the_same():
    from pytomography.algorithms import OSEM
    from pytomography.likelihoods import PoissonLogLikelihood

    views = ours(True, True).forward(torch.from_numpy(1000 * ACTIVITY)[None])[0]
    counts = views.permute(0, 2, 1).contiguous()
    expected = OSEM(PoissonLogLikelihood(theirs(True, True), counts))(n_iters=8, n_subsets=1)
    expected = expected.squeeze().permute(2, 1, 0).numpy()
    projections = Projections(views.numpy(), np.zeros(views.shape), GRID, ORBIT)
    image = reconstruct(projections, Volume(MU, GRID, "mu"), subsets=1, iterations=8).array
    inside = MU > 0.05
    error = np.abs(image - expected)[inside].mean() / expected[inside].mean()
    assert error < 0.02
