"""The decision about an attenuation map, and its words, for known shifts."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

import regkit
from phantoms import SMALL
from regkit import AffineTransform, Estimate, LabelMap, Pair, Transform, rigid
from regkit.alignment import check as check_module
from regkit.alignment.check import AlignmentCheck, patient_voxel, run_alignment_check
from regkit.errors import ParameterError
from regkit.geometry.grid import Grid
from regkit.registration.point_error import ErrorAtPoint
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict
from regkit.testing.phantom import PARTS, thorax, thorax_labels

HEART = 1 + [part.name for part in PARTS].index("heart")
VOXEL = 9.0


@dataclass(frozen=True)
class Answer:
    """A method that gives a known answer."""

    transform: Transform

    def register(self, pair: Pair) -> Estimate:
        return Estimate(self.transform)


def pair_moved(truth: Transform) -> Pair:
    """Return an emission and a transmission image; `truth` maps emission to transmission."""
    return Pair(thorax(SMALL, "pet"), thorax(SMALL, "ct", truth))


def heart() -> LabelMap:
    labels = thorax_labels(SMALL)
    return labels.with_array(labels.array == HEART)


@pytest.fixture
def checked(monkeypatch):
    """Return a function that checks with an answer whose expected error is known."""

    def check(
        truth: Transform,
        expected_mm: float | None = 1.0,
        status: str = "OK",
        answer: Transform | None = None,
        **options,
    ) -> AlignmentCheck:
        def judged(registrar, pair, method, points) -> RegistrationResult:
            (name, at), *_ = points.items()
            error = () if expected_mm is None else (ErrorAtPoint(name, at, expected_mm, (0, 9)),)
            reasons = ("it is wrong",) if status == "FAIL" else ()
            verdict = Verdict(status, reasons, {}, points=error)
            return RegistrationResult(method, {}, pair, registrar.register(pair), verdict, 0.0)

        monkeypatch.setattr(check_module, "run", judged)
        options = {"labels": heart(), **options}
        method = Answer(truth if answer is None else answer)
        return run_alignment_check(method, pair_moved(truth), "identity", **options)

    return check


SHIFTED = AffineTransform.shift((-4.0, 2.0, 12.0))


def test_a_shift_is_told_as_the_way_to_move_the_ct_back(checked):
    found = checked(SHIFTED)
    assert found.status == "FAIL"
    assert found.shift_mm == pytest.approx((4, -2, -12))
    assert found.shift_voxels == pytest.approx(np.divide((4, -2, -12), VOXEL))
    assert found.distance_mm == pytest.approx(np.linalg.norm((4, 2, 12)))
    assert found.rotation_deg == pytest.approx(0, abs=1e-6)
    assert found.words == (
        "move the CT about 12 mm lower, 4 mm to the patient's left and 2 mm farther to the front "
        "(1.3 voxels lower, 0.4 voxels to the patient's left and 0.2 voxels farther to the front)"
    )


@pytest.mark.parametrize(
    ("distance", "expected_mm", "status"),
    [
        (2.0, 1.0, "OK"),
        (2.0, 4.0, "CHECK"),  # the error alone may be more than a voxel
        (8.0, 1.0, "CHECK"),
        (9.5, 1.0, "FAIL"),
        (9.5, 8.0, "CHECK"),  # less than what is noise
        (2.0, None, "CHECK"),
        (9.5, None, "FAIL"),
    ],
)
def test_the_status_is_the_shift_against_a_voxel_and_its_own_error(
    checked, distance, expected_mm, status
):
    way = AffineTransform.shift((0, 0, distance))
    assert checked(way, expected_mm).status == status


def test_a_registration_that_failed_is_no_proof_of_alignment(checked):
    found = checked(regkit.IDENTITY, status="FAIL")
    assert found.status == "FAIL"
    assert found.reasons[0].startswith("the images could not be aligned, so the shift is not")


def test_an_index_above_3_percent_asks_for_a_look_even_if_the_shift_is_small(checked):
    """The registration is wrong here, and finds nothing."""
    found = checked(AffineTransform.shift((-18, 0, 12)), answer=regkit.IDENTITY)
    assert found.status == "CHECK"
    assert found.eti_pct > 3
    assert "of the myocardium lies on lung or air (limit 3 %)" in found.reasons[1]


def test_the_index_falls_with_the_correction(checked):
    found = checked(AffineTransform.shift((-18, 0, 12)))
    assert found.eti_corrected_pct < 1
    assert found.eti_pct > 3
    assert found.eti_shifted_pct["left"] < found.eti_pct < found.eti_shifted_pct["right"]


def test_a_rotation_counts_where_it_moves_the_heart(checked):
    truth = rigid((0, 0, 20), (0, 0, 0), (0, 0, 0))
    found = checked(truth)
    assert found.rotation_deg == pytest.approx(20)
    centre = np.array(found.myocardium.centre)
    assert found.shift_mm == pytest.approx(centre - truth.map_points(centre))
    assert found.distance_mm > np.linalg.norm(found.shift_mm) - 1e-6
    assert found.words.endswith(", and turn it by 20°")


def test_the_limit_is_a_voxel_and_can_be_set(checked):
    near = AffineTransform.shift((0, 0, 4.0))
    assert checked(near).limit_mm == VOXEL
    assert checked(near, limit_mm=3.0).status == "FAIL"
    with pytest.raises(ParameterError, match="must be a positive number of mm, got 0"):
        checked(near, limit_mm=0.0)


def test_an_aligned_map_stays(checked):
    found = checked(regkit.IDENTITY)
    assert (found.status, found.words) == ("OK", "leave the CT where it is")
    assert json.loads(json.dumps(found.results))["shift_mm"] == [0, 0, 0]


def test_without_a_heart_the_body_counts_and_it_is_said(checked, monkeypatch):
    def none_found(*_, **__):
        raise regkit.RegkitError("no ventricle in it")

    monkeypatch.setattr("regkit.alignment.heart.find_ventricle", none_found)
    found = checked(SHIFTED, labels=None)
    assert (found.status, found.eti_pct, found.myocardium) == ("FAIL", None, None)
    assert found.shift_mm == pytest.approx((4, -2, -12))
    assert any("no ventricle in it" in reason for reason in found.reasons)


def test_voxels_are_along_the_axes_of_the_patient():
    turned = Grid((4, 4, 4), (2.0, 3.0, 5.0), (0, 0, 0), (0, 0, 1, -1, 0, 0, 0, -1, 0))
    assert patient_voxel(turned) == (5.0, 2.0, 3.0)


@pytest.mark.registration
def test_a_shift_of_a_voxel_is_found_and_no_shift_is_not(monkeypatch):
    monkeypatch.setattr(check_module, "LEAST_LIMIT_MM", 0.0)
    near = pair_moved(regkit.IDENTITY)
    for shift, status in (((0.0, 0.0, 0.0), "OK"), ((0.0, 0.0, 10.0), "FAIL")):
        moved = replace(near, moving=thorax(SMALL, "ct", AffineTransform.shift(shift)))
        found = regkit.check_alignment(moved.fixed, moved.moving, labels=heart())
        assert found.status == status, found
        assert found.shift_mm == pytest.approx(np.negative(shift), abs=VOXEL / 2)
        assert found.expected_error_mm > 0
