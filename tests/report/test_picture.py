"""Pictures show the right side of the patient, in the right place, and never fail."""

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from regkit import IDENTITY, DisplacementField, Estimate, Grid, Pair, Volume, resample, rigid
from regkit.registration.error_model import ErrorEstimate
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict
from regkit.report.annotation import LINE, Heading, draw_heading, round_length
from regkit.report.fusion import DisplayRange, checkerboard, contours, overlay
from regkit.report.picture import comparison_picture, picture, write_picture
from regkit.report.slice_planes import orthogonal_planes
from regkit.similarity.point_sample import values_at
from regkit.testing.phantom import thorax

UPRIGHT = Grid((30, 24, 36), (10, 10, 12), (-175, -115, -174))
OBLIQUE = rigid((12, -20, 35)).matrix[:3, :3] @ np.diag([-1, 1, -1])
TURNED = Grid((40, 36, 38), (11, 12, 10), tuple(OBLIQUE @ (-210, -215, -195)), OBLIQUE.ravel())
MOTION = rigid((4, -5, 7), (12, -9, 8))


@pytest.fixture(scope="module")
def phantom() -> Volume:
    return thorax(UPRIGHT, "ct")


def test_planes_lie_in_the_patient_whatever_the_grid(phantom: Volume) -> None:
    upright = orthogonal_planes(phantom, 120, 140)
    turned = orthogonal_planes(thorax(TURNED, "ct"), 120, 140)
    assert [p.orientation.name for p in turned] == ["axial", "coronal", "sagittal"]
    for a, b in zip(upright, turned, strict=True):
        assert a.centre == pytest.approx(b.centre, abs=8)
        assert a.pixel_mm == pytest.approx(b.pixel_mm, rel=0.06)


@pytest.mark.parametrize("grid", [UPRIGHT, TURNED], ids=["upright", "oblique and flipped"])
def test_convention_is_radiological(grid: Grid) -> None:
    """The liver, at the patient's right, is at the left of the coronal picture, and below."""
    marks = {"left": (80, 0, 0), "posterior": (0, 60, 0), "superior": (0, 0, 90)}
    expected = {
        ("axial", "left"): "right",
        ("axial", "posterior"): "below",
        ("coronal", "left"): "right",
        ("coronal", "superior"): "above",
        ("sagittal", "posterior"): "right",
        ("sagittal", "superior"): "above",
    }
    for mark, at in marks.items():
        index = np.moveaxis(np.indices(grid.shape_zyx), 0, -1)
        distance = np.linalg.norm(grid.to_physical(index) - np.asarray(at), axis=-1)
        ball = Volume((distance < 20).astype(np.float32), grid)
        for plane in orthogonal_planes(thorax(grid, "ct"), 120, 140):
            where = expected.get((plane.orientation.name, mark))
            if where is None:
                continue
            seen = np.argwhere(np.nan_to_num(plane.sample(ball)) > 0.5).mean(axis=0)
            row, column = seen - (np.array(plane.shape) - 1) / 2
            side = {"right": column, "below": row, "above": -row}[where]
            assert side > 10


def test_pixels_are_square_and_all_planes_share_a_scale(phantom: Volume) -> None:
    planes = orthogonal_planes(phantom, 120, 140)
    assert len({plane.pixel_mm for plane in planes}) == 1
    for plane in planes:
        row = plane.grid.to_physical([0, 1, 0]) - plane.grid.to_physical([0, 0, 0])
        column = plane.grid.to_physical([0, 0, 1]) - plane.grid.to_physical([0, 0, 0])
        assert np.linalg.norm(row) == pytest.approx(np.linalg.norm(column))
        assert row @ column == pytest.approx(0)


@pytest.mark.parametrize("through", [IDENTITY, MOTION], ids=["identity", "motion"])
def test_a_plane_shows_what_resampling_does(phantom: Volume, through) -> None:
    """ITK is the judge, away from the borders, where it has another opinion on half voxels."""
    for plane in orthogonal_planes(phantom, 90, 100):
        seen = plane.sample(phantom, through)
        judged = resample(phantom, plane.grid, through, outside=np.nan).array[0]
        both = np.isfinite(seen) & np.isfinite(judged)
        assert both.mean() > 0.7
        np.testing.assert_allclose(seen[both], judged[both], atol=0.1)


