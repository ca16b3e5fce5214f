"""Reconstruction: attenuation hollows a uniform cylinder out, correcting fills it again."""

from itertools import chain

import numpy as np
import pytest
import torch

from regkit.errors import GeometryError, ParameterError
from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.rigid import rigid
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import Volume
from regkit_nuclear.spect.acquire import expected_views
from regkit_nuclear.spect.attenuation import attenuation_on
from regkit_nuclear.spect.geometry import Orbit
from regkit_nuclear.spect.osem import ordered_subsets, osem, reconstruct, reconstruct_batch
from regkit_nuclear.spect.projections import Projections
from regkit_nuclear.spect.projector import Projector
from spect_scenes import cylinder, frame

pytestmark = pytest.mark.simulation

RADIUS = 110.0


def scan(orbit, size=32, slices=12):
    """A water cylinder of uniform activity, noise-free, and its mu-map."""
    grid = frame(size, slices)
    share = cylinder(grid, RADIUS, 60)
    mu = Volume(0.155 * share, grid, "mu")
    primary, scatter, _ = expected_views(Volume(share, grid), mu, orbit)
    return Projections(primary + scatter, scatter, grid, orbit), mu


def rings(image):
    """Mean of the middle slices in rings of 20 mm around the axis, the edge left out."""
    x = image.grid.origin[0] + np.arange(image.grid.shape_zyx[2]) * image.grid.spacing[0]
    radius = np.hypot(x, x[:, None])
    middle = image.array[len(image.array) // 2 - 1 :][:2].mean(axis=0)
    return np.array([middle[(radius >= r) & (radius < r + 20)].mean() for r in range(0, 80, 20)])


@pytest.fixture(scope="module", params=["cardiac", "full"])
def cylinder_scan(request):
    return scan(getattr(Orbit, request.param)(60))


def test_ac_recovers_a_uniform_cylinder(cylinder_scan):
    projections, mu = cylinder_scan
    np.testing.assert_allclose(rings(reconstruct(projections, mu)), 1.0, atol=0.03)


def test_nac_shows_the_cupping(cylinder_scan):
    projections, _ = cylinder_scan
    seen = rings(reconstruct(projections))
    assert np.all(np.diff(seen) > 0)
    assert seen[0] < 0.8 * seen[-1]
    assert seen[-1] < 0.5


def test_the_scatter_estimate_is_used_with_ac_only(cylinder_scan):
    projections, mu = cylinder_scan
    none = Projections(
        projections.counts, 0 * projections.scatter, projections.grid, projections.orbit
    )
    few = {"iterations": 2}
    corrected, not_corrected = (rings(reconstruct(p, mu, **few)) for p in (projections, none))
    assert not_corrected.mean() > 1.2 * corrected.mean()
    first, second = (reconstruct(p, **few).array for p in (projections, none))
    assert np.array_equal(first, second)


def test_a_mu_map_is_brought_onto_the_grid_by_the_registration():
    projections, mu = scan(Orbit.cardiac(20))
    to_moving = rigid((5.0, -3.0, 8.0), (12.0, -7.0, 9.0), mu.grid.centre)
    larger = Grid((40, 90, 90), (6.0, 6.0, 6.0), (-267.0, -267.0, -117.0))
    moved = resample(mu, larger, to_moving.inverse())
    there = reconstruct(projections, moved, to_moving, subsets=4, iterations=4)
    here = reconstruct(projections, mu, subsets=4, iterations=4)
    lost = reconstruct(projections, moved, subsets=4, iterations=4)
    error, wrong = (np.abs(v.array - here.array).mean() for v in (there, lost))
    assert error < 0.02 * here.array.mean()
    assert wrong > 2 * error


def test_beyond_the_slices_of_the_ct_its_outermost_slices_go_on_and_beside_it_there_is_air():
    grid = Grid((20, 8, 8), (10.0, 10.0, 10.0))
    scanned = Grid((5, 4, 4), (10.0, 10.0, 10.0), (20.0, 20.0, 80.0))
    mu = Volume(np.arange(1.0, 6.0)[:, None, None] * np.ones((5, 4, 4)), scanned, "mu")
    seen = attenuation_on(grid, mu)
    np.testing.assert_allclose(seen[:, 4, 4], [1.0] * 8 + [1, 2, 3, 4, 5] + [5.0] * 7)
    assert not seen[:, :, :2].any()
    assert not seen[:, 6:].any()


def test_the_part_beyond_the_ct_follows_its_own_axis():
    """A map that was shifted along z continues where the registration puts its end."""
    grid = Grid((20, 4, 4), (10.0, 10.0, 10.0))
    scanned = Grid((5, 4, 4), (10.0, 10.0, 10.0))
    mu = Volume(np.arange(1.0, 6.0)[:, None, None] * np.ones((5, 4, 4)), scanned, "mu")
    seen = attenuation_on(grid, mu, AffineTransform.shift((0.0, 0.0, -50.0)))
    np.testing.assert_allclose(seen[:, 2, 2], [1.0] * 5 + [1, 2, 3, 4, 5] + [5.0] * 10)


def test_osem_never_lowers_the_likelihood_with_one_subset():
    projections, mu = scan(Orbit.full(12), size=16, slices=6)
    noisy = np.random.default_rng(2).poisson(40 * projections.counts).astype(np.float32)
    camera = Projector(projections.grid, projections.orbit).attenuated_by(
        torch.from_numpy(mu.array.copy())[None]
    )
    counts = torch.from_numpy(noisy)[None]
    likelihoods = []
    for iterations in range(1, 8):
        mean = camera.forward(osem(camera, counts, subsets=1, iterations=iterations)).double()
        mean = mean.clamp_min(1e-6)
        likelihoods.append((counts * mean.log() - mean).sum().item())
    assert np.all(np.diff(likelihoods) > 0)


def test_a_batch_gives_what_each_gives_alone():
    scans = [scan(Orbit.cardiac(12), size=16, slices=6) for _ in range(2)]
    other = Projections(
        scans[1][0].counts[:, ::-1] * 2, scans[1][0].scatter, scans[0][0].grid, scans[0][0].orbit
    )
    maps = [scans[0][1].array, 0.5 * scans[1][1].array]
    together = reconstruct_batch([scans[0][0], other], maps, subsets=3, iterations=3)
    for projections, mu, image in zip([scans[0][0], other], maps, together, strict=True):
        alone = reconstruct(projections, Volume(mu, projections.grid), subsets=3, iterations=3)
        np.testing.assert_allclose(image.array, alone.array, rtol=1e-4, atol=1e-5)


def test_the_filter_smooths_and_keeps_the_total():
    projections, _ = scan(Orbit.cardiac(12), size=32, slices=12)
    sharp, smooth = (
        reconstruct(projections, subsets=3, iterations=2, filter_fwhm_mm=f) for f in (0, 40)
    )
    assert smooth.array.max() < 0.9 * sharp.array.max()
    assert smooth.array[:, 16].sum() == pytest.approx(sharp.array[:, 16].sum(), rel=0.2)


def test_empty_projections_give_an_empty_image():
    grid, orbit = frame(16, 6), Orbit.cardiac(6)
    nothing = np.zeros((6, 6, 16))
    image = reconstruct(Projections(nothing, nothing, grid, orbit), subsets=3, iterations=2)
    assert np.isfinite(image.array).all()
    assert image.array.max() < 1e-6


def test_what_dies_out_becomes_zero_not_a_denormal_number():
    projections, mu = scan(Orbit.cardiac(12), 16, 4)
    counts = np.where(np.arange(16) < 8, projections.counts, 0)  # half of each view is empty
    half = Projections(counts, projections.scatter, projections.grid, projections.orbit)
    image = reconstruct(half, mu, subsets=4, iterations=60).array
    assert (image == 0).mean() > 0.3
    assert image[image > 0].min() >= np.finfo(np.float32).tiny


def test_subsets_deal_all_views_evenly_in_bit_reversed_order():
    groups = ordered_subsets(60, 10)
    assert [g[0] for g in groups] == [0, 8, 4, 2, 6, 1, 9, 5, 3, 7]
    assert sorted(chain.from_iterable(groups)) == list(range(60))
    assert {len(g) for g in groups} == {6}
    assert ordered_subsets(3, 1) == [[0, 1, 2]]


@pytest.mark.parametrize("subsets", [0, 13])
def test_impossible_numbers_of_subsets_are_refused(subsets):
    projections, _ = scan(Orbit.cardiac(12), size=8, slices=4)
    with pytest.raises(ParameterError, match="divided into 1 to 12 subsets"):
        reconstruct(projections, subsets=subsets)


def test_no_iterations_are_refused():
    projections, _ = scan(Orbit.cardiac(12), size=8, slices=4)
    with pytest.raises(ParameterError, match="at least one iteration"):
        reconstruct(projections, iterations=0)


def test_a_ct_in_hu_is_refused():
    projections, mu = scan(Orbit.cardiac(12), size=8, slices=4)
    with pytest.raises(GeometryError, match="needs a mu-map in 1/cm"):
        reconstruct(projections, Volume(1000 * mu.array, mu.grid, "ct"))
    with pytest.raises(GeometryError, match="values up to 155"):
        reconstruct(projections, Volume(1000 * mu.array, mu.grid))


def test_a_batch_of_different_cameras_is_refused():
    scans = [scan(Orbit.cardiac(views), size=8, slices=4)[0] for views in (6, 12)]
    with pytest.raises(GeometryError, match="one grid, orbit and collimator"):
        reconstruct_batch(scans)
