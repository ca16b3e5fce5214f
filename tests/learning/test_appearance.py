"""The look of the images of training: a Gaussian, limits, and the words of the guard."""

import json
from dataclasses import replace

import numpy as np
import pytest

from regkit import Grid, Volume
from regkit.errors import FileFormatError
from regkit.learning import Appearance, ImageDomain, appearance_warnings
from regkit.learning.appearance import measure_appearance
from regkit.learning.appearance_guard import appearance_scores, measure_appearance_limits
from regkit.learning.coarse_image import coarse_image
from regkit.learning.header_errors import HEADER_ERRORS, REVERSED_AXES
from regkit.learning.network_grid import centered_grid
from toy_method import ToyCard

GRID = centered_grid((10.0, -20.0, 30.0), (24, 24, 24), (4.0, 4.0, 4.0))


def patient(seed: int, *, organ: float = 1.0) -> Volume:
    """Return a body with an organ on its left, at the front and high up."""
    rng = np.random.default_rng(seed)
    z, y, x = (np.indices(GRID.shape_zyx) - 11.5) * 4.0
    width, depth, height = rng.uniform(0.92, 1.08, 3) * (36.0, 26.0, 40.0)
    body = 0.3 / (1 + np.exp((((x / width) ** 2 + (y / depth) ** 2 + (z / height) ** 2) - 1) * 8))
    at = np.array([16.0, -10.0, 18.0]) + rng.normal(0, 1.5, 3)
    spot = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2) / 150.0)
    return Volume((body + organ * spot).astype(np.float32), GRID)


def pairs(seeds: range) -> list[dict[str, Volume]]:
    """Return patients in two contrasts."""
    return [{"fixed": patient(s), "moving": patient(s, organ=0.4)} for s in seeds]


@pytest.fixture(scope="module")
def look() -> Appearance:
    return measure_appearance_limits(pairs(range(60)), pairs(range(60, 90)))


def flipped(volume: Volume, *axes: int) -> Volume:
    return volume.with_array(np.flip(volume.array, axes).copy())


def test_the_distance_is_that_of_mahalanobis() -> None:
    """With the covariance of the components, written out, at the known voxels."""
    rng = np.random.default_rng(0)
    given = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 12)) + rng.normal(0, 0.1, (40, 12))
    found = measure_appearance(list(given), (1, 3, 4), components=3)
    mean, components = found.mean_and_components
    covariance = components.T @ components + found.variance * np.eye(12)
    values = given[0] + rng.normal(0, 0.3, 12)
    values[[2, 7]] = np.nan
    known = np.isfinite(values)
    residual = (values - mean)[known]
    squared = residual @ np.linalg.inv(covariance[np.ix_(known, known)]) @ residual
    assert found.distance(values) == pytest.approx(np.sqrt(squared / known.sum()), rel=1e-9)


def test_images_of_training_are_about_one_away() -> None:
    rng = np.random.default_rng(1)
    given = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 30)) + rng.normal(0, 0.1, (400, 30))
    found = measure_appearance(list(given), (2, 3, 5), components=3)
    distances = [found.distance(one) for one in given]
    assert np.mean(np.square(distances)) == pytest.approx(1.0, abs=0.1)


def test_a_flipped_image_is_the_flip_of_the_coarse_image() -> None:
    image = patient(3)
    for error in HEADER_ERRORS:
        if error.words == "mirrored left to right":
            changed = coarse_image(image).values(error.undo)
            np.testing.assert_allclose(changed, coarse_image(flipped(image, 2)).values())


def test_a_coarse_image_of_a_part_has_the_values_of_the_whole() -> None:
    whole = patient(4)
    array = whole.array.copy()
    array[:8] = np.nan
    part = coarse_image(whole.with_array(array)).values().reshape(6, 6, 6)
    assert np.isnan(part[:2]).all()
    full = coarse_image(whole).values().reshape(6, 6, 6)
    np.testing.assert_allclose(part[3:], full[3:], atol=0.02)


def test_other_patients_are_not_told(look) -> None:
    told = [list(appearance_warnings(look, "toy", images)) for images in pairs(range(90, 130))]
    assert sum(map(bool, told)) <= 2, told


