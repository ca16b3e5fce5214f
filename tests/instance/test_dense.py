"""Dense measures against SciPy, SimpleITK, compiled loops, finite differences and identities."""

import dataclasses

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from scipy.interpolate import BSpline
from scipy.ndimage import map_coordinates

from dense_scenes import BINS, MEASURES, maps, measure, moving_values, one_of, related, scene
from regkit import rigid
from regkit.geometry.sitk_bridge import transform_to_sitk, volume_to_sitk
from regkit.testing import phantom_pairs
from regkit_instance import measures
from regkit_instance import metric_constants as limits
from regkit_instance.gradient_measure import GradientFieldMeasure
from regkit_instance.neighborhood_points import sample_gradients, sample_patches
from regkit_instance.patch_measures import patch_measure
from regkit_instance.prepared_pair import PreparedPair
from regkit_instance.torch_backend import bridge
from regkit_instance.torch_backend import metrics as rules
from regkit_instance.torch_backend import point_sampler as looking
from regkit_instance.torch_backend.deterministic_sums import histogram_sums, quantize
from regkit_instance.torch_backend.measure import DenseMeasure
from regkit_instance.torch_backend.patches import (
    LocalCorrelation,
    LocalCorrelationRatio,
    PatchMetric,
)
from regkit_instance.torch_backend.point_sampler import PointSampler
from regkit_instance.torch_backend.windows import Windows, powers
from value_rows import image_of


def test_values_are_those_of_scipy_between_voxels() -> None:
    where, at = scene(), maps()
    (sampled,) = where.sample(at)
    for pair in range(2):
        for m in range(3):
            points = where.points[pair].numpy()
            moved = at[pair, m, :, :3].numpy() @ points + at[pair, m, :, 3:].numpy()
            matrix = where.to_index[pair].numpy()
            index = matrix[:, :3] @ moved + matrix[:, 3:]
            expected = map_coordinates(where.moving[pair].numpy(), index, order=1)
            np.testing.assert_allclose(sampled.values[pair, m], expected, atol=1e-12)


def test_what_is_beyond_the_edge_of_the_outer_voxels_is_unknown() -> None:
    image = torch.ones(1, 5, 5, 5, dtype=torch.float64)  # three voxels and their padding
    ticks = torch.tensor([-1.51, -1.49, 0.0, 1.49, 1.51], dtype=torch.float64)
    points = torch.stack([ticks, torch.zeros(5), torch.zeros(5)])[None].double()
    index = torch.tensor([[0, 0, 1, 2], [0, 1, 0, 2], [1, 0, 0, 2]], dtype=torch.float64)[None]
    (sampled,) = PointSampler(points, image, index).sample(maps(1, 1, 0.0))
    assert sampled.values[0, 0].isfinite().tolist() == [False, True, True, True, False]


