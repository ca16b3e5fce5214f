"""Scores of a reoriented left ventricle agree with SimpleITK and keep to cases of one."""

import numpy as np
import pytest
import SimpleITK as sitk

from regkit.datasets.case import Case
from regkit.geometry.resampling import resample
from regkit.geometry.sitk_bridge import volume_to_sitk
from regkit.geometry.transform import AffineTransform
from regkit.metrics.evaluation import Evaluation, NotKnownError
from regkit.registrar import Estimate
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict
from regkit_nuclear.phantoms.thorax import LV_BLOOD_POOL, LV_MYOCARDIUM
from regkit_ventricle import pose_metrics as ventricle_metrics
from small_cohorts import small

NAMES = ("lv_my_dice", "lv_bp_dice", "lv_my_hd95_mm", "lv_bp_hd95_mm")


@pytest.fixture(scope="module")
def case():
    return small("lv-pet", n=1).case(0)


def scored(name, case, transform):
    verdict = Verdict("OK", (), {})
    result = RegistrationResult("test", {}, case.pair, Estimate(transform), verdict, 0.0)
    return getattr(ventricle_metrics, name)(Evaluation(case, result))


def test_a_worse_pose_scores_worse(case):
    shifted = case.truth @ AffineTransform.shift((25.0, 0.0, 0.0))
    for name in NAMES[:2]:
        assert scored(name, case, shifted) < 0.5 < scored(name, case, case.truth)
    voxel = case.fixed_labels.grid.spacing[0]
    for name in NAMES[2:]:
        assert scored(name, case, case.truth) <= 2 * voxel
        assert scored(name, case, shifted) > 10


@pytest.mark.parametrize(
    ("name", "label"), [("lv_my_dice", LV_MYOCARDIUM), ("lv_bp_dice", LV_BLOOD_POOL)]
)
def test_dice_is_that_of_simpleitk(case, name, label):
    shifted = case.truth @ AffineTransform.shift((6.0, -4.0, 5.0))
    warped = resample(case.moving_labels, case.fixed_labels.grid, shifted)
    judge = sitk.LabelOverlapMeasuresImageFilter()
    judge.Execute(*(volume_to_sitk(v) for v in (case.fixed_labels, warped)))
    assert scored(name, case, shifted) == pytest.approx(judge.GetDiceCoefficient(label), abs=1e-9)


def test_other_cases_have_no_such_score(case):
    fields = {key: getattr(case, key) for key in ("id", "pair", "fixed_labels", "moving_labels")}
    without = Case(**fields, extra={"myocardium_label": LV_MYOCARDIUM})
    with pytest.raises(NotKnownError, match="does not say which labels are the left ventricle"):
        scored("lv_my_dice", without, case.truth)
    empty = case.fixed_labels.with_array(np.zeros_like(case.fixed_labels.array))
    blank = Case(**fields | {"fixed_labels": empty}, extra=case.extra)
    with pytest.raises(NotKnownError, match="no fixed voxel has the blood_pool_label 2"):
        scored("lv_bp_dice", blank, case.truth)
