"""The projector against closed forms, an independent Gaussian filter and the laws of adjoints."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from regkit.errors import GeometryError
from regkit.geometry.grid import Grid
from regkit_nuclear.spect.geometry import Collimator, Orbit
from regkit_nuclear.spect.loops import exponential
from regkit_nuclear.spect.projector import Projector
from regkit_nuclear.spect.resolution import depth_blur
from regkit_nuclear.spect.rotation import SparseRotation, detector_rotation
from spect_scenes import FIELD_MM, cylinder, disc, frame, point

CPU = torch.device("cpu")
SHARP = None


def project(image, projector):
    return projector.forward(torch.as_tensor(image)[None])[0].numpy()


def random_pair(projector, batch):
    generator = torch.Generator().manual_seed(4)
    size = projector.grid.shape_zyx
    image = torch.rand(batch, *size, generator=generator, dtype=projector.dtype)
    shape = (batch, len(projector.views), size[0], size[2])
    return image, torch.rand(shape, generator=generator, dtype=projector.dtype)


def variances(profiles):
    """Variance of each profile (profiles, samples) in samples^2."""
    weights = profiles / profiles.sum(axis=1, keepdims=True)
    at = np.arange(profiles.shape[1])
    mean = (weights * at).sum(axis=1, keepdims=True)
    return (weights * (at - mean) ** 2).sum(axis=1)


@pytest.mark.parametrize("collimator", [Collimator(), SHARP])
@pytest.mark.parametrize("attenuated", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_back_is_the_exact_adjoint_of_forward(collimator, attenuated, dtype, tolerance):
    projector = Projector(frame(20, 13, 9.0), Orbit.full(7), collimator, dtype=dtype)
    image, projections = random_pair(projector, batch=2)
    if attenuated:
        projector = projector.attenuated_by(0.2 * image.flip(0))
    there = (projector.forward(image).double() * projections).sum()
    back = (image.double() * projector.back(projections)).sum()
    assert abs(there - back) / there < tolerance


@pytest.mark.parametrize("batch", [1, 3])
def test_attenuation_that_is_not_kept_is_the_same(batch):
    projector = Projector(frame(18, 7, 9.0), Orbit.full(5), dtype=torch.float64)
    image, _ = random_pair(projector, batch)
    image[:, :, :6] = 0
    mu = 0.3 * image[:1].flip(1, 2)
    kept, passing = (projector.attenuated_by(mu, keep=k).forward(image) for k in (True, False))
    torch.testing.assert_close(passing, kept, rtol=1e-12, atol=1e-12)


def test_the_exponential_function_of_the_loops_is_numpys():
    exponents = np.concatenate([np.linspace(-699, 699, 4001), np.linspace(-2, 2, 999), [0.0]])
    found = np.array([exponential(x) for x in exponents])
    np.testing.assert_allclose(found, np.exp(exponents), rtol=1e-13)
    assert exponential(-1e9) == exponential(-np.inf) == pytest.approx(0, abs=1e-300)
    assert np.isnan(exponential(np.nan))


@pytest.mark.parametrize("angle", [0.0, 33.0, 215.0])
def test_both_rotations_are_scipys_linear_interpolation(angle):
    size = 15
    slices = np.random.default_rng(2).random((size, size, 4))
    depth, bin_ = np.mgrid[:size, :size] - (size - 1) / 2
    sin, cos = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    at = np.array([-depth * cos + bin_ * sin, depth * sin + bin_ * cos]) + (size - 1) / 2
    expected = [
        map_coordinates(s, at, order=1, mode="grid-constant") for s in slices.T.swapaxes(1, 2)
    ]
    rows = torch.from_numpy(np.stack(expected, axis=-1).reshape(size**2, 4))
    columns = torch.from_numpy(slices.reshape(size**2, 4))
    compiled = detector_rotation(size, angle, CPU, torch.float64)
    matrices = SparseRotation.of(compiled.pixels, compiled.weights, CPU, torch.float64)
    for rotation in (compiled, matrices):
        torch.testing.assert_close(rotation.forward(columns), rows, rtol=0, atol=1e-8)
        back = torch.zeros_like(columns)
        rotation.add_adjoint(rows, back)
        torch.testing.assert_close(
            (back * columns).sum(), (rows * rotation.forward(columns)).sum()
        )


def test_a_batch_and_a_choice_of_views_are_the_same_as_one_at_a_time():
    projector = Projector(frame(16, 9), Orbit.cardiac(6), dtype=torch.float64)
    images, projections = random_pair(projector, batch=3)
    together = projector.attenuated_by(images / 8).forward(images, [4, 1])
    for number in range(3):
        alone = projector.attenuated_by(images[[number]] / 8).forward(images[[number]])
        torch.testing.assert_close(together[[number]], alone[:, [4, 1]])
    parts = sum(projector.back(projections[:, [v]], [v]) for v in projector.views)
    torch.testing.assert_close(projector.back(projections), parts)


def test_it_does_not_matter_in_how_many_parts_the_slices_are_treated(monkeypatch):
    grid, orbit = frame(16, 9), Orbit.cardiac(3)
    whole = Projector(grid, orbit, dtype=torch.float64)
    monkeypatch.setattr("regkit_nuclear.spect.projector.PART_VOXELS", 2 * 16**2)
    parts = Projector(grid, orbit, dtype=torch.float64)
    images, projections = random_pair(whole, batch=2)
    whole, parts = (p.attenuated_by(images / 8) for p in (whole, parts))
    torch.testing.assert_close(parts.forward(images), whole.forward(images))
    torch.testing.assert_close(parts.back(projections), whole.back(projections))


@pytest.mark.parametrize(
    ("angle", "bin_mm"), [(0, 61.2), (90, -40.8), (180, -61.2), (-90, 40.8), (450, -40.8)]
)
def test_a_point_appears_where_the_conventions_say(angle, bin_mm):
    grid = frame(64, 9)
    seen = project(point(grid, 61.2, -40.8, 13.6), Projector(grid, Orbit((angle,))))[0]
    z, u = np.unravel_index(seen.argmax(), seen.shape)
    assert grid.origin[2] + z * grid.spacing[2] == pytest.approx(13.6, abs=3.5)
    assert grid.origin[0] + u * grid.spacing[0] == pytest.approx(bin_mm, abs=3.5)


@pytest.mark.parametrize(
    ("near", "far", "place"),
    [(0, 180, (0, -90)), (90, 270, (90, 0)), (135, -45, (64, 64)), (-45, 135, (-64, -64))],
)
def test_the_nearer_detector_sees_a_point_brighter_and_narrower(near, far, place):
    grid = frame(64, 17)
    water = torch.as_tensor(0.155 * cylinder(grid, 110, 500))[None]
    projector = Projector(grid, Orbit((near, far))).attenuated_by(water)
    close, distant = project(point(grid, *place, 0), projector)
    assert close.sum() > 5 * distant.sum()
    assert close.max() / close.sum() > 1.5 * distant.max() / distant.sum()


@pytest.mark.parametrize("angle", [0.0, 33.0])
@pytest.mark.parametrize("towards_mm", [-100.0, 0.0, 100.0])
def test_points_are_as_wide_as_the_collimator_formula_says(angle, towards_mm):
    grid = frame(128, 33)
    direction = np.array([np.sin(np.deg2rad(angle)), -np.cos(np.deg2rad(angle))])
    image = point(grid, *(towards_mm * direction), 0)
    at_mm = (grid.to_physical(np.argwhere(image)[0])[:2] * direction).sum()
    seen = project(image, Projector(grid, Orbit((angle,))))[0]
    sigma = np.sqrt(variances(seen.sum(axis=1)[None])[0]) * grid.spacing[2]
    # The hole's own aperture, imaged over its length, and the crystal in quadrature.
    distance, length = 240 - at_mm, 35 - 2 / 2.75
    fwhm = np.sqrt((1.5 * (length + distance) / length) ** 2 + 3.9**2)
    assert 2.3548 * sigma == pytest.approx(fwhm, rel=0.02)


@pytest.mark.parametrize(("size", "tolerance"), [(64, 0.03), (128, 0.02)])
def test_the_rotation_does_not_widen_points_on_average(size, tolerance):
    """Bilinear interpolation blurs the bins; the resolution is that much sharper."""
    grid = frame(size, 17)
    images = [
        point(grid, *place, 0) for place in np.random.default_rng(5).uniform(-60, 60, (20, 2))
    ]
    seen = Projector(grid, Orbit.full(24)).forward(torch.as_tensor(np.stack(images))).numpy()
    along_bins, along_slices = (variances(seen.sum(axis).reshape(480, -1)) for axis in (2, 3))
    assert np.sqrt(along_bins.mean() / along_slices.mean()) == pytest.approx(1, abs=tolerance)


def test_the_blur_agrees_with_filtering_every_plane_by_itself():
    sigma = np.linspace(2.1, 0.3, 24)
    planes = np.random.default_rng(3).random((24, 24, 2, 18))
    blur = depth_blur(sigma, sigma / 1.5, (24, 18), CPU, torch.float64)
    expected = sum(
        gaussian_filter(p, (s, 0, s / 1.5), mode="constant", truncate=7)
        for p, s in zip(planes, sigma, strict=True)
    )
    seen = blur.filter(blur.mix(torch.as_tensor(planes))).numpy()
    assert np.abs(seen - expected).max() < 1e-3 * expected.max()


@pytest.mark.parametrize("angle", [0.0, 21.0, 45.0, 200.0])
@pytest.mark.parametrize("mu", [0.05, 0.155])
def test_an_attenuating_disc_projects_to_its_closed_form(angle, mu):
    grid, radius = frame(128, 1), 120.0
    image = disc(grid, radius)[None]
    projector = Projector(grid, Orbit((angle,)), SHARP).attenuated_by(
        torch.as_tensor(mu * image)[None]
    )
    seen = project(image, projector)[0, 0] * grid.spacing[0] / 10
    fine = (np.arange(128 * 16) + 0.5) / 16 * grid.spacing[0] - FIELD_MM / 2
    chord_cm = 2 * np.sqrt(np.maximum(radius**2 - fine**2, 0)) / 10
    expected = ((1 - np.exp(-mu * chord_cm)) / mu).reshape(128, 16).mean(axis=1)
    error = np.abs(seen - expected) / expected.max()
    inner = np.abs(grid.origin[0] + np.arange(128) * grid.spacing[0]) < 0.95 * radius
    assert error[inner].max() < 0.01
    assert error.mean() < 0.005


def test_a_lung_in_front_lets_more_photons_through_than_tissue():
    """A point behind a disc of another density: the factor is the integral along the ray."""
    grid = frame(128, 1)
    source = point(grid, 0, 60, 0)
    mu = 0.155 * disc(grid, 110) - 0.113 * disc(grid, 40, (0, -30))
    projector = Projector(grid, Orbit((0.0,)), SHARP).attenuated_by(
        torch.as_tensor(mu)[None, None]
    )
    y = grid.to_physical(np.argwhere(source)[0])[1]
    expected = np.exp(-(0.155 * (110 + y) - 0.113 * 80) / 10)
    assert project(source, projector).sum() == pytest.approx(expected, rel=0.01)


def test_no_photon_is_lost_inside_the_field_without_attenuation():
    grid = frame(32)
    image = cylinder(grid, 120, 100)
    totals = project(image, Projector(grid, Orbit.full(12))).sum(axis=(1, 2))
    np.testing.assert_allclose(totals, image.sum(), rtol=2e-3)


@pytest.mark.parametrize(
    ("grid", "reason"),
    [
        (Grid((4, 8, 9)), "square slices"),
        (Grid((4, 8, 8), (1.0, 2.0, 1.0)), "square pixels"),
        (Grid((4, 8, 8), direction=(-1, 0, 0, 0, -1, 0, 0, 0, 1)), "along the patient's axes"),
    ],
)
def test_grids_that_cannot_be_turned_are_refused(grid, reason):
    with pytest.raises(GeometryError, match=reason):
        Projector(grid, Orbit.cardiac())


def test_tensors_of_another_shape_are_refused():
    projector = Projector(frame(8), Orbit.cardiac(4))
    with pytest.raises(GeometryError, match=r"expected images \(batch, 8, 8, 8\)"):
        projector.forward(torch.zeros(8, 8, 8))
    with pytest.raises(GeometryError, match=r"expected projections \(batch, 4, z, bin\)"):
        projector.back(torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize(
    ("angles", "radius", "reason"),
    [((), 240, "finite angles"), ((np.nan,), 240, "finite angles"), ((0,), 0, "must be positive")],
)
def test_impossible_orbits_are_refused(angles, radius, reason):
    with pytest.raises(GeometryError, match=reason):
        Orbit(angles, radius)


def test_the_cardiac_orbit_runs_from_rao_45_to_lpo_45():
    angles = np.array(Orbit.cardiac().angles_deg)
    assert len(angles) == 60
    assert (angles[0], angles[-1]) == (-45.0, 132.0)
    np.testing.assert_allclose(np.diff(angles), 3.0)