def test_fast_and_general_slicing_agree() -> None:
    volume = thorax(TURNED, "pet")
    still = DisplacementField(np.zeros((2, 2, 2, 3)), Grid((2, 2, 2), (900, 900, 900)))
    for plane in orthogonal_planes(volume, 60, 60):
        fast = plane.sample(volume, MOTION)
        np.testing.assert_allclose(fast, plane.sample(volume, MOTION @ still), atol=1e-4)
        index = np.indices((1, *plane.shape)).reshape(3, -1).T
        points = MOTION.map_points(plane.grid.to_physical(index))
        np.testing.assert_allclose(fast.ravel(), values_at(volume, points), atol=1e-4)


def test_agreement_is_grey_and_disagreement_is_coloured() -> None:
    grey, looks = (
        np.full((4, 4), 0.6, np.float32),
        (DisplayRange(0, 1, False), DisplayRange(0, 1, False)),
    )
    assert np.ptp(overlay(grey, grey, looks), axis=-1).max() < 1e-6
    red, green, blue = overlay(grey, 0 * grey, looks)[0, 0]
    assert green > max(red, blue)
    red, green, blue = overlay(0 * grey, grey, looks)[0, 0]
    assert green < min(red, blue)


def test_a_subtitle_too_long_for_its_line_goes_below_it() -> None:
    words = "move the CT about 40 mm farther back and 11 mm higher, " * 3
    short, long = (
        draw_heading(Heading("title", subtitle=w), 900, 10) for w in ("move the CT", words)
    )
    lines = (long.height - short.height) / LINE
    assert lines == round(lines) >= 2
    ink = np.asarray(long.convert("L")) < 250
    assert not ink[:, -10:].any()
    assert ink[short.height :].any()


@pytest.mark.parametrize("title", ["two\nlines\tand\x00more", "L" * 900, ""])
def test_a_heading_takes_any_name_and_leaves_room_for_the_rest(title: str) -> None:
    alone = draw_heading(Heading(title), 1600, 10)
    beside = draw_heading(Heading(title, subtitle="tre 3.4 mm"), 1600, 10)
    assert alone.size == beside.size == (1600, 56)
    assert alone.tobytes() != beside.tobytes()


def test_uptake_is_warm_whichever_image_is_fixed() -> None:
    hot, body = np.ones((4, 4), np.float32), np.full((4, 4), 0.5, np.float32)
    warm, grey = DisplayRange(0, 1, True), DisplayRange(0, 1, False)
    one = overlay(hot, body, (warm, grey))
    np.testing.assert_array_equal(one, overlay(body, hot, (grey, warm)))
    assert one[0, 0, 0] > one[0, 0, 2]


def test_checkerboard_takes_turns() -> None:
    looks = (DisplayRange(0, 1, False), DisplayRange(0, 1, False))
    board = checkerboard(np.zeros((8, 8), np.float32), np.ones((8, 8), np.float32), looks, 4)
    assert board[..., 0].tolist() == np.kron([[0, 1], [1, 0]], np.ones((4, 4))).tolist()


def test_contours_follow_the_moving_image() -> None:
    """A disc's contour has the disc's radius, drawn on the fixed image and nowhere else."""
    rows, columns = np.indices((80, 80)) - 39.5
    radius = np.hypot(rows, columns)
    disc = np.clip(20.5 - radius, 0, 1).astype(np.float32)
    blank = np.zeros_like(disc)
    drawn = contours(blank, disc, (DisplayRange(0, 1, False), DisplayRange(0, 1, False))).max(
        axis=-1
    )
    assert radius[drawn > 0.5] == pytest.approx(20, abs=1.5)
    assert contours(blank, blank, (DisplayRange(0, 1, False),) * 2).max() == 0


def test_the_window_of_a_ct_is_soft_tissue_and_that_of_others_is_robust() -> None:
    ct = DisplayRange.of(thorax(UPRIGHT, "ct"))
    assert (ct.low, ct.high) == (-200, 300)
    spiked = np.random.default_rng(0).random((20, 20, 20))
    spiked[0, 0, 0] = 1e6
    assert DisplayRange.of(Volume(spiked, Grid((20, 20, 20)), "mr")).high <= 1


def _result(status="OK", reasons=()) -> RegistrationResult:
    pair = Pair(thorax(UPRIGHT, "pet"), thorax(TURNED, "ct", MOTION))
    verdict = Verdict(status, tuple(reasons), {"similarity": 1.2})
    return RegistrationResult("mi", {}, pair, Estimate(MOTION), verdict, 0.1)


