"""Checks of where a method's map takes points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regkit.geometry.grid import Vector3
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform, linear_part
from regkit.testing import phantom_pairs
from regkit.testing.method_under_test import MethodUnderTest, require, require_declared
from regkit.testing.phantom_pairs import VOXEL_MM, Problem, covering, distance_mm

# A method may be weak, a centre of mass say, but a map in a wrong frame is off by more than this
# share of the error it starts from.
REMAINING = 0.5
REMAINING_OF_TWO_CONTRASTS = 0.75
ROTATION_SLACK_DEG = 2.0
UNMOVED_MM = 1e-6

_REVERSAL = AffineTransform(np.eye(4)[[2, 1, 0, 3]])
_RAS = AffineTransform(np.diag([-1.0, -1.0, 1.0, 1.0]))


def _turned_back(found: AffineTransform, centre: Vector3) -> AffineTransform:
    """Undo the rotation about a point twice."""
    shift = found.map_points(centre) - np.asarray(centre)
    return AffineTransform.about(found.inverse().matrix[:3, :3], shift, centre)


# What undoes a usual mistake, given the map found and the body's centre; and what to say then.
MISTAKES: tuple[tuple[Callable[[AffineTransform, Vector3], Transform], str], ...] = (
    (
        lambda found, _: found.inverse(),
        "its inverse would be right: return the map from fixed to moving points",
    ),
    (
        lambda found, _: _REVERSAL @ found @ _REVERSAL,
        "with x and z swapped it would be right: millimetres are x, y, z",
    ),
    (
        lambda found, _: _RAS @ found @ _RAS,
        "taken as RAS it would be right: regkit's millimetres are LPS",
    ),
    (_turned_back, "turned the other way it would be right"),
)


def maps_fixed_to_moving(kind: str) -> Callable[[MethodUnderTest], None]:
    """Return the check that maps are right on the grids of a key of `phantom_pairs.GRIDS`."""

    def check(subject: MethodUnderTest) -> None:
        _require_aligning(subject)
        problem = phantom_pairs.GRIDS[kind]()
        found = subject.register(problem.pair).transform
        _require_within(problem, found, REMAINING * problem.start_mm)
        _require_right_turn(problem, found)

    return check


def same_anatomy_on_any_grid(subject: MethodUnderTest) -> None:
    """The fixed image on another grid gives the same map, to half a voxel."""
    _require_aligning(subject)
    plain = phantom_pairs.plain_problem()
    other = phantom_pairs.pose_problem(phantom_pairs.oblique_grid(), plain.pair.moving.grid)
    found = subject.register(other.pair).transform
    apart = distance_mm(found, subject.plain_estimate.transform, plain.points)
    require(
        apart <= VOXEL_MM / 2,
        f"the fixed image on another grid gives a map {apart:.1f} mm away "
        f"(at most {VOXEL_MM / 2:g} mm allowed): look for half voxels, origins, directions",
    )


def same_far_from_the_origin(subject: MethodUnderTest) -> None:
    """The same arrays in headers far away give the same map there, to half a voxel."""
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
        "does it turn images about the origin rather than about themselves?",
    )


def identity_stays(subject: MethodUnderTest) -> None:
    """An image and itself, on its own and on another grid, move by less than a voxel."""
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
    """A PET-like and a CT-like image come closer by at least a quarter."""
    _require_aligning(subject)
    problem = phantom_pairs.two_contrasts()
    found = subject.register(problem.pair).transform
    _require_within(problem, found, REMAINING_OF_TWO_CONTRASTS * problem.start_mm)


def leaves_images_where_they_are(subject: MethodUnderTest) -> None:
    """A method that does not align returns the initial map on every grid."""
    require_declared(not subject.spec.is_registration, "it aligns images")
    for build in (*phantom_pairs.GRIDS.values(), phantom_pairs.from_afar):
        pair = build().pair
        moved = distance_mm(
            subject.register(pair).transform, pair.start, phantom_pairs.body_points()
        )
        require(moved <= UNMOVED_MM, f"it says it does not align, yet moved by {moved:.3g} mm")


def sizes_may_differ(subject: MethodUnderTest) -> None:
    """Images of different shape, spacing and field of view are registered."""
    problem = phantom_pairs.sizes()
    found = subject.register(problem.pair).transform
    if subject.spec.is_registration and not subject.spec.weights:
        _require_within(problem, found, REMAINING * problem.start_mm)


def honours_initial(subject: MethodUnderTest) -> None:
    """From a start that the images need, the total map comes back, composed in order."""
    require_declared("initial" in subject.spec.supports, "it does not honour an initial map")
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


def honours_fixed_mask(subject: MethodUnderTest) -> None:
    """A bright table in the fixed image, outside its mask, does not matter; the mask does."""
    _require_masks(subject, "fixed_mask")
    _require_halved(subject, phantom_pairs.table_in_fixed())
    _require_effect(subject, "fixed_mask")


def honours_moving_mask(subject: MethodUnderTest) -> None:
    """A bright table in the moving image, outside its mask, does not matter; the mask does."""
    _require_masks(subject, "moving_mask")
    _require_halved(subject, phantom_pairs.table_in_moving())
    _require_effect(subject, "moving_mask")


def honours_both_masks(subject: MethodUnderTest) -> None:
    """Of a body torn in two, the part in the masks is aligned."""
    _require_masks(subject, "fixed_mask", "moving_mask")
    _require_halved(subject, phantom_pairs.torn())


def _require_masks(subject: MethodUnderTest, *masks: str) -> None:
    missing = " and ".join(sorted(set(masks) - subject.spec.supports)).replace("_", " ")
    require_declared(not missing, f"it does not honour a {missing}")
    _require_aligning(subject)


def _require_halved(subject: MethodUnderTest, problem: Problem) -> None:
    found = subject.register(problem.pair).transform
    _require_within(problem, found, REMAINING * problem.start_mm, "with a mask, ")


def _require_effect(subject: MethodUnderTest, mask: str) -> None:
    """A robust method may overlook a table; that it looks where the mask says shows here."""
    of_chest, of_belly = (
        subject.register(phantom_pairs.torn(part, frozenset({mask})).pair).transform
        for part in ("chest", "belly")
    )
    apart = distance_mm(of_chest, of_belly, phantom_pairs.body_points())
    require(
        apart > VOXEL_MM / 2,
        f"of a body torn in two, the {mask.replace('_', ' ')} of either part gives the same map "
        f"({apart:.1f} mm apart): is it ignored?",
    )


def _require_aligning(subject: MethodUnderTest) -> None:
    require_declared(subject.spec.is_registration, "it leaves images where they are")
    _require_general(subject)


def _require_general(subject: MethodUnderTest) -> None:
    """The phantom of these checks is none of what a network has learnt from."""
    require_declared(not subject.spec.weights, "it aligns what its weights were trained on")


def _require_within(problem: Problem, found: Transform, limit_mm: float, prefix: str = "") -> None:
    error = problem.error_mm(found)
    if error <= limit_mm:
        return
    words = (
        f"{prefix}the map is off by {error:.1f} mm "
        f"(at most {limit_mm:.1f} mm allowed; {problem.start_mm:.1f} mm at the start)"
    )
    require(False, words + _usual_mistake(problem, found, limit_mm))


def _usual_mistake(problem: Problem, found: Transform, limit_mm: float) -> str:
    """Say which usual mistake, once undone, would bring the map within the limit."""
    if not isinstance(found, AffineTransform) or abs(found.determinant) < UNMOVED_MM:
        return ""
    undone = [(problem.error_mm(undo(found, problem.centre)), words) for undo, words in MISTAKES]
    error, words = min(undone)
    return f"; {words}" if error <= limit_mm else ""


def _require_right_turn(problem: Problem, found: Transform) -> None:
    """A method need not turn images, but what it turns must not go the other way."""
    turn = nearest_rotation(linear_part(found, problem.centre))
    true_turn = nearest_rotation(linear_part(problem.truth, problem.centre))
    miss, untouched = rotation_angle(turn @ true_turn.T), rotation_angle(true_turn)
    require(
        miss <= untouched + ROTATION_SLACK_DEG,
        f"its rotation is off by {miss:.1f} degrees, that of doing nothing by {untouched:.1f}; "
        "does it turn the other way?",
    )
