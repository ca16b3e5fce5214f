import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest

import regkit
from phantoms import MOTION, SMALL, small_pair
from regkit import IDENTITY, Estimate, Grid, LabelMap, Pair, Volume, rigid
from regkit.errors import RegistrationError
from regkit.registration.input_checks import check_pair
from regkit.registration.run import run


@dataclass(frozen=True)
class Knows:
    """Returns the truth, or whatever it was told."""

    answer: object = MOTION
    seed: int = 3

    def register(self, pair):
        return Estimate(self.answer, diagnostics={"device": "abacus", "warnings": ["guessed"]})


@dataclass(frozen=True)
class Breaks:
    error: BaseException

    def register(self, pair):
        raise self.error


def volume(array, **grid):
    array = np.asarray(array)
    return Volume(array, Grid(array.shape, **grid))


def test_a_result_says_what_was_done():
    result = run(Knows(), small_pair(), "knows")
    assert result.method == "knows"
    assert result.parameters["seed"] == 3
    assert result.transform == MOTION
    assert result.device == "abacus"
    assert result.compute_s > 0
    assert result.verdict.reasons == ("guessed",)


def test_the_warped_image_lies_on_the_fixed_one():
    result = run(Knows(), small_pair(), "knows")
    still = regkit.testing.phantom.thorax(SMALL, "ct")
    off = np.abs(result.warped.array - still.array).mean()
    before = np.abs(result.pair.moving.array - still.array).mean()
    assert result.warped.grid == SMALL
    assert off < 0.25 * before


def test_register_takes_names_and_parameters():
    result = regkit.register(small_pair().fixed, small_pair().moving, "identity")
    assert result.transform == IDENTITY
    with pytest.raises(regkit.RegkitError, match="no method is called 'identiy'; did you mean id"):
        regkit.register(small_pair().fixed, small_pair().moving, "identiy")
    with pytest.raises(regkit.RegkitError, match="identity has no parameter 'speed'"):
        regkit.register(small_pair().fixed, small_pair().moving, "identity", speed=3)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RegistrationError("no luck"), "breaks: no luck"),
        (ValueError("bad\nvery bad"), "breaks failed: ValueError: bad very bad$"),
        (SystemExit(7), "breaks failed: SystemExit: 7$"),
        (MemoryError(), "breaks ran out of memory"),
    ],
)
def test_a_method_that_fails_is_named(error, words):
    with pytest.raises(RegistrationError, match=words):
        run(Breaks(error), small_pair(), "breaks")


def test_an_interrupt_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        run(Breaks(KeyboardInterrupt()), small_pair(), "breaks")


def test_what_is_not_an_estimate_is_refused():
    class Wrong:
        def register(self, pair):
            return IDENTITY

    with pytest.raises(RegistrationError, match="must return an Estimate, got AffineTransform"):
        run(Wrong(), small_pair(), "wrong")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"transform": np.eye(4)}, r"got ndarray; a matrix .* becomes one by regkit.AffineTransf"),
        ({"labels": np.zeros((2, 2, 2))}, "the labels of an estimate must be a LabelMap, got nda"),
        ({"diagnostics": [1]}, "the diagnostics of an estimate must be a mapping, got list"),
    ],
)
def test_an_estimate_of_other_types_is_refused(parts, words):
    with pytest.raises(RegistrationError, match=words):
        Estimate(**{"transform": IDENTITY, **parts})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted(bad):
    array = np.ones((4, 4, 4))
    array[0, 0, :2] = bad
    array[1] = 3
    pair = Pair(volume(array), volume(np.arange(64.0).reshape(4, 4, 4)))
    with pytest.raises(
        RegistrationError, match="the fixed image has 2 voxels that are NaN or inf"
    ):
        check_pair(pair)


def test_a_constant_image_is_refused():
    pair = Pair(volume(np.arange(64.0).reshape(4, 4, 4)), volume(np.full((4, 4, 4), 7.0)))
    with pytest.raises(RegistrationError, match=r"moving image is constant \(every voxel is 7\)"):
        check_pair(pair)


def test_fields_of_view_apart_are_refused_with_their_distance():
    a = volume(np.arange(64.0).reshape(4, 4, 4))
    b = volume(np.arange(64.0).reshape(4, 4, 4), origin=(104.0, 0.0, 0.0))
    with pytest.raises(RegistrationError, match=r"do not overlap in world coordinates.* 100 mm"):
        check_pair(Pair(a, b))
    check_pair(Pair(a, b, initial=rigid(translation_mm=(104, 0, 0))))


def test_a_small_image_inside_a_large_one_overlaps_it():
    """A 4 mm image lies between the points at which a 600 mm one is sampled."""
    large = Grid((6, 6, 6), (100.0, 100.0, 100.0), (-250.0, -250.0, -250.0))
    a = Volume(np.arange(216.0).reshape(6, 6, 6), large)
    b = volume(np.arange(64.0).reshape(4, 4, 4), origin=(7.0, 7.0, 7.0))
    check_pair(Pair(a, b))
    check_pair(Pair(b, a))
    everywhere = LabelMap(np.ones((6, 6, 6), dtype=np.uint8), large)
    check_pair(Pair(a, b, everywhere, everywhere))
    beside = volume(b.array, origin=(301.0, 7.0, 7.0))
    for pair in (Pair(a, beside), Pair(beside, a)):
        with pytest.raises(RegistrationError, match="do not overlap in world coordinates"):
            check_pair(pair)