def test_a_picture_is_wide_enough_for_print_and_is_written_as_png(tmp_path) -> None:
    drawn = picture(_result("CHECK", ["a reason " * 60]))
    assert drawn.width >= 1600
    write_picture(drawn, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as read:
        assert read.format == "PNG"
        np.testing.assert_array_equal(np.asarray(read), np.asarray(drawn))


def test_the_expected_error_has_a_line_of_its_own() -> None:
    plain = _result()
    verdict = Verdict("OK", (), {"similarity": 1.2}, ErrorEstimate(1.2, (0.6, 2.9), 0.01))
    told = dataclasses.replace(plain, verdict=verdict)
    assert picture(told).height == picture(plain).height + LINE


@pytest.mark.parametrize("through", [IDENTITY, MOTION], ids=["identity", "motion"])
def test_planes_go_through_what_both_images_show(phantom: Volume, through) -> None:
    """A few slices at the head end of a whole body are seen in all three planes."""
    ends = UPRIGHT.to_physical((22, 0, 0))
    slab = Volume(phantom.array[22:28], Grid((6, 24, 36), UPRIGHT.spacing, tuple(ends)), "ct")
    for plane in orthogonal_planes(phantom, 90, 100, slab, through):
        assert np.isfinite(plane.sample(slab, through)).mean() > 0.1
    outside = orthogonal_planes(phantom, 90, 100)[0].sample(slab)
    assert not np.isfinite(outside).any()
    far = rigid(translation_mm=(5000, 0, 0))
    assert orthogonal_planes(phantom, 90, 100, slab, far) == orthogonal_planes(phantom, 90, 100)


def test_a_short_scan_of_a_long_body_fills_the_picture_even_where_nothing_is_bright() -> None:
    """A whole-body PET, bright in the brain alone, with a CT of the chest: the CT was not seen."""
    body = Grid((90, 24, 36), (10, 10, 12), (-175, -115, -534))
    z = body.to_physical(np.moveaxis(np.indices(body.shape_zyx), 0, -1))[..., 2]
    pet = Volume(np.where(z > 400, 10, 0.5).astype(np.float32), body, "pet")
    chest = thorax(UPRIGHT, "ct")  # 36 of 90 cm
    for moving, through in ((chest, IDENTITY), (chest, MOTION)):
        for plane in orthogonal_planes(pet, 90, 100, moving, through):
            assert np.isfinite(plane.sample(moving, through)).mean() > 0.4
    assert not any(
        np.isfinite(plane.sample(chest)).any() for plane in orthogonal_planes(pet, 90, 100)[:1]
    )


def test_the_result_is_in_every_column_but_before() -> None:
    """With another result only the first column stays the same."""
    pair = Pair(thorax(UPRIGHT, "pet"), thorax(TURNED, "ct", MOTION))
    one = np.asarray(comparison_picture(pair.fixed, pair.moving, IDENTITY, MOTION)).astype(int)
    other = np.asarray(comparison_picture(pair.fixed, pair.moving, IDENTITY, IDENTITY)).astype(int)
    columns = np.array_split(np.abs(one - other).sum(axis=(0, 2)), 4)
    assert columns[0].sum() == 0
    assert all(column.sum() > 0 for column in columns[1:])


def test_before_is_what_the_headers_say_unless_the_images_do_not_meet() -> None:
    fixed = thorax(UPRIGHT, "ct")
    far = rigid(translation_mm=(2000, 0, 0))
    moved = Volume(
        fixed.array, Grid.from_affine(UPRIGHT.shape_zyx, far.matrix @ UPRIGHT.affine), "ct"
    )
    verdict = Verdict("OK", (), {"similarity": 1.2})
    for moving, start in ((fixed, IDENTITY), (moved, far)):
        pair = Pair(fixed, moving, initial=far)
        result = RegistrationResult("", {}, pair, Estimate(start), verdict, 0.1)
        drawn = np.asarray(picture(result))[200:]
        expected = np.asarray(comparison_picture(fixed, moving, start, start))
        np.testing.assert_array_equal(drawn[-300:], expected[-300:])


shapes = st.tuples(*[st.integers(1, 4)] * 3)


@pytest.mark.end_to_end
@settings(max_examples=8, deadline=None)
@given(shapes, shapes, st.sampled_from(["", "ct", "pet", "mr"]), st.sampled_from([0, 7, 1e30]))
def test_no_image_is_too_odd_for_a_picture(fixed, moving, modality, top) -> None:
    rng = np.random.default_rng(0)
    a = Volume(rng.random(fixed) * top, Grid(fixed, (1, 2, 3)), modality)
    b = Volume(rng.random(moving), Grid(moving, (3, 1, 2), (1, 1, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert comparison_picture(a, b, IDENTITY, rigid(translation_mm=(1000, 0, 0))).width >= 1600


def test_scale_bars_have_round_lengths() -> None:
    assert [round_length(mm) for mm in (0.4, 1, 9.9, 37, 50, 120)] == [0.2, 1, 5, 20, 50, 100]
