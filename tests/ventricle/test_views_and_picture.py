"""Slices and the polar map are turned as nuclear cardiology shows them."""

import numpy as np
import pytest

from regkit.geometry.resampling import resample
from regkit.geometry.rigid import rigid
from regkit.geometry.volume import Volume
from regkit.registrar import Estimate, Pair
from regkit.registration.judgement import judge
from regkit_ventricle.judge import judge_short_axis
from regkit_ventricle.labels import ventricle_of
from regkit_ventricle.picture import ventricle_picture
from regkit_ventricle.polar_map import DIRECTIONS, RINGS, PolarMap, segment_numbers
from regkit_ventricle.polar_picture import MARGIN, draw_polar_map
from regkit_ventricle.reorientation import measure_ventricle
from regkit_ventricle.template import average_ventricle
from regkit_ventricle.views import HORIZONTAL, SHORT_AXIS, VERTICAL
from ventricle_shells import POSE, Shell, cube

CENTRED = Shell().centred
# Where a spot goes: (slice, row, column) rises or falls with (lateral, inferior, base).
TURNED = {
    SHORT_AXIS: {"slice": (2, 1), "row": (1, 1), "column": (0, 1)},
    HORIZONTAL: {"slice": (1, -1), "row": (2, 1), "column": (0, 1)},
    VERTICAL: {"slice": (0, 1), "row": (1, 1), "column": (2, -1)},
}


@pytest.mark.parametrize("view", TURNED)
@pytest.mark.parametrize("spot", [(20.0, -15.0, -30.0), (-25.0, 10.0, 20.0)])
def test_a_spot_lands_where_cardiologists_look_for_it(view, spot):
    grid = cube(2.0)
    points = grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))
    away = np.linalg.norm(points - POSE.map_points(spot), axis=-1)
    image = Volume(np.exp(-((away / 5) ** 2)), grid)
    slices = resample(image, view.grid(160.0, 2.0), POSE)
    brightest = np.unravel_index(slices.array.argmax(), slices.array.shape)
    middle = (80 - 1) / 2
    for index, (axis, sign) in zip(brightest, TURNED[view].values(), strict=True):
        assert index == pytest.approx(middle + sign * spot[axis] / 2.0, abs=1)
    # The header says so too: the stacks lie on each other in the short-axis frame.
    np.testing.assert_allclose(slices.grid.to_physical(brightest), spot, atol=1.8)


@pytest.mark.parametrize("view", TURNED)
def test_stacks_are_right_handed_and_centred(view):
    grid = view.grid(100.0, 2.5)
    assert np.linalg.det(np.reshape(grid.direction, (3, 3))) == pytest.approx(1)
    np.testing.assert_allclose(grid.centre, 0, atol=1e-9)


@pytest.mark.parametrize("modality", ["spect", "pet", ""])
def test_the_average_ventricle_lies_in_the_middle_of_its_frame(modality):
    volume = average_ventricle(192.0, 3.0, modality)
    assert volume.modality == (modality or "spect")
    bright = np.argwhere(volume.array > 0.5 * volume.array.max())
    middle = volume.grid.to_physical(bright).mean(axis=0)
    np.testing.assert_allclose(middle[:2], 0, atol=0.1)
    # The wall alone is nearer to the apex than wall and cavity together.
    assert -12 < middle[2] < 0


def map_of(dark: int) -> PolarMap:
    values = np.where(segment_numbers() == dark, 20.0, 100.0)
    return PolarMap(values, np.ones(4 * RINGS))


@pytest.mark.parametrize(
    ("segment", "where"),
    # Share of the radius to the right and up, as in the statement's figure.
    [
        (1, (0.0, 0.87)),
        (2, (-0.75, 0.43)),
        (3, (-0.75, -0.43)),
        (4, (0.0, -0.87)),
        (5, (0.75, -0.43)),
        (6, (0.75, 0.43)),
        (7, (0.0, 0.62)),
        (9, (-0.54, -0.31)),
        (11, (0.54, -0.31)),
        (13, (0.0, 0.38)),
        (14, (-0.38, 0.0)),
        (15, (0.0, -0.38)),
        (16, (0.38, 0.0)),
        (17, (0.0, 0.0)),
    ],
)
def test_a_dark_segment_is_drawn_where_the_statement_has_it(segment, where):
    side = 300
    drawn = np.asarray(draw_polar_map(map_of(segment), side).convert("L"), float)
    radius = side / 2 - MARGIN
    dark, light = (np.median(disc(drawn, at, radius)) for at in (where, opposite(where)))
    assert light > dark + 60


def disc(drawn, where, radius):
    """Return the pixels around a place; the number written there is in the middle of it."""
    middle = (drawn.shape[1] - 1) / 2
    row, column = round(middle - where[1] * radius), round(middle + where[0] * radius)
    return drawn[row - 11 : row + 12, column - 11 : column + 12]


def opposite(where):
    return (-where[0], -where[1]) if any(where) else (0.0, 0.6)


def test_rays_without_myocardium_are_grey_not_dark():
    values = np.full((4 * RINGS, DIRECTIONS), 100.0)
    values[2 * RINGS :, 30:42] = np.nan
    polar = PolarMap(values, np.ones(4 * RINGS))
    drawn = np.asarray(draw_polar_map(polar, 300))
    # Direction 36 of 72 is septal: the left end of the map.
    r, g, b = drawn[150 - 8, MARGIN + 14].astype(int)
    assert max(r, g, b) - min(r, g, b) < 40
    assert np.isfinite([s.mean_percent for s in polar.segments]).all()


def judged(image, labels, transform=CENTRED, warnings=()):
    """Return the verdict on a map of short-axis to image points, as any registration's."""
    fixed = average_ventricle(128.0, 4.0, image.modality)
    pair, estimate = Pair(fixed, image), Estimate(transform, labels, {"warnings": list(warnings)})
    return judge(pair, estimate, None, own=judge_short_axis(pair, estimate))


