"""The compiled loops of measures: scipy's splines and plain sums are the judges."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.interpolate import BSpline

from regkit.geometry.interpolation import values_and_gradients
from regkit_instance.information import SampledInformation
from regkit_instance.metric_constants import MARGIN_BINS
from regkit_instance.numba_backend.chain_rule import backpropagate
from regkit_instance.numba_backend.cr import correlation_ratio
from regkit_instance.numba_backend.exponentials import exponentials
from regkit_instance.numba_backend.logarithms import logarithms
from regkit_instance.numba_backend.mi import score_joints, tally, value_slopes
from regkit_instance.numba_backend.ngf import gradient_fields
from regkit_instance.numba_backend.patches import local_correlation, local_correlation_ratio
from value_rows import image_of

RNG = np.random.default_rng(0)
BINS = 12
NO_SLOPES = np.empty((0, 0), np.float32)


def test_slopes_are_carried_to_the_entries_of_the_map() -> None:
    image = RNG.random((9, 9, 9)).astype(np.float32)
    points = RNG.uniform(1.0, 7.0, (3, 50)).astype(np.float32)
    weights = RNG.random((1, 50)).astype(np.float32)
    start = np.array([[[0.02, 0.0, 1.0, 0.0], [0.0, 1.0, 0.01, 0.0], [0.99, 0.0, 0.0, 0.0]]])
    values, gradients = values_and_gradients(image, start, points)
    by_maps = np.empty((1, 3, 4))
    backpropagate(values, weights, gradients, points, by_maps)
    index = np.einsum("ij,jn->ni", start[0, :, :3], points) + start[0, :, 3]
    slope = gradients[0] * weights
    assert np.isfinite(values).all()
    assert index.min() > -0.5
    assert by_maps[0, :, :3] == pytest.approx(slope @ points.T, rel=1e-4)
    assert by_maps[0, :, 3] == pytest.approx(slope.sum(axis=1), rel=1e-4)


def test_information_has_the_gradient_that_its_parts_have() -> None:
    """Over several blocks of points: the chain rule, with slopes and gradients of their own."""
    image = RNG.random((9, 9, 9)).astype(np.float32)
    points = RNG.uniform(0.5, 7.5, (3, 9000)).astype(np.float32)
    fixed = RNG.random(9000).astype(np.float32)
    start = np.array([[[0.02, 0.0, 1.0, 0.0], [0.0, 1.0, 0.01, 0.0], [0.99, 0.0, 0.0, 2.0]]])
    metric, by_maps = SampledInformation.of(fixed, BINS, False), np.empty((1, 3, 4))
    scores, known = metric.evaluate(image, start, points, 10, 1, by_maps)
    values, gradients = values_and_gradients(image, start, points)
    score, slopes = of_blocks(metric.classes, values[0], False)
    known_here = np.isfinite(values[0])
    assert 0.5 < known_here.mean() < 1
    assert known[0] == known_here.sum()
    assert scores[0] == pytest.approx(score, rel=1e-4)
    expected = np.empty((1, 3, 4))
    backpropagate(values, slopes[None], gradients, points, expected)
    np.testing.assert_allclose(by_maps, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def test_values_that_rounding_brings_below_zero_count_as_zero() -> None:
    """In the first fixed bin they would be written before the histogram."""
    image = np.zeros((9, 9, 9), np.float32)
    image[:, :, 5:] = 0.8
    below = np.where(image == 0, np.float32(-1e-6), image)
    points = RNG.uniform(0.5, 7.5, (3, 500)).astype(np.float32)
    start = np.array([[[0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]])
    metric, found = SampledInformation.of(np.zeros(500, np.float32), BINS, True), []
    metric.classes[points[0] > 4.5] = 3
    for moving in (image, below):
        by_maps = np.empty((1, 3, 4))
        scores, known = metric.evaluate(moving, start, points, 10, 1, by_maps)
        found.append((scores, known, by_maps))
    for expected, rounded in zip(*found, strict=True):
        np.testing.assert_allclose(rounded, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("with_slopes", [False, True])
def test_threads_that_share_the_points_of_one_map_change_no_digit(with_slopes) -> None:
    image = RNG.random((20, 20, 20)).astype(np.float32)
    points = RNG.uniform(-1.0, 20.0, (3, 100_001)).astype(np.float32)
    maps = np.array([[[0.0, 0.1, 1.0, 0.3], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]] * 2)
    maps[1, 0, 3] = -2.0
    metric = SampledInformation.of(RNG.random(100_001).astype(np.float32), BINS, False)
    found = []
    for count, threads in ((1, 1), (1, 2), (1, 5), (2, 3)):
        by_maps = np.zeros((count, 3, 4)) if with_slopes else None
        scores, known = metric.evaluate(image, maps[:count], points, 10, threads, by_maps)
        found.append((scores[0], known[0], *(by_maps[0].ravel() if with_slopes else ())))
    assert found[1:] == found[:1] * 3


def joint_of(values: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Joint histogram with cubic B-spline windows, by scipy."""
    spline = BSpline.basis_element(np.arange(-2.0, 3.0), extrapolate=False)
    at = 1.0 + (BINS - MARGIN_BINS) * values.astype(np.float64)
    windows = np.nan_to_num(spline(np.arange(BINS)[None] - at[:, None]))
    return np.stack([windows[bins == f].sum(axis=0) for f in range(BINS)])


