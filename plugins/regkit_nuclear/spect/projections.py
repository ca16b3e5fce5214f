"""Measured projections, and their file format."""

from __future__ import annotations

import zipfile
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError, GeometryError
from regkit.geometry.grid import Grid
from regkit.io.atomic_output import atomic_output
from regkit.io.attenuation_map import TECHNETIUM_KEV
from regkit.io.photon_energy import PhotonEnergy
from regkit_nuclear.spect.geometry import LEHR, Collimator, Orbit

FORMAT = "regkit SPECT projections 1"
# The simulated tracer.
SIMULATED_ENERGY = PhotonEnergy(TECHNETIUM_KEV, "that of Tc-99m, which is simulated")


@dataclass(frozen=True, eq=False)
class Projections:
    """Projections measured by a gamma camera.

    Parameters
    ----------
    counts
        Counts, shape (views, z, bins), read-only float32; rows of z match the slices of `grid`.
    scatter
        Estimate of the scattered photons in `counts`, same shape.
    grid
        Grid of the images that belong to these projections.
    orbit
        Positions of the detector.
    collimator
        Collimator; None for a camera without blur.
    remarks
        Sentences on what was assumed when they were read.
    energy
        Energy of the photons.

    Raises
    ------
    GeometryError
        Shapes that do not fit each other, or counts that are negative or not finite.
    """

    counts: NDArray[np.float32]
    scatter: NDArray[np.float32]
    grid: Grid
    orbit: Orbit
    collimator: Collimator | None = LEHR
    remarks: tuple[str, ...] = ()
    energy: PhotonEnergy = SIMULATED_ENERGY

    def __post_init__(self) -> None:
        slices, _, bins = self.grid.shape_zyx
        expected = (len(self.orbit.angles_deg), slices, bins)
        for name in ("counts", "scatter"):
            array = np.array(getattr(self, name), dtype=np.float32)
            if array.shape != expected:
                raise GeometryError(
                    f"{name} of projections need the shape (views, z, bins) = {expected}, "
                    f"got {array.shape}"
                )
            if not (np.isfinite(array).all() and (array >= 0).all()):
                raise GeometryError(f"{name} of projections must be finite and not negative")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def suffix(self) -> str:
        """Suffix of the file name; with `write`, a `regkit.datasets.case.Attachment`."""
        return ".npz"

    def write(self, path: Path) -> None:
        """Write the projections to a file; see `write_projections`."""
        write_projections(self, path)


def write_projections(projections: Projections, path: Path | str) -> None:
    """Write projections as a compressed ``.npz`` of plain arrays.

    Raises
    ------
    OutputError
        The file cannot be written; nothing half-written is left.
    """
    path = Path(path)
    grid, orbit = projections.grid, projections.orbit
    collimator = astuple(projections.collimator) if projections.collimator else ()
    with atomic_output(path.parent) as stage, stage.path(path.name).open("wb") as file:
        np.savez_compressed(
            file,
            format=np.array(FORMAT),
            counts=projections.counts,
            scatter=projections.scatter,
            shape_zyx=np.array(grid.shape_zyx),
            spacing_mm=np.array(grid.spacing),
            origin_mm=np.array(grid.origin),
            direction=np.array(grid.direction),
            angles_deg=np.array(orbit.angles_deg),
            radius_mm=np.array(orbit.radius_mm),
            collimator_mm=np.array(collimator, dtype=np.float64),
            energy_kev=np.array(projections.energy.kev),
            energy_source=np.array(projections.energy.source),
        )


def read_projections(path: Path | str) -> Projections:
    """Read projections from a file of `write_projections`.

    Raises
    ------
    FileFormatError
        The file is missing, damaged or of another format.
    """
    try:
        # Opened here, because numpy does not close a damaged archive.
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = dict(stored)
        if str(arrays.get("format")) != FORMAT:
            raise FileFormatError(f"{path} does not hold SPECT projections written by regkit")
        return _from_arrays(arrays)
    except FileNotFoundError as error:
        raise FileFormatError(f"the file of projections {path} does not exist") from error
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FileFormatError(f"cannot read projections from {path}: {error}") from error
    except GeometryError as error:
        raise FileFormatError(f"the projections in {path} are damaged: {error}") from error


def _from_arrays(arrays: dict[str, NDArray[Any]]) -> Projections:
    shape, spacing, origin, direction, angles, radii, collimator = (
        tuple(np.atleast_1d(arrays[key]).tolist())
        for key in (
            "shape_zyx",
            "spacing_mm",
            "origin_mm",
            "direction",
            "angles_deg",
            "radius_mm",
            "collimator_mm",
        )
    )
    return Projections(
        arrays["counts"],
        arrays["scatter"],
        Grid(shape, spacing, origin, direction),
        Orbit(angles, radii[0] if len(radii) == 1 else radii),
        Collimator(*collimator) if collimator else None,
        energy=_energy(arrays),
    )


def _energy(arrays: dict[str, NDArray[Any]]) -> PhotonEnergy:
    """Return the energy of the photons; files of earlier versions are of the simulated tracer."""
    if "energy_kev" not in arrays:
        return SIMULATED_ENERGY
    return PhotonEnergy(float(arrays["energy_kev"]), str(arrays["energy_source"]))
