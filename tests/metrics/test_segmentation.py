import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from regkit import IDENTITY, Case, Estimate, Grid, LabelMap, Pair
from regkit.geometry.sitk_bridge import volume_to_sitk
from regkit.metrics.evaluation import Evaluation
from regkit.metrics.segmentation import dice, dice_of, hd95_mm, hd95_of
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict

GRID = Grid((24, 30, 36), spacing=(0.8, 1.7, 3.1))


def random_blob(seed):
    noise = np.random.default_rng(seed).normal(size=GRID.shape_zyx)
    blob = gaussian_filter(noise, 3) > 0.01
    # Where a surface ends at the image border is a matter of taste: stay away from it.
    return blob & np.pad(np.ones(np.subtract(blob.shape, 4), dtype=bool), 2)


@pytest.mark.parametrize("seed", range(5))
def test_dice_is_that_of_simpleitk(seed):
    a, b = random_blob(seed), random_blob(seed + 100)
    judge = sitk.LabelOverlapMeasuresImageFilter()
    judge.Execute(volume_to_sitk(LabelMap(a, GRID)), volume_to_sitk(LabelMap(b, GRID)))
    assert dice_of(a, b) == pytest.approx(judge.GetDiceCoefficient(), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_hd95_is_the_percentile_of_simpleitk_s_distance_map(seed):
    a, b = random_blob(seed), random_blob(seed + 100)

    def one_way(mask, other):
        surfaces = [
            sitk.LabelContour(volume_to_sitk(LabelMap(m, GRID)), False) for m in (mask, other)
        ]
        distance = sitk.SignedMaurerDistanceMap(
            surfaces[1], squaredDistance=False, useImageSpacing=True
        )
        on_surface = sitk.GetArrayFromImage(surfaces[0]) > 0
        return np.percentile(np.abs(sitk.GetArrayFromImage(distance))[on_surface], 95)

    assert hd95_of(a, b, GRID) == pytest.approx(max(one_way(a, b), one_way(b, a)), rel=0.02)


def test_a_known_shift_is_the_distance_in_mm():
    a = np.zeros(GRID.shape_zyx, dtype=bool)
    a[6:12, 8:18, 8:20] = True
    assert hd95_of(a, np.roll(a, 3, axis=0), GRID) == pytest.approx(3 * 3.1)
    assert hd95_of(a, np.roll(a, 3, axis=2), GRID) == pytest.approx(3 * 0.8)
    assert hd95_of(a, a, GRID) == 0


def test_a_label_of_one_image_only_is_as_far_as_can_be():
    a = random_blob(0)
    assert dice_of(a, np.zeros_like(a)) == 0
    assert hd95_of(a, np.zeros_like(a), GRID) == pytest.approx(np.linalg.norm(GRID.extent))


@pytest.mark.parametrize("seed", range(3))
def test_many_labels_count_alike_as_in_simpleitk(seed):
    """Labels that touch each other and the border, one of them in one image only."""
    rng = np.random.default_rng(seed)
    smooth = [gaussian_filter(rng.normal(size=(4, *GRID.shape_zyx)), (0, 3, 3, 3)) for _ in "ab"]
    a, b = (LabelMap(noise.argmax(axis=0), GRID) for noise in smooth)
    a = a.with_array(np.where(a.array == 3, 0, a.array))
    judge = sitk.LabelOverlapMeasuresImageFilter()
    judge.Execute(volume_to_sitk(a), volume_to_sitk(b))
    case = Case("a", Pair(a, b), fixed_labels=a, moving_labels=b)
    result = RegistrationResult(
        "told", {}, case.pair, Estimate(IDENTITY), Verdict("OK", (), {}), 0.0
    )
    expected = [judge.GetDiceCoefficient(label) for label in (1, 2)]
    assert dice(Evaluation(case, result)) == pytest.approx(sum(expected) / 3, abs=1e-12)


def test_scores_are_means_over_whole_images_whatever_the_numbers_of_the_labels():
    """Each label is judged in the box around it: that must not show."""
    numbers = np.array([0, 3, 70_000, -2])
    rng = np.random.default_rng(7)
    smooth = [gaussian_filter(rng.normal(size=(4, *GRID.shape_zyx)), (0, 3, 3, 3)) for _ in "ab"]
    a, b = (LabelMap(numbers[noise.argmax(axis=0)], GRID) for noise in smooth)
    b = b.with_array(np.where(b.array == 3, 0, b.array))
    case = Case("a", Pair(a, b), fixed_labels=a, moving_labels=b)
    result = RegistrationResult(
        "told", {}, case.pair, Estimate(IDENTITY), Verdict("OK", (), {}), 0.0
    )
    masks = [(a.array == label, b.array == label) for label in (-2, 3, 70_000)]
    evaluation = Evaluation(case, result)
    assert dice(evaluation) == pytest.approx(np.mean([dice_of(*pair) for pair in masks]))
    assert hd95_mm(evaluation) == pytest.approx(np.mean([hd95_of(*pair, GRID) for pair in masks]))
