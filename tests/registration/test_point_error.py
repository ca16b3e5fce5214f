"""The expected error at points follows the law of rigid errors, and says what it is not."""

import dataclasses
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from phantoms import MOTION, SMALL
from phantoms import small_pair as new_pair
from regkit import Grid, LabelMap, Pair, Volume, register
from regkit.errors import GeometryError, RegistrationError
from regkit.io.landmarks import Landmarks
from regkit.registration.error_model import ErrorEstimate
from regkit.registration.error_text import error_in_words
from regkit.registration.point_error import RigidErrorLaw, point_errors

ESTIMATE = ErrorEstimate(1.2, (0.6, 2.9), 0.01)
# A body whose three sides differ, so that its principal axes are well determined.
BODY = np.random.default_rng(3).normal(size=(500, 3)) * (60, 35, 15) + (20, -10, 5)
small_pair = cache(new_pair)
directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1)


def test_the_law_is_what_landmarks_with_random_errors_give():
    """The root mean square error at targets of rigid fits to landmarks that are a little off."""
    rng = np.random.default_rng(0)
    landmarks, centre = BODY[:12], BODY[:12].mean(axis=0)
    targets = centre + np.array([(0, 0, 0), (150, 0, 0), (0, 90, 40), (0, 0, 120)])
    squares = np.zeros(len(targets))
    for _ in range(1_000):
        found = landmarks + rng.normal(scale=0.3, size=landmarks.shape)
        turn, _ = Rotation.align_vectors(found - found.mean(axis=0), landmarks - centre)
        moved = turn.apply(targets - centre) + found.mean(axis=0)
        squares += np.square(moved - targets).sum(axis=1)
    measured = np.sqrt(squares / squares[0])
    law = RigidErrorLaw.of(landmarks).relative_errors(targets)
    np.testing.assert_allclose(law / law[0], measured, rtol=0.05)


@given(directions, st.lists(st.floats(0, 500), min_size=2, max_size=2))
def test_it_grows_away_from_the_centre(direction, two):
    law = RigidErrorLaw.of(BODY)
    near, far = law.centre + np.outer(sorted(two), direction)
    errors = law.relative_errors(np.array([near, far]))
    assert errors[0] <= errors[1] + 1e-12


@given(st.integers(0, 1000), directions)
def test_it_does_not_depend_on_where_the_patient_lies(seed, shift):
    turn = Rotation.random(rng=np.random.default_rng(seed))
    points = np.random.default_rng(1).uniform(-200, 200, (20, 3))
    there = RigidErrorLaw.of(turn.apply(BODY) + 100 * np.array(shift))
    moved = there.relative_errors(turn.apply(points) + 100 * np.array(shift))
    np.testing.assert_allclose(moved, RigidErrorLaw.of(BODY).relative_errors(points), rtol=1e-9)


def test_its_mean_over_the_body_is_one():
    assert RigidErrorLaw.of(BODY).relative_errors(BODY).mean() == pytest.approx(1)


@pytest.mark.parametrize("body", [BODY[:1], BODY[:2], BODY * (1, 1, 0)])
def test_a_body_of_a_point_a_line_or_a_plane_has_one_too(body):
    errors = RigidErrorLaw.of(body).relative_errors(BODY)
    assert np.isfinite(errors).all()
    assert (errors > 0).all()


@settings(max_examples=20)
@given(st.floats(0, 300), st.floats(1e-3, 50))
def test_an_interval_is_never_narrower_than_that_of_the_whole(distance, expected):
    whole = ErrorEstimate(expected, (expected / 2, expected * 2.5), 0.1)
    (found,) = point_errors(small_pair(), MOTION, whole, {"a": (distance, 0, 0)})
    low, high = found.interval_mm
    assert 0 < low < found.expected_mm < high
    assert found.expected_mm / low > 2
    assert high / found.expected_mm > 2.5


def test_an_expected_error_of_nothing_is_possible():
    (found,) = point_errors(small_pair(), MOTION, ErrorEstimate(0, (0, 0), 0), {"a": (0, 0, 0)})
    assert found.expected_mm == 0
    assert found.interval_mm == pytest.approx((0, 0), abs=1e-3)


