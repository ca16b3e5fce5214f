"""SPECT and mu-maps that moved."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from scipy.stats import kstest, uniform

from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.rigid import rigid_parameters
from regkit.geometry.transform import IDENTITY
from regkit_nuclear.cohorts.spect_ct import MOTION_VOXEL_MM, SpectCt
from regkit_nuclear.cohorts.spect_ct_hard import SpectCtHard
from regkit_nuclear.cohorts.subject import AxialCoverage, SimulatedThorax, cubic_grid, undo_motion
from regkit_nuclear.phantoms.thorax import ORGANS
from regkit_nuclear.phantoms.thorax.render import render_thorax
from regkit_nuclear.spect.osem import reconstruct
from regkit_nuclear.spect.projections import Projections
from small_cohorts import small

pytestmark = pytest.mark.simulation


@pytest.fixture(scope="module")
def case():
    return small("spect-ct", n=1, seed=4).case(0)


def test_the_pair_is_what_it_says(case):
    fixed, moving = case.pair.fixed, case.pair.moving
    assert (fixed.modality, moving.modality) == ("spect", "mu")
    assert fixed.grid == cubic_grid(16)
    assert moving.grid.matches(fixed.grid)
    assert 0.1 < moving.array.max() < 0.4
    assert fixed.grid.extent == pytest.approx((435.2, 435.2, 435.2))


def test_two_motions_of_a_patient_share_the_spect():
    first, second, third = small("spect-ct", n=3)
    assert [c.id for c in (first, second, third)] == ["p0000-a", "p0000-b", "p0001-a"]
    assert first.pair.fixed is second.pair.fixed
    assert first.truth != second.truth
    assert (first.group, third.group) == ("p0000", "p0001")


def test_motions_fill_the_ranges_of_the_dusfe_paper():
    cohort = small("spect-ct", n=600)
    numbers = []
    for index in range(600):
        motion, _ = cohort.draw_motion(cohort.patient_seed(index), index % 2, (0.0, 0.0, 0.0))
        found = rigid_parameters(motion, (0.0, 0.0, 0.0))
        numbers.append((*np.divide(found.translation_mm, MOTION_VOXEL_MM), *found.euler_deg))
    largest = np.abs(numbers).max(axis=0)
    limits = np.array([8, 8, 4, 10, 10, 30])
    assert (largest <= limits + 1e-9).all()
    assert (largest > 0.97 * limits).all()
    np.testing.assert_allclose(np.abs(numbers).mean(axis=0), limits / 2, rtol=1e-9)
    # Every number is uniform, and those of one motion do not tell those of another patient's.
    for column, limit in zip(np.transpose(numbers), limits, strict=True):
        assert kstest(column, uniform(-limit, 2 * limit).cdf).pvalue > 0.001
    first, second = np.array(numbers)[::2], np.array(numbers)[1::2]
    assert np.abs(np.corrcoef(first.T, second.T)[:6, 6:]).max() < 0.2


def test_the_moved_map_is_the_map_where_the_truth_says():
    """Rendering the moved patient agrees with resampling the patient who did not move."""
    thorax = SimulatedThorax.draw(3)
    still = render_thorax(thorax.patient, cubic_grid(32)).mu
    motion = small("spect-ct", n=1).draw_motion(3, 0, (0.0, 0.0, 0.0))[0]
    moved, _ = thorax.transmission(cubic_grid(32), motion, AxialCoverage())
    back = resample(moved, still.grid, motion)
    inside = moved.grid.contains(motion.map_points(_centres(still.grid)))
    difference = np.abs(back.array - still.array).reshape(-1)[inside]
    assert difference.mean() < 0.1 * still.array.mean()
    assert (
        np.corrcoef(back.array.reshape(-1)[inside], still.array.reshape(-1)[inside])[0, 1] > 0.97
    )


def test_seen_from_is_the_inverse_of_the_motion():
    motion = small("spect-ct", n=1).draw_motion(1, 0, (5.0, 6.0, 7.0))[0]
    grid = replace(cubic_grid(8), spacing=(3.0, 4.0, 5.0))
    index = (1.0, 2.0, 5.0)
    there = motion.map_points(undo_motion(grid, motion).to_physical(index))
    np.testing.assert_allclose(there, grid.to_physical(index), atol=1e-9)


def test_a_short_ct_has_its_own_smaller_grid_with_the_heart_in_it():
    for case in small("spect-ct", n=4, coverage=(0.4, 0.6)):
        fixed, moving = case.pair.fixed.grid, case.pair.moving.grid
        slices = moving.shape_zyx[0]
        assert 6 <= slices <= 10
        assert moving.shape_zyx[1:] == fixed.shape_zyx[1:]
        offset = (moving.origin[2] - fixed.origin[2]) / fixed.spacing[2]
        assert offset == pytest.approx(round(offset), abs=1e-9)
        heart = np.argwhere(case.fixed_labels.array == case.extra["myocardium_label"])
        middle = case.fixed_labels.grid.to_physical(heart.mean(axis=0))
        assert moving.contains(case.truth.map_points(middle))
        # Nothing was filled in: every slice shows the patient.
        assert (case.pair.moving.array.max(axis=(1, 2)) > 0.1).all()


def test_without_motion_and_breathing_the_truth_is_the_identity():
    case = small("spect-ct", n=1, amount=0.0).case(0)
    np.testing.assert_allclose(case.truth.matrix, IDENTITY.matrix, atol=1e-12)
    assert (case.fixed_labels.array == case.moving_labels.array).mean() == 1.0


def test_breathing_moves_the_diaphragm_but_not_the_heart():
    options = {"n": 1, "amount": 0.0, "seed": 11, "size": 32}
    still = small("spect-ct", **options).case(0)
    breathing = small("spect-ct", respiration=True, **options).case(0)
    assert still.extra["ct_phase_mm"] == 0.0
    assert abs(breathing.extra["ct_phase_mm"]) > 1
    heart = still.extra["myocardium_label"]
    np.testing.assert_array_equal(still.pair.fixed.array, breathing.pair.fixed.array)
    same = (still.moving_labels.array == heart) == (breathing.moving_labels.array == heart)
    assert same.mean() > 0.999
    assert (still.moving_labels.array != breathing.moving_labels.array).mean() > 0.005


def test_a_narrow_ct_is_empty_beyond_its_circle():
    options = {"n": 1, "seed": 4, "size": 32}
    whole = small("spect-ct", **options).case(0).pair.moving
    narrow = small("spect-ct", diameter_mm=300.0, **options).case(0).pair.moving
    grid = whole.grid
    x, y, _ = np.moveaxis(grid.to_physical(np.indices(grid.shape_zyx).reshape(3, -1).T), -1, 0)
    beyond = (np.hypot(x, y) > 150).reshape(grid.shape_zyx)
    assert whole.array[beyond].max() > 0.1
    assert (narrow.array[beyond] == 0).all()
    np.testing.assert_array_equal(narrow.array[~beyond], whole.array[~beyond])


def test_uptake_beside_the_heart_can_be_higher():
    thorax, bright = (SimulatedThorax.draw(4, extracardiac=factor) for factor in (1.0, 3.0))
    grid = cubic_grid(64)
    organs = thorax.organ_labels(grid).array
    one, other = (render_thorax(t.patient, grid).activity.array for t in (thorax, bright))
    ratio = np.divide(other, one, where=one > 0, out=np.zeros_like(one))
    for organ, factor in {"liver": 3.0, "spleen": 3.0, "lv_myocardium": 1.0, "spine": 1.0}.items():
        assert np.median(ratio[organs == ORGANS[organ]]) == pytest.approx(factor, rel=1e-3)


def test_uptake_beside_the_heart_of_a_cohort_is_within_its_range():
    settings = small("spect-ct", extracardiac=(1.0, 3.0)).settings
    ratios = [
        settings.subject(seed).patient.uptake.liver
        / SimulatedThorax.draw(seed).patient.uptake.liver
        for seed in range(40)
    ]
    assert 1 <= min(ratios) < 1.3
    assert 2.7 < max(ratios) <= 3


def test_the_hard_cohort_is_the_other_one_with_other_defaults():
    defaults = {field.name: field.default for field in fields(SpectCt)}
    options = {
        field.name: field.default
        for field in fields(SpectCtHard)
        if field.default != defaults[field.name]
    }
    assert {"coverage", "diameter_mm", "respiration", "extracardiac", "counts"} == options.keys()
    hard, same = small("spect-ct-hard", n=1).case(0), small("spect-ct", n=1, **options).case(0)
    np.testing.assert_array_equal(hard.pair.fixed.array, same.pair.fixed.array)
    np.testing.assert_array_equal(hard.pair.moving.array, same.pair.moving.array)


def test_counts_and_noise():
    exact = small("spect-ct", n=1, noise=False, counts=3e6).case(0).extra["projections"]
    noisy = small("spect-ct", n=1, counts=3e6).case(0).extra["projections"]
    assert isinstance(noisy, Projections)
    assert exact.counts.sum() == pytest.approx(3e6, rel=1e-4)
    assert (noisy.counts == np.rint(noisy.counts)).all()
    chi = ((noisy.counts - exact.counts) ** 2)[exact.counts > 5] / exact.counts[exact.counts > 5]
    assert chi.mean() == pytest.approx(1.0, abs=0.05)


def test_the_arc_can_be_full():
    half, full = (
        small("spect-ct", n=1, arc=arc).case(0).extra["projections"] for arc in (180, 360)
    )
    assert max(half.orbit.angles_deg) - min(half.orbit.angles_deg) == pytest.approx(177)
    assert max(full.orbit.angles_deg) - min(full.orbit.angles_deg) == pytest.approx(354)


def test_defects_can_be_left_out():
    with_defects = [SimulatedThorax.draw(seed).patient.defects for seed in range(20)]
    assert any(with_defects)
    assert not any(SimulatedThorax.draw(seed, defects=False).patient.defects for seed in range(20))


def test_images_come_from_the_projections_that_are_kept(case):
    again = reconstruct(case.extra["projections"], dtype=torch.float64)
    np.testing.assert_allclose(again.array, case.pair.fixed.array, rtol=1e-4, atol=1e-6)
    corrected = reconstruct(case.extra["projections"], case.pair.moving, case.truth)
    reference = case.extra["ac"].array
    assert np.corrcoef(corrected.array.ravel(), reference.ravel())[0, 1] > 0.98
    assert small("spect-ct", n=1, corrected=False).case(0).extra.keys().isdisjoint({"ac"})


def _centres(grid: Grid) -> np.ndarray:
    index = np.moveaxis(np.indices(grid.shape_zyx, dtype=float), 0, -1)
    return grid.to_physical(index.reshape(-1, 3))


def test_projections_are_left_out_on_demand() -> None:
    """Only they and what is scored with them: the images are the same."""
    without, kept = (small("spect-ct", n=1, projections=p).case(0) for p in (False, True))
    assert set(kept.extra) - set(without.extra) == {"projections"}
    np.testing.assert_array_equal(without.pair.fixed.array, kept.pair.fixed.array)