@pytest.mark.parametrize("name", MEASURES)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    judge, at = measure(scene(), name), maps()
    scores, gradients = judge.values_and_gradients(at)
    torch.testing.assert_close(judge.values(at), scores)
    for entry in np.ndindex(3, 4):
        step = torch.zeros(3, 4, dtype=torch.float64)
        step[entry] = 1e-6
        slope = (judge.values(at + step) - judge.values(at - step)) / 2e-6
        torch.testing.assert_close(gradients[..., *entry], slope, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("name", MEASURES)
def test_maps_and_pairs_in_a_batch_do_not_see_each_other(name: str) -> None:
    where, at = scene(), maps()
    scores, gradients = measure(where, name).values_and_gradients(at)
    fixed = None if name == "ngf" else related(where)
    for pair, m in np.ndindex(2, 3):
        alone = measure(one_of(where, pair), name, fixed if fixed is None else fixed[pair, None])
        one = at[pair : pair + 1, m : m + 1]
        score, gradient = alone.values_and_gradients(one)
        torch.testing.assert_close(score[0, 0], scores[pair, m], rtol=1e-9, atol=0)
        torch.testing.assert_close(gradient[0, 0], gradients[pair, m], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", MEASURES)
def test_small_steps_change_nothing(name: str, monkeypatch) -> None:
    judge, at = measure(scene(), name), maps()
    scores, gradients = judge.values_and_gradients(at)
    monkeypatch.setitem(looking.BATCH_VALUES, "cpu", 200)
    again, stepped = judge.values_and_gradients(at)
    # Not to the last bit: vectorised loops round their last few elements differently.
    torch.testing.assert_close(again, scores, rtol=1e-12, atol=0)
    torch.testing.assert_close(stepped, gradients, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_single_precision_is_precise_enough(name: str) -> None:
    double, single = (
        measure(scene(dtype=kind), name).values_and_gradients(maps())
        for kind in (torch.float64, torch.float32)
    )
    torch.testing.assert_close(single[0], double[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(single[1], double[1], rtol=1e-2, atol=1e-2)


def test_sums_do_not_depend_on_their_order() -> None:
    generator = torch.Generator().manual_seed(0)
    terms = torch.rand((1, 1, 20_000), generator=generator, dtype=torch.float64)
    bins = torch.randint(-1, 7, terms.shape, generator=generator)
    order = torch.randperm(20_000, generator=generator)
    sums = histogram_sums([terms], bins, 7, 20_000)
    assert torch.equal(sums, histogram_sums([terms[..., order]], bins[..., order], 7, 20_000))
    expected = np.bincount(bins[0, 0] + 1, terms[0, 0], minlength=8)[1:]
    np.testing.assert_allclose(sums[0, 0, 0], expected, rtol=1e-9)
    assert float((quantize(terms, 20_000) - terms).abs().max()) < 1e-11


def test_windows_from_powers_are_cubic_b_splines() -> None:
    windows, values = Windows(12), torch.linspace(0, 1, 50, dtype=torch.float64)
    interval, t = windows.locate(values)
    for value, at, place in zip(values, interval, t, strict=True):
        sums = torch.zeros(4, windows.intervals, dtype=torch.float64)
        sums[:, at] = torch.stack(powers(place))
        spline = BSpline.basis_element(np.arange(-2, 3), extrapolate=False)
        distance = 1 + 8 * float(value) - np.arange(12)
        expected = np.nan_to_num(spline(distance))
        np.testing.assert_allclose(windows.histogram(sums), expected, atol=1e-12)


class TestIdentities:
    def test_an_image_explains_a_function_of_it_but_not_the_other_way_round(self) -> None:
        where = scene()
        values, still = moving_values(where), maps(size=0.0)
        itself, inverse, folded = (
            measure(where, "cr", fixed).values(still)
            for fixed in (values, 1 - values, (2 * values - 1).square())
        )
        # What is left is the variance within the width of bins and windows.
        assert float(torch.minimum(itself, inverse).min()) > 0.98
        assert 0.3 < float(folded.min()) < float(folded.max()) < 0.9

    def test_normalised_information_is_between_one_and_two(self) -> None:
        where = scene()
        generator = torch.Generator().manual_seed(3)
        fixed = torch.rand(related(where).shape, generator=generator, dtype=torch.float64)
        for values in (fixed, related(where), moving_values(where)):
            scores = measure(where, "nmi", values).values(maps())
            assert 1 < float(scores.min()) < float(scores.max()) < 2

    def test_information_is_that_of_a_histogram_counted_by_numpy(self) -> None:
        where = scene(1)
        fixed, moving = related(where), moving_values(where)
        # Values in the middle of bins: their windows reach over three bins, 1/6 2/3 1/6.
        spread = BINS - 4
        image = (where.moving * spread).round() / spread
        level = PointSampler(where.points, image, where.to_index)
        score = float(measure(level, "mi", fixed).values(maps(1, 1, 0.0)))
        (sampled,) = level.sample(maps(1, 1, 0.0))
        assert moving.shape == sampled.values[0].shape
        joint = np.zeros((BINS, BINS))
        at = 1 + spread * sampled.values[0, 0].numpy()
        for k in range(BINS):
            d = np.abs(at - k)
            window = np.where(d < 1, 2 / 3 - d**2 + d**3 / 2, np.clip(2 - d, 0, None) ** 3 / 6)
            for f in range(BINS):
                joint[f, k] = window[(fixed[0].numpy() * BINS).astype(int) == f].sum()
        p = joint / joint.sum()
        apart = p.sum(0) * p.sum(1)[:, None]
        expected = (p[p > 0] * np.log(p[p > 0] / apart[p > 0])).sum()
        assert score == pytest.approx(expected, abs=1e-9)

    @pytest.mark.parametrize("factor", [0.6, -0.6])
    def test_linear_relations_correlate_fully_in_every_patch(self, factor: float) -> None:
        where = scene()
        fixed = 0.5 + factor * (moving_values(where) - 0.5)
        rule = PatchMetric(fixed, 27, 30, LocalCorrelation(noise=0.0))
        scores = DenseMeasure(where, rule).values(maps(size=0.0))
        torch.testing.assert_close(scores, torch.ones_like(scores))

    def test_squared_correlations_are_those_of_numpy(self) -> None:
        where, at = scene(1), maps(1, 1)
        fixed = related(where)
        rule = PatchMetric(fixed, 27, 30, LocalCorrelation(noise=0.0))
        (sampled,) = where.sample(at)
        patches = zip(
            sampled.values[0, 0].view(-1, 27).numpy(), fixed[0].view(-1, 27).numpy(), strict=True
        )
        expected = np.mean([np.corrcoef(a, b)[0, 1] ** 2 for a, b in patches])
        assert float(DenseMeasure(where, rule).values(at)) == pytest.approx(expected)

    def test_one_patch_of_everything_is_the_global_correlation_ratio(self) -> None:
        where = scene()
        fixed = related(where)
        local = LocalCorrelationRatio(Windows(BINS), noise=0.0)
        rule = PatchMetric(fixed, fixed.shape[1], 30, local)
        found = DenseMeasure(where, rule).values_and_gradients(maps())
        expected = measure(where, "cr", fixed).values_and_gradients(maps())
        torch.testing.assert_close(found, expected)

    def test_gradient_fields_of_an_image_and_its_negative_agree(self) -> None:
        where = scene(1)
        negative = PointSampler(where.points, 1 - where.moving, where.to_index)
        one, other = (measure(w, "ngf").values(maps(1)) for w in (where, negative))
        torch.testing.assert_close(one, other)
        assert float(one.max()) < 1


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda w: PointSampler(w.points, w.moving * torch.nan, w.to_index),
        lambda w: PointSampler(w.points, w.moving * 0 + 0.5, w.to_index),
        lambda w: PointSampler(w.points + 1e3, w.moving, w.to_index),
    ],
    ids=["unknown", "constant", "no overlap"],
)
def test_where_nothing_can_be_compared_there_is_no_score_and_no_nan(name, spoil) -> None:
    where = scene()
    good = measure(where, name)
    if name == "ngf":
        bad = spoil(one_of(where, 0))
        field = torch.ones_like(where.points[:1])
        judge, at = rules.gradient_field_measure(bad, field), maps(1)
    else:
        judge, at = dataclasses.replace(good, sampler=spoil(where)), maps()
    scores, gradients = judge.values_and_gradients(at)
    assert torch.equal(scores, torch.full_like(scores, -torch.inf))
    assert torch.equal(gradients, torch.zeros_like(gradients))


@pytest.mark.parametrize("name", ["mi", "nmi", "cr"])
def test_the_compiled_loops_give_the_same_numbers(name: str) -> None:
    problem = phantom_pairs.oblique()
    images = PreparedPair.prepare(problem.pair, 2, 0)
    sampled = images.measure(name, 0, 4000, BINS)
    where = bridge.sampler_on(
        sampled.points.positions, sampled.level, sampled.origin, torch.device("cpu")
    )
    dense = bridge.intensity_measure(where, name, sampled.points.values, BINS)
    at = maps(1, 4, 0.03)[0].numpy()
    at[:, :, 3] *= 200  # some tens of millimetres: parts of the body leave the moving image
    for found, expected in zip(
        dense.values_and_gradients(at), sampled.values_and_gradients(at), strict=True
    ):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, atol=2e-6 * max(scale, 1))


def test_mutual_information_peaks_where_simpleitk_has_its_peak() -> None:
    problem = phantom_pairs.two_contrasts()
    images = PreparedPair.prepare(problem.pair, 1, 0)
    sampled = images.measure("mi", 0, 20_000, 32)
    where = bridge.sampler_on(
        sampled.points.positions, sampled.level, sampled.origin, torch.device("cpu")
    )
    dense = bridge.intensity_measure(where, "mi", sampled.points.values, 32)
    offsets = np.arange(-24.0, 25.0, 6.0)
    ours, theirs = [], []
    for offset in offsets:
        total = rigid((0, 0, 0), (offset, 0, 0)) @ problem.truth
        about = total.matrix[:3, :3]
        shift = total.map_points(images.body.centre) - images.body.centre
        ours.append(dense.values(np.concatenate([about, shift[:, None]], 1)[None])[0])
        theirs.append(-_mattes(problem.pair, total))
    assert np.argmax(ours) == np.argmax(theirs) == len(offsets) // 2
    # The measures count differently, but order displacements alike.
    assert np.corrcoef(np.argsort(np.argsort(ours)), np.argsort(np.argsort(theirs)))[0, 1] > 0.9


def _mattes(pair, transform) -> float:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransform(transform_to_sitk(transform))
    return method.MetricEvaluate(volume_to_sitk(pair.fixed), volume_to_sitk(pair.moving))


@pytest.mark.parametrize("name", ["mi", "nmi", "cr"])
@pytest.mark.parametrize("left", [29, 31])
def test_both_engines_ask_for_the_same_overlap(name: str, left: int) -> None:
    where = scene(1)
    points = where.points[:, :, :300].clone()
    points[..., left:] += 1e3  # a tenth stays: more than the least share, about the least number
    where, fixed = PointSampler(points, where.moving, where.to_index), related(where)[:, :300]
    values = fixed[0].numpy().astype(np.float32)
    dense = DenseMeasure(where, rules.point_metric(name, fixed, BINS)).values(maps(1, 1, 0.0))
    min_points = max(limits.MIN_POINTS, int(limits.MIN_OVERLAP * 300))
    (sampled,) = where.sample(maps(1, 1, 0.0))
    seen = image_of(sampled.values[0, 0].numpy())
    scores, _ = measures.metric_of(name, values, BINS).evaluate(*seen, min_points, 1)
    assert np.isfinite(scores[0]) == bool(dense.isfinite()) == (left > 30)


@pytest.mark.parametrize("name", ["lncc", "local-cr"])
def test_the_compiled_loops_over_patches_give_the_same_numbers(name: str) -> None:
    problem = phantom_pairs.torn()  # masks: parts of patches are unknown on either side
    images = PreparedPair.prepare(problem.pair, 2, 0)
    cubes = sample_patches(problem.pair, images.body, images.fixed[0], 60, side=5, seed=0)
    assert np.isnan(cubes.values).any()
    moving, centre = images.moving[0], images.body.centre
    compiled = patch_measure(name, cubes, moving, centre, BINS)
    where = bridge.sampler_on(cubes.positions, moving, centre, torch.device("cpu"))
    dense = bridge.intensity_measure(where, name, cubes.values, BINS, cubes.patch_size)
    at = maps(1, 4, 0.03)[0].numpy()
    at[:, :, 3] *= 200
    found, expected = (m.values_and_gradients(at) for m in (compiled, dense))
    np.testing.assert_allclose(found[0], expected[0], atol=1e-6)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-5 * np.abs(expected[1]).max())
    # Loops with and without derivatives round differently.
    np.testing.assert_allclose(compiled.values(at), found[0], rtol=1e-6)


def test_the_compiled_loops_over_edges_give_the_same_numbers() -> None:
    problem = phantom_pairs.torn()
    images = PreparedPair.prepare(problem.pair, 2, 0)
    sample = sample_gradients(problem.pair, images.body, images.fixed[0], 3000, seed=0)
    moving, centre = images.moving[0], images.body.centre
    compiled = GradientFieldMeasure.of(sample, moving, centre)
    where = bridge.sampler_on(sample.positions, moving, centre, torch.device("cpu"))
    dense = bridge.gradient_measure(where, sample.gradients)
    at = maps(1, 4, 0.03)[0].numpy()
    at[:, :, 3] *= 200
    found, expected = (m.values_and_gradients(at) for m in (compiled, dense))
    np.testing.assert_allclose(found[0], expected[0], atol=1e-6)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-5 * np.abs(expected[1]).max())
    # Loops with and without derivatives round differently.
    np.testing.assert_allclose(compiled.values(at), found[0], rtol=1e-6)
    nowhere = at + np.array([0, 0, 0, 1e4])
    assert (compiled.values_and_gradients(nowhere)[0] == -np.inf).all()
    assert (compiled.values_and_gradients(nowhere)[1] == 0).all()
