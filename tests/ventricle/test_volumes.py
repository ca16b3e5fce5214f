"""Volumes found and true are measured of every case, and of cases of a ventricle only."""

import numpy as np
import pytest
import SimpleITK as sitk

from regkit.datasets.case import Case
from regkit.geometry.sitk_bridge import volume_to_sitk
from regkit.metrics.evaluation import Evaluation, evaluate
from regkit.registrar import Estimate, Pair
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict
from regkit.registry import default_registry
from ventricle_shells import POSE, Shell, cube

NAMES = ("lv_my_ml", "lv_my_true_ml", "lv_bp_ml", "lv_bp_true_ml")


def judged_by_simpleitk(labels, number):
    judge = sitk.LabelShapeStatisticsImageFilter()
    judge.Execute(volume_to_sitk(labels))
    return judge.GetPhysicalSize(number) / 1000


@pytest.fixture(scope="module")
def metrics():
    return {name: default_registry().metric(name).load() for name in NAMES}


def evaluated(metrics, found, extra):
    image, true = Shell().draw(cube(4.0))
    case = Case("p0", Pair(image, image), moving_labels=true, extra=extra)
    result = RegistrationResult(
        "net", {}, case.pair, Estimate(POSE, found), Verdict("OK", (), {}), 0.0
    )
    return evaluate(case, result, metrics), Evaluation(case, result)


def test_volumes_are_those_of_simpleitk(metrics):
    _, found = Shell(wall=9.0).draw(cube(3.0))
    scores, evaluation = evaluated(metrics, found, {"myocardium_label": 1, "blood_pool_label": 2})
    true = evaluation.case.moving_labels
    expected = [judged_by_simpleitk(v, n) for n in (1, 2) for v in (found, true)]
    assert [scores[name] for name in NAMES] == pytest.approx(expected)


def test_what_is_no_ventricle_has_no_volume(metrics):
    _, found = Shell().draw(cube(3.0))
    assert evaluated(metrics, found, {})[0] == {}
    assert evaluated(metrics, None, {"myocardium_label": 1, "blood_pool_label": 2})[0] == {}


def test_the_registry_knows_which_value_is_the_true_one():
    specs = {name: default_registry().metric(name).spec for name in NAMES}
    assert {n: s.true_value for n, s in specs.items() if s.true_value} == {
        "lv_my_ml": "lv_my_true_ml",
        "lv_bp_ml": "lv_bp_true_ml",
    }
    assert not any(spec.better for spec in specs.values())
    assert np.unique([spec.unit for spec in specs.values()]).tolist() == ["ml"]
