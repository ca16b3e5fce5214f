"""Planes across the long axis of labels that the method before found."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from lv_phantom import Phantom, pose_on, upright
from regkit import AffineTransform, Estimate, LabelMap, rigid, run
from regkit.geometry.rotation import rotation_angle
from regkit.registrar import Refiner
from regkit.registration.pipeline import Pipeline
from regkit_msstunet.geometry import cube
from regkit_ventricle.long_axis_refinement import NO_LABELS, LongAxisRefinement

FIXED = cube(40, 3.4, (50.0, -20.0, 10.0))
# In the short-axis frame: the planes are tilted and shifted, and turned about the axis.
OFF = rigid((9.0, -7.0, 6.0), (5.0, -6.0, 8.0))


@dataclass(frozen=True)
class Told:
    """A method that finds what it is told."""

    transform: AffineTransform
    labels: LabelMap | None = None

    def register(self, pair) -> Estimate:
        return Estimate(self.transform, self.labels, {"warnings": ["as told"]})


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    grid = upright(64, 4.0, (12.0, 5.0, 300.0))
    return Phantom(grid, pose_on(grid))


def missed(case, off=OFF) -> AffineTransform:
    centre = AffineTransform.shift(FIXED.centre)
    return AffineTransform((case.truth @ centre @ off @ centre.inverse()).matrix)


def tilt_deg(transform, truth) -> float:
    one, other = (t.matrix[:3, 2] for t in (transform, truth))
    return float(np.rad2deg(np.arccos(np.clip(one @ other, -1, 1))))


def test_the_long_axis_is_found_and_the_turn_about_it_kept(phantom) -> None:
    case = phantom.case(fixed=FIXED)
    off = missed(case)
    chain = Pipeline((Told(off, phantom.labels), LongAxisRefinement()))
    found = chain.register(case.pair)
    assert tilt_deg(off, case.truth) > 10
    assert tilt_deg(found.transform, case.truth) < 2
    assert found.transform.is_rigid
    labelled = phantom.grid.to_physical(np.argwhere(phantom.labels.array))
    origin = found.transform.map_points(FIXED.centre)
    np.testing.assert_allclose(origin, labelled.mean(axis=0), atol=0.1)
    left = rotation_angle(case.truth.matrix[:3, :3].T @ found.transform.matrix[:3, :3])
    assert 3 < left < 9  # the six degrees about the axis
    np.testing.assert_array_equal(found.labels.array, phantom.labels.array)
    assert found.diagnostics["lv-axis"]["accepted"] is True
    assert found.diagnostics["lv-axis"]["tilt_deg"] == pytest.approx(
        tilt_deg(off, case.truth), abs=2
    )
    assert found.diagnostics["warnings"] == ["as told"]


@pytest.mark.parametrize(
    ("off_deg", "off_mm", "accepted"), [(1, 1, False), (4, 0, True), (0, 4, True)]
)
def test_what_labels_cannot_tell_is_left_alone(phantom, off_deg, off_mm, accepted) -> None:
    case = phantom.case(fixed=FIXED)
    start = missed(case, rigid())
    always = LongAxisRefinement(always=True).refine(case.pair, Estimate(start, phantom.labels))
    centre = AffineTransform.shift(FIXED.centre)
    nudge = rigid((off_deg, 0, 0), (off_mm, 0, 0))
    nearly = always.transform @ centre @ nudge @ centre.inverse()
    found = LongAxisRefinement().refine(case.pair, Estimate(nearly, phantom.labels))
    before, after = found.diagnostics["lv-axis"]["similarity"]
    assert after > before
    assert found.diagnostics["lv-axis"]["accepted"] is accepted


def test_what_is_not_more_alike_is_not_kept(phantom) -> None:
    """Labels that lie elsewhere than the ventricle of the image mislead nobody."""
    case = phantom.case(fixed=FIXED)
    astray = Phantom(phantom.grid, phantom.pose @ rigid((25.0, 10.0, 0.0), (20.0, 0.0, 15.0)))
    start = missed(case, rigid())
    found = LongAxisRefinement().refine(case.pair, Estimate(start, astray.labels))
    assert found.transform is start
    assert found.diagnostics["lv-axis"]["accepted"] is False
    always = LongAxisRefinement(always=True).refine(case.pair, Estimate(start, astray.labels))
    assert tilt_deg(always.transform, case.truth) > 10


def test_without_labels_nothing_moves_and_it_says_so(phantom) -> None:
    case = phantom.case(fixed=FIXED)
    pair = replace(case.pair, initial=missed(case))
    result = run(LongAxisRefinement(), pair)
    assert result.transform is pair.initial
    assert NO_LABELS in result.verdict.reasons
    chained = Pipeline((Told(missed(case)), LongAxisRefinement())).register(case.pair)
    np.testing.assert_array_equal(chained.transform.matrix, missed(case).matrix)


def test_labels_of_no_ventricle_are_a_doubt(phantom) -> None:
    case = phantom.case(fixed=FIXED)
    wall = phantom.labels.with_array((phantom.labels.array == 1).astype(np.uint8))
    found = LongAxisRefinement().refine(case.pair, Estimate(missed(case), wall))
    np.testing.assert_array_equal(found.transform.matrix, missed(case).matrix)
    assert "lv-axis changed nothing: the labels show no left ventricle" in found.diagnostics[
        "warnings"][0]  # fmt: skip


def test_it_is_a_refiner_and_others_are_not() -> None:
    assert isinstance(LongAxisRefinement(), Refiner)
    assert not isinstance(Told(rigid()), Refiner)


def test_labels_found_earlier_in_a_chain_reach_it(phantom) -> None:
    case = phantom.case(fixed=FIXED)
    stages = (Told(missed(case), phantom.labels), Told(missed(case)), LongAxisRefinement())
    found = Pipeline(stages).register(case.pair)
    assert tilt_deg(found.transform, case.truth) < 2
