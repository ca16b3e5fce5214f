"""Who is scanned: a simulated thorax, or anything else that emits and attenuates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from regkit.geometry.grid import Grid, Vector3
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit_nuclear.phantoms.thorax import HALF_WIDTH_MM, ORGANS, draw_thorax_patient
from regkit_nuclear.phantoms.thorax import ThoraxPatient as Thorax
from regkit_nuclear.phantoms.thorax.pose import Tracer
from regkit_nuclear.phantoms.thorax.render import render_thorax

# Half of what a CT for the heart must show of it, along z.
HEART_MM = 65.0


@dataclass(frozen=True)
class AxialCoverage:
    """Which of the slices a CT has.

    Parameters
    ----------
    share
        How many of them, above 0 and up to 1.
    beside
        How far the heart may be from their middle: -1 and 1 put it near the first and the last.
    """

    share: float = 1.0
    beside: float = 0.0

    def of(self, grid: Grid, heart_mm: Vector3) -> Grid:
        """Return the slices of a grid that show the heart, wherever it is."""
        nz, ny, nx = grid.shape_zyx
        count = max(2, round(self.share * nz))
        step = grid.spacing[2]
        room = max(0.0, count * step / 2 - HEART_MM) / step
        middle = float(grid.to_index(heart_mm)[0]) + self.beside * room
        first = int(np.clip(round(middle - (count - 1) / 2), 0, nz - count))
        x, y, z = grid.to_physical((first, 0, 0)).tolist()
        return replace(grid, shape_zyx=(count, ny, nx), origin=(x, y, z))


class Subject(Protocol):
    """Somebody to be scanned; points are LPS mm of the subject during the SPECT."""

    @property
    def heart_mm(self) -> Vector3:
        """What the scans are about."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What else is known, as plain values for `Case.extra`."""

    def field(self, size: int) -> Grid:
        """Return the SPECT's grid of `size` x `size` voxels a slice."""

    def emission(self, grid: Grid) -> tuple[Volume, Volume]:
        """Return what emits and what attenuates (1/cm) during the SPECT."""

    def organs_on(self, grid: Grid) -> LabelMap:
        """Return labels of the organs during the SPECT."""

    def transmission(
        self, field: Grid, motion: AffineTransform, part: AxialCoverage
    ) -> tuple[Volume, LabelMap]:
        """Return mu-map (1/cm) and organs of the subject who moved, by a part of a CT.

        `field` is the SPECT's grid, `motion` maps points of the SPECT to points of the CT.
        """


@dataclass(frozen=True)
class SimulatedThorax:
    """A patient of the thorax phantom.

    Parameters
    ----------
    patient
        Who.
    respiration
        Whether the CT was taken at another phase of breathing than the mean of the SPECT.
    """

    patient: Thorax
    respiration: bool = False

    @classmethod
    def draw(
        cls, seed: int, tracer: Tracer = "spect", respiration: bool = False, defects: bool = True
    ) -> SimulatedThorax:
        """Draw a patient, with or without perfusion defects."""
        patient = draw_thorax_patient(seed, tracer)
        return cls(patient if defects else replace(patient, defects=()), respiration)

    @property
    def heart_mm(self) -> Vector3:
        """Centre of the left ventricle."""
        return self.patient.pose.centre_mm

    @property
    def facts(self) -> Mapping[str, Any]:
        """Pose of the left ventricle, its label, and how far the diaphragm was during the CT."""
        return {
            "reorientation": list(self.patient.pose),
            "myocardium_label": ORGANS["lv_myocardium"],
            "ct_phase_mm": self._phase_mm,
        }

    def field(self, size: int) -> Grid:
        """Return a cube of 435.2 mm around the LPS origin."""
        return cubic_grid(size)

    def emission(self, grid: Grid) -> tuple[Volume, Volume]:
        """Return activity, blurred by breathing, and attenuation."""
        anatomy = render_thorax(self.patient, grid)
        return self.patient.breathing.blur(anatomy.activity), anatomy.mu

    def organs_on(self, grid: Grid) -> LabelMap:
        """Return the organs of the thorax phantom."""
        return render_thorax(self.patient, grid, supersampling=1).organs

    def transmission(
        self, field: Grid, motion: AffineTransform, part: AxialCoverage
    ) -> tuple[Volume, LabelMap]:
        """Render the patient after the motion; hearts match, whatever the phase of breathing."""
        x, y, z = motion.map_points(self.heart_mm).tolist()
        grid = part.of(field, (x, y, z))
        anatomy = render_thorax(
            self.patient, seen_from(grid, motion), self._phase_mm, match_heart=True
        )
        mu, organs = anatomy.mu, anatomy.organs
        return mu.with_array(mu.array, grid), organs.with_array(organs.array, grid)

    @property
    def _phase_mm(self) -> float:
        return self.patient.breathing.ct_phase_mm if self.respiration else 0.0


def cubic_grid(size: int, side_mm: float = 2 * HALF_WIDTH_MM) -> Grid:
    """Return a grid of `size`^3 voxels around the LPS origin."""
    voxel = side_mm / size
    first = (voxel - side_mm) / 2
    return Grid((size, size, size), (voxel, voxel, voxel), (first, first, first))


def seen_from(grid: Grid, motion: AffineTransform) -> Grid:
    """Return where the voxels of a grid are in a patient who moved.

    What is rendered there and put on `grid` shows the patient after the motion without any
    interpolation.

    Parameters
    ----------
    grid
        Voxels of a scan.
    motion
        Rigid; maps points of the patient before to points after the motion.
    """
    return Grid.from_affine(grid.shape_zyx, motion.inverse().matrix @ grid.affine)
