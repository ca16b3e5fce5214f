"""fast-mi and fast-cr find known motions; SimpleITK's measure is a judge of their optimum."""

import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import SMALL, small_pair
from regkit import AffineTransform, LabelMap, Pair, Volume, register, rigid
from regkit.errors import ParameterError, RegistrationError
from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.sitk_bridge import transform_to_sitk, volume_to_sitk
from regkit.registration.pipeline import build_method
from regkit.testing.phantom import thorax
from regkit.testing.phantom_pairs import body_points, distance_mm
from regkit_instance.local_optima import LocalOptima
from regkit_instance.multistart import MultiStartSearch, MultiStartSettings
from regkit_instance.prepared_pair import PreparedPair

pytestmark = pytest.mark.registration

METHODS = ("fast-mi", "fast-cr")
# As far as a PET and a CT of 9 mm voxels can tell.
CLOSE_MM = 2.0
UPSIDE_DOWN = rigid((175.0, 10.0, -120.0), (80.0, -60.0, 90.0))
AWAY = Grid((36, 36, 36), (9.0, 9.0, 9.0), UPSIDE_DOWN.map_points(SMALL.centre) - 157.5)


def turned_pair() -> Pair:
    """Return a moving image in any position, with a field of view around it."""
    return Pair(thorax(SMALL, "pet"), thorax(AWAY, "ct", UPSIDE_DOWN))


@pytest.mark.parametrize("method", METHODS)
def test_a_small_motion_is_found(method) -> None:
    truth = rigid((4.0, -3.0, 6.0), (12.0, -8.0, 10.0))
    found = build_method(method).register(small_pair(truth))
    assert distance_mm(found.transform, truth, body_points()) < CLOSE_MM
    assert found.diagnostics["warnings"] == []


@pytest.mark.parametrize("method", METHODS)
def test_any_rotation_far_away_is_found(method) -> None:
    found = build_method(method).register(turned_pair())
    assert distance_mm(found.transform, UPSIDE_DOWN, body_points()) < CLOSE_MM
    assert found.diagnostics["local_optima"][0]["searches"] >= 2


def test_from_the_initial_map_only_far_away_is_not_found() -> None:
    """Otherwise the test above would say nothing about the starts."""
    found = build_method("fast-mi", {"starts": 1}).register(turned_pair())
    assert distance_mm(found.transform, UPSIDE_DOWN, body_points()) > 50
    assert "local_optima" not in found.diagnostics


def test_some_starts_are_as_good_as_all_when_the_motion_is_small() -> None:
    found = build_method("fast-mi", {"starts": 20}).register(small_pair())
    everywhere = build_method("fast-mi").register(small_pair())
    assert found.diagnostics["starts"] == 20
    assert distance_mm(found.transform, everywhere.transform, body_points()) < 0.1


@pytest.mark.parametrize("model", ["similarity", "anisotropic", "affine"])
def test_scales_are_found(model) -> None:
    linear = np.diag((0.93, 0.93, 0.93) if model == "similarity" else (0.92, 1.05, 1.0))
    if model == "affine":
        linear[0, 1] = 0.06
    truth = AffineTransform.about(linear, (6.0, -4.0, 5.0), (0.0, 0.0, 0.0))
    pair = Pair(thorax(SMALL, "ct"), thorax(SMALL, "ct", truth, noise=0.02))
    found = build_method("fast-mi", {"model": model}).register(pair).transform
    assert distance_mm(found, truth, body_points()) < CLOSE_MM
    rigid_only = build_method("fast-mi").register(pair).transform
    assert distance_mm(rigid_only, truth, body_points()) > 2 * CLOSE_MM


@pytest.mark.parametrize("starts", ["auto", 1])  # 1: threads share the points of one map
def test_results_are_exactly_equal_with_any_number_of_threads(starts) -> None:
    one, again, two = (
        build_method("fast-mi", {"threads": threads, "starts": starts})
        .register(turned_pair())
        .transform.matrix
        for threads in (1, 1, 2)
    )
    # Exactly: threads share blocks of points, whose sums are added in a fixed order.
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(one, two)