def test_the_body_is_that_of_the_smaller_image_in_the_fixed_frame():
    """A part of the moving image far from the middle: the error is smallest there."""
    pair = small_pair()
    part = Volume(pair.moving.array[:12], Grid((12, 36, 36), SMALL.spacing, SMALL.origin), "ct")
    middle = MOTION.inverse().map_points(part.grid.centre)
    ends = {"part": tuple(middle), "whole": tuple(SMALL.centre)}
    inside, outside = point_errors(Pair(pair.fixed, part), MOTION, ESTIMATE, ends)
    assert inside.expected_mm < 0.8 * outside.expected_mm
    inside, outside = point_errors(pair, MOTION, ESTIMATE, ends)
    assert inside.expected_mm > outside.expected_mm


def test_a_label_counts_where_its_error_is_largest():
    marked = np.zeros(SMALL.shape_zyx, np.int16)
    marked[4:20, 10:14, 8:30], marked[20, 18, 18] = 3, 7
    labels = LabelMap(marked, SMALL, names={7: "apex"})
    found = point_errors(small_pair(), MOTION, ESTIMATE, labels)
    assert [point.name for point in found] == ["label 3", "apex"]
    everywhere = SMALL.to_physical(np.argwhere(marked == 3)).tolist()
    by_name = {str(number): tuple(at) for number, at in enumerate(everywhere)}
    all_of_them = point_errors(small_pair(), MOTION, ESTIMATE, by_name)
    worst = max(all_of_them, key=lambda point: point.expected_mm)
    assert found[0].expected_mm == pytest.approx(worst.expected_mm)
    assert found[0].position_mm == pytest.approx(worst.position_mm)
    assert found[1].position_mm == pytest.approx(SMALL.to_physical((20, 18, 18)))


def test_landmarks_keep_their_names_and_those_without_a_position_are_left_out():
    landmarks = Landmarks(np.array([(0, 0, 0), (np.nan,) * 3, (5, 5, 5.0)]), ("a", "b", ""))
    found = point_errors(small_pair(), MOTION, ESTIMATE, landmarks)
    assert [(point.name, point.position_mm) for point in found] == [
        ("a", (0, 0, 0)),
        ("point 3", (5, 5, 5)),
    ]


def test_points_where_the_estimate_means_little_say_so():
    points = {"heart": (0, 0, 0), "feet": (0, 0, 900.0), "air": (150, -150, 150.0)}
    marked = np.zeros(SMALL.shape_zyx, np.uint8)
    marked[16:20, 16:20, 16:20] = 1
    pair = dataclasses.replace(small_pair(), fixed_mask=LabelMap(marked, SMALL))
    heart, feet, air = point_errors(pair, MOTION, ESTIMATE, points)
    assert heart.remark == ""
    assert feet.remark.startswith("outside of the fixed image, 88")
    assert "mm away from the body, where the images say little" in air.remark
    assert air.expected_mm > 3 * heart.expected_mm


@pytest.mark.parametrize("points", [{}, {"a": (1, 2)}, {"a": (1, 2, np.nan)}])
def test_what_is_no_point_is_refused(points):
    with pytest.raises(GeometryError, match="x, y, z in LPS mm"):
        point_errors(small_pair(), MOTION, ESTIMATE, points)


def test_a_label_map_without_labels_is_refused():
    empty = LabelMap(np.zeros(SMALL.shape_zyx, np.uint8), SMALL)
    with pytest.raises(GeometryError, match="has no labels: all its voxels are 0"):
        point_errors(small_pair(), MOTION, ESTIMATE, empty)


def test_without_a_verdict_points_are_refused():
    pair = small_pair()
    with pytest.raises(RegistrationError, match="the expected error at points belongs to the v"):
        register(pair.fixed, pair.moving, "identity", judge=False, points={"a": (0, 0, 0)})


@pytest.mark.parametrize(
    ("expected", "interval", "words"),
    [
        (1.23, (0.6, 2.94), "1.2 mm (90 %: 0.6 to 2.9 mm)"),
        (9.96, (0.0, 68.4), "10 mm (90 %: 0.0 to 68 mm)"),
    ],
)
def test_an_error_in_words(expected, interval, words):
    assert error_in_words(expected, interval) == words