@pytest.fixture(scope="module")
def shown():
    def uptake(x, y, z):
        return np.where((x < -12) & (z < 0), 30.0, 100.0)

    image, labels = Shell().draw(cube(3.0), POSE, uptake)
    return measure_ventricle(image, labels, POSE)


@pytest.mark.end_to_end
def test_a_good_reorientation_is_ok_and_its_picture_bears_it_out(shown):
    verdict = judged(shown.image, shown.labels)
    assert verdict.status == "OK", verdict.reasons
    drawn = np.asarray(ventricle_picture(shown, verdict, "truth").convert("L"), float)
    assert drawn.shape[0] < drawn.shape[1] < 2000
    # A short axis in the middle of the second row: its septal half is the darker one.
    tile, gap, edge = 172, 5, 24
    top = drawn.shape[0] - edge - 2 * (tile + gap + 30) - tile - gap
    second = drawn[top : top + tile, edge : edge + tile]
    assert second[:, : tile // 2].mean() < 0.8 * second[:, tile // 2 :].mean()


@pytest.mark.parametrize(
    ("moved", "status", "words"),
    [
        ((0, 25, 0, 0), "CHECK", "the short-axis planes are tilted by 25 degrees against"),
        ((0, 60, 0, 0), "FAIL", "the short-axis planes are tilted by 60 degrees against"),
        ((0, 0, 0, 25), "CHECK", "the centre of the short-axis frame is"),
        ((0, 0, 0, 80), "FAIL", "the centre of the short-axis frame is"),
    ],
)
def test_a_frame_off_the_ventricle_is_doubted(shown, moved, status, words):
    off = shown.aligned @ rigid(moved[:3], (moved[3], 0, 0))
    found = judged(shown.image, shown.labels, off)
    assert found.status == status
    assert any(reason.startswith(words) for reason in found.reasons)


def test_labels_beside_the_ventricle_are_doubted(shown):
    flat = shown.image.with_array(np.where(shown.labels.array == 1, 50.0, 100.0))
    verdict = judged(flat, shown.labels)
    assert verdict.status == "FAIL"
    assert "no brighter than the blood pool (ratio 0.50)" in verdict.reasons[0]


def test_a_ventricle_that_is_not_there_is_no_result(shown):
    """Noise, in which a network sees a ventricle all the same."""
    noise = np.random.default_rng(0).uniform(50, 100, shown.image.array.shape)
    verdict = judged(shown.image.with_array(noise), shown.labels)
    assert verdict.status == "FAIL"
    assert any("than its surroundings (ratio 1.0" in reason for reason in verdict.reasons)


def test_a_wall_that_takes_up_little_is_doubted(shown):
    """Half of the wall dim: the labels there are guessed."""
    lateral = shown.aligned.inverse().map_points(
        shown.labels.grid.to_physical(np.moveaxis(np.indices(shown.labels.array.shape), 0, -1))
    )[..., 0]
    half = shown.image.array * np.where(lateral < 0, 0.15, 1.0)
    verdict = judged(shown.image.with_array(half), shown.labels)
    assert verdict.status == "CHECK"
    (reason,) = verdict.reasons
    assert "of the myocardium has an uptake below 30% of the maximum" in reason
    assert verdict.measures["low_uptake_fraction"] == pytest.approx(0.5, abs=0.1)


def test_a_dark_wall_is_no_doubt_in_a_ct(shown):
    """Labels of a CT with contrast: there the cavity is brighter."""
    image = shown.image.with_array(np.where(shown.labels.array == 2, 300.0, 100.0))
    found = {
        modality: judged(Volume(image.array, image.grid, modality), shown.labels)
        for modality in ("ct", "pet")
    }
    assert found["ct"].status == "OK", found["ct"].reasons
    assert found["pet"].status == "FAIL"


@pytest.mark.parametrize("unit", [1e-30, 1e-10, 1e6])
def test_the_unit_of_the_image_does_not_matter(shown, unit):
    reference = judged(shown.image, shown.labels)
    scaled = shown.image.with_array(shown.image.array.astype(np.float64) * unit)
    verdict = judged(scaled, shown.labels)
    assert verdict.status == "OK", verdict.reasons
    for name in ("wall_to_cavity", "wall_to_background"):
        assert verdict.measures[name] == pytest.approx(reference.measures[name], rel=1e-4)


def test_a_ventricle_half_outside_the_image_is_doubted(shown):
    labels = shown.labels
    middle = int(np.argwhere(labels.array > 0)[:, 0].mean())
    half = Volume(
        shown.image.array[middle:],
        type(labels.grid)(
            shown.image.array[middle:].shape,
            labels.grid.spacing,
            tuple(labels.grid.to_physical((middle, 0, 0))),
        ),
        "pet",
    )
    verdict = judged(half, labels)
    assert verdict.status == "FAIL"
    assert any("of the ventricle lies outside the image" in r for r in verdict.reasons)


def test_sizes_beyond_any_patient_and_warnings_are_doubts(shown):
    grid = shown.labels.grid
    tiny = type(grid)(grid.shape_zyx, (1.0, 1.0, 1.0), grid.origin)
    image = Volume(shown.image.array, tiny, "pet")
    labels = type(shown.labels)(shown.labels.array, tiny)
    small = ventricle_of(labels)
    assert small.myocardium_ml == pytest.approx(shown.ventricle.myocardium_ml / 27)
    reasons = judged(image, labels, warnings=["odd image"]).reasons
    assert any(r.startswith("a myocardium of") and r.endswith("too small") for r in reasons)
    assert reasons[-1] == "odd image"
