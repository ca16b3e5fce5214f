"""Changes of a case that a learned method must tell: headers, fields of view, contents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from regkit.datasets.case import Case
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import Volume
from regkit.registrar import Pair

# Fraction of the slices that is left of an image of which one half is missing, and of the length
# of x and y of a truncated one.
HALF, NARROW = 0.5, 0.6
# Standard deviation of noise, of the range from the 1st to the 99th percentile.
GRAIN = 0.15


@dataclass(frozen=True)
class Change:
    """A change of a case.

    Parameters
    ----------
    name
        Name in the table.
    make
        Function of the images, their roles and a random generator; it returns changed images.
    roles
        Images that are changed.
    words
        Words of a warning that names the change; empty if none does.
    moves_mask
        Whether a mask of the image changes with it.
    """

    name: str
    make: Callable[[Volume, np.random.Generator], Volume]
    roles: tuple[str, ...] = ("moving",)
    words: str = ""
    moves_mask: bool = True

    def __call__(self, case: Case, seed: int) -> Pair:
        """Return the changed pair of a case."""
        changed = {}
        for number, role in enumerate(self.roles):
            for name in (role, *((f"{role}_mask",) if self.moves_mask else ())):
                given, rng = getattr(case.pair, name), np.random.default_rng([seed, number])
                changed[name] = None if given is None else self.make(given, rng)
        return replace(case.pair, **changed)


def moved(volume: Volume, transform: AffineTransform) -> Volume:
    """Return an image with a header that a map changes, mirrored axes included."""
    affine, array = transform.matrix @ volume.grid.affine, volume.array
    return volume.with_array(array, Grid.from_affine(array.shape, affine))


def with_header(matrix: FloatArray) -> Callable[[Volume, np.random.Generator], Volume]:
    """Return a change of the axes of a header about the center of the image."""

    def change(volume: Volume, _: np.random.Generator) -> Volume:
        return moved(volume, AffineTransform.about(matrix, (0, 0, 0), volume.grid.centre))

    return change


def slices(low: float, high: float) -> Callable[[Volume, np.random.Generator], Volume]:
    """Return a crop along z, fractions of its length from the feet."""

    def change(volume: Volume, _: np.random.Generator) -> Volume:
        n = volume.grid.shape_zyx[0]
        return cropped(volume, (slice(round(low * n), round(high * n)), slice(None), slice(None)))

    return change


def narrow(volume: Volume, _: np.random.Generator) -> Volume:
    """Return an image whose field of view is truncated in x and y."""
    _, ny, nx = volume.grid.shape_zyx
    y, x = (slice(round(n * (1 - NARROW) / 2), round(n * (1 + NARROW) / 2)) for n in (ny, nx))
    return cropped(volume, (slice(None), y, x))


def cropped(volume: Volume, part: tuple[slice, ...]) -> Volume:
    """Return a part of an image, at its place."""
    array = volume.array[part]
    x, y, z = volume.grid.to_physical([s.start or 0 for s in part]).tolist()
    a, b, c = array.shape
    return volume.with_array(
        array.copy(), replace(volume.grid, shape_zyx=(a, b, c), origin=(x, y, z))
    )


def noise(volume: Volume, rng: np.random.Generator) -> Volume:
    """Return the same intensities at random places."""
    shuffled = rng.permutation(volume.array.ravel()).reshape(volume.array.shape)
    return volume.with_array(shuffled)


def grainy(volume: Volume, rng: np.random.Generator) -> Volume:
    """Return an image with noise, of which the answers of the methods hardly change."""
    low, high = np.percentile(volume.array, (1, 99))
    added = GRAIN * (high - low) * rng.standard_normal(volume.array.shape, np.float32)
    return volume.with_array((volume.array + added).astype(np.float32))


def inverted(volume: Volume, _: np.random.Generator) -> Volume:
    """Return an image whose bright and dark are exchanged, as another contrast has it."""
    return volume.with_array(volume.array.max() + volume.array.min() - volume.array)


def unchanged(volume: Volume, _: np.random.Generator) -> Volume:
    """Return the image."""
    return volume


INSIDE = (
    Change("as it is", unchanged),
    Change(f"{GRAIN:.0%} of noise added, moving", grainy, moves_mask=False),
)
BOTH = ("fixed", "moving")
AXES = {
    "mirrored left to right": (np.diag([-1.0, 1.0, 1.0]), "mirrored left to right"),
    "prone in the header": (np.diag([-1.0, -1.0, 1.0]), "like a prone patient"),
    "feet first, about the front-back axis": (np.diag([-1.0, 1.0, -1.0]), "front-back axis"),
    "feet first, about the left-right axis": (np.diag([1.0, -1.0, -1.0]), "left-right axis"),
    "slices in reverse order": (np.diag([1.0, 1.0, -1.0]), "mirrored head to feet"),
    "a quarter turn": (np.eye(3)[[0, 2, 1]] * [1.0, 1.0, -1.0], "by 90 degrees or more"),
}
SIZES = {"voxel size x 0.8": (0.8, "too small"), "voxel size x 1.25": (1.25, "too large")}
NAMES = {("fixed",): "fixed", ("moving",): "moving", BOTH: "both"}
CHANGES = (
    *(
        Change(f"{name}, {which}", with_header(matrix), roles, words)
        for name, (matrix, words) in AXES.items()
        for roles, which in NAMES.items()
    ),
    *(
        Change(f"{name}, {which}", with_header(np.eye(3) * factor), roles, words)
        for name, (factor, words) in SIZES.items()
        for roles, which in NAMES.items()
    ),
    Change("lower half only, moving", slices(0.0, HALF)),
    Change("upper half only, moving", slices(HALF, 1.0)),
    Change("lower half only, both", slices(0.0, HALF), BOTH),
    Change("upper half only, both", slices(HALF, 1.0), BOTH),
    Change("field of view x 0.6 in x and y, moving", narrow),
    Change("noise, fixed", noise, ("fixed",), moves_mask=False),
    Change("noise, moving", noise, moves_mask=False),
    Change("another contrast, fixed", inverted, ("fixed",), moves_mask=False),
    Change("another contrast, moving", inverted, moves_mask=False),
)
ANOTHER_PATIENT = Change("another patient, moving", unchanged)
