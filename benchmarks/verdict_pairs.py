"""Pairs whose truth is known, whole and in part, and pairs that have none, for verdict.py.

Each patient of a family is a pair of images in place. A variant changes it and moves the header
of the moving image, but of ventricles, whose pose is what is sought. Crops, slabs, masks and noise
keep the truth; a mirrored image, another patient, another organ and noise in its place have none,
and no answer to them is right.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

import mr_trus
import pairs
from regkit import (
    IDENTITY,
    AffineTransform,
    Grid,
    LabelMap,
    Pair,
    Transform,
    Volume,
    read_labels,
    read_volume,
    resample,
)
from regkit.datasets.export import Simulation
from regkit.datasets.folder import read_dataset
from regkit.geometry.grid import FloatArray
from regkit.registration.modalities import with_modalities
from regkit.registration.parameters import configure
from regkit.registration.result_measures import coarsest_voxel_mm
from regkit.registry import default_registry
from regkit.similarity.point_sample import PointSample, sample_points

COHORTS = ("pet-ct", "spect-ct", "spect-ct-hard", "mr-us", "lv-spect", "lv-pet")
SPLIT, PATIENTS = "test", 8  # of a cohort that is not there yet
PROSTATE_VOXEL_MM = 1.4  # the headers say 0.4, which the glands' volumes contradict
# The largest motion of each seed in turn: degrees and mm.
MOTIONS = ((5, 5), (15, 20), (40, 40), (180, 60))
# These stay as patients lie in the scanner: their long axes are what is sought. That of another
# patient can be found as well as this one's.
AS_THEY_LIE = ("lv-spect", "lv-pet")
# Uptake of the abdomen and the torso whose PET is painted into a real CT, and its blur and voxels.
UPTAKE = {"liver": 2.5, "spleen": 2.0, "kidney_left": 6.0, "kidney_right": 6.0, "heart": 3.0}
TORSO_UPTAKE = {15000: 2.5, 16000: 2.0, 17000: 6.0, 18000: 6.0, 19000: 8.0, 20000: 8.0, 21000: 8.0}
PET_SIGMA_MM, PET_VOXEL_MM = 3.0, 4.0
HEAD_SIZES = (128, 96)
POINTS = 2_000  # of the body, where errors are measured
NO_TRUTH = ("mirrored", "other patient", "other organ", "unrelated")
PARTS = ("whole", "crop", "slab", "mask", "noise")


@dataclass(frozen=True, eq=False)
class Known:
    """A pair, and where points of the fixed body belong in the moving image.

    Parameters
    ----------
    family, patient, variant
        What it is called; statistics keep the answers of a patient together.
    pair
        The images, in place or moved.
    points
        Points of the fixed body, LPS mm, shape (N, 3).
    truth
        The true map; None where no answer is right.
    targets
        Where the points belong; those of the truth by default.
    """

    family: str
    patient: str
    variant: str
    pair: Pair
    points: FloatArray
    truth: Transform | None
    targets: FloatArray | None = None

    @property
    def person(self) -> str:
        """The person shown; the contrasts of the average brain and the sizes of a head are one."""
        if self.family in ("brains", "heads"):
            return self.family
        if self.family not in COHORTS:
            return self.patient
        # Patients of every cohort have the same names; both cohorts of hearts have the same ones.
        return f"{self.family.removesuffix('-hard')} {self.patient}"

    @property
    def tolerance_mm(self) -> float:
        """Error in mm up to which an answer is good."""
        return max(3.0, coarsest_voxel_mm(self.pair))

    def error_mm(self, found: Transform) -> float | None:
        """Return the mean distance of the points from where they belong; None without a truth."""
        if self.truth is None:
            return None
        targets = self.truth.map_points(self.points) if self.targets is None else self.targets
        return float(np.linalg.norm(found.map_points(self.points) - targets, axis=1).mean())


def patients(family: str, data: Path, cohorts: Path) -> Iterator[Known]:
    """Yield the pairs of a family in place, one of each patient."""
    if family in COHORTS:
        return _cohort(family, cohorts)
    return FAMILIES[family](data)


def _of_real(family: str, found: Iterator[pairs.RealPair]) -> Iterator[Known]:
    for real in found:
        points = real.points[:: max(len(real.points) // POINTS, 1)]
        pair = with_modalities(Pair(real.fixed, real.moving))
        yield Known(family, real.name, "in place", pair, points, IDENTITY)


def _heads(data: Path) -> Iterator[Known]:
    """Yield the head of one person, with fine and with coarse voxels."""
    for size in HEAD_SIZES:
        yield from _of_real("heads", pairs.heads(data, size))


def _prostates(data: Path) -> Iterator[Known]:
    for patient in mr_trus.prostates(data, PROSTATE_VOXEL_MM):
        points, targets = patient.centres(0), patient.centres(1)
        truth = AffineTransform.shift((targets - points).mean(axis=0))
        pair = with_modalities(Pair(*patient.images))
        yield Known("prostates", patient.name, "in place", pair, points, truth, targets)


def _painted_pet(data: Path) -> Iterator[Known]:
    """Yield an abdomen and a torso, real CT, with PET painted by organs."""
    source = data / "ts_ct"
    ct = read_volume(source / "example_ct.nii.gz", "ct")
    lines = (source / "derived" / "example_ct_labels.txt").read_text().splitlines()
    names = {line.split()[1]: int(line.split()[0]) for line in lines}
    organs = {names[name]: uptake for name, uptake in UPTAKE.items() if name in names}
    labels = read_labels(source / "derived" / "example_ct_labels.nii.gz").array
    yield _in_place("painted-pet", "ts_ct", _painted(ct, labels, organs), ct)
    source = data / "nm_phantoms" / "derived"
    stored = read_volume(source / "patient15_LuDOTATATE_attn.nii.gz")
    # The axes y and z of the files run backwards; see real_anatomy.py.
    grid = Grid(
        stored.grid.shape_zyx, stored.grid.spacing, (0.0,) * 3, (1, 0, 0, 0, -1, 0, 0, 0, -1)
    )
    torso = Volume(stored.array - 1000, grid, "ct")
    codes = read_labels(source / "patient15_LuDOTATATE_src.nii.gz").array
    yield _in_place("painted-pet", "patient15", _painted(torso, codes, TORSO_UPTAKE), torso)


def _painted(ct: Volume, labels: np.ndarray, organs: dict[int, float]) -> Volume:
    body, hu = ct.array > -300, ct.array
    uptake = np.where(body, 1.0, 0.02) + 0.5 * (hu > 20) - 0.5 * ((hu < -60) & body)
    for label, value in organs.items():
        uptake[labels == label] = value
    sigma = PET_SIGMA_MM / np.array(ct.grid.spacing[::-1])
    blurred = ct.with_array(gaussian_filter(uptake.astype(np.float32), sigma))
    shape = tuple(np.ceil(np.array(ct.grid.extent[::-1]) / PET_VOXEL_MM).astype(int).tolist())
    direction = np.array(ct.grid.direction).reshape(3, 3)
    affine = np.eye(4)
    affine[:3, :3] = (direction * PET_VOXEL_MM)[:, ::-1]
    affine[:3, 3] = np.array(ct.grid.centre) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    pet = resample(blurred, Grid.from_affine(shape, affine))
    rng = np.random.default_rng(0)
    noisy = pet.array * (1 + 0.1 * rng.standard_normal(pet.array.shape, np.float32))
    return Volume(noisy.astype(np.float32), pet.grid, "pet")


def _in_place(family: str, name: str, fixed: Volume, moving: Volume) -> Known:
    sample = sample_points(fixed, count=4 * POINTS)
    pair = with_modalities(Pair(fixed, moving))
    return Known(family, name, "in place", pair, _body(sample), IDENTITY)


def _body(sample: PointSample) -> FloatArray:
    return sample.points[sample.foreground][:POINTS]


def _cohort(name: str, folder: Path) -> Iterator[Known]:
    """Yield one case of each patient of a simulated cohort, which is made if missing."""
    if not (folder / name / "dataset.json").exists():
        cohort = default_registry().dataset(name)
        made = configure(cohort.load(), name, {"n": PATIENTS, "split": SPLIT})
        Simulation(made, folder / name).run()
    seen = set()
    for case in read_dataset(folder / name):
        if case.group not in seen:
            seen.add(case.group)
            points = _body(sample_points(case.pair.fixed, count=4 * POINTS))
            pair = with_modalities(case.pair)
            yield Known(name, case.group, "in place", pair, points, case.truth)


FAMILIES: dict[str, Callable[[Path], Iterator[Known]]] = {
    "brains": lambda data: _of_real("brains", pairs.brains(data)),
    "heads": _heads,
    "thighs": lambda data: _of_real("thighs", pairs.pet_ct(data)),
    "prostates": _prostates,
    "painted-pet": _painted_pet,
}
NAMES = (*FAMILIES, *COHORTS)


def variants(here: Known, others: dict[str, Known], wanted: tuple[str, ...]) -> Iterator[Known]:
    """Yield the wanted variants of a pair in place, each moved in its own way.

    Parameters
    ----------
    here
        The pair.
    others
        Pairs whose moving image stands in: ``other patient`` and ``other organ``.
    wanted
        Names of variants.
    """
    for number, name in enumerate(wanted):
        rng = np.random.default_rng(zlib.crc32(f"{here.family} {here.patient} {name}".encode()))
        if name.startswith("other"):
            if name not in others or (name == "other patient" and here.family in AS_THEY_LIE):
                continue
            made = _centred_in_place(here, others[name].pair.moving)
        else:
            made = CHANGES[name](here, rng)
        placed = made if here.family in AS_THEY_LIE else _moved(made, rng, number)
        yield replace(placed, variant=name)


def _moved(known: Known, rng: np.random.Generator, number: int) -> Known:
    degrees, mm = MOTIONS[(number + int(rng.integers(len(MOTIONS)))) % len(MOTIONS)]
    by = pairs.random_motion(rng, degrees, mm, np.array(known.pair.moving.grid.centre))
    pair = replace(known.pair, moving=pairs.moved(known.pair.moving, by))
    if known.pair.moving_mask is not None:
        pair = replace(pair, moving_mask=pairs.moved(known.pair.moving_mask, by))
    truth = None if known.truth is None else by @ known.truth
    targets = None if known.targets is None else by.map_points(known.targets)
    return replace(known, pair=pair, truth=truth, targets=targets)


def _whole(known: Known, rng: np.random.Generator) -> Known:  # noqa: ARG001
    return known


def _cropped(volume: Volume, axis: int, first: int, last: int) -> Volume:
    kept = [slice(None)] * 3
    kept[axis] = slice(first, last)
    index = np.zeros(3)
    index[axis] = first
    affine = volume.grid.affine.copy()
    affine[:3, 3] = volume.grid.to_physical(index)
    array = np.ascontiguousarray(volume.array[tuple(kept)])
    return volume.with_array(array, Grid.from_affine(array.shape, affine))


def _part(known: Known, rng: np.random.Generator, fraction: float, axes: tuple[int, ...]) -> Known:
    """Keep a part of the fixed or of the moving image along an axis."""
    axis, fixed = int(rng.choice(axes)), bool(rng.integers(2))
    volume = known.pair.fixed if fixed else known.pair.moving
    count = volume.grid.shape_zyx[axis]
    length = max(round(fraction * count), 4)
    first = int(rng.integers(count // 5, max(count - length - count // 5, count // 5) + 1))
    part = _cropped(volume, axis, first, first + length)
    if not fixed:
        return replace(known, pair=replace(known.pair, moving=part))
    body = _body(sample_points(part, count=4 * POINTS))
    points = body if known.targets is None else known.points
    return replace(known, pair=replace(known.pair, fixed=part), points=points)


def _mask(known: Known, rng: np.random.Generator) -> Known:
    """Mark one half of the fixed body."""
    fixed = known.pair.fixed
    body = _body(sample_points(fixed, count=4 * POINTS))
    normal = np.eye(3)[int(rng.integers(3))] * rng.choice((-1, 1))
    indices = np.indices(fixed.grid.shape_zyx).reshape(3, -1).T
    side = (fixed.grid.to_physical(indices) - np.median(body, axis=0)) @ normal > 0
    marked = side.reshape(fixed.grid.shape_zyx).astype(np.uint8)
    return replace(known, pair=replace(known.pair, fixed_mask=LabelMap(marked, fixed.grid)))


def _noisy(known: Known, rng: np.random.Generator) -> Known:
    moving = known.pair.moving
    low, high = np.percentile(moving.array, (1, 99))
    noise = 0.15 * (high - low) * rng.standard_normal(moving.array.shape, np.float32)
    noisy = moving.with_array((moving.array + noise).astype(np.float32))
    return replace(known, pair=replace(known.pair, moving=noisy))


def _mirrored(known: Known, rng: np.random.Generator) -> Known:  # noqa: ARG001
    """Reverse the voxels along the axis nearest to left and right, and not the header."""
    moving = known.pair.moving
    axis = 2 - int(np.abs(np.array(moving.grid.direction).reshape(3, 3)[0]).argmax())
    mirrored = moving.with_array(np.ascontiguousarray(np.flip(moving.array, axis)))
    return replace(known, pair=replace(known.pair, moving=mirrored), truth=None)


def _unrelated(known: Known, rng: np.random.Generator) -> Known:
    """Put smooth noise into the place of the moving image."""
    moving = known.pair.moving
    noise = rng.standard_normal(moving.array.shape, np.float32)
    smooth = gaussian_filter(noise, 10 / np.array(moving.grid.spacing[::-1]))
    unrelated = moving.with_array((1000 * smooth / smooth.std()).astype(np.float32))
    return replace(known, pair=replace(known.pair, moving=unrelated), truth=None)


def _centred_in_place(known: Known, moving: Volume) -> Known:
    """Put an image of another patient or organ where that of the patient was."""
    shift = np.array(known.pair.moving.grid.centre) - np.array(moving.grid.centre)
    placed = pairs.moved(moving, AffineTransform.shift(shift))
    return replace(known, pair=replace(known.pair, moving=placed), truth=None)


CHANGES: dict[str, Callable[[Known, np.random.Generator], Known]] = {
    "whole": _whole,
    "crop": partial(_part, fraction=0.55, axes=(0, 1, 2)),
    "slab": partial(_part, fraction=0.2, axes=(0,)),
    "mask": _mask,
    "noise": _noisy,
    "mirrored": _mirrored,
    "unrelated": _unrelated,
}
VARIANTS = (*PARTS, *NO_TRUTH)
