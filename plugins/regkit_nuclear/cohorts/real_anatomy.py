"""Simulate from a real CT with labelled organs.

The folder holds

``ct.nii.gz``, or another suffix, or a folder ``ct`` of DICOM files
    CT in HU.
``labels.nii.gz``, or another suffix
    Labels of the organs on any grid in the same physical space.
``uptake.csv``
    A line ``label,name,uptake`` for each organ that takes up tracer, under a heading of these
    words; label 0 is all other tissue of the body. The organ named ``myocardium`` is the one that
    scores of the myocardium use.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid, Vector3
from regkit.geometry.resampling import resample
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit.io import read_labels, read_volume
from regkit_nuclear.cohorts.cohort import CohortStream, cohort_generator
from regkit_nuclear.cohorts.subject import AxialCoverage
from regkit_nuclear.phantoms.thorax.anatomy import attenuation
from regkit_nuclear.phantoms.thorax.pose import HALF_WIDTH_MM

HEADING = ("label", "name", "uptake")
MYOCARDIUM = "myocardium"
# Threshold between air or lung and fat, HU; chosen by hand.
TISSUE_HU = -250.0
# Every CT of a patient has voxels above this, HU: bone. Chosen by hand, to recognise CT in HU.
BONE_HU = 100.0

# Standard deviation of the logarithm of an organ's uptake among patients; chosen by hand.
SPREAD = 0.25


@dataclass(frozen=True)
class Organ:
    """The label, name and tracer uptake (any unit) of an organ."""

    label: int
    name: str
    uptake: float


@dataclass(frozen=True, eq=False)
class RealAnatomy:
    """A real CT as a `regkit_nuclear.cohorts.subject.Subject`.

    Parameters
    ----------
    ct
        CT in HU.
    labels
        Labels of the organs on the grid of the CT.
    organs
        Uptake of the organs; label 0 is all other tissue.
    """

    ct: Volume
    labels: LabelMap
    organs: tuple[Organ, ...]

    def with_varied_uptake(self, seed: int, extracardiac: float = 1.0) -> RealAnatomy:
        """Return the same anatomy; the uptake of every organ is varied by the seed.

        That of organs besides the myocardium is multiplied by `extracardiac`, too.
        """
        rng = cohort_generator(seed, CohortStream.UPTAKE)
        factors = np.exp(SPREAD * rng.standard_normal(len(self.organs)))
        beside = [organ.label != 0 and organ.name != MYOCARDIUM for organ in self.organs]
        factors[beside] *= extracardiac
        varied = tuple(
            replace(organ, uptake=float(organ.uptake * factor))
            for organ, factor in zip(self.organs, factors, strict=True)
        )
        return replace(self, organs=varied)

    @cached_property
    def heart_centre_mm(self) -> Vector3:
        """Centre of the myocardium, or of the body where it is not labelled."""
        label = self._myocardium
        inside = self._body if label is None else self.labels.array == label
        return _centre(inside if inside.any() else self._body, self.ct.grid)

    @property
    def extra(self) -> Mapping[str, Any]:
        """Label of the myocardium, if there is one."""
        label = self._myocardium
        return {} if label is None else {"myocardium_label": label}

    def spect_grid(self, size: int) -> Grid:
        """Return slices of 435.2 x 435.2 mm around the body, over the axial range of the CT."""
        voxel = 2 * HALF_WIDTH_MM / size
        x, y, _ = _centre(self._body, self.ct.grid)
        heights = self.ct.grid.corners()[:, 2]
        slices = max(2, int((heights.max() - heights.min()) / voxel))
        middle = (heights.max() + heights.min()) / 2
        half = (voxel - 2 * HALF_WIDTH_MM) / 2
        bottom = middle - (slices - 1) / 2 * voxel
        return Grid((slices, size, size), (voxel, voxel, voxel), (x + half, y + half, bottom))

    def emission(self, grid: Grid) -> tuple[Volume, Volume]:
        """Return activity and attenuation; both are 0 beyond the CT."""
        return _downsample(self._activity, grid), _downsample(self._mu, grid)

    def organ_labels(self, grid: Grid) -> LabelMap:
        """Return the labels of the folder."""
        return resample(self.labels, grid)

    def transmission(
        self, spect_grid: Grid, motion: AffineTransform, coverage: AxialCoverage
    ) -> tuple[Volume, LabelMap]:
        """Return the CT's own slices in the SPECT's resolution; the motion is in their header.

        In this way no voxels are made up where the moved CT has none.
        """
        grid = coverage.crop(_ct_grid_like(spect_grid, self.ct.grid), self.heart_centre_mm)
        moved = Grid.from_affine(grid.shape_zyx, motion.matrix @ grid.affine)
        mu, labels = _downsample(self._mu, grid), resample(self.labels, grid)
        return mu.with_array(mu.array, moved), labels.with_array(labels.array, moved)

    @property
    def _myocardium(self) -> int | None:
        return next((o.label for o in self.organs if o.name == MYOCARDIUM), None)

    @cached_property
    def _mu(self) -> Volume:
        return Volume(attenuation(self.ct.array), self.ct.grid, "mu")

    @cached_property
    def _body(self) -> NDArray[np.bool_]:
        """The patient without the couch: the largest piece of tissue, and what it encloses."""
        tissue = ndimage.binary_opening(self.ct.array > TISSUE_HU)
        pieces, count = ndimage.label(tissue)
        if count == 0:
            return np.ones(self.ct.array.shape, dtype=bool)
        largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
        return np.asarray(ndimage.binary_fill_holes(pieces == largest))

    @property
    def _activity(self) -> Volume:
        uptake = {organ.label: organ.uptake for organ in self.organs}
        array = np.zeros(self.ct.array.shape, dtype=np.float32)
        array[self._body & (self.ct.array > TISSUE_HU)] = uptake.pop(0, 0.0)
        for label, value in uptake.items():
            array[self.labels.array == label] = value
        return Volume(array, self.ct.grid, "spect")


@lru_cache(maxsize=1)
def read_anatomy(folder: Path) -> RealAnatomy:
    """Read a folder with the files that the module describes.

    Raises
    ------
    FileFormatError
        A file is missing or of another form, or the image is not in HU.
    """
    ct = read_volume(_named(folder, "ct"), "ct")
    if not (ct.array.min() <= TISSUE_HU and ct.array.max() >= BONE_HU):  # also refuses NaN
        raise FileFormatError(
            f"{folder}: the CT must be in HU, with air about -1000; got values from "
            f"{ct.array.min():g} to {ct.array.max():g}"
        )
    labels = resample(read_labels(_named(folder, "labels")), ct.grid)
    organs = read_uptake(folder / "uptake.csv")
    emitting = [organ.label for organ in organs if organ.label and organ.uptake > 0]
    if not np.isin(labels.array, emitting).any():
        raise FileFormatError(
            f"{folder}: no organ that takes up tracer in uptake.csv is labelled inside the CT"
        )
    return RealAnatomy(ct, labels, organs)


def read_uptake(file: Path) -> tuple[Organ, ...]:
    """Read a table of organs and their uptake.

    Raises
    ------
    FileFormatError
        No table, lines that are not a label, a name and an uptake of 0 or more, or a label twice.
    """
    try:
        # Spreadsheet programs write a byte order mark.
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except OSError as error:
        raise FileFormatError(f"{file}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileFormatError(f"{file}: is no table in UTF-8 ({error})") from error
    if not rows or not set(HEADING) <= rows[0].keys():
        raise FileFormatError(f"{file}: needs the heading {','.join(HEADING)} and lines below it")
    organs = tuple(_organ(file, number, row) for number, row in enumerate(rows, start=2))
    for label, times in Counter(organ.label for organ in organs).items():
        if times > 1:
            raise FileFormatError(f"{file}: label {label} has {times} lines; leave one")
    return organs


def _organ(file: Path, number: int, row: Mapping[str, str]) -> Organ:
    try:
        organ = Organ(int(row["label"]), row["name"].strip(), float(row["uptake"]))
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"{file}: line {number} is not label,name,uptake") from error
    if not 0 <= organ.uptake < np.inf:
        raise FileFormatError(f"{file}: line {number}: uptake must be 0 or more")
    return organ


def _named(folder: Path, stem: str) -> Path:
    found = sorted(p for p in folder.glob(f"{stem}*") if p.name.partition(".")[0] == stem)
    if len(found) != 1:
        have = ", ".join(p.name for p in found) or "none"
        raise FileFormatError(
            f"{folder} needs one file (or DICOM folder) named {stem}, has {have}"
        )
    return found[0]


def _downsample(volume: Volume, grid: Grid) -> Volume:
    """Resample after smoothing as much as binning to the coarser grid would."""
    ratios = np.divide(min(grid.spacing), volume.grid.spacing)[::-1]
    # The variance of a uniform distribution of width w is w^2 / 12.
    sigma = np.sqrt(np.maximum(ratios**2 - 1, 0) / 12)
    smooth = ndimage.gaussian_filter(volume.array, sigma, mode="nearest")
    return resample(volume.with_array(smooth), grid)


def _ct_grid_like(spect: Grid, ct: Grid) -> Grid:
    """Return the field of view of a CT in voxels about as large as those of a SPECT."""
    counts = np.maximum(2, np.round(np.divide(ct.extent, spect.spacing))).astype(int)
    spacing = np.divide(ct.extent, counts)
    first = ct.corners()[0] + np.reshape(ct.direction, (3, 3)) @ (spacing / 2)
    nx, ny, nz = counts.tolist()
    sx, sy, sz = spacing.tolist()
    x, y, z = first.tolist()
    return Grid((nz, ny, nx), (sx, sy, sz), (x, y, z), ct.direction)


def _centre(inside: NDArray[np.bool_], grid: Grid) -> Vector3:
    x, y, z = grid.to_physical(ndimage.center_of_mass(inside)).tolist()
    return x, y, z