def entropy(p: np.ndarray) -> float:
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def sample(count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    fixed = RNG.random(count).astype(np.float32)
    values = np.clip(fixed**2 + RNG.normal(0, 0.1, count), 0, 1).astype(np.float32)
    return fixed, (fixed * BINS).astype(np.uint8), values


def information_of(values: np.ndarray, bins: np.ndarray, normalized: bool) -> float:
    whole = np.bincount(bins, minlength=BINS).astype(float)
    scores, known = SampledInformation(bins, whole, normalized).evaluate(*image_of(values), 10, 1)
    assert known[0] == np.isfinite(values).sum()
    return float(scores[0])


@pytest.mark.parametrize("normalized", [False, True])
def test_information_is_that_of_the_joint_histogram(normalized) -> None:
    _, bins, values = sample()
    p = joint_of(values, bins) / len(values)
    assert p.sum() == pytest.approx(1)
    parts, joint = entropy(p.sum(0)) + entropy(p.sum(1)), entropy(p)
    expected = parts / joint if normalized else parts - joint
    assert information_of(values, bins, normalized) == pytest.approx(expected, rel=1e-5)


def test_leaving_out_points_evenly_from_every_tissue_changes_nothing() -> None:
    """A map must not gain by which tissues it leaves outside the moving image."""
    fixed, bins, values = sample()
    twice, half = np.tile(values, 2), np.tile(values, 2)
    half[len(values) :][fixed > 0.5] = np.nan
    both = np.tile(bins, 2)
    assert information_of(half, both, False) == pytest.approx(information_of(twice, both, False))


def scored(kernel: str, fixed: np.ndarray, values: np.ndarray) -> tuple[float, np.ndarray]:
    bins = np.minimum(fixed * BINS, BINS - 1).astype(np.uint8)
    if kernel != "cr":
        return of_blocks(bins, values, kernel == "nmi")
    scores, slopes = np.empty(1), np.zeros((1, len(values)), np.float32)
    sizes = np.array((BINS, BINS))
    correlation_ratio(values[None], fixed, bins, sizes, 10, scores, slopes)
    return float(scores[0]), slopes[0]


def of_blocks(bins: np.ndarray, values: np.ndarray, normalized: bool) -> tuple[float, np.ndarray]:
    """Return the information of values, and its derivatives by each, by blocks of 256 points."""
    whole, blocks = np.bincount(bins, minlength=BINS).astype(float), -(-len(values) // 256)
    joints = np.empty((1, blocks, BINS + 1, BINS), np.float32)
    part, nothing = np.array((0, blocks, 256)), np.empty((0, 3, 0), np.float32)
    tally(*image_of(values), bins, part, nothing[:, 0], nothing, joints)
    scores, known, tables = np.empty(1), np.empty(1), np.empty((1, BINS, BINS), np.float32)
    score_joints(joints, whole, 10, normalized, np.array((0, len(joints))), scores, known, tables)
    slopes, place = np.empty(len(values), np.float32), np.empty(len(values), np.uint32)
    shares = np.empty((3, len(values)), np.float32)
    value_slopes(values, bins, tables[0].ravel(), BINS, place, shares, slopes)
    return float(scores[0]), slopes


@pytest.mark.parametrize("kernel", ["mi", "nmi", "cr"])
def test_slopes_by_values_are_those_of_differences(kernel) -> None:
    fixed, _, values = sample(100)
    values = np.clip(values, 0.05, 0.95)
    values[::7] = np.nan
    _, slopes = scored(kernel, fixed, values)
    for i in (1, 20, 53):
        ahead, behind = values.copy(), values.copy()
        ahead[i] += 0.01
        behind[i] -= 0.01
        step = float(ahead[i]) - float(behind[i])
        difference = (scored(kernel, fixed, ahead)[0] - scored(kernel, fixed, behind)[0]) / step
        assert slopes[i] == pytest.approx(difference, rel=0.02, abs=2e-4)


def test_the_correlation_ratio_is_the_variance_explained_both_ways() -> None:
    fixed, bins, values = sample()
    total, _ = scored("cr", fixed, values)
    means = np.array([values[bins == f].mean() for f in range(BINS)])
    forth = means[bins].var() / values.var()
    joint = joint_of(values, bins)
    weights = joint_of(values, bins).sum(axis=0)
    spline = BSpline.basis_element(np.arange(-2.0, 3.0), extrapolate=False)
    at = 1.0 + (BINS - MARGIN_BINS) * values.astype(np.float64)
    windows = np.nan_to_num(spline(np.arange(BINS)[None] - at[:, None]))
    window_means = windows.T @ fixed / np.maximum(weights, 1e-9)
    back = (weights * (window_means - fixed.mean()) ** 2).sum() / len(fixed) / fixed.var()
    assert joint.sum() == pytest.approx(len(fixed))
    assert total == pytest.approx((forth + back) / 2, rel=1e-4)


def test_one_image_that_follows_from_the_other_scores_far_above_chance() -> None:
    fixed = RNG.random(5000).astype(np.float32)
    related, chance = (fixed - 0.5) ** 2 * 4, RNG.permutation(fixed)
    for kernel in ("mi", "cr"):
        assert scored(kernel, fixed, related)[0] > 5 * scored(kernel, fixed, chance)[0]


@pytest.mark.parametrize("kernel", ["mi", "nmi", "cr"])
def test_too_few_or_constant_values_score_minus_infinity_with_no_slope(kernel) -> None:
    fixed, _, values = sample(60)
    constant, few = np.full_like(values, 0.5), values.copy()
    few[5:] = np.nan
    flat = np.full_like(fixed, 0.5)
    for one, other in [(fixed, few), (fixed, constant), (flat, values)]:
        score, slopes = scored(kernel, one, other)
        assert score == -np.inf
        assert not slopes.any()


@pytest.mark.parametrize("kernel", ["lncc", "local-cr", "ngf"])
@pytest.mark.parametrize(("left", "scores_it"), [(19, False), (20, True)])
def test_patches_and_edges_need_so_many_points_too(kernel, left, scores_it) -> None:
    fixed, bins, values = sample(60)
    values[left:] = np.nan
    scores, slopes = np.empty(1), np.ones((1, 60), np.float32)
    if kernel == "lncc":
        local_correlation(values[None], fixed, np.array((30, BINS, 20)), 1e-5, scores, slopes)
    elif kernel == "local-cr":
        sizes = np.array((30, BINS, 20))
        local_correlation_ratio(values[None], fixed, bins, sizes, 1e-5, scores, slopes)
    else:
        fields, slopes = np.tile(values, (3, 1, 1)), np.ones((3, 1, 60), np.float32)
        directions, limits = np.tile(fixed, (3, 1)), np.array((0.1, 20))
        linear, by_linear = np.eye(3)[None], np.empty((1, 3, 3))
        gradient_fields(fields, directions, linear, limits, scores, slopes, by_linear)
        assert by_linear.any() == scores_it
    assert np.isfinite(scores[0]) == scores_it
    assert slopes[..., :left].any() == scores_it


def test_logarithms_are_those_of_the_library_to_rounding() -> None:
    rng = np.random.default_rng(11)
    numbers = np.r_[np.exp(rng.uniform(-700, 700, 2000)), rng.uniform(0.5, 2, 2000), 1, 2, 1e-300]
    logs = np.empty_like(numbers)
    logarithms(numbers, logs)
    np.testing.assert_allclose(logs, np.log(numbers), rtol=1e-15, atol=0)
    logarithms(np.zeros(3), logs[:3])
    assert (logs[:3] == 0).all()  # a bin without counts adds nothing


def test_exponentials_are_those_of_the_library_to_single_precision() -> None:
    numbers = np.r_[np.nan, -RNG.exponential(1.0, 1000), np.linspace(-80, 0, 999)].astype("f4")
    found = numbers.copy()
    exponentials(found, np.empty(len(found), np.int32))
    np.testing.assert_allclose(found, np.exp(numbers.astype(float)), rtol=2e-5, atol=0)
    far = np.array([-1e4, -np.inf, -0.0], np.float32)
    exponentials(far, np.empty(3, np.int32))
    np.testing.assert_allclose(far, (0, 0, 1), atol=1e-30)


def test_a_process_that_compiles_and_one_that_loads_the_code_sum_alike(tmp_path) -> None:
    """Of a function called by the loop, they would run different copies: sums in other orders."""
    code = """
import numpy as np
from regkit_instance.numba_backend.mi import differentiate

rng = np.random.default_rng(0)
values, gradients = (rng.random((1, *n, 3000), np.float32) for n in ((), (3,)))
points, tables = rng.random((3, 3000), np.float32), rng.random((1, 32, 32), np.float32)
sums, part = np.empty((1, 3, 3, 4)), np.array((0, 3, 1024))
differentiate(values, gradients, points, np.zeros(3000, np.uint8), tables, part, sums)
print(sums.tobytes().hex())
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", code]
    compiled, loaded = (
        subprocess.run(command, env=environment, capture_output=True, check=True).stdout
        for _ in range(2)
    )
    assert any(tmp_path.rglob("*.nbc"))
    assert compiled == loaded