@pytest.mark.parametrize("reverse", REVERSED_AXES)
@pytest.mark.parametrize("roles", [("fixed",), ("moving",), ("fixed", "moving")])
def test_reversed_axes_are_told_by_their_name(look, reverse, roles) -> None:
    axes = [2 - axis for axis in range(3) if reverse[axis]]
    images = pairs(range(200, 201))[0]
    images |= {role: flipped(images[role], *axes) for role in roles}
    (words,) = appearance_warnings(look, "toy", images)
    which = "both images look" if len(roles) == 2 else f"the {roles[0]} image looks"
    assert words.startswith(f"{which} {REVERSED_AXES[reverse]}, compared with what toy has")


def test_a_quarter_turn_is_told(look) -> None:
    turned = {k: v.with_array(np.rot90(v.array, axes=(0, 1)).copy())
              for k, v in pairs(range(201, 202))[0].items()}  # fmt: skip
    (words,) = appearance_warnings(look, "toy", turned)
    assert words.startswith("both images look turned by 90 degrees or more, compared")
    assert "check the orientation in the header" in words


def test_a_moving_image_without_the_bright_organ_is_told(look) -> None:
    images = pairs(range(202, 203))[0]
    array = images["moving"].array.copy()
    array[13:] = np.nan
    images["moving"] = images["moving"].with_array(array)
    words = " ".join(appearance_warnings(look, "toy", images))
    assert "of what is bright in the fixed image" in words


def test_noise_and_nothing_are_told(look) -> None:
    images = pairs(range(203, 204))[0]
    noise = np.random.default_rng(0).permutation(images["fixed"].array.ravel())
    strange = images["fixed"].with_array(noise.reshape(GRID.shape_zyx))
    (words,) = appearance_warnings(look, "toy", {**images, "fixed": strange})
    assert words.startswith("the fixed image does not look like those that toy has learned from")
    unknown = images["moving"].with_array(np.full(GRID.shape_zyx, np.nan, np.float32))
    words = next(appearance_warnings(look, "toy", {**images, "moving": unknown}))
    assert words.startswith("the images show too little of the field of view of toy")


def test_two_patients_are_less_usual_than_one(look) -> None:
    """Shown by the score of the pair; whether it is told depends on how patients differ."""
    one, two = pairs(range(204, 206))
    mixed = {"fixed": one["fixed"], "moving": two["moving"]}
    scores = [appearance_scores(look, images).values["pair"] for images in (one, two, mixed)]
    assert scores[2] > max(scores[:2])


def test_a_single_image_has_a_look_too() -> None:
    cases = [{"moving": images["fixed"]} for images in pairs(range(60))]
    look = measure_appearance_limits(cases[:40], cases[40:])
    assert set(look.limits) == {"moving", "orientation", "size"}
    image = patient(300)
    assert not list(appearance_warnings(look, "toy", {"moving": image}))
    (words,) = appearance_warnings(look, "toy", {"moving": flipped(image, 2)})
    assert words.startswith("the moving image looks mirrored left to right")


def test_a_card_without_it_says_nothing_of_the_look() -> None:
    assert not list(appearance_warnings(None, "toy", pairs(range(1))[0]))


def test_a_card_keeps_it(look) -> None:
    domain = ImageDomain(modalities=("pet",), extent_mm=(1.0, 1.0, 1.0))
    plain = ToyCard(method="toy", network="shift", switches={}, fixed=domain, moving=domain)
    card = replace(plain, appearance=look)
    content = json.loads(json.dumps(card.to_json()))
    assert ToyCard.from_json(content, "a file") == card
    assert ToyCard.from_json({**content, "appearance": None}, "a file") == plain
    for wrong in ("?", "AAAA", ""):
        broken = {**content, "appearance": {**content["appearance"], "numbers": wrong}}
        with pytest.raises(FileFormatError, match="numbers must be"):
            ToyCard.from_json(broken, "a file")


def test_no_two_header_errors_are_the_same() -> None:
    matrices = {tuple(error.undo.matrix.ravel().round(6)) for error in HEADER_ERRORS}
    assert len(matrices) == len(HEADER_ERRORS) == 47 + 2
    assert tuple(np.eye(4).ravel()) not in matrices
    assert isinstance(GRID, Grid)
