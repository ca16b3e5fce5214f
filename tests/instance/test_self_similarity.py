"""Self-similarity descriptors against SciPy and plain loops, finite differences and laws."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates, uniform_filter

from phantoms import SMALL, small_pair
from regkit import AffineTransform, Grid, LabelMap, Pair, Volume, rigid
from regkit.errors import ParameterError, RegistrationError
from regkit.testing.phantom import thorax
from regkit_instance.iso import InstanceOptimization
from regkit_instance.measures import Measure
from regkit_instance.motion import Motion
from regkit_instance.nearby_starts import nearby_starts
from regkit_instance.numba_backend.self_similarity import (
    DISTANCE,
    PAIRS,
    SUPPORT,
    describe_neighborhoods,
)
from regkit_instance.optimizer import maximize
from regkit_instance.prepared_pair import PreparedPair
from regkit_instance.self_similarity import DescribedPair, DescriptorMeasure, LogRatio

RNG = np.random.default_rng(0)
AXES = [np.array(one) for one in ((2, 0, 0), (0, 2, 0), (0, 0, 2))]
HERE = np.eye(3, 4)


def described(image: np.ndarray) -> np.ndarray:
    """Return the descriptors of an image but for its border."""
    shape = [n - 2 * SUPPORT for n in image.shape]
    found = np.empty((*shape, len(PAIRS)), np.float32)
    describe_neighborhoods(image.astype(np.float32), DISTANCE * PAIRS, found)
    return found


def smooth(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(seed).random(shape), 1.5)
    return (noise - noise.min()) / np.ptp(noise)


def expected_descriptors(image: np.ndarray) -> np.ndarray:
    """Return the descriptors as in the paper: every pair of neighbors that are not opposite."""
    neighbors = [sign * axis for axis in AXES for sign in (1, -1)]
    distances = []
    for i, one in enumerate(neighbors):
        for other in neighbors[:i]:
            if (one + other).any():
                a, b = (np.roll(image, tuple(-step), (0, 1, 2)) for step in (one, other))
                distances.append(uniform_filter((a - b) ** 2, 3, mode="wrap"))
    rest = np.stack(distances, -1)[(slice(SUPPORT, -SUPPORT),) * 3]
    rest = rest - rest.min(axis=-1, keepdims=True)
    noise = rest.mean(axis=-1, keepdims=True)
    return np.exp(-rest / np.clip(noise, 0.001 * noise.mean(), 1000 * noise.mean()))


def test_descriptors_are_those_of_the_paper() -> None:
    image = smooth((18, 17, 20))
    found, expected = described(image), expected_descriptors(image)
    # The order of the channels is free, as long as both images have the same.
    for channel in np.moveaxis(expected, -1, 0):
        differences = np.abs(found - channel[..., None]).max(axis=(0, 1, 2))
        assert differences.min() < 1e-3
    assert len({int(np.abs(found - c[..., None]).max((0, 1, 2)).argmin()) for c in
                np.moveaxis(expected, -1, 0)}) == 12  # fmt: skip


def test_what_is_unknown_counts_in_no_patch() -> None:
    image = smooth((14, 14, 14)).astype(np.float32)
    image[RNG.random(image.shape) < 0.2] = np.nan
    image[:7] = np.nan
    found = described(image)
    at = np.array(np.meshgrid(*[range(8)] * 3, indexing="ij")).reshape(3, -1).T
    rest = []
    for place in at:
        patches = [
            image[tuple(slice(c - 1, c + 2) for c in place + SUPPORT + DISTANCE * step)]
            for step in PAIRS.reshape(-1, 3)
        ]
        squares = np.array([(a - b) ** 2 for a, b in zip(patches[::2], patches[1::2])])  # noqa: B905
        known = np.isfinite(squares).any(axis=(1, 2, 3))
        means = np.nanmean(squares[known], axis=(1, 2, 3)) if known.all() else np.full(12, np.nan)
        rest.append(means - means.min())
    noise = np.mean(rest, axis=1)
    noise = np.clip(noise, 1e-3 * np.nanmean(noise), None)
    expected = np.exp(-np.array(rest) / noise[:, None])
    np.testing.assert_allclose(found.reshape(-1, 12), expected, atol=1e-4)
    # Of the edge itself, a layer of one voxel is unknown; the next one is described.
    assert np.isnan(found[4]).all()
    assert np.isfinite(found[5]).any()


@pytest.mark.parametrize("scale", [-1.0, 0.3, -2.5])
def test_descriptors_do_not_depend_on_the_scale_or_sign_of_contrast(scale: float) -> None:
    image = smooth((16, 16, 16))
    np.testing.assert_allclose(described(0.4 + scale * image), described(image), atol=2e-3)


def test_contrast_may_be_inverted_in_a_part_of_the_image() -> None:
    """Away from the border between the parts, nothing changes; mutual information sees a mess."""
    image = smooth((30, 16, 16))
    mixed = np.concatenate([image[:15], 1 - image[15:]])
    away = np.r_[: 15 - 2 * SUPPORT, 15 : 30 - 2 * SUPPORT]
    # But for the mean noise, which bounds that of a voxel.
    difference = np.abs(described(mixed) - described(image))[away]
    assert np.median(difference) < 1e-6
    assert np.quantile(difference, 0.99) < 0.02


def test_a_constant_image_is_described_by_ones() -> None:
    np.testing.assert_array_equal(described(np.full((9, 9, 9), 0.5)), 1)


def measured(pair: Pair, samples: int = 3000) -> tuple[DescribedPair, DescriptorMeasure]:
    images = PreparedPair.prepare(pair, 1, 0)
    both = DescribedPair.of(images, 0, samples)
    return both, both.measure(HERE, HERE[None])


def assert_slopes_are_differences(judge: Measure, atol: float) -> None:
    at = np.stack([HERE, rigid((1.0, -2.0, 0.5), (2.0, 1.0, -1.0)).matrix[:3]])
    scores, slopes = judge.values_and_gradients(at)
    np.testing.assert_allclose(judge.values(at), scores, rtol=1e-6)
    for row, column in np.ndindex(3, 4):
        step = np.zeros((3, 4))
        step[row, column] = 0.02 if column == 3 else 0.02 / 80
        ahead, behind = judge.values(at + step), judge.values(at - step)
        size = np.abs(slopes[:, :, column]).max()
        difference = (ahead - behind) / (2 * step[row, column])
        np.testing.assert_allclose(slopes[:, row, column], difference, atol=atol * size)


def test_gradients_are_those_of_finite_differences() -> None:
    pair = small_pair(initial=rigid((3.0, 2.0, -4.0), (5.0, -4.0, 3.0)))
    assert_slopes_are_differences(measured(pair, 300)[1], 0.03)


@dataclasses.dataclass(frozen=True)
class Quadratic:
    """A value that falls with the squared distance of a map from the identity."""

    top: float
    weight: float

    def values(self, maps: np.ndarray) -> np.ndarray:
        return self.values_and_gradients(maps)[0]

    def values_and_gradients(self, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = maps - HERE + 0.3
        return self.top - self.weight * (away**2).sum(axis=(1, 2)), -2 * self.weight * away


def test_the_joint_measure_is_the_logarithm_of_a_ratio() -> None:
    one, other = Quadratic(9.0, 0.2), Quadratic(0.0, 0.5)
    joint, away = LogRatio(one, other), HERE[None] + 0.1
    expected = np.log(one.values(away)) - np.log(-other.values(away))
    np.testing.assert_allclose(joint.values(away), expected, rtol=1e-3)
    assert_slopes_are_differences(joint, 1e-3)


def test_an_image_is_most_similar_to_itself_where_it_is() -> None:
    image = thorax(SMALL, "ct")
    _, judge = measured(Pair(image, image))
    motion = Motion("rigid", 120.0)
    steps = RNG.normal(0, 3, (40, 6))
    around = motion.step(np.repeat(HERE[None], 40, 0), steps)
    value, slope = judge.values_and_gradients(HERE[None])
    values, slopes = judge.values_and_gradients(around)
    assert (values < value).all()
    assert np.abs(motion.tangent(HERE[None], slope)).max() < 0.2 * np.median(
        np.linalg.norm(motion.tangent(around, slopes), axis=1)
    )
    peak = maximize(judge, motion, around[:3], 4.5, 0.01, 60).maps
    assert np.abs(peak[:, :, 3]).max() < 0.3


def test_agreement_is_one_for_an_image_and_itself_and_none_for_noise() -> None:
    fixed = small_pair().fixed
    noise = np.random.default_rng(3).random(fixed.array.shape).astype(np.float32)
    itself = measured(Pair(fixed, fixed))[1].agreement(HERE)
    unlike = measured(Pair(fixed, fixed.with_array(noise)))[1].agreement(HERE)
    assert itself == pytest.approx(1, abs=1e-3)
    assert abs(unlike) < 0.1


def test_agreement_falls_away_from_the_place_of_an_image() -> None:
    fixed = small_pair().fixed
    here = measured(Pair(fixed, fixed))[1]
    shifts = [rigid(translation_mm=(mm, 0.0, 0.0)).matrix[:3] for mm in (0.0, 4.0, 12.0)]
    near, apart, far = map(here.agreement, shifts)
    assert near > apart > far


def test_a_stretched_or_turned_start_turns_the_axes_of_both_images() -> None:
    """The fixed image and itself, moved by what the initial transform says, look the same."""
    linear = rigid((35.0, -20.0, 50.0)).matrix[:3, :3] @ np.diag([1.1, 0.95, 1.0])
    truth = AffineTransform.about(linear, (10.0, -5.0, 8.0), (0, 0, 0))
    fixed, moving = thorax(SMALL, "ct"), thorax(SMALL, "ct", truth)
    _, at_home = measured(Pair(fixed, moving, initial=truth))
    _, itself = measured(Pair(fixed, fixed))
    _, elsewhere = measured(Pair(fixed, moving, initial=AffineTransform.shift((10.0, -5.0, 8.0))))
    values = [float(judge.values(HERE[None])[0]) for judge in (itself, at_home, elsewhere)]
    assert values[0] > values[1] > values[2] / 3


def test_the_moving_image_is_described_as_it_is_turned() -> None:
    """Described under the truth, it looks more like the fixed image than as it lies."""
    truth = rigid((0.0, 0.0, 40.0))
    pair = Pair(thorax(SMALL, "ct"), thorax(SMALL, "ct", truth))
    both, as_it_lies = measured(pair)
    centre = both.origin
    at = truth.matrix[:3].copy()
    at[:, 3] += at[:, :3] @ centre - centre
    turned = both.measure(at, at[None])
    assert turned.values(at[None])[0] > 0.7 * as_it_lies.values(at[None])[0]
    assert turned.values(at[None])[0] > -0.02


def test_too_few_known_points_score_minus_infinity_with_no_slope() -> None:
    _, judge = measured(small_pair())
    far = HERE + np.array([0, 0, 0, 1e4])
    scores, slopes = judge.values_and_gradients(np.stack([HERE, far]))
    assert np.isfinite(scores).tolist() == [True, False]
    assert not slopes[1].any()
    joint = LogRatio(judge, judge)  # a positive measure that is negative has no logarithm
    assert joint.values_and_gradients(HERE[None])[0] == -np.inf


@pytest.mark.parametrize("shape", [(2, 3, 3), (3, 4, 4), (2, 16, 16)])
def test_an_image_of_few_voxels_is_refused(shape: tuple[int, int, int]) -> None:
    values = np.random.default_rng(0).random(shape, np.float32)
    tiny = Volume(values, Grid(shape, (4.0, 4.0, 4.0), (0.0, 0.0, 0.0)), "pet")
    with pytest.raises(RegistrationError, match="self-similarity needs 30 points"):
        InstanceOptimization(measure="mind").register(Pair(tiny, tiny))


def test_leaving_the_field_of_view_does_not_pay() -> None:
    both, judge = measured(small_pair())
    gone = HERE + np.array([0, 0, 0, 260.0])
    wide = both.measure(HERE, np.stack([HERE, gone]))
    assert np.isfinite(wide.values(HERE[None]))
    assert wide.values(gone[None]) == -np.inf
    assert wide.values(HERE[None]) == pytest.approx(judge.values(HERE[None]), abs=1e-3)


def unlike_pair(truth: AffineTransform) -> Pair:
    """Return smooth noise, and the same moved, its contrast from -1 to 1 by the place."""
    grid = Grid((40, 44, 48), (4.0, 4.0, 4.0), (-94.0, -86.0, -78.0))
    place = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), -1)
    here = grid.to_physical(place)
    there = truth.inverse().map_points(here)
    pattern, contrast = smooth((64, 64, 64), 5), 2 * smooth((16, 16, 16), 6) - 1

    def look_up(field: np.ndarray, points: np.ndarray) -> np.ndarray:
        scale = len(field) / 256
        return map_coordinates(field, np.moveaxis((points + 128) * scale, -1, 0), mode="nearest")

    moving = 0.5 + (look_up(pattern, there) - 0.5) * look_up(contrast, there)
    return Pair(Volume(look_up(pattern, here), grid), Volume(moving, grid))


def error_mm(found, truth) -> float:
    points = RNG.uniform(-60, 60, (300, 3))
    return float(
        np.linalg.norm(found.map_points(points) - truth.map_points(points), axis=1).mean()
    )


@pytest.mark.registration
def test_a_pair_whose_contrast_depends_on_the_place_is_aligned() -> None:
    truth = rigid((3.0, -4.0, 2.0), (4.0, -3.0, 5.0))
    pair = unlike_pair(truth)
    assert error_mm(rigid(), truth) > 5
    assert error_mm(InstanceOptimization("mind").register(pair).transform, truth) < 0.4


@pytest.mark.registration
def test_a_mask_of_the_moving_image_hides_what_does_not_belong() -> None:
    truth = rigid((3.0, -4.0, 2.0), (4.0, -3.0, 5.0))
    pair = unlike_pair(truth)
    array = np.array(pair.moving.array)
    array[:, :, 24:] = smooth(array[:, :, 24:].shape, 9)
    shown = np.zeros(array.shape, np.uint8)
    shown[:, :, :24] = 1
    moving = pair.moving.with_array(array, pair.moving.grid)
    hidden = Pair(pair.fixed, moving, moving_mask=LabelMap(shown, pair.moving.grid))
    assert error_mm(InstanceOptimization("mind").register(hidden).transform, truth) < 0.6


@pytest.mark.registration
def test_nearby_starts_reach_what_the_initial_transform_does_not() -> None:
    truth = rigid((3.0, -4.0, 2.0), (4.0, -3.0, 5.0))
    pair = unlike_pair(truth)
    start = truth @ rigid((1.0, 0.0, 10.0), (13.0, 2.0, 1.0))
    pair = dataclasses.replace(pair, initial=start)
    one, many = (
        error_mm(InstanceOptimization("mind", starts=n).register(pair).transform, truth)
        for n in (1, 13)
    )
    assert many < 0.3
    assert many <= one + 0.05


def test_nearby_starts_are_the_initial_transform_and_motions_of_equal_sizes() -> None:
    assert nearby_starts(1).tolist() == [HERE.tolist()]
    starts = nearby_starts(13)
    assert len(np.unique(starts.round(9), axis=0)) == 13
    turns = np.rad2deg(np.arccos((np.trace(starts[:, :, :3], axis1=1, axis2=2) - 1) / 2))
    shifts = np.linalg.norm(starts[:, :, 3], axis=1)
    np.testing.assert_allclose(turns, [0] + 6 * [10] + 6 * [0], atol=1e-6)
    np.testing.assert_allclose(shifts, 7 * [0] + 6 * [15])


@pytest.mark.parametrize("where", [{"device": "cuda"}, {"preset": "paper"}])
def test_what_descriptors_do_not_have_is_refused(where: dict) -> None:
    with pytest.raises(ParameterError, match=r"^measure 'mind' .* takes another measure$"):
        InstanceOptimization("mind", **where)