def test_oblique_fields_of_view_apart_are_refused():
    """Their boxes along x, y, z meet; along the moving image's own axes they do not."""
    half = np.sqrt(0.5)
    turned = Grid((4, 40, 4), (1, 1, 1), (4, 8, 0), (half, -half, 0, half, half, 0, 0, 0, 1))
    a, b = (
        volume(np.arange(64.0).reshape(4, 4, 4)),
        Volume(np.arange(640).reshape(4, 40, 4), turned),
    )
    with pytest.raises(
        RegistrationError, match="do not overlap in world coordinates: they are 3 "
    ):
        check_pair(Pair(a, b))


def test_masks_must_mark_something_on_their_image():
    pair = small_pair()
    empty = LabelMap(np.zeros((2, 2, 2), dtype=int), Grid((2, 2, 2)))
    with pytest.raises(RegistrationError, match="the fixed mask is empty"):
        check_pair(dataclasses.replace(pair, fixed_mask=empty))
    off = LabelMap(np.ones((2, 2, 2), dtype=int), Grid((2, 2, 2), origin=(0, 0, 1000)))
    with pytest.raises(
        RegistrationError, match="moving mask lies outside the moving image, 838 mm"
    ):
        check_pair(dataclasses.replace(pair, moving_mask=off))
    corner = LabelMap(np.ones((2, 2, 2), dtype=int), Grid((2, 2, 2), (9, 9, 9), (150, 150, 150)))
    check_pair(dataclasses.replace(pair, moving_mask=corner))


class Silent(Knows):
    def register(self, pair):
        return Estimate(self.answer)


def test_the_inverse_registration_is_compared_when_asked_for():
    result = run(Knows(), small_pair(), "knows", check_inverse=True)
    assert result.verdict.measures["inverse_mm"] > 20
    assert "inverse_mm" not in run(Knows(), small_pair(), "knows").verdict.measures


@pytest.mark.parametrize(("voxels", "doubtful"), [(5, False), (19, True)])
def test_a_mask_off_its_image_is_said(voxels: int, doubtful: bool):
    mask = np.zeros(SMALL.shape_zyx, np.uint8)
    mask[4:-4, 4:-4, 4:-4] = 1
    along_x = np.add(SMALL.origin, ((4 + voxels) * SMALL.spacing[0], 0, 0))
    shifted = LabelMap(mask, Grid(SMALL.shape_zyx, SMALL.spacing, tuple(along_x)))
    result = run(Knows(), dataclasses.replace(small_pair(), fixed_mask=shifted), "knows")
    (said,) = (reason for reason in result.verdict.reasons if "mask lies outside" in reason)
    inside = SMALL.contains(shifted.grid.to_physical(np.argwhere(mask)))
    assert said.startswith(f"{1 - inside.mean():.0%} of the fixed mask lies outside the fixed im")
    assert (inside.mean() < 0.5) == doubtful
    assert ("mask of another image" in said) == doubtful
    assert said in result.notes
    quiet = run(Silent(), dataclasses.replace(small_pair(), fixed_mask=shifted))
    assert (quiet.verdict.status == "OK") != doubtful
    inner = dataclasses.replace(small_pair(), fixed_mask=LabelMap(mask, SMALL))
    assert not any("mask lies" in reason for reason in run(Knows(), inner).verdict.reasons)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"fixed": "pet.nii.gz"}, "pet.nii.gz: no such file"),
        ({"moving": np.zeros((4, 4, 4))}, r"moving image is an array .*; .*regkit.volume\("),
        ({"fixed_mask": {}}, r"fixed mask is a dict; .*regkit.LabelMap\("),
    ],
)
def test_what_is_no_image_is_refused_with_what_to_do(given, words) -> None:
    images = {name: volume(np.arange(64.0).reshape(4, 4, 4)) for name in ("fixed", "moving")}
    with pytest.raises(regkit.RegkitError, match=words):
        regkit.register(**{**images, **given})


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("mi", r"\(regkit.register takes names\), got 'mi'"),
        (Knows, r"register\(pair\), got the class Knows; make one by calling its class"),
        (3, r"an object with a function register\(pair\) .*, got 3"),
    ],
)
def test_what_is_no_method_is_refused(method, words):
    with pytest.raises(regkit.RegkitError, match=words):
        run(method, small_pair())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"method": Knows()},
            r"a name like 'mi' or 'moments\+mi' \(regkit.run\(method, .*, got a Knows",
        ),
        ({"method": None}, "a name like 'mi' .*, got None"),
        ({"init": np.eye(4)}, r"a transform itself is given as initial=\), got an array"),
    ],
)
def test_words_are_asked_for_where_register_takes_words(given, words):
    with pytest.raises(regkit.RegkitError, match=words):
        regkit.register(small_pair().fixed, small_pair().moving, **given)
