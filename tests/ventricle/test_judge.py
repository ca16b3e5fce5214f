"""Reorientations are judged by the ventricle in their labels and in the image, by one judge."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lv_phantom import Phantom, pose_on, upright
from regkit import AffineTransform, Estimate, LabelMap, rigid, run
from regkit.geometry.grid import Grid
from regkit.registrar import Judge, Pair
from regkit.registration.pipeline import Pipeline
from regkit_msstunet.registrar import LearnedReorientation
from regkit_ventricle.cup import fit_cup
from regkit_ventricle.judge import judge_short_axis
from regkit_ventricle.labels import ventricle_of
from regkit_ventricle.long_axis_refinement import LongAxisRefinement
from regkit_ventricle.short_axis import ShortAxis
from regkit_ventricle.wall_position import wall_position
from regkit_ventricle.wall_refinement import WallRefinement


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    grid = upright(60, 3.4, (12.0, 5.0, 300.0))
    return Phantom(grid, pose_on(grid), "spect")


@pytest.fixture(scope="module")
def pair(phantom) -> Pair:
    image = phantom.image
    blurred = image.with_array(gaussian_filter(image.array, 1.5))
    return Pair(ShortAxis().fixed(blurred), blurred)


@pytest.fixture(scope="module")
def right(phantom) -> Estimate:
    """The true pose of the centre of wall and cavity, and the true labels."""
    labelled = phantom.grid.to_physical(np.argwhere(phantom.labels.array)).mean(axis=0)
    matrix = phantom.pose.matrix.copy()
    matrix[:3, 3] = labelled
    return Estimate(AffineTransform(matrix), phantom.labels)


def moved(labels: LabelMap, by: AffineTransform) -> LabelMap:
    grid = labels.grid
    return labels.with_array(
        labels.array, Grid.from_affine(grid.shape_zyx, by.matrix @ grid.affine)
    )


def reasons(judgement) -> str:
    return "; ".join(reason for _, reason in judgement.findings)


def test_a_right_pose_is_not_doubted(pair, right) -> None:
    judgement = judge_short_axis(pair, right)
    assert judgement.findings == ()
    assert judgement.measures["tilt_deg"] < 2
    assert judgement.measures["wall_moved_mm"] < 2


@pytest.mark.parametrize(
    ("motion", "status", "words"),
    [
        (rigid((12, 0, 0)), "CHECK", "tilted by 1"),
        (rigid((180, 0, 0)), "FAIL", "tilted by 1"),
        (rigid((0, 0, 0), (0, 7, 0)), "CHECK", "7 mm from the centre of the labels"),
        (rigid((0, 0, 0), (60, 0, 0)), "FAIL", "60 mm from the centre of the labels"),
        (rigid((0, 0, 90)), "CHECK", "about the long axis from where the patient's head is up"),
    ],
)
def test_a_frame_off_the_labels_is_doubted(pair, right, motion, status, words) -> None:
    found = replace(right, transform=right.transform @ motion)
    judgement = judge_short_axis(pair, found)
    assert max(finding[0] for finding in judgement.findings if words in finding[1]) == status


@pytest.mark.parametrize("mm", [4.0, 8.0, 11.0])
@pytest.mark.parametrize("along", [(1.0, 0.0, 0.0), (0.0, 0.6, -0.8)])
def test_labels_that_move_with_the_frame_are_seen_in_the_image(pair, right, mm, along) -> None:
    by = AffineTransform.shift(np.multiply(mm, along))
    astray = Estimate(by @ right.transform, moved(right.labels, by))
    judgement = judge_short_axis(pair, astray)
    assert judgement.measures["offset_mm"] < 1  # frame and labels agree
    assert judgement.measures["wall_moved_mm"] == pytest.approx(mm, abs=2.5)
    assert ("from the wall of the labels" in reasons(judgement)) == (mm > 5)


def test_a_tilt_of_labels_is_seen_in_the_image(pair, right) -> None:
    centre = right.transform.map_points((0.0, 0.0, 0.0))
    by = AffineTransform.about(rigid((18, 0, 0)).matrix[:3, :3], (0, 0, 0), centre)
    still = wall_position(pair.moving, fit_cup(ventricle_of(right.labels)))
    tilted = wall_position(pair.moving, fit_cup(ventricle_of(moved(right.labels, by))))
    assert still.moved_mm < 2
    assert tilted.moved_mm > 4.5


def test_a_mirrored_patient_is_doubted(pair, right) -> None:
    """The voxels of image and labels from right to left, the header unchanged."""
    flip = AffineTransform(np.diag([-1.0, 1.0, 1.0, 1.0]))
    x = float(pair.moving.grid.centre[0])
    about = AffineTransform.shift((2 * x, 0, 0)) @ flip
    turned = about.matrix @ right.transform.matrix @ np.diag([-1.0, 1.0, 1.0, 1.0])
    image = pair.moving.with_array(np.ascontiguousarray(pair.moving.array[:, :, ::-1]))
    labels = right.labels.with_array(np.ascontiguousarray(right.labels.array[:, :, ::-1]))
    found = Estimate(AffineTransform(turned), labels)
    judgement = judge_short_axis(replace(pair, moving=image), found)
    assert any(status == "CHECK" for status, _ in judgement.findings), judgement.measures


def test_without_labels_nothing_is_said_and_without_a_ventricle_it_fails(pair, right) -> None:
    assert judge_short_axis(pair, replace(right, labels=None)) is None
    wall = right.labels.with_array((right.labels.array == 1).astype(np.uint8))
    ((status, reason),) = judge_short_axis(pair, replace(right, labels=wall)).findings
    assert status == "FAIL"
    assert "the labels show no left ventricle" in reason


@dataclass(frozen=True)
class Told:
    found: Estimate

    def register(self, pair: Pair) -> Estimate:
        return self.found


@pytest.mark.parametrize("miss", [rigid(), rigid((20, 0, 0), (0, 9, 0))])
def test_a_registration_and_a_reorientation_have_the_same_verdict(pair, right, miss) -> None:
    found = replace(right, transform=right.transform @ miss)
    frame = ShortAxis()
    start = AffineTransform.shift(pair.moving.grid.centre)
    one = run(Told(found), replace(pair, initial=start), judged_by=frame).verdict
    # Another fixed image with another origin: the map starts at its centre all the same.
    fixed = pair.fixed
    shift = AffineTransform.shift((30.0, -10.0, 5.0))
    elsewhere = fixed.with_array(
        fixed.array * 3 + 1,
        Grid.from_affine(fixed.grid.shape_zyx, shift.matrix @ fixed.grid.affine),
    )
    moved_back = replace(found, transform=found.transform @ shift.inverse())
    chain = Pipeline((Told(moved_back), Judging()))
    start = start @ shift.inverse()
    other = run(chain, Pair(elsewhere, pair.moving, initial=start)).verdict
    assert (one.status, one.reasons) == (other.status, other.reasons)
    assert one.status == ("OK" if miss.matrix[1, 3] == 0 else "CHECK")


class Judging:
    """A stage that changes nothing and judges as `ms-st-unet` does."""

    def register(self, pair: Pair) -> Estimate:
        return Estimate(pair.start)

    def judge(self, pair: Pair, estimate: Estimate):
        return LearnedReorientation().judge(pair, estimate)


@pytest.mark.parametrize("kind", [LearnedReorientation, LongAxisRefinement, WallRefinement])
def test_every_method_of_the_ventricle_has_the_judge(kind, pair, right) -> None:
    assert isinstance(kind(), Judge)
    assert kind().judge(pair, right) == judge_short_axis(pair, right)
