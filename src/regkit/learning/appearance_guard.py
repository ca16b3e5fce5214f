"""Comparison of the images of a registration with the look of those of training.

The guard asks three things: are the images as usual, would they be more usual if a header were
wrong, and does the moving image show what the fixed one shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import Volume
from regkit.learning.appearance import Appearance, measure_appearance
from regkit.learning.coarse_image import CoarseImage, coarse_image
from regkit.learning.header_errors import HEADER_ERRORS, ErrorKind, HeaderError

# Quantile of the scores of images held out up to which there is no warning, and a factor on it for
# distances; chosen by hand: images are held out with harder fields of view, sizes and poses than
# most have, but they are of a few dozen patients.
USUAL, SLACK = 0.98, 1.1
# Power of the fixed image's intensities in the score of coverage: what is bright is what a network
# goes by. Chosen, of 1, 2 and 4, on four simulated SPECT/CT pairs with parts of the CT: it parts
# those that are registered from those that are not.
BRIGHTNESS_POWER = 4
# Fraction of the bright parts that may always be uncovered: a rim of the images; chosen by hand.
LEAST_UNCOVERED = 0.1


@dataclass(frozen=True)
class Suspect:
    """An error of a header that would explain how images look.

    Parameters
    ----------
    role
        Role of the image with this header, or ``both``.
    error
        The error.
    given, corrected
        Distance of all images as they are given, and without the error.
    """

    role: str
    error: HeaderError
    given: float
    corrected: float


@dataclass(frozen=True)
class AppearanceScores:
    """Distances of the images of one registration from those of training; more is less usual.

    Parameters
    ----------
    values
        Score by name: the distance of each image by its role, and of both as ``pair``;
        ``orientation`` and ``size``, the distance as given over the least one with another header;
        ``uncovered``, the fraction of the bright parts of the fixed image where the moving one is
        unknown.
    suspects
        Error of a header with the least distance, by its kind.
    """

    values: Mapping[str, float]
    suspects: Mapping[str, Suspect]


def appearance_scores(appearance: Appearance, seen: Mapping[str, Volume]) -> AppearanceScores:
    """Return the scores of images.

    Parameters
    ----------
    appearance
        Look of the images of training.
    seen
        Images on the network's grid, by role in the order of training, aligned with each other;
        NaN where unknown.
    """
    images = {role: coarse_image(image) for role, image in seen.items()}
    given = {role: image.values() for role, image in images.items()}
    values = _distances(appearance, given)
    own = values[_all_images(seen)]
    suspects: dict[str, Suspect] = {}
    for role, error, distance in _with_other_headers(appearance, images, given):
        gain = own / max(distance, 1e-9) if np.isfinite(own) else 0.0
        if gain > values.get(error.kind, -1.0):
            values[error.kind] = gain
            suspects[error.kind] = Suspect(role, error, own, distance)
    if len(given) > 1:
        values["uncovered"] = _uncovered(*given.values())
    return AppearanceScores(values, suspects)


def measure_appearance_limits(
    train: Iterable[Mapping[str, Volume]], held_out: Iterable[Mapping[str, Volume]]
) -> Appearance:
    """Return the look of the images of a training, with limits from images held out.

    Parameters
    ----------
    train, held_out
        Images as the network sees them, by role, aligned; see `appearance_scores`.
    """
    coarse = [[coarse_image(image) for image in images.values()] for images in train]
    rows = [np.concatenate([image.values() for image in images]) for images in coarse]
    found = measure_appearance(rows, coarse[0][0].grid.shape_zyx)
    scores = [appearance_scores(found, images).values for images in held_out]
    return replace(
        found, limits={name: _limit(name, [s[name] for s in scores]) for name in scores[0]}
    )


def _limit(name: str, scores: Sequence[float]) -> float:
    """Return the greatest usual score, of the name and the finite values of images held out."""
    usual = float(np.quantile([one for one in scores if np.isfinite(one)], USUAL))
    if name in get_args(ErrorKind):  # a header is suspected only if another one is more usual
        nearly_symmetric = usual > SLACK
        return SLACK * usual if nearly_symmetric else max(1.0, usual)
    return max(LEAST_UNCOVERED, usual) if name == "uncovered" else SLACK * usual


def appearance_warnings(
    appearance: Appearance | None, method: str, seen: Mapping[str, Volume]
) -> Iterator[str]:
    """Yield one sentence for each way in which images look unlike those of training.

    Parameters
    ----------
    appearance
        Look of the images of training; None on cards of older weights, which gives no sentence.
    method
        Name of the method, for the sentences.
    seen
        Images as of `appearance_scores`.
    """
    if appearance is None:
        return
    scores = appearance_scores(appearance, seen)
    limits = appearance.limits
    beyond = [k for k, v in scores.values.items() if v > limits.get(k, np.inf)]
    usual = limits.get(_all_images(seen), np.inf)
    suspected = [
        one for kind, one in scores.suspects.items() if kind in beyond and one.corrected <= usual
    ]
    for one in suspected[:1]:
        yield _suspicion(one, method)
    distances = [k for k in (*seen, "pair") if k in beyond]
    if distances and not suspected:
        name = distances[0]
        yield _difference(name, method, scores.values[name], limits[name])
    if "uncovered" in beyond:
        yield (
            f"the moving image does not show {scores.values['uncovered']:.0%} of what is bright "
            f"in the fixed image; {method} has learned from images that show all but "
            f"{limits['uncovered']:.0%} of it; use --method auto, or look at the pictures"
        )


def _all_images(seen: Mapping[str, Volume]) -> str:
    """Return the name of the distance of all images together."""
    return "pair" if len(seen) > 1 else next(iter(seen))


def _suspicion(found: Suspect, method: str) -> str:
    both, error = found.role == "both", found.error
    images, verb = ("both images", "look") if both else (f"the {found.role} image", "looks")
    wrong = "orientation" if error.kind == "orientation" else "voxel size"
    return (
        f"{images} {verb} {error.words}, compared with what {method} has learned from "
        f"(distance {found.given:.2g}, after a correction {found.corrected:.2g}); check the "
        f"{wrong} in the header, or use another method"
    )


def _difference(name: str, method: str, distance: float, limit: float) -> str:
    if not np.isfinite(distance):
        return (
            f"the images show too little of the field of view of {method} to be compared with "
            "those that it has learned from: another part of the body, or a wrong result; look at "
            "the pictures, or use another method"
        )
    facts = f"distance {distance:.2g}, in training at most {limit:.2g}"
    if name == "pair":
        return (
            f"the two images do not match as those that {method} has learned from ({facts}): "
            "another patient, another part of the body or a wrong result; look at the pictures, "
            "or use another method"
        )
    return (
        f"the {name} image does not look like those that {method} has learned from ({facts}): "
        "another part of the body, field of view, modality or scanner, or a wrong result; look at "
        "the pictures, or use another method"
    )


def _distances(appearance: Appearance, given: Mapping[str, FloatArray]) -> dict[str, float]:
    """Return the distance of each image alone, and of both together."""
    unknown = {role: np.full_like(values, np.nan) for role, values in given.items()}
    found = {
        role: appearance.distance(np.concatenate(list({**unknown, role: values}.values())))
        for role, values in given.items()
    }
    if len(given) > 1:
        found["pair"] = appearance.distance(np.concatenate(list(given.values())))
    return found


def _with_other_headers(
    appearance: Appearance, images: Mapping[str, CoarseImage], given: Mapping[str, FloatArray]
) -> Iterator[tuple[str, HeaderError, float]]:
    """Yield the distance of the images after every change of one header, or of both alike."""
    for error in HEADER_ERRORS:
        changed = {role: image.values(error.undo) for role, image in images.items()}
        some = {role: {**given, role: changed[role]} for role in images}
        if len(images) > 1:
            some["both"] = changed
        for role, values in some.items():
            yield role, error, appearance.distance(np.concatenate(list(values.values())))


def _uncovered(fixed: FloatArray, moving: FloatArray) -> float:
    signal = np.nan_to_num(fixed) ** BRIGHTNESS_POWER
    return float(signal[np.isnan(moving)].sum() / max(signal.sum(), 1e-9))
