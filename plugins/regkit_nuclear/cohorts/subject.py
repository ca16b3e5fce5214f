"""Subjects of a SPECT/CT: the simulated thorax, and the protocol that other anatomies follow."""

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

# Half of the axial range that every CT covers around the heart's centre; chosen by hand: the left
# ventricle of the phantom is 72 to 110 mm long, and it lies obliquely.
HALF_HEART_MM = 65.0


@dataclass(frozen=True)
class AxialCoverage:
    """The slices that a CT covers.

    Parameters
    ----------
    fraction
        Fraction of the slices, above 0 and up to 1.
    centre_offset
        Position of the middle of these slices relative to the heart: 0 has the heart in the
        middle, -1 near the last of the slices and 1 near the first.
    """

    fraction: float = 1.0
    centre_offset: float = 0.0

    def crop(self, grid: Grid, heart_centre_mm: Vector3) -> Grid:
        """Return the covered slices of a grid; they always show the heart."""
        nz, ny, nx = grid.shape_zyx
        count = max(2, round(self.fraction * nz))
        step = grid.spacing[2]
        slack = max(0.0, count * step / 2 - HALF_HEART_MM) / step
        middle = float(grid.to_index(heart_centre_mm)[0]) + self.centre_offset * slack
        first = int(np.clip(round(middle - (count - 1) / 2), 0, nz - count))
        x, y, z = grid.to_physical((first, 0, 0)).tolist()
        return replace(grid, shape_zyx=(count, ny, nx), origin=(x, y, z))


class Subject(Protocol):
    """A patient or phantom to be scanned; points are LPS mm of the subject during the SPECT."""

    @property
    def heart_centre_mm(self) -> Vector3:
        """Centre of the heart, or of the body where the heart is unknown."""

    @property
    def extra(self) -> Mapping[str, Any]:
        """Further plain values for `Case.extra`."""

    def spect_grid(self, size: int) -> Grid:
        """Return the SPECT's grid, with `size` x `size` voxels in each slice."""

    def emission(self, grid: Grid) -> tuple[Volume, Volume]:
        """Return the activity and the attenuation (1/cm) during the SPECT."""

    def organ_labels(self, grid: Grid) -> LabelMap:
        """Return the labels of the organs during the SPECT."""

    def transmission(
        self, spect_grid: Grid, motion: AffineTransform, coverage: AxialCoverage
    ) -> tuple[Volume, LabelMap]:
        """Return the mu-map (1/cm) and the organ labels of a CT, before which the subject moved.

        Parameters
        ----------
        spect_grid
            Grid of the SPECT.
        motion
            Map of points of the SPECT to points of the CT, LPS mm; rigid.
        coverage
            The slices that the CT covers.
        """


@dataclass(frozen=True)
class SimulatedThorax:
    """A patient of the thorax phantom.

    Parameters
    ----------
    patient
        The drawn patient.
    respiration
        Whether the CT was taken at another phase of breathing than the mean of the SPECT.
    """

    patient: Thorax
    respiration: bool = False

    @classmethod
    def draw(
        cls,
        seed: int,
        tracer: Tracer = "spect",
        respiration: bool = False,
        defects: bool = True,
        extracardiac: float = 1.0,
        *,
        irregular: bool = False,
    ) -> SimulatedThorax:
        """Draw a patient, with or without defects, with a factor on the abdomen's uptake."""
        patient = draw_thorax_patient(seed, tracer, irregular)
        patient = replace(patient, uptake=patient.uptake.with_abdomen(extracardiac))
        return cls(patient if defects else replace(patient, defects=()), respiration)

    @property
    def heart_centre_mm(self) -> Vector3:
        """Centre of the left ventricle."""
        return self.patient.pose.centre_mm

    @property
    def extra(self) -> Mapping[str, Any]:
        """Pose of the left ventricle, label of its wall, position of the diaphragm in the CT."""
        return {
            "reorientation": list(self.patient.pose),
            "myocardium_label": ORGANS["lv_myocardium"],
            "ct_phase_mm": self._phase_mm,
        }

    def spect_grid(self, size: int) -> Grid:
        """Return a cube of 435.2 mm around the LPS origin."""
        return cubic_grid(size)

    def emission(self, grid: Grid) -> tuple[Volume, Volume]:
        """Return activity, blurred by breathing, and attenuation."""
        anatomy = render_thorax(self.patient, grid)
        return self.patient.breathing.blur(anatomy.activity), anatomy.mu

    def organ_labels(self, grid: Grid) -> LabelMap:
        """Return the organs of the thorax phantom."""
        return render_thorax(self.patient, grid, supersampling=1).organs

    def transmission(
        self, spect_grid: Grid, motion: AffineTransform, coverage: AxialCoverage
    ) -> tuple[Volume, LabelMap]:
        """Render the patient after the motion; hearts match, whatever the phase of breathing."""
        x, y, z = motion.map_points(self.heart_centre_mm).tolist()
        grid = coverage.crop(spect_grid, (x, y, z))
        anatomy = render_thorax(
            self.patient, undo_motion(grid, motion), self._phase_mm, match_heart=True
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


def undo_motion(grid: Grid, motion: AffineTransform) -> Grid:
    """Return the grid in the patient's frame before a motion.

    An image that is rendered there and then given the grid of the scan shows the patient after
    the motion, without any interpolation.

    Parameters
    ----------
    grid
        Grid of the scan.
    motion
        Map of points of the patient before to points after the motion, LPS mm; rigid.
    """
    return Grid.from_affine(grid.shape_zyx, motion.inverse().matrix @ grid.affine)