def test_another_seed_agrees_to_less_than_a_tenth_of_a_voxel() -> None:
    found = [
        build_method("fast-mi", {"seed": seed}).register(small_pair()).transform
        for seed in range(2)
    ]
    assert 0 < distance_mm(*found, body_points()) < 0.9


def mattes(pair: Pair, transform: AffineTransform) -> float:
    """Mattes mutual information by SimpleITK, of all voxels."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(24)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransform(transform_to_sitk(transform))
    return -method.MetricEvaluate(volume_to_sitk(pair.fixed), volume_to_sitk(pair.moving))


def test_the_result_is_an_optimum_of_simpleitk_too() -> None:
    pair = small_pair()
    found = build_method("fast-mi").register(pair).transform
    best = mattes(pair, found)
    for axis in np.eye(3):
        for away in (rigid(translation_mm=9 * axis), rigid(8 * axis)):
            assert mattes(pair, found @ away) < best
            assert mattes(pair, found @ away.inverse()) < best


def test_a_crop_of_the_body_is_found_in_the_whole() -> None:
    """Field of view of a few organs: most of the other image meets nothing."""
    crop = Grid((20, 16, 18), (9.0, 9.0, 9.0), (-60.0, -90.0, -120.0))
    truth = rigid((8.0, -12.0, 15.0), (30.0, -25.0, 20.0))
    pair = Pair(thorax(crop, "ct"), thorax(SMALL, "ct", truth, noise=0.02))
    found = build_method("fast-mi").register(pair).transform
    assert distance_mm(found, truth, np.asarray(crop.corners()) * 0.8) < 2 * CLOSE_MM


def ball(spacing: float, seed: int) -> Volume:
    """Return a soft, noisy ball, the same from all sides."""
    voxels = round(128 / spacing)
    grid = Grid((voxels,) * 3, (spacing,) * 3, (-64.0 + spacing / 2,) * 3)
    radius = np.linalg.norm(grid.to_physical(np.stack(np.indices(grid.shape_zyx), -1)), axis=-1)
    noise = np.random.default_rng(seed).normal(0, 0.05, radius.shape)
    return Volume(np.clip((44 - radius) / 8, 0, 1) + noise, grid)


def test_a_ball_says_that_its_turn_is_not_known() -> None:
    result = register(ball(4.0, 0), ball(4.6, 1), "fast-mi")
    assert result.estimate.diagnostics["uncertainty_mm"] > 3
    assert result.verdict.status != "OK"
    for words in ("almost as alike", "the position is not determined"):
        assert any(words in reason for reason in result.verdict.reasons)


def test_noise_of_few_points_is_not_taken_for_a_loose_position(monkeypatch) -> None:
    """A saddle that 1000 points have and 8000 have not comes from the points."""

    class Bowl:
        def __init__(self, samples: int) -> None:
            self.bend = -2.0 if samples == 8000 else 1.0

        def values_and_gradients(self, maps):
            return np.zeros(len(maps)), self.bend * (maps - np.eye(3, 4))

    monkeypatch.setattr(MultiStartSearch, "_information", lambda _, samples: Bowl(samples))
    settings = MultiStartSettings(levels=1, samples=8000)
    search = MultiStartSearch(PreparedPair.prepare(small_pair(), 1, 0), settings)
    assert search.uncertainty_mm(search.rigid, np.eye(3, 4)) < 1
    monkeypatch.setattr(MultiStartSearch, "_information", lambda *_: Bowl(1000))
    search = MultiStartSearch(PreparedPair.prepare(small_pair(), 1, 0), settings)
    assert search.uncertainty_mm(search.rigid, np.eye(3, 4)) >= 100


@pytest.mark.parametrize(("share", "words"), [(0.99, "almost as alike"), (1.2, "more alike")])
def test_another_position_is_told_for_what_it_is(share, words) -> None:
    search = MultiStartSearch(
        PreparedPair.prepare(small_pair(), 1, 0), MultiStartSettings(levels=1)
    )
    away = np.concatenate([np.eye(3), [[50.0], [0.0], [0.0]]], axis=1)
    scores = np.array([1.0, share])
    found = LocalOptima(np.stack([np.eye(3, 4), away]), scores, scores, np.ones(2, np.int64))
    search.report_second_best(found)
    assert search.warnings == [
        f"a position 50 mm away makes the images {words} ({share:.1%} of the score here)"
    ]


def test_of_equal_positions_the_one_nearest_to_the_initial_map_is_taken(monkeypatch) -> None:
    monkeypatch.setattr(MultiStartSearch, "uncertainty_mm", lambda *_: 0.0)
    search = MultiStartSearch(
        PreparedPair.prepare(small_pair(), 1, 0), MultiStartSettings(levels=1)
    )
    maps = np.tile(np.eye(3, 4), (3, 1, 1))
    maps[:, 0, 3] = (50.0, 20.0, 0.0)
    scores = np.array([1.0, 0.995, 0.9])
    found = search.best_first(LocalOptima(maps, scores, scores, np.ones(3, np.int64)))
    assert found.maps[:, 0, 3].tolist() == [20.0, 50.0, 0.0]


def test_the_moving_image_comes_to_lie_on_the_fixed_one() -> None:
    """The map goes from fixed to moving points: the image resampled through it matches."""
    pair = small_pair()
    found = build_method("fast-mi").register(pair).transform
    there = resample(pair.moving, SMALL, found, -1000.0).array
    apart = np.abs(there - thorax(SMALL, "ct").array).mean()
    before = np.abs(
        resample(pair.moving, SMALL, outside=-1000.0).array - thorax(SMALL, "ct").array
    )
    assert apart < 0.3 * before.mean()


def test_a_map_that_turns_is_rigid_to_the_last_digit() -> None:
    linear = build_method("fast-mi").register(turned_pair()).transform.matrix[:3, :3]
    assert linear @ linear.T == pytest.approx(np.eye(3), abs=1e-9)
    expected = UPSIDE_DOWN.matrix[:3, :3]
    assert rotation_angle(nearest_rotation(linear) @ expected.T) < 1.0


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"starts": 0}, "starts must be"),
        ({"bins": 2}, "bins must be"),
        ({"samples": 100_000_000}, "samples must be"),  # more than fits a small machine
        ({"model": "b"}, "model"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, words) -> None:
    with pytest.raises(ParameterError, match=words):
        build_method("fast-mi", parameters)


BLOB = thorax(SMALL, "ct")
ONE_VOXEL = LabelMap((np.arange(36**3) == 23_000).reshape(SMALL.shape_zyx), SMALL)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("starts", ["auto", 1])
@pytest.mark.parametrize("masks", [{"fixed_mask": ONE_VOXEL}, {"moving_mask": ONE_VOXEL}])
def test_masks_of_nearly_nothing_are_an_error(method, starts, masks) -> None:
    with pytest.raises(RegistrationError, match="mask"):
        build_method(method, {"starts": starts}).register(Pair(BLOB, BLOB, **masks))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("part", [np.s_[18:19], np.s_[:, :, 18:19], np.s_[18:19, 18:19]])
def test_images_one_voxel_thick_stay_finite(method, part) -> None:
    array = BLOB.array[part]
    thin = Volume(array, Grid(array.shape, (9.0, 9.0, 9.0)), "ct")
    found = build_method(method).register(Pair(thin, thin))
    corners = thin.grid.corners()
    assert distance_mm(found.transform, rigid(), corners) < 9.0
    assert np.isfinite(found.diagnostics["uncertainty_mm"])


def test_nothing_but_these_methods_loads_numba() -> None:
    program = (
        "import sys; from regkit.registration.pipeline import build_method; "
        "build_method('mi'); build_method('fast-mi'); "
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_small_moving_image_is_found_in_a_large_fixed_one() -> None:
    """Nearly all of the fixed body meets nothing: what is sampled is the moving image."""
    truth = rigid((8.0, -12.0, 15.0), (15.0, -12.0, 10.0))
    corner = tuple(truth.map_points((-60.0, -90.0, -70.0)).tolist())
    part = Grid((14, 14, 14), (9.0, 9.0, 9.0), corner, tuple(truth.matrix[:3, :3].ravel()))
    pair = Pair(thorax(SMALL, "pet"), thorax(part, "ct", truth))
    found = build_method("fast-mi").register(pair)
    points = truth.inverse().map_points(part.corners())
    assert found.diagnostics["sampled"] == "moving"
    assert distance_mm(found.transform, truth, points) < 2 * CLOSE_MM
