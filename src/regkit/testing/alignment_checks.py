"""Checks that the transforms of a method align images on grids of every kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regkit.geometry.grid import Vector3
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform, linear_part
from regkit.testing import phantom_pairs
from regkit.testing.method_under_test import MethodUnderTest, require, require_declared
from regkit.testing.phantom_pairs import VOXEL_MM, Problem, covering, distance_mm

# Fractions of the initial error that may remain: even a weak method, say one that aligns centres
# of mass, reaches them, and a map in a wrong frame does not (tests/testing). Chosen by hand.
REMAINING = 0.5
REMAINING_OF_TWO_CONTRASTS = 0.75
ROTATION_SLACK_DEG = 2.0  # chosen by hand
UNMOVED_MM = 1e-6  # rounding

_REVERSAL = AffineTransform(np.eye(4)[[2, 1, 0, 3]])
_RAS = AffineTransform(np.diag([-1.0, -1.0, 1.0, 1.0]))


def _turned_back(found: AffineTransform, centre: Vector3) -> AffineTransform:
    """Return the map with the opposite rotation about a point."""
    shift = found.map_points(centre) - np.asarray(centre)
    return AffineTransform.about(found.inverse().matrix[:3, :3], shift, centre)


# Correction of a common mistake, given the map found and the body's centre, and the advice.
MISTAKES: tuple[tuple[Callable[[AffineTransform, Vector3], Transform], str], ...] = (
    (
        lambda found, _: found.inverse(),
        "its inverse would be correct: return the map from fixed to moving points",
    ),
    (
        lambda found, _: _REVERSAL @ found @ _REVERSAL,
        "with x and z swapped it would be correct: millimetres are x, y, z",
    ),
    (
        lambda found, _: _RAS @ found @ _RAS,
        "taken as RAS it would be correct: regkit's millimetres are LPS",
    ),
    (_turned_back, "with the opposite rotation it would be correct"),
)


def maps_fixed_to_moving(kind: str) -> Callable[[MethodUnderTest], None]:
    """Return the check that maps are right on the grids of a key of `phantom_pairs.GRIDS`."""

    def check(subject: MethodUnderTest) -> None:
        _require_aligning(subject)
        problem = phantom_pairs.GRIDS[kind]()
        found = subject.register(problem.pair).transform
        _require_within(problem, found, REMAINING * problem.start_mm)
        _require_rotation(problem, found)

    return check


def same_anatomy_on_any_grid(subject: MethodUnderTest) -> None:
    """Check that the fixed image on another grid gives the same map, to half a voxel."""
    _require_aligning(subject)
    plain = phantom_pairs.plain_problem()
    other = phantom_pairs.pose_problem(phantom_pairs.oblique_grid(), plain.pair.moving.grid)
    found = subject.register(other.pair).transform
    apart = distance_mm(found, subject.plain_estimate.transform, plain.points)
    require(
        apart <= VOXEL_MM / 2,
        f"the fixed image on another grid gives a map {apart:.1f} mm away "
        f"(at most {VOXEL_MM / 2:g} mm allowed): check offsets of half a voxel, origins and "
        "directions",
    )


def same_far_from_the_origin(subject: MethodUnderTest) -> None:
    """Check that headers far from the origin give the same map there, to half a voxel."""
    _require_aligning(subject)
    plain, away = (
        phantom_pairs.plain_problem(),
        AffineTransform.shift(phantom_pairs.AWAY_MM),
    )
    found = subject.register(phantom_pairs.plain_far_away().pair).transform
    brought_back = away.inverse() @ found @ away
    apart = distance_mm(brought_back, subject.plain_estimate.transform, plain.points)
    require(
        apart <= VOXEL_MM / 2,
        f"with both images {np.linalg.norm(phantom_pairs.AWAY_MM):.0f} mm away from the origin "
        f"the map differs by {apart:.1f} mm (at most {VOXEL_MM / 2:g} mm allowed): "
        "does it rotate about the origin rather than about the centre of the images?",
    )


def identity_stays(subject: MethodUnderTest) -> None:
    """Check that aligned images, on equal and on different grids, move by less than a voxel."""
    _require_general(subject)
    for moving in (covering(), phantom_pairs.oblique_grid()):
        problem = phantom_pairs.pose_problem(covering(), moving, motion=IDENTITY)
        moved = problem.error_mm(subject.register(problem.pair).transform)
        require(
            moved <= VOXEL_MM,
            f"images that are aligned already were moved by {moved:.1f} mm "
            f"(at most {VOXEL_MM:g} mm allowed)",
        )


def improves_alignment(subject: MethodUnderTest) -> None:
    """Check that the error of a PET-like and a CT-like image drops by at least a quarter."""
    _require_aligning(subject)
    problem = phantom_pairs.two_contrasts()
    found = subject.register(problem.pair).transform
    _require_within(problem, found, REMAINING_OF_TWO_CONTRASTS * problem.start_mm)


def leaves_images_where_they_are(subject: MethodUnderTest) -> None:
    """Check that a method that does not align returns the initial transform on every grid."""
    require_declared(not subject.spec.is_registration, "it aligns images")
    for build in (*phantom_pairs.GRIDS.values(), phantom_pairs.from_afar):
        pair = build().pair
        moved = distance_mm(
            subject.register(pair).transform, pair.start, phantom_pairs.body_points()
        )
        require(moved <= UNMOVED_MM, f"it is declared not to align, yet moved {moved:.3g} mm")


def sizes_may_differ(subject: MethodUnderTest) -> None:
    """Check that images of different shape, spacing and field of view are registered."""
    problem = phantom_pairs.sizes()
    found = subject.register(problem.pair).transform
    if subject.spec.is_registration and not subject.spec.weights:
        _require_within(problem, found, REMAINING * problem.start_mm)


def supports_initial(subject: MethodUnderTest) -> None:
    """Check that the map returned includes the initial transform, composed in the right order."""
    require_declared(
        "initial" in subject.spec.supports, "it does not support an initial transform"
    )
    _require_general(subject)
    problem = phantom_pairs.from_afar()
    found = subject.register(problem.pair).transform
    _require_within(problem, found, VOXEL_MM, "started at the truth, ")
    if subject.spec.is_registration:
        miss = AffineTransform.shift((18.0, 6.0, -8.0))
        problem = phantom_pairs.from_afar(miss)
        found = subject.register(problem.pair).transform
        _require_within(
            problem, found, REMAINING * problem.start_mm, "started 21 mm off, the total of "
        )


def supports_fixed_mask(subject: MethodUnderTest) -> None:
    """Check that a bright table outside the mask of the fixed image has no effect."""
    _require_masks(subject, "fixed_mask")
    _require_halved(subject, phantom_pairs.table_in_fixed())
    _require_effect(subject, "fixed_mask")


def supports_moving_mask(subject: MethodUnderTest) -> None:
    """Check that a bright table outside the mask of the moving image has no effect."""
    _require_masks(subject, "moving_mask")
    _require_halved(subject, phantom_pairs.table_in_moving())
    _require_effect(subject, "moving_mask")


def supports_both_masks(subject: MethodUnderTest) -> None:
    """Check that of a body whose parts move apart the one in the masks is aligned."""
    _require_masks(subject, "fixed_mask", "moving_mask")
    _require_halved(subject, phantom_pairs.torn())


def _require_masks(subject: MethodUnderTest, *masks: str) -> None:
    missing = " and ".join(sorted(set(masks) - subject.spec.supports)).replace("_", " ")
    require_declared(not missing, f"it does not support a {missing}")
    _require_aligning(subject)


def _require_halved(subject: MethodUnderTest, problem: Problem) -> None:
    found = subject.register(problem.pair).transform
    _require_within(problem, found, REMAINING * problem.start_mm, "with a mask, ")


def _require_effect(subject: MethodUnderTest, mask: str) -> None:
    """Require that the mask decides which of two parts that move apart is aligned.

    A robust method ignores a table even without a mask, so that is no proof that it uses one.
    """
    of_chest, of_belly = (
        subject.register(phantom_pairs.torn(part, frozenset({mask})).pair).transform
        for part in ("chest", "belly")
    )
    apart = distance_mm(of_chest, of_belly, phantom_pairs.body_points())
    require(
        apart > VOXEL_MM / 2,
        f"of a body whose parts move apart, the {mask.replace('_', ' ')} of either gives the same "
        f"map ({apart:.1f} mm apart): is it ignored?",
    )


def _require_aligning(subject: MethodUnderTest) -> None:
    require_declared(subject.spec.is_registration, "it returns the initial transform on purpose")
    _require_general(subject)


def _require_general(subject: MethodUnderTest) -> None:
    """Skip learned methods: no network was trained on the phantom of these checks."""
    require_declared(not subject.spec.weights, "its weights were trained on other images")


def _require_within(problem: Problem, found: Transform, limit_mm: float, prefix: str = "") -> None:
    error = problem.error_mm(found)
    if error <= limit_mm:
        return
    words = (
        f"{prefix}the map is off by {error:.1f} mm "
        f"(at most {limit_mm:.1f} mm allowed; {problem.start_mm:.1f} mm at the start)"
    )
    require(False, words + _common_mistake(problem, found, limit_mm))


def _common_mistake(problem: Problem, found: Transform, limit_mm: float) -> str:
    """Return advice on the common mistake whose correction brings the error within the limit."""
    if not isinstance(found, AffineTransform) or abs(found.determinant) < UNMOVED_MM:
        return ""
    undone = [(problem.error_mm(undo(found, problem.centre)), words) for undo, words in MISTAKES]
    error, words = min(undone)
    return f"; {words}" if error <= limit_mm else ""


def _require_rotation(problem: Problem, found: Transform) -> None:
    """Require that a rotation, if any, does not go the wrong way."""
    turn = nearest_rotation(linear_part(found, problem.centre))
    true_turn = nearest_rotation(linear_part(problem.truth, problem.centre))
    miss, untouched = rotation_angle(turn @ true_turn.T), rotation_angle(true_turn)
    require(
        miss <= untouched + ROTATION_SLACK_DEG,
        f"its rotation is off by {miss:.1f} degrees, no rotation by {untouched:.1f}; "
        "does it rotate the wrong way?",
    )
