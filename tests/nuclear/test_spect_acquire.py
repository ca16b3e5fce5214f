"""Counts: their statistics, their scale, scatter, binning, and the file that keeps them."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.stats import chi2, poisson

from regkit.errors import FileFormatError, GeometryError
from regkit.geometry.volume import Volume
from regkit_nuclear.spect.acquire import (
    acquire,
    binned_grid,
    draw_counts,
    draw_total_counts,
    expected_views,
)
from regkit_nuclear.spect.gaussian import blur
from regkit_nuclear.spect.geometry import Orbit
from regkit_nuclear.spect.projections import Projections, read_projections, write_projections
from spect_scenes import cylinder, frame, point

ORBIT = Orbit.cardiac(6)


def rng(seed=1):
    return np.random.Generator(np.random.PCG64(seed))


def water(size=32, binning=1):
    grid = frame(size * binning)
    share = cylinder(grid, 110, 120)
    return Volume(share, grid, "spect"), Volume(0.155 * share, grid, "mu")


@pytest.fixture(scope="module")
def projections():
    return acquire(*water(), rng(), orbit=ORBIT)


def test_counts_are_poisson_about_their_mean():
    """Dispersion of many draws of the same bins, against the chi-square distribution."""
    mean = np.repeat([0.3, 2.0, 11.0, 80.0, 500.0], 50)
    counts = np.stack([draw_counts(mean, rng(seed)) for seed in range(200)])
    dispersion = ((counts - mean) ** 2 / mean).sum()
    low, high = chi2.ppf([0.001, 0.999], counts.size)
    assert low < dispersion < high
    assert counts.mean(axis=0) == pytest.approx(mean, abs=5 * np.sqrt(mean / 200).max())
    assert np.array_equal(counts, np.rint(counts))


def test_counts_are_the_quantiles_of_scipy():
    mean = np.concatenate([[0.0], np.geomspace(1e-9, 3000, 20_000)])
    expected = np.maximum(poisson.ppf(rng(3).random(mean.shape), mean), 0)
    assert np.array_equal(draw_counts(mean, rng(3)), expected)


def test_the_acquired_counts_are_poisson_about_the_expected_views():
    activity, mu = water()
    primary, scatter, _ = expected_views(activity, mu, ORBIT)
    mean = (primary + scatter) * 3e6 / (primary + scatter).sum()
    counts = acquire(activity, mu, rng(7), orbit=ORBIT, total_counts=3e6).counts
    seen = mean > 20
    statistic = ((counts[seen] - mean[seen]) ** 2 / mean[seen]).sum()
    low, high = chi2.ppf([0.001, 0.999], seen.sum())
    assert low < statistic < high


def test_one_bin_changes_no_other_bin():
    mean = np.full(1000, 12.0)
    other = mean.copy()
    other[10] = 400.0
    changed = draw_counts(mean, rng()) != draw_counts(other, rng())
    assert changed[10]
    assert changed.sum() == 1


def test_where_nothing_is_expected_nothing_is_counted():
    assert not draw_counts(np.zeros(1000), rng()).any()


def test_totals_are_lognormal_about_six_million_within_their_range():
    totals = np.array([draw_total_counts(rng(seed)) for seed in range(2000)])
    assert np.median(totals) == pytest.approx(6e6, rel=0.03)
    assert totals.min() >= 2e6
    assert totals.max() <= 16e6
    assert np.log(totals).std() == pytest.approx(0.4, rel=0.06)


def test_the_same_seed_gives_the_same_counts_and_another_seed_others(projections):
    again = acquire(*water(), rng(), orbit=ORBIT)
    assert np.array_equal(again.counts, projections.counts)
    assert not np.array_equal(acquire(*water(), rng(2), orbit=ORBIT).counts, projections.counts)


def test_the_expected_total_is_what_was_asked_for():
    counts = acquire(*water(), rng(), orbit=ORBIT, total_counts=1e7).counts
    assert counts.sum() == pytest.approx(1e7, abs=5 * np.sqrt(1e7))


def test_scatter_is_about_a_quarter_of_the_primaries_of_a_cylinder_of_water():
    primary, scatter, _ = expected_views(*water(), ORBIT)
    assert scatter.sum() / primary.sum() == pytest.approx(0.24, abs=0.03)


def test_the_scatter_of_a_point_is_wide_and_comes_from_tissue_only():
    activity, mu = water()
    source = activity.with_array(point(activity.grid, 20, -30, 0))
    primary, scatter, _ = expected_views(source, mu, Orbit((0.0,)))
    middle = primary.argmax() % 32
    near = slice(middle - 1, middle + 2)
    assert scatter[..., near].sum() < 0.7 * scatter.sum()
    assert primary[..., near].sum() > 0.9 * primary.sum()
    air = mu.with_array(np.zeros(mu.grid.shape_zyx))
    assert not expected_views(source, air, ORBIT)[1].any()


def test_binned_fine_anatomy_projects_like_the_coarse_one():
    def smooth(size):
        grid = frame(size)
        index = np.moveaxis(np.indices(grid.shape_zyx), 0, -1)
        share = np.exp(-0.5 * (grid.to_physical(index) ** 2).sum(-1) / 45**2)
        return Volume(share, grid), Volume(0.155 * share, grid, "mu")

    fine, _, grid = expected_views(*smooth(64), ORBIT, binning=2)
    coarse, _, same = expected_views(*smooth(32), ORBIT)
    assert grid.matches(same)
    # Each coarse voxel holds eight fine ones.
    assert np.abs(fine / 8 - coarse).max() < 0.02 * coarse.max()


def test_the_blur_of_volumes_keeps_the_total_and_has_the_width_asked_for():
    image = torch.zeros(1, 41, 41, 41, dtype=torch.float64)
    image[0, 20, 20, 20] = 1.0
    seen = blur(image, (2.0, 2.0, 4.0), 8.0)
    assert seen.sum().item() == pytest.approx(1, abs=1e-3)
    offset = torch.arange(41, dtype=torch.float64) - 20
    for axes, step in (((0, 2, 3), 4.0), ((0, 1, 3), 2.0), ((0, 1, 2), 2.0)):
        variance = (seen.sum(axes) * (offset * step) ** 2).sum()
        assert variance.item() == pytest.approx(64, rel=0.01)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"binning": 3}, "3 does not divide"),
        ({"binning": 0}, "0 does not divide"),
        ({"activity": Volume(np.zeros((4, 4, 4)), frame(4))}, "not 0 everywhere"),
        ({"activity": Volume(-np.ones((4, 4, 4)), frame(4))}, "must be 0 or more"),
        ({"mu": Volume(np.ones((4, 4, 4)), frame(4, 4, 9.0))}, "must be on one grid"),
    ],
)
def test_what_cannot_be_acquired_is_refused(change, reason):
    body = Volume(np.ones((4, 4, 4)), frame(4))
    arguments = {"activity": body, "mu": body, "rng": rng(), "orbit": ORBIT} | change
    with pytest.raises(GeometryError, match=reason):
        acquire(**arguments)


def test_a_binned_grid_covers_the_same_field():
    grid = binned_grid(frame(64), 2)
    assert grid.matches(frame(32))


def test_a_file_gives_back_what_was_written(projections, tmp_path):
    file = tmp_path / "deep" / "projections.npz"
    for written in (projections, dataclasses.replace(projections, collimator=None)):
        write_projections(written, file)
        read = read_projections(file)
        assert np.array_equal(read.counts, written.counts)
        assert np.array_equal(read.scatter, written.scatter)
        assert (read.grid, read.orbit, read.collimator) == (
            written.grid,
            written.orbit,
            written.collimator,
        )
    assert [p.name for p in file.parent.iterdir()] == ["projections.npz"]


def test_files_that_hold_no_projections_are_refused_in_one_line(projections, tmp_path):
    with pytest.raises(FileFormatError, match="does not exist"):
        read_projections(tmp_path / "absent.npz")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(FileFormatError, match="does not hold SPECT projections"):
        read_projections(tmp_path / "other.npz")
    np.savez(tmp_path / "pickled.npz", format=np.array([{}], dtype=object))
    with pytest.raises(FileFormatError, match="cannot read projections"):
        read_projections(tmp_path / "pickled.npz")
    write_projections(projections, tmp_path / "cut.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:5000])
    with pytest.raises(FileFormatError, match="cannot read projections"):
        read_projections(tmp_path / "cut.npz")
    (tmp_path / "array.npz").write_bytes(b"not an archive")
    with pytest.raises(FileFormatError, match="cannot read projections"):
        read_projections(tmp_path / "array.npz")


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (np.ones((5, 8, 8)), r"\(views, z, bins\) = \(6, 8, 8\)"),
        (-np.ones((6, 8, 8)), "not negative"),
        (np.full((6, 8, 8), np.nan), "must be finite"),
    ],
)
def test_impossible_projections_are_refused(counts, reason):
    with pytest.raises(GeometryError, match=reason):
        Projections(counts, np.ones((6, 8, 8)), frame(8), ORBIT)


def test_projections_cannot_be_changed(projections):
    with pytest.raises(ValueError, match="read-only"):
        projections.counts[0] = 0
